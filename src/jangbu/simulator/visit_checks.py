"""What must hold of hosted checkout once everything has settled: each piece was sold to one payer, once (C4, F10, F11).

The judge is PortOne's own record of the money, as everywhere; what our sessions say is what is judged.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from jangbu.checkout.rules import PENDING_RECHECK
from jangbu.db import Database
from jangbu.payments.service.initialize import portone_id_of
from jangbu.sandbox import STORE_ID
from jangbu.sandbox.core.world import World
from jangbu.simulator import visit_store
from jangbu.simulator.model import Expected, Purchase, expected_of, paid_attempt
from jangbu.simulator.visit_store import SessionRow
from jangbu.simulator.visits import Ware

OVER = ("expired", "abandoned")


async def problems_of_visits(
    purchases: Iterable[Purchase], wares: Mapping[UUID, Ware], *, db: Database, world: World, now: datetime
) -> tuple[list[str], list[str]]:
    """What is wrong, and what became of the sessions in words."""
    by_order = {one.order_id: one for one in purchases if one.visit is not None}
    async with db.transaction(snapshot=True) as tx:
        sessions = await tx.all(visit_store.SESSIONS)
        items = await tx.all(visit_store.ITEMS)
    problems: list[str] = []
    for item in items:
        if item.stock != item.moved or not 0 <= item.reserved <= item.stock:
            problems.append(f"{item.name}: {item.stock} on the shelf, {item.reserved} promised, moved {item.moved}")
        if item.reserved != item.held:
            problems.append(f"{item.name}: {item.reserved} are promised, and sessions hold {item.held}")
        if item.id in wares and item.out > wares[item.id].stocked:
            problems.append(f"{item.name}: {item.out} are sold, and there were {wares[item.id].stocked}")
    endings = []
    for row in sessions:
        purchase = by_order[row.order_id]
        expected = expected_of(world, purchase, paid_attempt(world, portone_id_of(STORE_ID, row.order_id)))
        found = [*_broken(row), *_disagreement(row, expected, now)]
        if purchase.amount not in (0, row.amount):
            found.append(f"costs {row.amount}, and its payer was told {purchase.amount}")
        is_said = f"is {row.state} {row.late_refund}, sold {row.sold}, returned {row.returned} of {row.pieces}"
        problems += [f"{purchase.name} {is_said}, PortOne {expected.status}: {problem}" for problem in found]
        endings.append(" ".join(f"a session ended {row.state} {row.late_refund}".split()))
    return problems, endings


def _broken(row: SessionRow) -> list[str]:
    """What contradicts itself within one session, wherever it stands."""
    problems = []
    if row.sold not in (0, row.pieces) or row.returned not in (0, row.sold):
        problems.append("a part of it was delivered, or came back")
    told = {name.rpartition(".")[2]: row.told.count(name) for name in set(row.told)}
    wanted = {
        "completed": row.sold > 0,
        "cancelled": row.state == "cancelled",
        "paid_too_late": bool(row.late_refund),
    }
    problems += [
        f"{name} was announced {told.get(name, 0)} times"
        for name, is_wanted in wanted.items()
        if told.get(name, 0) != is_wanted
    ]
    if told.get("expired", 0) > 1:
        problems.append("it expired twice")
    return problems


def _disagreement(row: SessionRow, expected: Expected, now: datetime) -> list[str]:
    """Whether the goods are where the money is."""
    out = row.sold - row.returned
    late = (row.state in OVER and not row.sold, row.late_refund)
    match expected.status:
        case "PAID" | "PARTIAL_CANCELLED":
            is_delivered = row.state == "paid" and out == row.pieces and not row.late_refund
            # Money that came to an account, and a PG's no, are for a person: the money is here until then.
            if not is_delivered and late != (True, "by_hand"):
                return ["the money is here, and neither were the goods delivered nor does it go back"]
        case "CANCELLED":
            is_returned = row.state == "cancelled" and out == 0 and not row.late_refund
            if not is_returned and late != (True, "done"):
                return ["the money went back, and the goods did not"]
        case _:
            if row.sold or row.late_refund or row.state in ("paid", "cancelled"):
                return ["nothing was paid as asked, and goods or money were given"]
            if row.state not in OVER and now >= row.expires_at + PENDING_RECHECK:
                return ["its time is over, and it waits"]
    return []
