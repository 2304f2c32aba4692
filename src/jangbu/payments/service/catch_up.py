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
TICK = timedelta(milliseconds=1)
V1_LONGEST = timedelta(days=89)
"""V1 lists no longer time than 90 days (portone-facts §6.3)."""
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

    Raises PortOneUnclear when a list itself cannot be had: V2's, or V1's where that is set up.
    """
    unclear: set[str] = set()
    ours: set[str] = set()
    strangers: dict[str, WirePayment] = {}
    async for page in _everywhere(portone, since, until):
        # Page by page, because weeks of whole payments are more than one may hold at once.
        async with run.db.transaction() as tx:
            known = await store.known_at_portone(tx, [*(payment.id for payment in page.payments), *page.unreadable])
        ours.update(known)
        unclear.update(page.unreadable)
        for payment in page.payments:
            # V1 lists an order's every attempt: one that nobody paid says nothing of another.
            if payment.id not in known and (payment.id not in strangers or payment.status not in WITHOUT_MONEY):
                strangers[payment.id] = payment
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


async def _everywhere(portone: PortOne, since: datetime, until: datetime) -> AsyncIterator[PaymentPage]:
    async for page in pages(portone, since, until):
        yield page
    # That V2's list has V1's payments too is believed and not written down (portone-facts §10.20).
    while portone.v1 is not None and since < until:
        end = min(since + V1_LONGEST, until)
        async for page in pages(portone.v1, since, end):
            yield page
        since = end


async def pages(portone: PortOne | PortOneV1, since: datetime, until: datetime) -> AsyncIterator[PaymentPage]:
    """Every page of that time, so that none is missed; some may come twice.

    Read onward from the last change seen, and not by turning pages. A payment that changes while we read goes to the
    end of the list, and whatever stood behind it moves up, onto a page that was read; where much is sold that happens
    all the time. It also keeps us away from PortOne's last row, the 60,000th (portone-facts §2.13).
    """
    number, total = 0, 0
    while since < until:
        page = await _page(portone, since, until, number)
        yield page
        if page.total <= (number + 1) * PAGE_SIZE:
            return
        changes = (one.status_changed_at or one.updated_at for one in page.payments)
        # PortOne is asked in milliseconds and may know more of them; those of the last moment come again.
        onward = max((at for at in changes if at is not None), default=since) - TICK
        if onward > since:
            since, number, total = onward, 0, 0
        else:
            # More of one moment than one page holds. If one of them left meanwhile, another has slipped forward.
            number = 0 if page.total < total else number + 1
            total = page.total


async def _page(portone: PortOne | PortOneV1, since: datetime, until: datetime, number: int) -> PaymentPage:
    outcome = await portone.list_payments(changed_since=since, changed_until=until, number=number, size=PAGE_SIZE)
    match outcome:
        case Done(value=page):
            return page
        case Refused() as refusal:
            raise PortOneUnclear(type=refusal.type)
        case unknown:
            raise PortOneUnclear(why=unknown.why)
