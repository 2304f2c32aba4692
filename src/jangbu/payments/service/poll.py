"""Find what no webhook said: every few minutes, what changed at PortOne since we last looked (reliability F30).

The list only says what to ask about: a payment that changed after our last look is made due, and the sweep asks PortOne
about it like about any other. So nothing is believed that a webhook would not be believed either, and whoever dies on
the way leaves a cursor that was not moved.
"""

from datetime import datetime, timedelta

import structlog

from jangbu.clock import rfc3339, seoul
from jangbu.failpoints import failpoint
from jangbu.notices.rules import ListUnread
from jangbu.notices.service.telling import alert
from jangbu.payments import poll_store
from jangbu.payments.poll_store import Told
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.service.catch_up import V1_LONGEST, pages
from jangbu.portone import Done, PortOne, PortOneV1
from jangbu.runtime import Runtime

log = structlog.get_logger()
OVERLAP = timedelta(minutes=15)
"""Read again each time: PortOne's clock is not ours, and a change may show in its list later than it happened."""
FIRST_LOOK = timedelta(days=7)
"""How far back the first time; `jangbu catch-up` reads further."""
TELL_AFTER = timedelta(hours=1)
"""Whoever cannot read the list for this long tells a person, once."""
EVENTS_AT_ONCE = 500
EVENT_PAGES_MAX = 200


async def poll(*, run: Runtime, portone: PortOne) -> int:
    """Read PortOne's list from where we stopped, and make due what is news; how many. Quiet while PortOne is."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        marks = await poll_store.read_until(tx)
        has_v1 = portone.v1 is not None and await poll_store.has_v1(tx)
    before = None if marks is None else marks.list_until
    first = now - FIRST_LOOK
    since = min(before or first, now) - OVERLAP
    # From where the feed itself was left: what it has and the list has not is told nowhere else.
    events_before = None if marks is None else marks.events_until
    events_since = min(max(events_before or first, first), now) - OVERLAP
    found = 0
    try:
        found += await _list(portone, since, now + OVERLAP, now=now, run=run)
        if has_v1:
            assert portone.v1 is not None
            # That V2's list has V1's payments too is believed and not written down (portone-facts §10.20).
            found += await _list(portone.v1, max(since, now - V1_LONGEST), now + OVERLAP, now=now, run=run)
    except PortOneUnclear as unclear:
        log.warning("PortOne's list could not be read this time", code=unclear.code, since=rfc3339(since))
        if before is not None and now - before > TELL_AFTER:
            facts = ListUnread(since=seoul(before))
            async with run.db.transaction() as tx:
                await alert(tx, facts, key=f"poll:{rfc3339(before)}", subject="payments:poll", run=run)
        return found
    news, has_feed = await _events(run=run, portone=portone, since=events_since, until=now + OVERLAP, now=now)
    found += news
    async with run.db.transaction() as tx:
        await poll_store.move_on(tx, now, now if has_feed else None)
    if before is not None and now - before > TELL_AFTER:
        log.warning("PortOne's list was read again after a gap", since=rfc3339(before), news=found)
    if found:
        log.info("payments that changed at PortOne without a word to us", count=found)
        run.waker.wake()
    return found


async def _list(portone: PortOne | PortOneV1, since: datetime, until: datetime, *, now: datetime, run: Runtime) -> int:
    found = 0
    async for page in pages(portone, since, until):
        told = [
            Told(one.id, one.updated_at or one.status_changed_at, one.status, one.amount.cancelled)
            for one in page.payments
        ]
        async with run.db.transaction() as tx:
            found += await poll_store.ask_about(tx, [*told, *map(Told, page.unreadable)], now=now)
        failpoint("payment.poll.page_read")
    return found


async def _events(
    *, run: Runtime, portone: PortOne, since: datetime, until: datetime, now: datetime
) -> tuple[int, bool]:
    """The same from PortOne's feed of events, which has what the list may not: a second partial cancel need not move
    the time by which the list is asked (portone-facts §2.13).

    The feed is not stable: without it the list still tells all the rest, and it is read from there once it is back.
    """
    found, cursor = 0, ""
    for _ in range(EVENT_PAGES_MAX):
        outcome = await portone.list_payment_events(since=since, until=until, cursor=cursor, size=EVENTS_AT_ONCE)
        if not isinstance(outcome, Done):
            log.warning("PortOne's feed of events could not be read this time", outcome=type(outcome).__name__)
            return found, False
        page = outcome.value
        if not page.events:
            return found, True
        async with run.db.transaction() as tx:
            found += await poll_store.ask_about(tx, [Told(*event) for event in page.events], now=now)
        if page.cursor in ("", cursor):
            return found, True
        cursor = page.cursor
    log.warning("PortOne's feed of events did not end", pages=EVENT_PAGES_MAX)
    return found, True
