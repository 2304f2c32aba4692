"""After it all: PortOne's own records, our rows and our books say the same, each thing once, and nothing is open."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from jangbu.db import DatabaseAway, Query
from jangbu.queue import held, open_count
from jangbu.wiring import Wired
from kill.shop import Shop
from kill.town import Town
from kit import Books, books_of, until

TOOK = {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}
STEPS_MOST = 40
QUIET_S = 60


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
        (SELECT count(*) FROM webhook_logs WHERE status IN ('received', 'failed')))
    """,
)
OPEN_NAMES = ("calls without an outcome", "refunds under way", "payments being registered", "webhooks not handled")


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

    promised = Counter((order.payment_id, amount) for order in shop.orders for amount in order.asked.values())
    assert promised == given, "each refund that the shop asked for was made once, and nothing else was"
    paid = {payment["paymentId"] for payment in at_portone if _took(payment)}
    assert {order.payment_id for order in shop.orders if order.payer != "leaves"} == paid
    assert {order.payment_id for order in shop.orders if order.was_told_paid} <= paid

    await until(lambda: is_nothing_open(wired), seconds=5, what=f"an end of {await open_things(wired)}")
    books = await books_of(wired.system)
    assert books.proof.holds, books.proof
    assert books.events.count("payment.paid") == len(paid)
    for name in ("web", "worker A", "worker B"):
        if name in town.programs:
            assert town[name].said("request.crashed") == []
    return books


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
