"""Approving what a payer agreed to, on a channel with manual approval (requirements B2; portone-facts §2.5)."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from checkout.shop import Shop
from jangbu import embedded
from jangbu.db import Tx
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed, watched
from jangbu.payments import store
from jangbu.payments.confirm.refusals import (
    ConfirmInProgress,
    ConfirmRefused,
    NothingToConfirm,
    PaymentDiffers,
    PaymentExpired,
)
from jangbu.payments.confirm.service import UNDER_WAY, Agreed, Approves, confirm, objection
from jangbu.payments.refusals import PaymentUnknown, PortOneUnclear
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import sync
from jangbu.payments.service.verify import Verdict, verify
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.sandbox import API_SECRET, CARD_CHANNEL, LIVE_CHANNEL, STORE_ID
from jangbu.settings import Settings
from kit import TESTER, House, books, fresh_database, house_at, settle

AMOUNT = 11_000
OPERATION = "confirm_payment"


async def agreed_in(house: House, order_id: str = "order-1", **window: Any) -> tuple[Payment, Agreed]:
    """A payment whose payer has agreed: from here on only the server's word is missing."""
    order = Order(amount=AMOUNT, currency="KRW", order_name="보리차", order_id=order_id)
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    for key in (CARD_CHANNEL, LIVE_CHANNEL):
        house.portone.world.state.channels[key].approves_manually = True
    result = await house.portone.pay(payment.provider_order_id, **window)
    assert "code" not in result, result
    return payment, Agreed(result["paymentToken"], result["txId"])


async def confirmed(house: House, payment: Payment, agreed: Agreed, approves: Approves | None = None) -> Verdict:
    run, portone = house.run, house.wired.portone
    reference, ask = payment.provider_order_id, approves or house.wired.approves
    return await confirm(reference, agreed, actor=TESTER, run=run, portone=portone, approves=ask)


async def attempts(house: House, payment: Payment) -> list[tuple[str, dict[str, Any]]]:
    async with house.run.db.transaction() as tx:
        every = await store.attempts(tx, payment.id)
    return [(one.state, one.outcome or {}) for one in every if one.operation == "confirm"]


def calls(house: House) -> list[str]:
    """Each confirm that PortOne heard, with what it said."""
    lines = house.portone.transport.transcript
    return [line.partition(" -> ")[2] for line in lines if line.startswith("POST ") and "/confirm ->" in line]


def taken(house: House, payment: Payment) -> list[int]:
    return house.portone.captures(payment.provider_order_id)


async def test_the_servers_word_takes_the_money_once_and_is_told_as_often_as_it_is_asked(house: House) -> None:
    payment, agreed = await agreed_in(house)
    assert taken(house, payment) == []
    for _ in range(3):
        verdict = await confirmed(house, payment, agreed)
        assert (verdict.is_paid, verdict.payment.status) == (True, Status.PAID)
    assert (len(calls(house)), taken(house, payment)) == (1, [AMOUNT])
    assert [state for state, _ in await attempts(house, payment)] == ["done"]
    await settle(house)
    found = await books(house)
    assert (found.proof.holds, found.balances["assets:pg_receivable"]) == (True, AMOUNT)
    assert found.events.count("payment.paid") == 1


async def test_the_token_is_kept_only_as_a_digest(house: House) -> None:
    payment, agreed = await agreed_in(house)
    await confirmed(house, payment, agreed)
    async with house.run.db.transaction() as tx:
        [attempt] = [one for one in await store.attempts(tx, payment.id) if one.operation == "confirm"]
    assert agreed.token not in str(attempt)
    assert attempt.request["tokenSha256"] == agreed.digest


@pytest.mark.parametrize("many", [2, 8])
async def test_confirms_that_come_at_once_are_one(house: House, many: int) -> None:
    payment, agreed = await agreed_in(house)
    await Shop(house).crowd()
    results = await asyncio.gather(*(confirmed(house, payment, agreed) for _ in range(many)), return_exceptions=True)
    said = Counter(type(one) for one in results)
    assert said.keys() <= {Verdict, ConfirmInProgress}
    assert said[Verdict] >= 1
    assert (len(calls(house)), taken(house, payment)) == (1, [AMOUNT])


async def test_two_windows_are_one_payment(house: House) -> None:
    payment, first = await agreed_in(house)
    _, second = await agreed_in(house)
    assert (await confirmed(house, payment, second)).is_paid
    assert (await confirmed(house, payment, first)).is_paid
    assert taken(house, payment) == [AMOUNT]


async def test_nothing_is_approved_that_nobody_agreed_to(house: House) -> None:
    order = Order(amount=AMOUNT, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    with pytest.raises(NothingToConfirm):
        await confirmed(house, payment, Agreed("pt_guessed"))
    with pytest.raises(PaymentUnknown):
        await confirmed(house, replace(payment, provider_order_id="nobodys"), Agreed("pt_guessed"))
    assert calls(house) == []


async def test_a_window_with_other_terms_is_refused_before_any_money_moves(house: House) -> None:
    """PortOne fixes the amount; where that did not hold, we still look (F08)."""
    payment, agreed = await agreed_in(house)
    attempt = house.portone.world.payment(STORE_ID, payment.provider_order_id).attempts[0]
    attempt.order.total_minor = 100
    with pytest.raises(PaymentDiffers) as refused:
        await confirmed(house, payment, agreed)
    assert refused.value.facts["what"] == "other_amount"
    attempt.order.total_minor, attempt.order.currency = AMOUNT, "USD"
    with pytest.raises(PaymentDiffers) as refused:
        await confirmed(house, payment, agreed)
    assert refused.value.facts["what"] == "other_currency"
    assert (calls(house), await attempts(house, payment), taken(house, payment)) == ([], [], [])


@pytest.mark.parametrize(("total", "code"), [(AMOUNT, None), (AMOUNT - 1, "PAYMENT_DIFFERS")])
async def test_where_portone_names_no_channel_yet_the_rest_is_compared(
    house: House, total: int, code: str | None
) -> None:
    """Until it is paid, PortOne need not say through which channel (portone-facts §2.2)."""
    payment, _ = await agreed_in(house)
    shown = await sync(payment, actor=TESTER, run=house.run, portone=house.wired.portone)
    assert shown.portone is not None
    raw = shown.portone | {"channel": None, "amount": shown.portone["amount"] | {"total": total}}
    against = objection(replace(shown, portone=raw), live=True, now=house.run.clock.now())
    assert (against.code if against else None) == code


async def test_another_kind_of_money_is_refused_by_us_or_by_portone(house: House) -> None:
    """A live channel here, a test channel in live mode: what PortOne shows before it is paid may not say (F16)."""
    payment, agreed = await agreed_in(house, channelKey=LIVE_CHANNEL)
    with pytest.raises((PaymentDiffers, ConfirmRefused)):
        await confirmed(house, payment, agreed)
    assert taken(house, payment) == []


async def test_who_comes_after_the_time_to_pay_pays_nothing(house: House) -> None:
    payment, _ = await agreed_in(house)
    await house.portone.move(timedelta(hours=house.run.settings.payment_wait_h))
    _, fresh = await agreed_in(house)
    with pytest.raises(PaymentExpired):
        await confirmed(house, payment, fresh)
    assert (calls(house), taken(house, payment)) == ([], [])


async def test_another_stores_key_confirms_nothing_here(house: House) -> None:
    payment, agreed = await agreed_in(house)
    asked = {"actor": TESTER, "run": house.run, "portone": house.wired.portone, "approves": house.wired.approves}
    with pytest.raises(PaymentUnknown):
        await confirm(payment.provider_order_id, agreed, store_id="store-of-somebody-else", **asked)
    assert (calls(house), taken(house, payment)) == ([], [])


class Gone(Refusal):
    """What a room above might object."""

    code = "TEST_GOODS_ARE_GONE"


async def test_whoever_sells_is_asked_before_any_money_moves_and_leaves_a_trace(house: House) -> None:
    payment, agreed = await agreed_in(house)
    asked: list[tuple[str, bool]] = []

    async def gone(tx: Tx, about: Payment, /, *, now: datetime, run: Runtime) -> Refusal | None:
        asked.append((about.provider_order_id, now == run.clock.now()))
        return Gone()

    with pytest.raises(Gone):
        await confirmed(house, payment, agreed, gone)
    assert asked == [(payment.provider_order_id, True)]
    assert (calls(house), await attempts(house, payment), taken(house, payment)) == ([], [], [])
    async with house.run.db.transaction() as tx:
        lines = await audit_of(tx, payment)
    assert ("payment.confirm_refused", "TEST_GOODS_ARE_GONE") in lines
    assert (await confirmed(house, payment, agreed)).is_paid


async def audit_of(tx: Tx, payment: Payment) -> list[tuple[str, str]]:
    from jangbu import audit

    return [(line.action, line.facts.get("reason", "")) for line in await audit.of_subject(tx, payment.subject)]


async def test_what_the_pg_declines_is_refused_and_another_window_may_follow(house: House) -> None:
    payment, agreed = await agreed_in(house)
    house.portone.fault("pay_refused", reason="limit_exceeded")
    with pytest.raises(ConfirmRefused) as refused:
        await confirmed(house, payment, agreed)
    assert refused.value.facts["type"] == "PG_PROVIDER"
    assert [state for state, _ in await attempts(house, payment)] == ["refused"]
    _, again = await agreed_in(house)
    assert (await confirmed(house, payment, again)).is_paid
    assert taken(house, payment) == [AMOUNT]


async def test_an_account_is_issued_and_nothing_is_paid(house: House) -> None:
    payment, agreed = await agreed_in(house, payMethod="VIRTUAL_ACCOUNT")
    verdict = await confirmed(house, payment, agreed)
    assert (verdict.is_paid, verdict.payment.status) == (False, Status.VIRTUAL_ACCOUNT_ISSUED)
    assert (await confirmed(house, payment, agreed)).payment.status is Status.VIRTUAL_ACCOUNT_ISSUED
    assert len(calls(house)) == 1


@pytest.mark.parametrize("fault", ["answer_lost", "status_500", "bad_json"])
async def test_a_lost_answer_is_not_a_refusal_and_the_sweep_finds_the_money(house: House, fault: str) -> None:
    """F03, F04: PortOne took the money, and nobody told us."""
    payment, agreed = await agreed_in(house)
    house.portone.fault(fault, operation=OPERATION, acts=True)
    with pytest.raises(PortOneUnclear):
        await confirmed(house, payment, agreed)
    [(state, outcome)] = await attempts(house, payment)
    assert (state, "why" in outcome) == ("unknown", True)
    await house.move(timedelta(seconds=31))
    assert [(state, outcome["settled"]) for state, outcome in await attempts(house, payment)] == [
        ("done", "by reading the payment")
    ]
    assert (await confirmed(house, payment, agreed)).is_paid
    assert (len(calls(house)), taken(house, payment)) == (1, [AMOUNT])


async def test_a_pg_that_says_no_after_it_took_the_money_is_not_believed(house: House) -> None:
    payment, agreed = await agreed_in(house)
    house.portone.fault("status_502", operation=OPERATION, acts=True)
    assert (await confirmed(house, payment, agreed)).is_paid
    assert taken(house, payment) == [AMOUNT]


class Heard:
    """A line to PortOne that remembers under which keys an approval was sent."""

    def __init__(self, line: Any) -> None:
        self.line = line
        self.keys: list[str] = []

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        if target.endswith("/confirm"):
            self.keys.append(headers["Idempotency-Key"])
        return await self.line.send(method, target, headers, body)


async def test_what_never_arrived_is_sent_again_under_its_own_key_or_given_up(house: House) -> None:
    payment, agreed = await agreed_in(house)
    house.portone.fault("status_500", operation=OPERATION)
    heard = Heard(house.portone.transport)
    portone = PortOne(heard, api_secret=API_SECRET, store_id=STORE_ID)
    ask = {"actor": TESTER, "run": house.run, "portone": portone, "approves": house.wired.approves}
    with pytest.raises(PortOneUnclear):
        await confirm(payment.provider_order_id, agreed, **ask)
    assert (await confirm(payment.provider_order_id, agreed, **ask)).is_paid
    assert len(await attempts(house, payment)) == 1
    assert (len(heard.keys), len(set(heard.keys))) == (2, 1)

    other, token = await agreed_in(house, "order-2")
    house.portone.fault("status_500", operation=OPERATION)
    with pytest.raises(PortOneUnclear):
        await confirmed(house, other, token)
    await settle(house)
    assert await attempts(house, other) == [("refused", {"httpStatus": 500, "type": "NOT_DONE", "why": "server_error"})]
    assert taken(house, other) == []


async def test_whoever_looks_last_settles_an_approval_that_did_not_happen(house: House) -> None:
    """After a day past the time to pay no sweep comes any more: a look of the shop's own is then the only one."""
    payment, agreed = await agreed_in(house)
    with pytest.raises(Crash), armed("payment.confirm.intended"):
        await confirmed(house, payment, agreed)
    assert [state for state, _ in await attempts(house, payment)] == ["sent"]
    await house.portone.move(timedelta(days=3))
    run, portone = house.run, house.wired.portone
    await verify(str(payment.id), actor=TESTER, run=run, portone=portone)
    assert await attempts(house, payment) == [("refused", {"type": "NOT_DONE"})]


async def test_another_window_waits_while_portone_may_still_be_working_on_a_lost_one_and_no_longer(
    house: House,
) -> None:
    payment, lost = await agreed_in(house)
    house.portone.fault("status_500", operation=OPERATION)
    with pytest.raises(PortOneUnclear):
        await confirmed(house, payment, lost)
    _, other = await agreed_in(house)
    with pytest.raises(ConfirmInProgress):
        await confirmed(house, payment, other)
    await house.portone.move(UNDER_WAY)
    assert (await confirmed(house, payment, other)).is_paid
    assert taken(house, payment) == [AMOUNT]
    assert {state for state, _ in await attempts(house, payment)} == {"done"}


FAILPOINTS = (
    "payment.confirm.before_commit",
    "payment.confirm.intended",
    "payment.confirm.answered",
    "payment.confirm.noted",
)


async def test_the_failpoints_are_passed(house: House) -> None:
    payment, agreed = await agreed_in(house)
    seen: Counter[str] = Counter()
    with watched(lambda name: seen.update([name])):
        await confirmed(house, payment, agreed)
    assert set(FAILPOINTS) <= set(seen)


@pytest.mark.parametrize("asks_again", [True, False])
@pytest.mark.parametrize("name", FAILPOINTS)
async def test_dying_anywhere_takes_the_money_once_or_not_at_all(
    server: embedded.Embedded, settings: Settings, name: str, asks_again: bool
) -> None:
    """F01, F02: what PortOne did, our row, the ledger and the events agree, and no call is left without an outcome."""
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            payment, agreed = await agreed_in(house)
            with armed(name), pytest.raises(Crash):
                await confirmed(house, payment, agreed)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            if asks_again:
                await reborn.portone.move(timedelta(seconds=11))
                assert (await confirmed(reborn, payment, agreed)).is_paid
            await settle(reborn)
            found = await books(reborn)
            captures = taken(reborn, payment)
            assert len(captures) <= 1
            assert (found.proof.holds, found.balances.get("assets:pg_receivable", 0)) == (True, sum(captures))
            assert found.events.count("payment.paid") == len(captures)
            assert not [state for state, _ in await attempts(reborn, payment) if state in ("sent", "unknown")]
