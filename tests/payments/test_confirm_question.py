"""PortOne's question just before an approval: answered in time, from what holds; not knowing is a no (ADR 0019)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from at_console import at_the_console
from jangbu.app import create
from jangbu.checkout.service.approve import approve
from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.payments import store
from jangbu.payments.confirm import store as confirm_store
from jangbu.payments.confirm.question import ROUTE, ROUTE_V1, Question, answer
from jangbu.payments.confirm.refusals import CannotTell
from jangbu.payments.confirm.store import Asked
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.verify import verify
from jangbu.payments.story.cli import moments
from jangbu.payments.story.service import tell
from jangbu.portone import PortOne, sign
from jangbu.sandbox import CARD_CHANNEL, LIVE_CHANNEL, STORE_ID
from kit import TESTER, House, until, with_settings

AMOUNT = 11_000
URL = f"https://pay.test{ROUTE}"
ROWS = Query(int, "SELECT count(*) FROM payment_questions")


@asynccontextmanager
async def reached(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """PortOne reaches our question's route at URL, and our inbox everywhere else."""
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://pay.test") as client:

        async def deliver(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
            if url != URL:
                return await house.door(url, headers, body)
            try:
                said = await client.post(ROUTE, content=body, headers=dict(headers))
            except Crash:
                raise ConnectionResetError(url) from None
            return said.status_code, said.headers, said.content

        house.portone.parts.courier._deliver = deliver
        yield client


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with reached(house) as client:
        yield client


async def registered(house: House, **order: Any) -> Payment:
    asked = Order(amount=AMOUNT, currency="KRW", order_name="보리차", **order)
    return await initialize(asked, actor=TESTER, run=house.run, portone=house.wired.portone)


async def pay(house: House, payment: Payment, **window: Any) -> dict[str, Any]:
    return await house.portone.pay(payment.provider_order_id, confirmUrl=URL, **window)


async def questions(house: House, payment: Payment) -> list[Asked]:
    async with house.run.db.transaction() as tx:
        return await confirm_store.of_payment(tx, payment.id)


def taken(house: House, payment: Payment) -> list[int]:
    return house.portone.captures(payment.provider_order_id)


async def ask(
    client: httpx.AsyncClient, house: House, question_id: str = "wh_1", type_: str = "Transaction.Confirm", **data: Any
) -> tuple[int, dict[str, Any]]:
    """The question as PortOne signs it."""
    body = msgspec.json.encode({"type": type_, "timestamp": "2026-08-01T03:00:00Z", "data": data})
    headers = sign(house.run.settings.webhook_secrets[0], question_id, house.run.clock.now(), body)
    said = await client.post(ROUTE, content=body, headers=headers | {"content-type": "application/json"})
    return said.status_code, said.json()


async def test_what_was_registered_may_be_taken_and_the_answer_is_kept(house: House, client: httpx.AsyncClient) -> None:
    payment = await registered(house)
    assert "code" not in await pay(house, payment)
    assert taken(house, payment) == [AMOUNT]
    [kept] = await questions(house, payment)
    assert (kept.answer, kept.code, kept.times) == ("yes", "", 1)
    assert kept.asked["totalAmount"] == AMOUNT
    count = house.wired.metrics.registry.get_sample_value("jangbu_confirm_answer_seconds_count", {"answer": "yes"})
    assert count == 1


async def test_what_was_asked_and_answered_stands_in_the_payments_story(
    house: House, client: httpx.AsyncClient
) -> None:
    payment = await registered(house)
    facts = {"paymentId": payment.provider_order_id, "transactionId": "tx"}
    await ask(client, house, "wh_other", **facts, totalAmount=100)
    assert "code" not in await pay(house, payment)
    async with at_the_console(house) as desk:
        page = (await desk.get(f"/console/payments/{payment.id}?lang=en")).text
    for words in ("PortOne&#39;s question", "We said no", "PAYMENT_DIFFERS", "wh_other", "We said yes"):
        assert words in page, words
    story = await tell(str(payment.id), run=house.run)
    lines = [moment.line for moment in moments(story) if moment.kind == "question"]
    assert [line.partition(",")[0] for line in lines] == ["may it be approved? no", "may it be approved? yes"]


async def test_asked_twice_it_answers_twice_and_keeps_one(house: House, client: httpx.AsyncClient) -> None:
    payment = await registered(house)
    facts = {"paymentId": payment.provider_order_id, "transactionId": "tx", "totalAmount": AMOUNT}
    said = await asyncio.gather(*(ask(client, house, **facts) for _ in range(4)))
    assert said == [(200, {})] * 4
    assert [one.times for one in await questions(house, payment)] == [4]
    status, body = await ask(client, house, **(facts | {"totalAmount": AMOUNT + 1}))
    assert (status, body["code"]) == (400, "QUESTION_ID_REUSED")
    assert [one.asked["totalAmount"] for one in await questions(house, payment)] == [AMOUNT]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"totalAmount": 100}, "PAYMENT_DIFFERS"),
        ({"totalAmount": AMOUNT + 1}, "PAYMENT_DIFFERS"),
        ({"storeId": "store-of-somebody-else"}, "PAYMENT_DIFFERS"),
        ({"paymentId": "nobodys"}, "PAYMENT_NOT_FOUND"),
    ],
)
async def test_a_price_or_store_that_is_not_ours_is_a_no(
    house: House, client: httpx.AsyncClient, changed: dict[str, Any], code: str
) -> None:
    payment = await registered(house)
    facts = {"paymentId": payment.provider_order_id, "transactionId": "tx", "totalAmount": AMOUNT, "storeId": STORE_ID}
    status, body = await ask(client, house, **(facts | changed))
    assert (status >= 400, body["code"]) == (True, code)
    assert "승인" in body["errorMessage"] or "결제" in body["errorMessage"]
    assert await house.run.db.statement(ROWS) == 1


async def test_another_currency_or_kind_of_money_is_a_no(house: House, client: httpx.AsyncClient) -> None:
    """The question names neither; what PortOne shows does (F08, F16)."""
    payment = await registered(house)
    opened = await house.portone.open(payment.provider_order_id, confirmUrl=URL)
    house.portone.payment(payment.provider_order_id).attempts[0].order.currency = "USD"
    result = await house.portone.decide(opened["txId"], "approve")
    assert result["code"] == "ConfirmProcessFailed"
    other = await registered(house, order_id="order-2")
    assert (await pay(house, other, channelKey=LIVE_CHANNEL))["code"] == "ConfirmProcessFailed"
    assert (taken(house, payment), taken(house, other)) == ([], [])
    assert [one.code for one in await questions(house, other)] == ["PAYMENT_DIFFERS"]


@pytest.mark.parametrize("heard", [True, False])
async def test_what_was_paid_is_not_to_be_paid_again(house: House, client: httpx.AsyncClient, heard: bool) -> None:
    payment = await registered(house)
    await house.portone.pay(payment.provider_order_id)
    if heard:
        await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)
    facts = {"paymentId": payment.provider_order_id, "transactionId": "tx", "totalAmount": AMOUNT}
    status, body = await ask(client, house, **facts)
    assert (status, body["code"]) == (409, "PAYMENT_NOT_PAYABLE")


async def test_who_comes_after_the_time_to_pay_pays_nothing(house: House, client: httpx.AsyncClient) -> None:
    payment = await registered(house)
    opened = await house.portone.open(payment.provider_order_id, confirmUrl=URL)
    await house.portone.move(timedelta(hours=house.run.settings.payment_wait_h))
    result = await house.portone.decide(opened["txId"], "approve")
    assert (result["code"], "시간이 지났습니다" in result["message"]) == ("ConfirmProcessFailed", True)
    assert taken(house, payment) == []


@pytest.mark.parametrize(
    "data",
    [
        {"transactionId": "tx", "totalAmount": AMOUNT},
        {"paymentId": "p", "transactionId": "tx"},
        {"paymentId": "p", "totalAmount": "11000"},
        {"paymentId": "p", "totalAmount": 11000.0},
        {"paymentId": "p", "totalAmount": True},
        {"paymentId": "p" * 256, "totalAmount": AMOUNT},
    ],
)
async def test_what_is_no_question_is_no_yes(house: House, client: httpx.AsyncClient, data: dict[str, Any]) -> None:
    assert (await ask(client, house, **data))[0] == 400
    assert (await ask(client, house, type_="Transaction.Paid", **data))[0] == 400
    assert await house.run.db.statement(ROWS) == 0


async def test_at_the_webhooks_address_nothing_is_approved_by_accident(house: House, client: httpx.AsyncClient) -> None:
    payment = await registered(house)
    result = await house.portone.pay(payment.provider_order_id, confirmUrl="https://pay.test/api/portone/webhook")
    assert (result["code"], taken(house, payment)) == ("ConfirmProcessFailed", [])


async def test_nobody_but_portone_is_answered(house: House, client: httpx.AsyncClient) -> None:
    payment = await registered(house)
    body = msgspec.json.encode(
        {"type": "Transaction.Confirm", "data": {"paymentId": payment.provider_order_id, "totalAmount": AMOUNT}}
    )
    headers = sign("whsec_bm90LW91ci1zZWNyZXQtbm90LW91ci1zZWNyZXQ=", "wh_1", house.run.clock.now(), body)
    assert (await client.post(ROUTE, content=body, headers=headers)).status_code == 401
    assert (await client.post(ROUTE, content=body)).status_code == 400
    assert await questions(house, payment) == []


async def test_a_database_that_is_held_is_a_no_in_time_and_is_written_down_afterwards(house: House) -> None:
    """F93: whoever does not know says no while PortOne still listens, and no money has moved."""
    hasty = replace(house, wired=with_settings(house.wired, confirm_answer_s=1))
    payment = await registered(house)
    async with reached(hasty):
        loop = asyncio.get_running_loop()
        async with house.run.db.transaction() as tx:
            await store.lock(tx, payment.id)
            started = loop.time()
            result = await pay(house, payment)
            took = loop.time() - started
        assert (result["code"], "잠시 후" in result["message"]) == ("ConfirmProcessFailed", True)
        assert took < 4
        assert taken(house, payment) == []

        async def is_kept() -> bool:
            return [one.answer for one in await questions(house, payment)] == ["unknown"]

        await until(is_kept, what="the answer in the table")
        # The same payer tries again, and nothing is in the way any more.
        assert "code" not in await pay(house, payment)
    assert taken(house, payment) == [AMOUNT]


class Silent:
    """A PortOne that hears us and never answers."""

    async def send(self, *_: Any) -> Any:
        await asyncio.Event().wait()


@pytest.mark.parametrize("is_signed", [True, False])
async def test_a_portone_that_shows_nothing_in_time_is_believed_only_where_it_signed(
    house: House, is_signed: bool
) -> None:
    payment = await registered(house)
    run = with_settings(house.wired, confirm_answer_s=1).system
    question = Question("wh_1", is_signed, payment.provider_order_id, "tx", AMOUNT)
    silent = PortOne(Silent(), api_secret="secret")  # type: ignore[arg-type]
    against = await answer(question, run=run, portone=silent, approves=approve)
    assert (type(against), [one.answer for one in await questions(house, payment)]) == (
        (type(None), ["yes"]) if is_signed else (CannotTell, ["unknown"])
    )


async def test_unsigned_questions_do_not_fill_the_table(house: House) -> None:
    payment = await registered(house)
    for number in range(confirm_store.UNSIGNED_KEPT + 5):
        question = Question(f"v1:{number}", False, payment.provider_order_id, str(number), AMOUNT)
        await answer(question, run=house.run, portone=house.wired.portone, approves=approve)
    stranger = Question("v1:x", False, "nobodys", "tx", AMOUNT)
    assert await answer(stranger, run=house.run, portone=house.wired.portone, approves=approve) is not None
    assert await house.run.db.statement(ROWS) == confirm_store.UNSIGNED_KEPT


async def test_v1_asks_unsigned_in_major_units_and_portone_is_asked_back(
    house: House, client: httpx.AsyncClient
) -> None:
    """What anybody may say is only a yes where PortOne shows the very same payment."""
    payment = await registered(house)
    asked = {"imp_uid": "imp_1", "merchant_uid": payment.provider_order_id, "amount": AMOUNT}
    answers = []
    for change in ({}, {"amount": AMOUNT + 1}, {"amount": 1.5}, {"amount": "x"}, {"merchant_uid": "nobodys"}, {}):
        said = await client.post(ROUTE_V1, json=asked | change)
        answers.append((said.status_code, said.json().get("code")))
        await house.portone.open(payment.provider_order_id)
    # Before the window is open PortOne shows nothing, and nobody vouches for the question.
    assert answers == [
        (503, "PAYMENT_CANNOT_BE_CHECKED"),
        (409, "PAYMENT_DIFFERS"),
        (409, "PAYMENT_DIFFERS"),
        (400, None),
        (404, "PAYMENT_NOT_FOUND"),
        (200, None),
    ]
    assert "reason" in (await client.post(ROUTE_V1, json=asked | {"amount": 100})).json()
    assert [(one.answer, one.times) for one in await questions(house, payment)] == [
        ("yes", 2), ("no", 1), ("no", 1), ("no", 1),
    ]  # fmt: skip


async def test_a_payment_of_v1_is_read_from_v1(house: House, client: httpx.AsyncClient) -> None:
    payment = await registered(house, api="v1")
    await house.portone.v1_open(payment.provider_order_id, amount=AMOUNT, channelKey=CARD_CHANNEL)
    # V2 may know nothing of it: that it shows V1's payments is nowhere promised (portone-facts §10.20).
    house.portone.fault("status_500", operation="get_payment", times=9)
    asked = {"imp_uid": "imp_1", "merchant_uid": payment.provider_order_id, "amount": AMOUNT}
    assert (await client.post(ROUTE_V1, json=asked)).status_code == 200
    await house.portone.v1_pay(payment.provider_order_id, amount=AMOUNT, channelKey=CARD_CHANNEL)
    assert (await client.post(ROUTE_V1, json=asked)).json()["code"] == "PAYMENT_NOT_PAYABLE"


@pytest.mark.parametrize("amount", ["1e9999999", "NaN", "Infinity", "-1", "0." + "1" * 60])
async def test_an_amount_that_is_none_is_no_question(client: httpx.AsyncClient, amount: str) -> None:
    for written in (amount, f'"{amount}"'):
        body = f'{{"imp_uid": "i", "merchant_uid": "m", "amount": {written}}}'
        assert (await client.post(ROUTE_V1, content=body)).status_code == 400


@pytest.mark.parametrize("name", ["payment.question.read", "payment.question.before_commit"])
async def test_dying_before_the_answer_is_no_yes(house: House, client: httpx.AsyncClient, name: str) -> None:
    payment = await registered(house)
    with armed(name):
        result = await pay(house, payment)
    assert result["code"] == "ConfirmProcessFailed"
    assert (taken(house, payment), await questions(house, payment)) == ([], [])
    assert "code" not in await pay(house, payment)
