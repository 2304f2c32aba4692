"""What must hold: of a payment after every step, of everything once it has settled (reliability §4)."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta

from jangbu.db import Database, Tx
from jangbu.ledger.service import seal, verify
from jangbu.payments.rules import FINAL_CHECK_AFTER_EXPIRY
from jangbu.sandbox import STORE_ID
from jangbu.sandbox.core.world import World
from jangbu.simulator import store
from jangbu.simulator.after_checks import (
    REVIEW,
    broken_disputes,
    disagreeing_disputes,
    disagreeing_receipt,
    in_doubt,
)
from jangbu.simulator.bank import end_of
from jangbu.simulator.model import (
    Purchase,
    captured_twice,
    expected_of,
    given_back,
    given_back_twice,
    is_live,
    is_untold,
    paid_attempt,
)
from jangbu.simulator.store import Row
from jangbu.wiring import EXPECTATIONS

SEALS_MAX = 50
LOOKED_AT_WITHIN = timedelta(hours=2)
"""A waiting payment is asked about each hour."""
CAPTURED = {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}
ALSO_REVIEWED = dict.fromkeys(CAPTURED, ("unknown_status", REVIEW))
"""Reasons to look that rest on what PortOne once answered, and stay until it is asked again."""
OF_PEOPLE = {"payment.cancellation_asked", "payment.cancellation_approved", "payment.cancellation_rejected"}
INTENTS = {
    "payment.close_asked", "payment.complete_escrow_asked", "payment.confirm_asked", "payment.confirm_refused",
    "payment.correct_parcel_asked", "payment.dispute_decision_wanted", "payment.send_parcel_asked",
}  # fmt: skip
RECEIPT = "payment.receipt_"
NO_CHANGE = {"payment.initialized", "payment.needs_review", *OF_PEOPLE, *INTENTS}
"""What the audit log has of a payment without an event beside it."""
OPEN = {"WAITING", "SENDING", "REQUESTED"}


class Watch:
    """Looks at what was written since it looked last."""

    def __init__(self, glance: Tx, world: World, visits: Mapping[str, str]) -> None:
        self._glance = glance
        self._visits = visits
        self._world = world
        self._since_xid = 0

    async def look(self) -> list[str]:
        """The cheap checks, which hold at every moment, whatever is still on its way."""
        found = await store.rows(self._glance, since_xid=self._since_xid)
        if found:
            self._since_xid = found[0].oldest_xid
        problems = [problem for row in found for problem in problems_of(row)]
        for row in found:
            attempt = paid_attempt(self._world, row.provider_order_id)
            if row.entries and attempt is None:
                problems.append(f"{row.id}: the books have it, and PortOne took no money")
            back = given_back(attempt) if attempt is not None else {}
            problems += [
                f"{row.id}: the books gave {amount} back as {name}, PortOne {back.get(name or '', 0)}"
                for name, amount in _given_back(row)
                if back.get(name or "") != amount
            ]
        return [*problems, *captured_twice(self._world, self._visits), *given_back_twice(self._world)]


def _given_back(row: Row) -> list[tuple[str | None, int]]:
    return sorted((one["portone"], one["amount"]) for one in row.cancellations if one["status"] == "SUCCEEDED")


def problems_of(row: Row) -> list[str]:
    """What contradicts itself within one payment (I01, I02, I05, I07, I08, G23; B7's columns)."""
    kinds: Counter[str] = Counter(entry["kind"] for entry in row.entries)
    problems = [
        f"{entry['key']} does not balance: {entry['legs']}"
        for entry in row.entries
        if len(entry["legs"]) < 2 or sum(minor for _, minor in entry["legs"]) != 0
    ]
    if kinds["payment.captured"] != row.is_captured:
        problems.append(f"{row.status}, captured: {row.is_captured}, and {kinds['payment.captured']} capture entries")
    if row.is_captured and row.cancelled_amount + row.cancellable_amount != row.amount:
        problems.append("cancelled and cancellable are not the amount")
    if (row.status in CAPTURED) != row.is_captured:
        problems.append(f"{row.status}, but captured: {row.is_captured}")
    told = Counter(event["type"] for event in row.events)
    if told["payment.paid"] != row.is_captured:
        problems.append(f"captured: {row.is_captured}, announced {told['payment.paid']} times")
    problems += _broken_refunds(row)
    problems += broken_disputes(row)
    problems += _broken_story(row)
    return [f"{row.id} ({row.order_name}): {problem}" for problem in problems]


def _broken_refunds(row: Row) -> list[str]:
    """One entry for every cancellation that gave money back, and no other; the sums agree; one of ours at a time."""
    booked = {
        entry["key"].rpartition(":")[2]: -sum(minor for path, minor in entry["legs"] if path == "assets:pg_receivable")
        for entry in row.entries
        if entry["kind"] == "payment.cancelled"
    }
    done = {one["id"]: one["amount"] for one in row.cancellations if one["status"] == "SUCCEEDED"}
    problems = []
    if booked != done:
        problems.append(f"cancellations gave back {done}, the entries {booked}")
    if row.is_captured and row.cancelled_amount != sum(done.values()):
        problems.append(f"cancellations gave back {sum(done.values())}, the payment says {row.cancelled_amount}")
    if sum(one["origin"] == "ours" and one["status"] in OPEN for one in row.cancellations) > 1:
        problems.append("two cancellations of ours are open")
    told = sum(one["type"] in {"payment.cancelled", "payment.partially_cancelled"} for one in row.events)
    if told != len(done):
        problems.append(f"{len(done)} cancellations gave money back, {told} were announced")
    return problems


def _broken_story(row: Row) -> list[str]:
    """Every event moves the payment from where the last one left it, the row stands where the story ends, and every
    change has its audit line."""
    stands = "REGISTERING"
    for event in row.events:
        if event["before"] != stands:
            return [f"an event begins at {event['before']}, the one before ended at {stands}"]
        stands = event["status"]
    if stands != row.status:
        return [f"is {row.status}, and the events end at {stands}"]
    changes = [one for one in row.actions if one not in NO_CHANGE and not one.startswith(RECEIPT)]
    if len(changes) != len(row.events) or row.actions.count("payment.initialized") != 1:
        return [f"{len(row.events)} events, audit: {row.actions}"]
    return []


async def when_settled(
    purchases: Iterable[Purchase],
    *,
    db: Database,
    world: World,
    now: datetime,
    is_final: bool,
    refused: Container[str],
    visits: Mapping[str, str],
    decided: Mapping[str, str],
) -> list[str]:
    """Everything, once nothing is on its way: PortOne and we agree both ways, and nobody is left wondering."""
    by_name = {purchase.name: purchase for purchase in purchases}

    def name_of(row: Row) -> str:
        # A visit's payment has the name of what was bought.
        return visits.get(row.provider_order_id, row.order_name)

    async with db.transaction(snapshot=True) as tx:
        found = await store.rows(tx)
        problems = [*await tx.all(store.OPEN_ENDS, now=now), *await tx.all(store.TRIAL_BALANCE)]
        received = set(await tx.all(store.WEBHOOK_IDS))
    ours = {row.provider_order_id: row for row in found}
    problems += [problem for row in found for problem in problems_of(row)]
    for row in found:
        purchase = by_name[name_of(row)]
        problems += _disagreement(row, purchase, world)
        attempt = paid_attempt(world, row.provider_order_id)
        after = [
            *disagreeing_disputes(row, attempt, world, decided),
            *disagreeing_receipt(row, purchase, attempt, world),
        ]
        problems += [f"{row.id} ({row.order_name}): {problem}" for problem in after]
        problems += _waits_for_ever(row, world, now)
        if row.status == "REGISTRATION_FAILED" and f"/payments/{row.provider_order_id}/pre-register" not in refused:
            problems.append(f"{row.id} ({row.order_name}): given up, and PortOne never refused it")
    problems += [
        f"webhook {attempt.webhook_id} was answered {attempt.status}, and nobody remembers it"
        for delivery in world.state.deliveries
        for attempt in delivery.tries
        if attempt.status == 200 and attempt.webhook_id not in received and not delivery.is_v1
    ]
    for name, count in Counter(name_of(row) for row in found).items():
        if count > 1:
            problems.append(f"order {name} has {count} payments")
    for payment in world.payments():
        # Somebody may pay under an id of which we never told PortOne, nor anybody: that is not ours.
        if payment.succeeded is not None and payment.preregistration is not None and payment.id not in ours:
            problems.append(
                f"PortOne took {payment.succeeded.order.total_minor} for {payment.id}: we know nothing of it"
            )
    for purchase in by_name.values():
        known = [ours[one] for one in purchase.payment_ids if one in ours]
        if len(known) < len(purchase.payment_ids):
            problems.append(f"the shop was told an id for {purchase.name} that is not here any more")
        if purchase.is_delivered and not any(row.is_captured for row in known):
            problems.append(f"the goods of {purchase.name} were sent, and it is not paid")
    problems += [*captured_twice(world, visits), *given_back_twice(world)]
    return problems + (await _books(db, now) if is_final else [])


async def untold(*, db: Database, world: World) -> list[str]:
    """Why payments changed at PortOne with no word to us, and after we had any reason to ask: what reading PortOne's
    list is for (F30).
    """
    async with db.transaction(snapshot=True) as tx:
        found = await store.rows(tx)
    told = []
    for row in found:
        payment = world.payment(STORE_ID, row.provider_order_id)
        if _is_paid_unheard(row, world):
            told.append("paid after we had stopped asking, and no webhook came")
        elif payment is not None and is_untold(world, payment):
            told.append("cancelled, and no webhook came")
    return told


def _is_paid_unheard(row: Row, world: World) -> bool:
    payment = world.payment(STORE_ID, row.provider_order_id)
    paid_at = payment.succeeded.paid_at if payment is not None and payment.succeeded is not None else None
    if payment is None or paid_at is None or row.is_captured or row.status == "MISMATCH":
        return False
    asked_until = row.expires_at + FINAL_CHECK_AFTER_EXPIRY
    told = any(one.state == "DELIVERED" and one.type == "Transaction.Paid" for one in world.deliveries_of(payment))
    return paid_at >= asked_until and not told


def _disagreement(row: Row, purchase: Purchase, world: World) -> list[str]:
    attempt = paid_attempt(world, row.provider_order_id)
    expected = expected_of(world, purchase, attempt)
    legs: Counter[tuple[str, str]] = Counter()
    for entry in row.entries:
        for path, minor in entry["legs"]:
            legs[path, entry["currency"]] += minor
    says = f"{row.id} ({row.order_name}): PortOne says {'paid' if attempt else 'not paid'}, expected {expected}"
    problems = []
    if expected.status is None:
        if row.status in CAPTURED or row.status == "MISMATCH":
            problems.append(f"{says}; we say {row.status}")
    elif row.status != expected.status or row.review not in {expected.review, *ALSO_REVIEWED.get(row.status, ())}:
        problems.append(f"{says}; we say {row.status} {row.review}")
    wanted = {
        ("assets:pg_receivable", expected.currency): expected.in_receivable - in_doubt(row),
        ("liabilities:suspense", expected.currency): expected.in_suspense,
    }
    for (path, currency), minor in wanted.items():
        if legs[path, currency] != minor:
            problems.append(f"{says}; the books say {legs[path, currency]} in {path}")
    back = given_back(attempt) if attempt is not None and not is_live(world, attempt) else {}
    if _given_back(row) != sorted(back.items()):
        problems.append(f"{says}; PortOne gave back {back}, we {_given_back(row)}")
    if not expected.in_receivable and any(legs.values()):
        problems.append(f"{says}; nothing is left, and the books keep {dict(legs)}")
    if any(minor for (path, currency), minor in legs.items() if currency != expected.currency):
        problems.append(f"{says}; the books have another currency: {dict(legs)}")
    return problems


def _waits_for_ever(row: Row, world: World, now: datetime) -> list[str]:
    """An account whose time is over is given up, whatever PortOne goes on showing (F12)."""
    payment = world.payment(STORE_ID, row.provider_order_id)
    if row.status != "VIRTUAL_ACCOUNT_ISSUED" or payment is None:
        return []
    ends = [one for attempt in payment.attempts if (one := end_of(attempt)) is not None]
    if now < max([row.expires_at, *ends]) + FINAL_CHECK_AFTER_EXPIRY + LOOKED_AT_WITHIN:
        return []
    return [f"{row.id} ({row.order_name}): nobody can pay into its account any more, and it waits"]


async def _books(db: Database, now: datetime) -> list[str]:
    for _ in range(SEALS_MAX):
        if await seal(db=db) == 0:
            break
    proof = await verify(db=db, at=now, expectations=EXPECTATIONS)
    problems = [f"books: {problem}" for problem in proof.unaltered.problems]
    if proof.unaltered.tail.rows:
        problems.append(f"books: {proof.unaltered.tail.rows} entries are never sealed")
    problems += [f"books: {key} is missing" for key in proof.complete.missing]
    return problems + [f"books: nobody expected {key}" for key in proof.complete.unexpected]
