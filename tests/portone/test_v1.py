"""V1's client against a server that answers any bytes, and against the sandbox's V1: the same outcomes as V2's."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu import sandbox as names
from jangbu.errors import SetupProblem
from jangbu.money import AMOUNT_MINOR_MAX, Money
from jangbu.portone import Done, PortOneV1, Refused, Unknown, Why
from jangbu.portone.calling import Account
from jangbu.portone.transport import AiohttpTransport
from jangbu.portone.v1 import judge
from jangbu.portone.wire import Unreadable
from jangbu.portone.wire_v1 import encode, major, minor, read_envelope, read_order, read_payment
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox

WON = Money(11_000, "KRW")
NOTHING = Money(0, "KRW")


def v1_of(sandbox: Sandbox, **more: Any) -> PortOneV1:
    given = {"api_key": names.V1_KEY, "api_secret": names.V1_SECRET, "store_id": names.STORE_ID, "root": "/v1"}
    return PortOneV1(sandbox.transport, **given | more)


async def paid(sandbox: Sandbox, merchant_uid: str = "order1", total: int = 11_000, **more: Any) -> str:
    return await sandbox.v1_pay(merchant_uid, amount=total, channelKey=names.CARD_CHANNEL, **more)


def row(**changed: Any) -> dict[str, Any]:
    """One payment of V1 as it documents it, of 11,000 won by card on a test channel."""
    return {
        "imp_uid": "imp_1", "merchant_uid": "order1", "pay_method": "card", "pg_provider": "html5_inicis",
        "pg_tid": "StdpayCARD1", "pg_id": "INIpayTest", "sandbox": True, "card_name": "신한카드",
        "card_number": "433012******1234", "card_quota": 3, "name": "보리차", "amount": 11000, "cancel_amount": 0,
        "currency": "KRW", "status": "paid", "started_at": 1785553200, "paid_at": 1785553209, "failed_at": 0,
        "cancelled_at": 0, "cancel_history": [],
    } | changed  # fmt: skip


async def test_a_payments_life_reads_as_v2s() -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    assert await v1.prepare("order1", total=WON) == Done(None, {})
    assert await v1.get_order("order1") == Refused("PAYMENT_NOT_FOUND", 404, message="존재하지 않는 결제정보입니다.",
                                                   pg_message="존재하지 않는 결제정보입니다.")  # fmt: skip
    imp_uid = await paid(sandbox)
    seen = await v1.get_order("order1")
    assert isinstance(seen, Done)
    _, v2 = await sandbox.api("GET", "/payments/order1")
    one = seen.value
    assert (one.id, one.status, one.transaction_id, one.currency) == ("order1", "PAID", imp_uid, "KRW")
    assert (one.amount.total, one.store_id, one.pg_tx_id) == (11_000, names.STORE_ID, v2["pgTxId"])
    assert one.method is not None and one.method["type"] == v2["method"]["type"]
    assert one.channel is not None
    assert (one.channel.type, one.channel.key) == ("TEST", "tosspayments.tosspayments")
    assert one.raw["v1"]["imp_uid"] == imp_uid

    outcome = await v1.cancel(
        imp_uid, amount=Money(4_000, "KRW"), tax_free=NOTHING, cancellable=WON, reason="변심 [jangbu:1]"
    )
    assert isinstance(outcome, Done)
    assert (outcome.value.status, outcome.value.total_amount) == ("SUCCEEDED", 4_000)
    part = await v1.get_order("order1")
    assert isinstance(part, Done)
    assert (part.value.status, part.value.amount.cancelled) == ("PARTIAL_CANCELLED", 4_000)
    assert [one.id for one in part.value.cancellations] == [outcome.value.id]
    rest = Money(7_000, "KRW")
    assert isinstance(await v1.cancel(imp_uid, amount=rest, tax_free=NOTHING, cancellable=rest, reason="나머지"), Done)
    whole = await v1.get_order("order1")
    assert isinstance(whole, Done) and whole.value.status == "CANCELLED"
    assert sandbox.refunds("order1") == [4_000, 7_000]


async def test_the_same_cancel_twice_gives_the_money_back_once() -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    imp_uid = await paid(sandbox)
    call = {"amount": Money(4_000, "KRW"), "tax_free": NOTHING, "cancellable": WON, "reason": "변심"}
    assert isinstance(await v1.cancel(imp_uid, **call), Done)
    again = await v1.cancel(imp_uid, **call)
    assert isinstance(again, Refused) and not again.certain and "checksum" in (again.pg_message or "")
    assert sandbox.refunds("order1") == [4_000]


async def test_preparing_again_is_done_and_with_another_amount_refused() -> None:
    for refuses in (True, False):
        v1 = v1_of(Sandbox(inferred=Inferred(v1_prepare_again_is_refused=refuses)))
        assert isinstance(await v1.prepare("order1", total=WON), Done)
        assert isinstance(await v1.prepare("order1", total=WON), Done)
    v1 = v1_of(Sandbox())
    await v1.prepare("order1", total=WON)
    assert (await v1.prepare("order1", total=Money(9_000, "KRW"))).type == "PREPARED_WITH_OTHER_TERMS"


async def test_the_attempt_that_was_paid_stands_for_the_order_and_not_the_newest() -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    first = await sandbox.v1_open("order1", amount=11_000, channelKey=names.CARD_CHANNEL)
    second = await sandbox.v1_open("order1", amount=11_000, channelKey=names.CARD_CHANNEL)
    await sandbox.decide(first["imp_uid"], "approve")
    await sandbox.decide(second["imp_uid"], "close")
    seen = await v1.get_order("order1")
    assert isinstance(seen, Done)
    assert (seen.value.status, seen.value.transaction_id, seen.value.also_paid) == ("PAID", first["imp_uid"], [])


async def test_a_dollars_decimals_arrive_exactly() -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    total = Money(1_420, "USD")
    assert isinstance(await v1.prepare("order1", total=total), Done)
    imp_uid = await sandbox.v1_pay("order1", amount=14.2, currency="USD", channelKey=names.CARD_CHANNEL)
    seen = await v1.get_order("order1")
    assert isinstance(seen, Done) and seen.value.amount.total == 1_420
    part = await v1.cancel(
        imp_uid, amount=Money(415, "USD"), tax_free=Money(0, "USD"), cancellable=total, reason="part"
    )
    assert isinstance(part, Done) and part.value.total_amount == 415


async def test_a_deposit_goes_back_to_the_account_with_the_pgs_code_of_its_bank() -> None:
    sandbox = Sandbox()
    asked: list[bytes] = []
    send = sandbox.transport.send

    class Listening:
        async def send(self, method, target, headers, body):
            asked.append(body)
            return await send(method, target, headers, body)

    v1 = PortOneV1(Listening(), api_key=names.V1_KEY, api_secret=names.V1_SECRET, store_id=names.STORE_ID, root="/v1",
                   refund_banks={"KOOKMIN": "BK04"})  # fmt: skip
    await sandbox.v1_pay("order1", amount=11_000, pay_method="vbank", channelKey=names.CARD_CHANNEL)
    waiting = await v1.get_order("order1")
    assert isinstance(waiting, Done) and waiting.value.status == "VIRTUAL_ACCOUNT_ISSUED"
    assert waiting.value.method is not None and waiting.value.method["accountNumber"]
    await sandbox.deposit("order1")
    for bank, code in (("KOOKMIN", "BK04"), ("SHINHAN", "088")):
        seen = await v1.get_order("order1")
        assert isinstance(seen, Done)
        await v1.cancel(
            seen.value.transaction_id or "",
            amount=Money(1_000, "KRW"),
            tax_free=NOTHING,
            cancellable=Money(seen.value.amount.total - seen.value.amount.cancelled, "KRW"),
            reason="환불",
            account=Account(bank, "123456789012", "김민수", "01012345678"),
        )
        sent = json.loads(asked[-1])
        assert (sent["refund_bank"], sent["refund_tel"]) == (code, "01012345678")
    assert sandbox.refunds("order1") == [1_000, 1_000]
    none = await v1.cancel("imp_1", amount=WON, tax_free=NOTHING, cancellable=WON, reason="환불",
                           account=Account("NEW_BANK", "1", "김민수"))  # fmt: skip
    assert none == Refused("REFUND_BANK_WITHOUT_V1_CODE", 422)


async def test_many_callers_at_once_fetch_one_token(server, answer) -> None:
    token = {"code": 0, "message": None, "response": {"access_token": "t1", "now": 100, "expired_at": 1900}}
    server.plays(answer(200, token), answer(200, {"code": 0, "message": None, "response": row()}))
    async with AiohttpTransport(server.url) as transport:
        v1 = PortOneV1(transport, api_key="key", api_secret="secret", store_id="store-1")
        outcomes = await asyncio.gather(*(v1.get_attempt("imp_1") for _ in range(20)))
    assert all(isinstance(one, Done) for one in outcomes)
    assert [one.line.split()[1] for one in server.received].count("/users/getToken") == 1
    assert server.received[1].headers["Authorization"] == "Bearer t1"


async def test_a_token_that_ran_out_is_renewed_once_and_the_call_made_again() -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    imp_uid = await paid(sandbox)
    assert isinstance(await v1.get_order("order1"), Done)
    sandbox.world.state.tokens.clear()
    outcomes = await asyncio.gather(*(v1.get_order("order1") for _ in range(10)))
    assert all(isinstance(one, Done) for one in outcomes)
    sandbox.world.state.tokens.clear()
    call = {"amount": Money(4_000, "KRW"), "tax_free": NOTHING, "cancellable": WON, "reason": "변심"}
    assert isinstance(await v1.cancel(imp_uid, **call), Done)
    assert sandbox.refunds("order1") == [4_000]
    fetched = [line for line in sandbox.transport.transcript if "/users/getToken" in line]
    assert len(fetched) == 3


async def test_a_wrong_key_is_a_401_and_says_nothing_of_the_payment() -> None:
    sandbox = Sandbox()
    wrong = v1_of(sandbox, api_secret="wrong")
    for outcome in (await wrong.prepare("order1", total=WON), await wrong.get_order("order1")):
        assert isinstance(outcome, Refused)
        assert (outcome.type, outcome.http_status) == ("UNAUTHORIZED", 401)
    with pytest.raises(SetupProblem, match="V1 REST API key"):
        v1_of(sandbox, api_secret="two words")


async def test_those_who_wait_for_a_token_that_does_not_come_wait_once(server) -> None:
    server.plays(server.hang)
    async with AiohttpTransport(server.url, read_timeout_s=0.3) as transport:
        v1 = PortOneV1(transport, api_key="key", api_secret="secret", store_id="store-1")
        outcomes = await asyncio.gather(*(v1.get_attempt("imp_1") for _ in range(20)))
        assert all(isinstance(one, Unknown) and one.why is Why.NOT_SENT for one in outcomes)
        assert len(server.received) == 1
        await v1.get_attempt("imp_1")
    assert len(server.received) == 2


async def test_without_a_token_nothing_was_sent() -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    sandbox.fault("status_500", operation="v1_get_token")
    outcome = await v1.cancel("imp_1", amount=WON, tax_free=NOTHING, cancellable=WON, reason="변심")
    assert isinstance(outcome, Unknown) and outcome.why is Why.NOT_SENT


ENVELOPES: dict[str, tuple[int, bytes, Any]] = {
    "a failure at 200": (200, b'{"code":1,"message":"\xec\x95\x84\xeb\x8b\x88\xec\x98\xa4","response":null}', Refused),
    "a failure at 400": (400, b'{"code":-1,"message":"no","response":null}', Refused),
    "not there": (404, b'{"code":-1,"message":"no","response":null}', Refused),
    "not there, says a proxy": (404, b"<html>404</html>", Why.UNREADABLE),
    "done, says a 404": (404, b'{"code":0,"message":null,"response":{}}', Why.UNREADABLE),
    "not yet, says a 202": (202, b'{"code":0,"message":null,"response":{}}', Why.UNREADABLE),
    "no code": (200, b'{"message":null,"response":{}}', Why.UNREADABLE),
    "a code of true": (200, b'{"code":true,"message":null,"response":{}}', Why.UNREADABLE),
    "a code of text": (200, b'{"code":"0","message":null,"response":{}}', Why.UNREADABLE),
    "a list": (200, b"[]", Why.UNREADABLE),
    "no JSON": (200, b"<html>", Why.UNREADABLE),
    "a broken machine": (500, b'{"code":-1,"message":"no","response":null}', Why.SERVER_ERROR),
    "a gateway": (502, b"<html>502</html>", Why.SERVER_ERROR),
    "too many": (429, b'{"code":-1,"message":"no","response":null}', Why.RATE_LIMITED),
    "too slow": (408, b"", Why.TIMED_OUT),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_what_an_answer_means(name: str) -> None:
    status, body, expected = ENVELOPES[name]
    outcome = judge(status, body, lambda response: response)
    if expected is Refused:
        assert isinstance(outcome, Refused)
        assert outcome.certain is (outcome.http_status == 404)
    else:
        assert isinstance(outcome, Unknown) and outcome.why is expected


FAULTS = {
    "answer_lost": Why.DROPPED,
    "slow": Why.TIMED_OUT,
    "not_reached": Why.DROPPED,
    "status_500": Why.SERVER_ERROR,
    "html_502": Why.SERVER_ERROR,
    "status_429": Why.RATE_LIMITED,
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_cancel_without_an_answer_is_unknown_and_never_failed(fault: str) -> None:
    sandbox = Sandbox()
    v1 = v1_of(sandbox)
    imp_uid = await paid(sandbox)
    sandbox.fault(fault, operation="v1_cancel", **({"seconds": 61} if fault == "slow" else {}))
    outcome = await v1.cancel(imp_uid, amount=WON, tax_free=NOTHING, cancellable=WON, reason="변심")
    assert isinstance(outcome, Unknown) and outcome.why is FAULTS[fault], outcome


async def test_an_answer_about_another_payment_is_not_believed(server, answer) -> None:
    token = {"code": 0, "message": None, "response": {"access_token": "t1", "now": 100, "expired_at": 1900}}
    whole = {"code": 0, "message": None, "response": {"total": 1, "previous": 0, "next": 0, "list": [row()]}}
    one = {"code": 0, "message": None, "response": row()}
    server.plays(answer(200, token), answer(200, whole), answer(200, one), answer(200, one))
    async with AiohttpTransport(server.url) as transport:
        v1 = PortOneV1(transport, api_key="key", api_secret="secret", store_id="store-1")
        call = {"amount": WON, "tax_free": NOTHING, "cancellable": WON, "reason": "변심"}
        for outcome in (await v1.get_order("order2"), await v1.get_attempt("imp_2"), await v1.cancel("imp_2", **call)):
            assert isinstance(outcome, Unknown) and outcome.why is Why.UNREADABLE


def entry(amount: int, **changed: Any) -> dict[str, Any]:
    return {"pg_tid": "c", "amount": amount, "cancelled_at": 1785553300, "reason": "변심", "cancellation_id": "c-1",
            "receipt_url": None} | changed  # fmt: skip


STATES: dict[str, tuple[dict[str, Any], str]] = {
    "paid": ({}, "PAID"),
    "partly cancelled": ({"cancel_amount": 4000, "cancel_history": [entry(4000)]}, "PARTIAL_CANCELLED"),
    "partly, and called cancelled": (
        {"status": "cancelled", "cancel_amount": 4000, "cancel_history": [entry(4000)]}, "PARTIAL_CANCELLED"
    ),
    "cancelled": ({"status": "cancelled", "cancel_amount": 11000, "cancel_history": [entry(11000)]}, "CANCELLED"),
    "all given back, and called paid": ({"cancel_amount": 11000, "cancel_history": [entry(11000)]}, "CANCELLED"),
    "opened": ({"status": "ready", "paid_at": 0}, "READY"),
    "account issued": (
        {"status": "ready", "paid_at": 0, "pay_method": "vbank", "vbank_num": "1"}, "VIRTUAL_ACCOUNT_ISSUED"
    ),
    "account closed": ({"status": "cancelled", "paid_at": 0, "pay_method": "vbank", "vbank_num": "1"}, "CANCELLED"),
    "failed": ({"status": "failed", "paid_at": 0, "fail_reason": "[1] 한도초과"}, "FAILED"),
    "a word that is new": ({"status": "reviewing"}, "reviewing"),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_the_status_is_told_by_the_sums(name: str) -> None:
    changed, status = STATES[name]
    assert read_payment(row(**changed), store_id="s").status == status


METHODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "card": ({}, {"type": "PaymentMethodCard"}),
    "trans": ({"pay_method": "trans", "bank_code": "004"}, {"type": "PaymentMethodTransfer", "bank": "KOOKMIN"}),
    "a bank without a code": (
        {"pay_method": "trans", "bank_name": "새은행"}, {"type": "PaymentMethodTransfer", "bank": "새은행"}
    ),
    "phone": ({"pay_method": "phone"}, {"type": "PaymentMethodMobile"}),
    "vbank": (
        {"pay_method": "vbank", "vbank_code": "88", "vbank_num": "1", "vbank_holder": "장부", "vbank_date": 1785639600},
        {"type": "PaymentMethodVirtualAccount", "bank": "SHINHAN", "accountNumber": "1", "remitteeName": "장부",
         "expiredAt": "2026-08-02T03:00:00.000Z"},
    ),
    "kakaopay": ({"pay_method": "kakaopay"}, {"type": "PaymentMethodEasyPay", "provider": "KAKAOPAY"}),
    "kakaopay as a PG": (
        {"pay_method": "point", "pg_provider": "kakaopay"}, {"type": "PaymentMethodEasyPay", "provider": "KAKAOPAY"}
    ),
    "kakaopay in another PG's window": (
        {"emb_pg_provider": "kakaopay"}, {"type": "PaymentMethodEasyPay", "provider": "KAKAOPAY"}
    ),
    "a gift": (
        {"pay_method": "cultureland"},
        {"type": "PaymentMethodGiftCertificate", "giftCertificateType": "CULTURELAND"},
    ),
    "a way that is new": ({"pay_method": "seashells"}, {"type": "seashells"}),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_told_in_v2s_words(name: str) -> None:
    changed, expected = METHODS[name]
    method = read_payment(row(**changed), store_id="s").method
    assert method is not None
    assert {key: method[key] for key in expected} == expected


UNREADABLE: dict[str, dict[str, Any]] = {
    "no imp_uid": {"imp_uid": None},
    "no merchant_uid": {"merchant_uid": ""},
    "no amount": {"amount": None},
    "an amount of text": {"amount": "11000"},
    "an amount of true": {"amount": True},
    "half a won": {"amount": Decimal("0.5")},
    "a negative amount": {"amount": -1},
    "more than there is": {"amount": 10**30},
    "no currency": {"currency": None},
    "a currency we do not know": {"currency": "XBT"},
    "a history that is none": {"cancel_history": {}},
    "an entry that is none": {"cancel_history": [7]},
    "an entry without an amount": {"cancel_history": [entry(1) | {"amount": None}]},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_believed_is_not_read(name: str) -> None:
    with pytest.raises(Unreadable):
        read_payment(row(**UNREADABLE[name]), store_id="s")


def test_whether_money_is_real_is_said_or_not_known() -> None:
    for said, expected in ((True, "TEST"), (False, "LIVE"), (None, None), ("false", None), (0, None)):
        channel = read_payment(row(sandbox=said), store_id="s").channel
        assert channel is not None and channel.type == expected


def test_entries_without_an_id_are_told_apart_by_their_place() -> None:
    history = [entry(1000, cancellation_id=None), entry(1000, cancellation_id=None)]
    read = read_payment(row(cancel_amount=2000, cancel_history=history), store_id="s")
    assert [one.id for one in read.cancellations] == ["imp_1-1", "imp_1-2"]


def test_an_entry_without_an_id_keeps_its_name_at_whichever_end_the_next_one_is_added() -> None:
    first = entry(4000, cancellation_id=None)
    then = entry(1000, cancellation_id=None, cancelled_at=first["cancelled_at"] + 60)
    for history in ([first, then], [then, first]):
        read = read_payment(row(cancel_amount=5000, cancel_history=history), store_id="s")
        assert {one.id: one.total_amount for one in read.cancellations} == {"imp_1-1": 4000, "imp_1-2": 1000}


def test_money_that_came_twice_is_not_hidden_and_time_is_the_latest_of_all() -> None:
    rows = [
        row(imp_uid="imp_3", status="failed", paid_at=0, started_at=1785553500, failed_at=1785553600),
        row(imp_uid="imp_2", paid_at=1785553400),
        row(imp_uid="imp_1", paid_at=1785553300),
    ]
    one = read_order(rows, store_id="s")
    assert (one.transaction_id, one.also_paid) == ("imp_1", ["imp_2"])
    assert one.updated_at is not None and one.updated_at.timestamp() == 1785553600


def test_of_two_that_were_paid_the_one_whose_money_is_still_here_stands_for_the_order() -> None:
    back = {"status": "cancelled", "cancel_amount": 11000, "cancel_history": [entry(11000)]}
    rows = [row(imp_uid="imp_2", paid_at=1785553400), row(imp_uid="imp_1", paid_at=1785553300, **back)]
    one = read_order(rows, store_id="s")
    assert (one.transaction_id, one.status, one.also_paid) == ("imp_2", "PAID", [])
    booked = read_order(rows, store_id="s", booked="imp_1")
    assert (booked.transaction_id, booked.status, booked.also_paid) == ("imp_1", "CANCELLED", ["imp_2"])


@given(st.integers(0, AMOUNT_MINOR_MAX), st.sampled_from(["KRW", "JPY", "USD", "EUR"]))
def test_a_sum_survives_the_way_there_and_back(amount: int, currency: str) -> None:
    sent = encode({"code": 0, "response": {"amount": major(amount, currency)}})
    _, _, response = read_envelope(sent)
    assert minor(response["amount"], currency) == amount
