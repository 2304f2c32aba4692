"""Disputes: the money is held once, and released or lost once, whatever order things are told in (F42)."""

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from jangbu import embedded, events
from jangbu.audit import Actor
from jangbu.db import Query
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.payments.after.dispute_rules import (
    Dispute,
    DisputeStatus,
    MoveKind,
    Step,
    decide,
    give_way,
    learn,
    reviewed,
)
from jangbu.payments.after.refusals import DisputeNotToDecide
from jangbu.payments.after.service.disputes import active_disputes, disputes_of, end
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import Payment, Status
from jangbu.payments.seen import SeenDispute
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find, sync
from jangbu.sandbox.core import records
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, jobs_named, settle, statements_of
from payments.told import NOW, payment

BOSS = Authority(TESTER)
CLERK = Authority(Actor("clerk"), limits={"KRW": 100})
RECEIVABLE, DISPUTED, LOSS = "assets:pg_receivable", "assets:disputed", "expenses:write_off"
S = DisputeStatus


async def paid(house: House) -> Payment:
    made = await initialize(
        Order(amount=11_000, currency="KRW", order_name="보리차"),
        actor=TESTER,
        run=house.run,
        portone=house.wired.portone,
    )
    await house.portone.pay(made.provider_order_id)
    await heard(house)
    return made


async def heard(house: House) -> None:
    await house.hear()
    await house.work()


async def happens(house: House, payment: Payment, *orders: str) -> None:
    for order in orders:
        await house.portone.move(timedelta(minutes=5))
        await house.portone.order(order, payment.provider_order_id)
        await heard(house)


async def only(house: House, payment: Payment) -> Dispute:
    [found] = await disputes_of(payment, run=house.run)
    return found


async def sums(house: House) -> tuple[int, int, int]:
    found = await books(house)
    assert found.proof.holds, found.proof
    assert found.balances[DISPUTED] == await held(house)
    return tuple(found.balances.get(path, 0) for path in (RECEIVABLE, DISPUTED, LOSS))  # type: ignore[return-value]


async def held(house: House) -> int:
    return sum(one.held_amount for one in await active_disputes(run=house.run))


async def told(house: House) -> list[str]:
    return [name for name in (await books(house)).events if "dispute" in name]


async def test_a_dispute_is_learned_once_and_its_money_is_held_once(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute")
    await settle(house)
    assert await sums(house) == (0, 11_000, 0)
    dispute = await only(house, one)
    assert (dispute.status, dispute.held_amount, dispute.reason) == (S.OPEN, 11_000, "상품을 받지 못했습니다.")
    assert await told(house) == ["payment.dispute_created"]
    assert (await find(str(one.id), run=house.run)).review == "", "the PG looks into it; nobody here has to decide"


async def test_an_end_without_an_outcome_stays_held_until_a_person_says(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "resolve-dispute")
    assert await sums(house) == (0, 11_000, 0)
    dispute = await only(house, one)
    assert dispute.status is S.UNTOLD
    assert (await find(str(one.id), run=house.run)).review == "dispute_untold"
    decided = (await end(dispute.id, S.WON, who=BOSS, run=house.run, portone=house.wired.portone))[1]
    assert (decided.status, decided.decided_by) == (S.WON, TESTER.name)
    assert await sums(house) == (11_000, 0, 0)
    assert (await find(str(one.id), run=house.run)).review == ""
    await settle(house)
    assert (await only(house, one)).status is S.WON, "what a person decided stays decided"
    assert await told(house) == ["payment.dispute_created", "payment.dispute_resolved"]
    with pytest.raises(DisputeNotToDecide):
        await end(dispute.id, S.LOST, who=BOSS, run=house.run, portone=house.wired.portone)


async def test_a_chargeback_decides_and_takes_the_money_out_of_the_dispute(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "chargeback", "resolve-dispute")
    await settle(house)
    assert await sums(house) == (0, 0, 0)
    assert (await only(house, one)).status is S.LOST
    found = await find(str(one.id), run=house.run)
    assert (found.status, found.review) == (Status.CANCELLED, "")
    assert await told(house) == ["payment.dispute_created", "payment.dispute_resolved"]


async def test_what_is_told_of_a_chargeback_goes_on_from_what_was_told_before(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "chargeback")
    async with house.run.db.transaction() as tx:
        said = await events.of_subject(tx, one.subject)
    assert [each.type for each in said][-2:] == ["payment.cancelled", "payment.dispute_resolved"]
    stands = [(each.data["before"], each.data["status"]) for each in said]
    assert [before for before, _ in stands[1:]] == [status for _, status in stands[:-1]]


async def test_a_loss_that_a_person_wrote_off_is_recovered_when_the_chargeback_is_told_after_all(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "resolve-dispute")
    await end((await only(house, one)).id, S.LOST, who=BOSS, run=house.run, portone=house.wired.portone)
    assert await sums(house) == (0, 0, 11_000)
    await happens(house, one, "chargeback")
    await settle(house)
    assert await sums(house) == (0, 0, 0), "it is taken off the sales, and not lost a second time"


async def test_a_part_that_goes_back_leaves_the_dispute_with_the_rest(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute")
    await cancel(str(one.id), Ask(amount=4_000), who=BOSS, run=house.run, portone=house.wired.portone)
    await settle(house)
    assert await sums(house) == (0, 7_000, 0)
    # PortOne shows disputes of what is PAID only (portone-facts §2.2): of this one it will never tell the end.
    assert (await only(house, one)).status is S.UNTOLD
    await cancel(str(one.id), Ask(), who=BOSS, run=house.run, portone=house.wired.portone)
    assert (await only(house, one)).status is S.RETURNED
    assert await sums(house) == (0, 0, 0)
    assert (await find(str(one.id), run=house.run)).review == ""


async def test_above_a_limit_two_people_say_it_and_portone_is_asked_again(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "resolve-dispute")
    dispute = await only(house, one)
    wanted = (await end(dispute.id, S.WON, who=CLERK, run=house.run, portone=house.wired.portone))[1]
    assert (wanted.status, wanted.wanted_outcome, wanted.wanted_by) == (S.UNTOLD, "WON", "clerk")
    assert await sums(house) == (0, 11_000, 0)
    house.portone.fault("status_500", operation="get_payment", times=1)
    with pytest.raises(PortOneUnclear):
        await end(dispute.id, S.WON, who=BOSS, run=house.run, portone=house.wired.portone)
    # The issuer has taken it back meanwhile, and no webhook said so: what the PG told the clerk was wrong.
    house.portone.fault("webhook_lost", times=20)
    await house.portone.move(timedelta(minutes=5))
    await house.portone.chargeback(one.provider_order_id)
    with pytest.raises(DisputeNotToDecide):
        await end(dispute.id, S.WON, who=BOSS, run=house.run, portone=house.wired.portone)
    assert (await only(house, one)).status is S.LOST
    assert await sums(house) == (0, 0, 0)


async def test_the_end_of_a_dispute_is_found_without_a_webhook(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute")
    house.portone.fault("webhook_lost", times=20)
    await happens(house, one, "resolve-dispute")
    assert (await only(house, one)).status is S.OPEN, "nobody told us"
    await jobs_named(house.wired, "payments.disputes")()
    await house.work()
    assert (await only(house, one)).status is S.UNTOLD


FAILPOINTS = (
    "payment.dispute.entry_posted",
    "payment.apply.row_written",
    "payment.apply.before_commit",
    "payment.apply.committed",
    "payment.dispute.looked",
    "payment.dispute.before_commit",
)


async def whole_life(house: House, one: Payment) -> None:
    """A dispute, won by a person's word; then another, which the issuer decides. Done again, nothing is done twice."""
    steps = len(await disputes_of(one, run=house.run))
    if steps == 0 and not _opened(house, one):
        await happens(house, one, "dispute")
    await settle(house)
    if _opened(house, one) == 1:
        await happens(house, one, *([] if _over(house, one) else ["resolve-dispute"]))
        await settle(house)
        for each in await disputes_of(one, run=house.run):
            if each.status is S.UNTOLD:
                await end(each.id, S.WON, who=BOSS, run=house.run, portone=house.wired.portone)
        await happens(house, one, "dispute")
    if not house.portone.refunds(one.provider_order_id):
        await happens(house, one, "chargeback")
    await settle(house)


def _disputes(house: House, one: Payment) -> list[records.Dispute]:
    there = house.portone.payment(one.provider_order_id)
    assert there is not None
    assert there.succeeded is not None
    return list(there.succeeded.disputes)


def _opened(house: House, one: Payment) -> int:
    return len(_disputes(house, one))


def _over(house: House, one: Payment) -> bool:
    return _disputes(house, one)[0].resolved_at is not None


async def test_a_dispute_passes_its_failpoints(house: House) -> None:
    seen: Counter[str] = Counter()
    one = await paid(house)
    with watched(lambda name: seen.update([name])):
        await whole_life(house, one)
    assert set(FAILPOINTS) <= set(seen), set(FAILPOINTS) - set(seen)
    assert seen["payment.dispute.entry_posted"] == 4
    await it_ended_once(house, one)


async def it_ended_once(house: House, one: Payment) -> None:
    assert await sums(house) == (0, 0, 0)
    assert [each.status for each in await disputes_of(one, run=house.run)] == [S.WON, S.LOST]
    assert sorted(await told(house)) == ["payment.dispute_created"] * 2 + ["payment.dispute_resolved"] * 2


@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_in_a_dispute_moves_the_money_once(
    server: embedded.Embedded, settings: Settings, name: str
) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            one = await paid(house)
            with armed(name, at_pass=1), suppress(Crash, Refusal):
                await whole_life(house, one)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            await settle(reborn)
            await whole_life(reborn, one)
            await it_ended_once(reborn, one)


# The rules alone.
def shown(number: int = 1, *, over: bool = False, pg_id: str = "") -> SeenDispute:
    at = NOW + timedelta(minutes=number)
    return SeenDispute(pg_id, "못 받음", at, over, at + timedelta(days=9) if over else None)


def after(rows: list[Dispute], steps: list[Step]) -> list[Dispute]:
    known = {row.id: row for row in rows}
    for step in steps:
        known[step.after.id] = step.after
    return list(known.values())


def test_the_same_dispute_is_known_again_whatever_the_pg_calls_it() -> None:
    of = payment(Status.PAID)
    [first] = after([], learn(of, [], [shown()], NOW))
    assert learn(of, [first], [shown(pg_id="pgd-1")], NOW) == [], "named later"
    assert learn(of, [first], [shown()], NOW + timedelta(days=1)) == []
    [named] = after([], learn(of, [], [shown(pg_id="pgd-1")], NOW))
    moved = replace(shown(2), pg_id="pgd-1")
    assert learn(of, [named], [moved], NOW) == [], "the PG's name is the better one"
    assert len(learn(of, [named], [shown(pg_id="pgd-1"), shown(pg_id="pgd-2")], NOW)) == 1, "another at the same moment"


@pytest.mark.parametrize("names", [("", ""), ("pgd-1", ""), ("", "pgd-2")])
def test_two_that_were_opened_at_one_moment_keep_their_own_stories(names: tuple[str, str]) -> None:
    """The list has an order of its own each time, and the PG names one, both, or none of them."""
    of = payment(Status.PAID)
    first, second = shown(pg_id=names[0]), shown(pg_id=names[1])
    rows = after([], learn(of, [], [first, second], NOW))
    assert [row.held_amount for row in rows] == [11_000, 0], "one sum is in doubt once"
    over = replace(first, is_over=True, resolved_at=NOW)
    rows = after(rows, learn(of, rows, [second, over], NOW))
    assert sorted(row.status for row in rows) == [S.OPEN, S.UNTOLD]
    for look in ([over, second], [second, over]):
        assert learn(of, rows, look, NOW) == [], "and then nothing moves any more"
    untold = next(row for row in rows if row.status is S.UNTOLD)
    rows = after(rows, decide(untold, rows, S.LOST, by="kim"))
    for look in ([over, second], [second, over]):
        assert learn(of, rows, look, NOW) == []
    rows = after(rows, learn(of, rows, [over, replace(second, is_over=True, resolved_at=NOW)], NOW))
    assert sorted(row.status for row in rows) == [S.LOST, S.UNTOLD]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_two_disputes_hold_the_money_once_and_pass_it_on(order: tuple[int, ...]) -> None:
    """Whichever is decided first, and whenever a part goes back: held and lost never exceed what is left."""
    of, rows = payment(Status.PAID), []
    left, moves = 11_000, Counter[MoveKind]()

    def apply(steps: list[Step]) -> None:
        nonlocal rows
        rows = after(rows, steps)
        for step in steps:
            for move in step.moves:
                moves[move.kind] += move.amount
        assert sum(row.held_amount + row.written_off_amount for row in rows) <= left
        assert (
            sum(row.held_amount for row in rows)
            == moves[MoveKind.HELD] - moves[MoveKind.RELEASED] - moves[MoveKind.WRITTEN_OFF]
        )

    apply(learn(of, [], [shown(1), shown(2)], NOW))
    assert moves[MoveKind.HELD] == 11_000
    apply(learn(of, rows, [shown(1, over=True), shown(2, over=True)], NOW))
    acts = ["won", "lost", "part", "rest"]
    for which in order:
        untold = [row for row in rows if row.status is S.UNTOLD]
        match acts[which]:
            case "won" | "lost" as outcome:
                if untold:
                    apply(decide(untold[0], rows, S(outcome.upper()), by="kim"))
            case "part":
                left -= min(left, 3_000)
                apply(give_way(rows, amount=3_000, left=left, is_chargeback=False, now=NOW))
            case "rest":
                gone, left = left, 0
                apply(give_way(rows, amount=gone, left=0, is_chargeback=True, now=NOW))
                break
    if left == 0:
        assert all(not row.is_active for row in rows)
    assert reviewed(of, rows).review == ("dispute_untold" if any(row.status is S.UNTOLD for row in rows) else "")


def test_a_graver_reason_to_look_keeps_its_place() -> None:
    of = payment(Status.PAID, review="cancelled_more_than_taken")
    [row] = after([], learn(of, [], [shown(over=True)], NOW))
    assert reviewed(of, [row]).review == "cancelled_more_than_taken"
    assert reviewed(of, []).review == "cancelled_more_than_taken"


GRAVER = Query(str, "UPDATE payments SET review = 'outcome_unknown' RETURNING review")


async def test_once_the_graver_reason_is_gone_the_dispute_is_still_to_be_decided(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "resolve-dispute")
    assert await house.run.db.statement(GRAVER) == "outcome_unknown"
    for _ in range(2):
        seen = await sync(one, actor=TESTER, run=house.run, portone=house.wired.portone)
        assert (seen.review, (await find(str(one.id), run=house.run)).review) == ("dispute_untold", "dispute_untold")


async def test_a_dispute_of_another_store_is_not_there(house: House) -> None:
    one = await paid(house)
    await happens(house, one, "dispute", "resolve-dispute")
    stranger = Authority(TESTER, store_id="store-other")
    with pytest.raises(Refusal, match="no such dispute"):
        await end((await only(house, one)).id, S.WON, who=stranger, run=house.run, portone=house.wired.portone)
    with pytest.raises(Refusal, match="no such dispute"):
        await end(UUID(int=1), S.WON, who=BOSS, run=house.run, portone=house.wired.portone)


async def test_a_look_reads_the_disputes_of_a_payment_once_and_only_where_there_may_be_some(house: House) -> None:
    made = await initialize(
        Order(amount=11_000, currency="KRW", order_name="보리차"),
        actor=TESTER,
        run=house.run,
        portone=house.wired.portone,
    )
    read = []
    for happening in (None, "pay", None, "dispute", None):
        if happening == "pay":
            await house.portone.pay(made.provider_order_id)
        elif happening is not None:
            await house.portone.order(happening, made.provider_order_id)
        async with statements_of(house.run.db) as told:
            await sync(made, actor=TESTER, run=house.run, portone=house.wired.portone)
        read.append(sum("FROM payment_disputes" in one for one in told))
    # A dispute is read once more with the locked payment that is marked for a person.
    assert read == [0, 1, 1, 2, 1]
