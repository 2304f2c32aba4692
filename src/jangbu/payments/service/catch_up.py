"""Everything that changed at PortOne in a time, held against what we know: after a restore, or a long outage (I23).

Ours are read again, whatever state we believe them in. Those we never heard of are told to a person: an order that only
PortOne knows has no price of ours to be held against, so nothing is booked for it.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from jangbu.audit import Actor
from jangbu.payments import store
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Payment
from jangbu.payments.service.sync import find, sync
from jangbu.portone import PortOne, PortOneV1
from jangbu.portone.outcomes import Done, Refused
from jangbu.portone.wire import Payment as WirePayment
from jangbu.portone.wire import PaymentPage, PaymentStatus
from jangbu.runtime import Runtime

log = structlog.get_logger()
PAGE_SIZE = 100
ROWS_MAX = 60_000
"""PortOne shows no row beyond this one: a time with more is read in halves."""
SHORTEST = timedelta(seconds=1)
READS_MAX = 5
AT_ONCE = 8
WITHOUT_MONEY = frozenset({PaymentStatus.READY.value, PaymentStatus.FAILED.value})


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was found. `unclear` are PortOne's ids of payments that could not be read; they are not `changed`."""

    seen: int
    changed: tuple[Payment, ...]
    strangers: tuple[WirePayment, ...]
    unclear: tuple[str, ...]

    @property
    def strangers_with_money(self) -> tuple[WirePayment, ...]:
        """Those of which somebody may have paid something."""
        return tuple(stranger for stranger in self.strangers if stranger.status not in WITHOUT_MONEY)

    @property
    def is_clean(self) -> bool:
        """Nothing is left for a person to look at."""
        return not self.strangers_with_money and not self.unclear


async def catch_up(since: datetime, until: datetime, *, actor: Actor, run: Runtime, portone: PortOne) -> CaughtUp:
    """Read again every payment of ours that changed at PortOne in that time. Running it again changes nothing more.

    Raises PortOneUnclear when the list itself cannot be had.
    """
    unclear: set[str] = set()
    ours: set[str] = set()
    strangers: dict[str, WirePayment] = {}
    async for page in pages(portone, since, until):
        # Page by page, because weeks of whole payments are more than one may hold at once.
        async with run.db.transaction() as tx:
            known = await store.known_at_portone(tx, [*(payment.id for payment in page.payments), *page.unreadable])
        ours.update(known)
        unclear.update(page.unreadable)
        strangers.update((payment.id, payment) for payment in page.payments if payment.id not in known)
    changed: list[Payment] = []
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(portone_id: str) -> None:
        async with turn:
            before = await find(portone_id, run=run)
            try:
                after = await sync(before, actor=actor, run=run, portone=portone)
            except PortOneUnclear:
                unclear.add(portone_id)
                return
            unclear.discard(portone_id)
            if after != before:
                changed.append(after)

    async with asyncio.TaskGroup() as tasks:
        for portone_id in sorted(ours):
            tasks.create_task(one(portone_id))
    seen = ours | strangers.keys() | unclear
    log.info("caught up with PortOne", seen=len(seen), changed=len(changed), strangers=len(strangers))
    return CaughtUp(
        seen=len(seen),
        changed=tuple(sorted(changed, key=lambda payment: payment.id)),
        strangers=tuple(sorted(strangers.values(), key=lambda payment: (payment.requested_at or since, payment.id))),
        unclear=tuple(sorted(unclear)),
    )


async def pages(portone: PortOne | PortOneV1, since: datetime, until: datetime) -> AsyncIterator[PaymentPage]:
    """Every page of that time, so that none is missed; some may come twice."""
    if since >= until:
        return
    for _ in range(READS_MAX):
        page = await _page(portone, since, until, 0)
        total = page.total
        if total > ROWS_MAX and until - since > SHORTEST:
            middle = since + (until - since) / 2
            async for half in pages(portone, since, middle):
                yield half
            async for half in pages(portone, middle, until):
                yield half
            return
        yield page
        is_whole, number = True, 1
        while number * PAGE_SIZE < total:
            page = await _page(portone, since, until, number)
            yield page
            is_whole, number = is_whole and page.total == total, number + 1
        # One that changed while we read has left this time, and another slipped forward unseen: read it all again.
        if is_whole:
            return
    raise PortOneUnclear(why="the list kept changing")


async def _page(portone: PortOne | PortOneV1, since: datetime, until: datetime, number: int) -> PaymentPage:
    outcome = await portone.list_payments(changed_since=since, changed_until=until, number=number, size=PAGE_SIZE)
    match outcome:
        case Done(value=page):
            return page
        case Refused() as refusal:
            raise PortOneUnclear(type=refusal.type)
        case unknown:
            raise PortOneUnclear(why=unknown.why)
