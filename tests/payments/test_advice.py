"""What is said before a refund: what is known, with its source, and plainly what is not known."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from jangbu.clock import instant
from jangbu.payments.cancellations.advice_rules import NOT_KNOWN, RULES, TOPICS, Advice, advise
from jangbu.payments.cancellations.rules import Cancellation, CancellationStatus
from jangbu.payments.cancellations.service.advice import advice
from jangbu.payments.methods import Kind
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from kit import TESTER, House, settle

from .told import payment

PAID = instant("2026-07-31T14:59:00Z")  # 23:59 of the last of July in Seoul
CARD = {"type": "PaymentMethodCard", "card": {"number": "4330"}}
ACCOUNT = {"type": "PaymentMethodVirtualAccount", "accountNumber": "1"}


def of(method: dict[str, Any], pg: str = "TOSSPAYMENTS", **more: Any) -> Payment:
    return payment(Status.PAID, method=method, pg_provider=pg, paid_at=PAID, **more)


def at(text: str, one: Payment, *known: Cancellation) -> Advice:
    return advise(one, known, instant(text))


def wallet(provider: str, inner: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "PaymentMethodEasyPay", "provider": provider} | ({"easyPayMethod": inner} if inner else {})


def given(one: Payment, number: int, amount: int = 1) -> Cancellation:
    return Cancellation(
        id=one.id, payment_id=one.id, origin="ours", status=CancellationStatus.SUCCEEDED, amount=amount,
        currency="KRW", reason=str(number), requested_by="t", created_at=PAID,
    )  # fmt: skip


def test_a_telephone_bill_can_be_refunded_in_its_month_in_seoul_and_not_a_second_longer() -> None:
    one = of({"type": "PaymentMethodMobile", "phoneNumber": "01012345678"})
    assert at("2026-07-31T14:59:59Z", one).allowed == "yes"
    over = at("2026-07-31T15:00:00Z", one)
    assert (over.allowed, over.why, over.until) == ("no", "CANCEL_PERIOD_EXPIRED", instant("2026-07-31T15:00:00Z"))
    december = payment(
        Status.PAID,
        method={"type": "PaymentMethodMobile"},
        pg_provider="DANAL",
        paid_at=instant("2026-12-05T00:00:00Z"),
    )
    assert at("2026-12-06T00:00:00Z", december).until == instant("2026-12-31T15:00:00Z")


@pytest.mark.parametrize(
    ("method", "pg", "days", "afterwards"),
    [
        (CARD, "TOSSPAYMENTS", 365, "unlikely"),
        (CARD, "KSNET", 183, "unlikely"),
        (wallet("NAVERPAY"), "NAVERPAY", 1095, "no"),
        (wallet("PAYPAL"), "PAYPAL_V2", 180, "no"),
        (wallet("KAKAOPAY", CARD), "KAKAOPAY", 365, "no"),
        (wallet("KAKAOPAY", {"type": "PaymentMethodEasyPayMethodCharge"}), "KAKAOPAY", 1825, "unlikely"),
        (ACCOUNT, "TOSSPAYMENTS", None, "yes"),
        (wallet("TOSSPAY"), "TOSSPAY_V2", None, "yes"),
        ({"type": "PaymentMethodTomorrow"}, "TOMORROW", None, "yes"),
    ],
)
def test_until_when_each_way_to_pay_can_be_refunded(
    method: dict[str, Any], pg: str, days: int | None, afterwards: str
) -> None:
    one = of(method, pg)
    assert at("2026-08-01T00:00:00Z", one).until == (None if days is None else PAID + timedelta(days=days))
    assert at("2036-08-01T00:00:00Z", one).allowed == afterwards


def test_a_deposit_needs_an_account_and_says_what_it_costs_and_how_long_it_takes() -> None:
    found = at("2026-08-01T00:00:00Z", of(ACCOUNT))
    assert found.needs == ("refundAccount",)
    said = {note.topic: note for note in found.notes}
    assert "300" in said["cost"].en
    assert "one to two business days" in said["arrives"].en
    assert at("2026-08-01T00:00:00Z", of(ACCOUNT, "SMARTRO_V2")).needs == (
        "refundAccount",
        "refundAccount.holderPhoneNumber",
    )


def test_what_nobody_wrote_down_is_said_to_be_not_known() -> None:
    found = at("2026-08-01T00:00:00Z", of({"type": "PaymentMethodTomorrow"}, "TOMORROW"))
    unknown = {note.topic: note.en for note in found.notes if not note.source}
    assert unknown == {topic: en for topic, (_, en) in NOT_KNOWN.items()}
    assert (found.allowed, found.needs, found.in_parts) == ("yes", (), True)


def test_parts_end_with_ksnets_ninth_and_never_begin_for_its_telephone_bills() -> None:
    one = of(CARD, "KSNET")
    parts = [given(one, number) for number in range(9)]
    assert at("2026-08-01T00:00:00Z", one, *parts[:8]).in_parts
    assert not at("2026-08-01T00:00:00Z", one, *parts).in_parts
    assert not at("2026-07-31T14:59:30Z", of({"type": "PaymentMethodMobile"}, "KSNET")).in_parts
    assert not at("2026-08-01T00:00:00Z", of({"type": "PaymentMethodGiftCertificate"}, "TOSSPAYMENTS")).in_parts


def test_what_the_refund_itself_would_refuse_is_refused_here_with_its_code() -> None:
    one = of(CARD)
    unpaid = payment(Status.READY)
    assert (at("2026-08-01T00:00:00Z", unpaid).allowed, at("2026-08-01T00:00:00Z", unpaid).why) == (
        "no",
        "PAYMENT_NOT_PAID",
    )
    assert at("2026-08-01T00:00:00Z", one, given(one, 1, 11_000)).why == "PAYMENT_ALREADY_CANCELLED"
    mixed = of(CARD, tax_free_amount=1_000)
    assert at("2026-08-01T00:00:00Z", mixed).needs == ("taxFreeAmount (in part)",)
    store = of({"type": "PaymentMethodConvenienceStore"}, "INICIS_JP")
    assert at("2026-08-01T00:00:00Z", store).why == "CANCEL_NOT_SUPPORTED"


def test_every_line_is_dated_names_its_source_and_says_it_in_both_languages() -> None:
    for rule in RULES:
        assert re.fullmatch(
            r"developers\.portone\.io: [\w/-]+( \(\w+\))?|what Korean card companies do; .+", rule.source
        )
        assert rule.as_of.year >= 2026
        assert re.search("[가-힣]", rule.ko) and not re.search("[가-힣]", rule.en)
        assert rule.topic in TOPICS and rule.kinds <= set(Kind)
        assert rule.days is None or rule.topic == "until"


SWITCHES: list[tuple[str, dict[str, Any]]] = [
    ("card", {}),
    ("virtual_account", {"payMethod": "VIRTUAL_ACCOUNT"}),
    ("mobile", {"payMethod": "MOBILE"}),
    ("gift_certificate", {"payMethod": "GIFT_CERTIFICATE"}),
    ("naverpay", {"payMethod": "EASY_PAY"}),
]


@pytest.mark.parametrize(("name", "params"), SWITCHES)
async def test_what_is_advised_is_what_portone_does(house: House, name: str, params: dict[str, Any]) -> None:
    """The sandbox refuses by its own reading of the same documents: where the advice says no, so does it."""
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    one = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(one.provider_order_id, method=name, **params)
    if name == "virtual_account":
        await house.portone.deposit(one.provider_order_id)
    await settle(house)
    paid, now = await advice(str(one.id), run=house.run)
    assert now.allowed == "yes"
    account = {"refundAccount": {"bank": "KOOKMIN", "number": "110987654321", "holderName": "김철수"}}
    body = account if now.needs else {}
    if now.in_parts:
        status, said = await house.portone.cancel(one.provider_order_id, 1_000, **body)
        assert status == 200, said
    else:
        assert (await house.portone.cancel(one.provider_order_id, 1_000, **body))[0] == 502
    if now.until is None and name != "virtual_account":
        return  # Nobody knows until when; the sandbox has to choose.
    last: datetime = now.until or house.run.clock.now() + timedelta(days=3000)
    await house.portone.move(last - house.run.clock.now() + timedelta(seconds=1))
    _, later = await advice(str(paid.id), run=house.run)
    status, _ = await house.portone.cancel(one.provider_order_id, 1_000 if now.in_parts else None, **body)
    assert (status == 200) == (later.allowed == "yes")
