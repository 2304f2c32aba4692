"""After it all: PortOne's own records, our rows and our books say the same, each thing once, and nothing is open."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from jangbu import events
from jangbu.checks.service import run_checks
from jangbu.db import DatabaseAway, Query
from jangbu.queue import held, open_count
from jangbu.wiring import Wired, invariants
from kill.receiver import Receiver, feed_of
from kill.shop import Shop
from kill.town import Town
from kit import Books, books_of, until

TOOK = {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}
STEPS_MOST = 40
QUIET_S = 60
PATIENCE_S = 60
"""How long by the wall anything may take that needs no clock to move on. Seconds, on a machine of one's own."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one entry of the books took or gave back of one payment."""

    payment_id: str
    kind: str
    amount: int


BOOKED = Query(
    Line,
    """
    SELECT p.provider_order_id AS payment_id, e.kind, sum(l.amount_minor)::bigint AS amount
      FROM ledger_entries e
      JOIN payments p ON starts_with(e.key, 'payment:' || p.id || ':')
      JOIN ledger_postings l ON l.entry_id = e.id
      JOIN ledger_accounts a ON a.id = l.account_id AND a.path = 'assets:pg_receivable'
     GROUP BY e.id, e.kind, p.provider_order_id
    """,
)
SUM_OF_ALL = Query(int, "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_postings")
OPEN = Query(
    list,
    """
    SELECT jsonb_build_array(
        (SELECT count(*) FROM payment_attempts WHERE state IN ('sent', 'unknown')),
        (SELECT count(*) FROM payment_cancellations WHERE status IN ('WAITING', 'SENDING', 'REQUESTED')),
        (SELECT count(*) FROM payments WHERE status = 'REGISTERING'),
        (SELECT count(*) FROM webhook_logs WHERE status IN ('received', 'failed')),
        (SELECT count(*) FROM outbox_waiting),
        (SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'))
    """,
)
OPEN_NAMES = ("calls without an outcome", "refunds under way", "payments being registered", "webhooks not handled",
              "events without a number", "events not delivered")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One of our cancellations."""

    id: str
    origin: str
    status: str
    provider_order_id: str
    at_portone: str | None
    amount: int


TRANSACTIONS = Query(
    str,
    """
    SELECT concat(a.pid, ' ', a.application_name, ', ', a.state, ' for ', now() - a.state_change, ', waits for ',
                  coalesce(a.wait_event, 'nothing'), ', blocked by ', pg_blocking_pids(a.pid)::text, ': ', a.query)
      FROM pg_stat_activity a WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid() ORDER BY a.xact_start
    """,
)
REFUNDS = Query(
    Row,
    """
    SELECT c.id::text, c.origin, c.status, p.provider_order_id, c.portone_cancellation_id AS at_portone, c.amount
      FROM payment_cancellations c JOIN payments p ON p.id = c.payment_id
    """,
)


async def open_things(wired: Wired) -> dict[str, int]:
    """What somebody of ours has yet to finish, by name; {} when there is nothing."""
    async with wired.system.db.transaction(snapshot=True) as tx:
        counted = dict(zip(OPEN_NAMES, await tx.one(OPEN), strict=True))
        counted["jobs"] = await open_count(tx)
        counted["jobs parked for a person"] = len(await held(tx))
    return {name: count for name, count in counted.items() if count}


async def is_nothing_open(wired: Wired) -> bool:
    """To be asked more than once: the sweep itself is a job, for a moment of each second."""
    return await open_things(wired) == {}


async def settled(town: Town, wired: Wired, what: str, *, within_s: float = PATIENCE_S) -> None:
    """Wait until PortOne has delivered and we have done everything, without the clock moving on."""

    async def nothing_is_left() -> bool:
        return await webhooks_waiting(town) == 0 and await is_nothing_open(wired)

    try:
        await until(nothing_is_left, seconds=within_s, what=what)
    except AssertionError as late:
        left = await open_things(wired)
        async with wired.system.db.transaction(snapshot=True) as tx:
            held_up = await tx.all(TRANSACTIONS)
        told = [f"{late}: {left}, {await webhooks_waiting(town)} webhooks at PortOne", *held_up]
        raise AssertionError("\n".join(told)) from None


async def webhooks_waiting(town: Town) -> int:
    """Webhooks that PortOne has yet to deliver."""
    return int((await town.control("state"))["webhooks"].get("WAITING", 0))


async def recovered(town: Town, wired: Wired) -> float:
    """Let time pass until nothing is open; the real seconds it took. Fails when something stays."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(STEPS_MOST):
        await town.let_time_pass(wired)
        await _quiet(town, wired)
        if not await open_things(wired) and not await webhooks_waiting(town):
            return loop.time() - began
    raise AssertionError(f"still open: {await open_things(wired)}, webhooks {await webhooks_waiting(town)}")


async def _quiet(town: Town, wired: Wired) -> None:
    """Until no job is left that could run without the clock moving on."""
    deadline = asyncio.get_running_loop().time() + QUIET_S
    while True:
        try:
            async with wired.system.db.transaction() as tx:
                jobs = await open_count(tx)
        except DatabaseAway:
            jobs = 1
        # The sweep comes once a second by the wall clock: what is due becomes a job only then.
        await asyncio.sleep(1.1)
        if not jobs:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"{jobs} jobs are still there after {QUIET_S} s")


async def all_agree(town: Town, wired: Wired, shop: Shop) -> Books:
    """Every rule of this folder, once recovery is over. Answers the books for more."""
    await shop.ask_again()
    assert shop.complaints == []
    await settled(town, wired, "an end of what the last refunds set off")
    at_portone = (await town.control("payments"))["items"]
    taken, given = _counted(at_portone)
    assert max(taken.values(), default=0) <= 1, "somebody was charged twice"
    async with wired.system.db.transaction(snapshot=True) as tx:
        booked = await tx.all(BOOKED)
        total = await tx.one(SUM_OF_ALL)
    ours_taken = Counter((line.payment_id, line.amount) for line in booked if line.kind == "payment.captured")
    ours_given = Counter((line.payment_id, -line.amount) for line in booked if line.kind == "payment.cancelled")
    assert {line.kind for line in booked} <= {"payment.captured", "payment.cancelled"}
    theirs_taken = Counter((payment["paymentId"], _total(payment)) for payment in at_portone if _took(payment))
    assert ours_taken == theirs_taken, "each PAID at PortOne is in the books once, and nothing else is"
    assert ours_given == given, "each refund at PortOne is in the books once, and nothing else is"
    assert total == 0

    await refunds_agree(wired, shop, at_portone)

    paid = {payment["paymentId"] for payment in at_portone if _took(payment)}
    assert {order.payment_id for order in shop.orders if order.payer != "leaves"} == paid
    assert {order.payment_id for order in shop.orders if order.was_told_paid} <= paid

    if shop.receiver is not None:
        await events_agree(town, shop.receiver, wired)
    broken = [
        result for result in await run_checks(invariants(wired.system), run=wired.system, full=True) if not result.holds
    ]
    assert broken == [], "\n".join(f"{one.check.id}: {one.found or one.problem}" for one in broken)
    books = await books_of(wired.system)
    assert books.proof.holds, books.proof
    assert books.events.count("payment.paid") == len(paid)
    for name in ("web", "worker A", "worker B"):
        if name in town.programs:
            assert town[name].said("request.crashed") == []
    return books


async def refunds_agree(wired: Wired, shop: Shop, at_portone: list[dict[str, Any]]) -> None:
    """What the shop was told, what our rows say and what PortOne did: each refund once, under one name."""
    asked = [(order, refund) for order in shop.orders for refund in order.refunds.values()]
    told = {refund.cancellation_id: (order.payment_id, refund.given) for order, refund in asked if refund.given}
    assert len(told) == sum(bool(refund.given) for _, refund in asked), "two requests were told of one refund"
    made = [
        (payment["paymentId"], one)
        for payment in at_portone
        for attempt in payment["attempts"]
        for one in attempt["cancellations"]
    ]
    assert {one["status"] for _, one in made} <= {"SUCCEEDED"}
    async with wired.system.db.transaction() as tx:
        rows = [row for row in await tx.all(REFUNDS) if row.status != "FAILED"]
    assert {row.origin for row in rows} <= {"ours"}, "one of ours was taken for somebody else's"
    assert {row.id: (row.provider_order_id, row.amount) for row in rows} == told
    marked = Counter((one["id"], payment_id, one["totalAmount"]) for payment_id, one in made)
    assert marked == Counter((row.at_portone, row.provider_order_id, row.amount) for row in rows)
    for row in rows:
        tag = f"[jangbu:{row.id.replace('-', '')}]"
        assert sum(tag in one["reason"] for _, one in made) == 1, "a refund was made twice at PortOne"


async def events_agree(town: Town, receiver: Receiver, wired: Wired) -> None:
    """Whoever listens has heard each event of the feed, and every event that we committed is in the feed."""
    assert receiver.complaints == []
    owed = await receiver.owed(town)
    missing, extra = owed.keys() - receiver.kept.keys(), receiver.kept.keys() - owed.keys()
    assert (missing, extra) == (set(), set())
    assert receiver.kept == owed
    everything, _ = await feed_of(town)
    assert [event["seq"] for event in everything] == list(range(1, len(everything) + 1))
    public = {kind.name for kind in events.declared() if kind.is_public}
    committed = Counter(name for name in (await books_of(wired.system)).events if name in public)
    assert Counter(event["type"] for event in everything) == committed


def _took(payment: dict[str, Any]) -> bool:
    return any(attempt["status"] in TOOK for attempt in payment["attempts"])


def _total(payment: dict[str, Any]) -> int:
    return next(int(attempt["totalAmount"]) for attempt in payment["attempts"] if attempt["status"] in TOOK)


def _counted(at_portone: list[dict[str, Any]]) -> tuple[Counter[str], Counter[tuple[str, int]]]:
    """How often each payment took money, and every giving back."""
    taken: Counter[str] = Counter()
    given: Counter[tuple[str, int]] = Counter()
    for payment in at_portone:
        for attempt in payment["attempts"]:
            taken[payment["paymentId"]] += attempt["status"] in TOOK
            for one in attempt.get("cancellations", []):
                if one["status"] == "SUCCEEDED":
                    given[payment["paymentId"], one["totalAmount"]] += 1
    return taken, given
