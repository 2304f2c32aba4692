"""What must hold of what comes with a payment: its disputes and its cash receipt (F42, portone-facts §2.11)."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations, groupby
from operator import itemgetter

from jangbu.sandbox.core.records import Attempt, CashReceipt
from jangbu.sandbox.core.world import World
from jangbu.simulator.model import Purchase
from jangbu.simulator.store import Row

ACTIVE = ("OPEN", "UNTOLD")
REVIEW = "dispute_untold"


def in_doubt(row: Row) -> int:
    """What of a payment's money is held because of disputes, or written off."""
    return sum(one["held"] + one["lost"] for one in row.disputes)


def broken_disputes(row: Row) -> list[str]:
    """What contradicts itself in the disputes of a payment, and in what the books say of them."""
    legs: Counter[str] = Counter()
    for entry in row.entries:
        for path, minor in entry["legs"]:
            legs[path] += minor
    problems = [
        f"the books say {legs[path]} in {path}, its disputes {said}"
        for path, said in (
            ("assets:disputed", sum(one["held"] for one in row.disputes)),
            ("expenses:write_off", sum(one["lost"] for one in row.disputes)),
        )
        if legs[path] != said
    ]
    if in_doubt(row) > row.cancellable_amount:
        problems.append(f"{in_doubt(row)} are in doubt, and {row.cancellable_amount} are left")
    for one in row.disputes:
        if one["held"] and one["status"] not in ACTIVE:
            problems.append(f"a dispute is {one['status']} and holds {one['held']}")
        if one["status"] in ACTIVE and row.is_captured and not row.cancellable_amount:
            problems.append(f"all of the money went back, and a dispute is {one['status']}")
    return problems


def disagreeing_disputes(row: Row, attempt: Attempt | None, world: World, told: Mapping[str, str]) -> list[str]:
    """Whether PortOne and we tell the same, once everything has settled; `told` is what people decided."""
    theirs = {one.pg_dispute_id: one for one in attempt.disputes} if attempt is not None else {}
    ours = {one["portone"]: one for one in row.disputes}
    problems = []
    if (row.review == REVIEW) != any(one["status"] == "UNTOLD" for one in row.disputes) and row.review in ("", REVIEW):
        problems.append(f"its review is {row.review!r}, its disputes are {[one['status'] for one in row.disputes]}")
    problems += [f"its dispute {name} is none of PortOne's" for name in ours if name not in theirs]
    for one in row.disputes:
        if one["id"] in told and one["status"] != told[one["id"]]:
            problems.append(f"a person decided {told[one['id']]}, and the dispute is {one['status']}")
    if attempt is None or attempt.status != "PAID":
        return problems
    heard = [
        tried.requested_at
        for delivery in world.state.deliveries
        if delivery.transaction_id == attempt.transaction_id
        for tried in delivery.tries
        if tried.status == 200
    ]
    for name, theirs_ in theirs.items():
        is_open = theirs_.resolved_at is None
        if name in ours:
            wanted = {"OPEN"} if is_open else {"UNTOLD", "WON", "LOST"}
            if ours[name]["status"] not in wanted:
                problems.append(f"dispute {name} is {'open' if is_open else 'over'} at PortOne, {ours[name]['status']}")
        elif any(at >= theirs_.created_at for at in heard):
            problems.append(f"dispute {name} was told, and nobody remembers it")
    return problems


def disagreeing_receipt(row: Row, purchase: Purchase, attempt: Attempt | None, world: World) -> list[str]:
    """Whether the payer has the receipt that we say they have, for the money that was left."""
    made = [one for one in world.state.cash_receipts if one.payment_id == row.provider_order_id]
    issued = made[-1] if made and made[-1].status == "ISSUED" else None
    receipt = row.receipt or {"status": "", "number": "", "failed": False, "is_kept": False}
    status = receipt["status"]
    problems = [_misstated(one, attempt) for one in made if attempt is not None and _misstated(one, attempt)]
    if (status == "ISSUED") != (issued is not None) or (
        issued is not None and issued.issue_number != receipt["number"]
    ):
        problems.append(f"its receipt is {status} {receipt['number']}, PortOne's {made[-1:]}")
    if receipt["is_kept"] and status != "WANTED":
        problems.append(f"its receipt is {status}, and whose it is was kept")
    if issued is not None and row.is_captured and not row.cancellable_amount and not receipt["failed"]:
        problems.append("all of the money went back, and its receipt did not")
    if status == "WANTED" and row.is_captured:
        problems.append("a receipt was asked for, and nobody issues it")
    if purchase.receipt is not None and not status:
        problems.append("a receipt was asked for, and forgotten")
    return problems


def _misstated(one: CashReceipt, attempt: Attempt) -> str:
    """A receipt is for what was left when it was issued."""
    assert one.issued_at is not None or one.status == "ISSUE_FAILED"
    gone = sorted(
        (each.cancelled_at, each.total_minor)
        for each in attempt.cancellations
        if each.status == "SUCCEEDED" and each.cancelled_at is not None
    )
    left = {attempt.order.total_minor}
    before = attempt.order.total_minor
    for _, together in groupby(gone, key=itemgetter(0)):
        # The clock stands still between two actions: which of these came first, nobody can tell.
        sums = [minor for _, minor in together]
        left |= {before - sum(some) for many in range(1, len(sums) + 1) for some in combinations(sums, many)}
        before -= sum(sums)
    return "" if one.total_minor in left else f"a receipt says {one.total_minor}, and {sorted(left)} were left"
