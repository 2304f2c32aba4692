"""V1: its token and envelope, the amount fixed before, reading, and the one world it shares with V2."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from jangbu import sandbox as names
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import START, Endpoint, Sandbox
from jangbu.sandbox.v1.fields import form, minor_of
from jangbu.sandbox.v1.problems import V1Refusal


async def test_a_token_is_the_same_until_it_expires_and_is_pushed_in_its_last_minute(sandbox: Sandbox) -> None:
    first = await sandbox.v1_token()
    await sandbox.move(timedelta(minutes=29))
    assert await sandbox.v1_token() == first
    await sandbox.move(timedelta(minutes=5))
    assert (await sandbox.v1("GET", "/payments/nobody", token=first))[0] == 404
    await sandbox.move(timedelta(minutes=2))
    assert (await sandbox.v1("GET", "/payments/nobody", token=first))[0] == 401
    assert await sandbox.v1_token() != first


async def test_a_token_before_its_last_minute_is_not_pushed(sandbox: Sandbox) -> None:
    first = await sandbox.v1_token()
    await sandbox.move(timedelta(minutes=28))
    assert await sandbox.v1_token() == first
    await sandbox.move(timedelta(minutes=2))
    assert (await sandbox.v1("GET", "/payments/nobody", token=first))[0] == 401


@pytest.mark.parametrize("key", [{"imp_key": "x", "imp_secret": names.V1_SECRET}, {"imp_key": names.V1_KEY}])
async def test_a_wrong_key_is_refused_in_the_envelope(sandbox: Sandbox, key: dict[str, str]) -> None:
    status, answer = await sandbox.v1("POST", "/users/getToken", key)
    assert status == 401
    assert answer["code"] != 0
    assert answer["response"] is None
    assert answer["message"]


async def test_the_bare_token_is_accepted_and_the_v2_secret_is_not(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001")
    token = await sandbox.v1_token()
    bare = await sandbox.transport.send("GET", f"/v1/payments/{imp_uid}", {"authorization": token})
    assert bare[0] == 200
    v2 = await sandbox.transport.send("GET", f"/v1/payments/{imp_uid}", {"authorization": names.API_SECRET})
    assert v2[0] == 401


async def test_a_payment_in_major_units_and_unix_seconds(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay(
        "order-0001", amount=14.2, currency="USD", buyer_name="김장부", custom_data={"table": 7}
    )
    status, answer = await sandbox.v1("GET", f"/payments/{imp_uid}")
    payment = answer["response"]
    assert (status, answer["code"], answer["message"]) == (200, 0, None)
    assert (payment["amount"], payment["cancel_amount"], payment["currency"]) == (14.2, 0, "USD")
    assert (payment["status"], payment["paid_at"], payment["failed_at"]) == ("paid", int(START.timestamp()), 0)
    assert (payment["buyer_name"], payment["custom_data"]) == ("김장부", '{"table":7}')
    assert len(imp_uid) <= 32
    assert imp_uid.startswith("imp_")


async def test_no_amount_that_the_currency_has_no_coin_for(sandbox: Sandbox) -> None:
    for amount, currency in ((14.255, "USD"), (10.5, "KRW"), (-1, "KRW"), (1, "XAU")):
        opened = await sandbox.v1_open("order-0001", amount=amount, currency=currency)
        assert opened["error_code"] == "RequestParseFailed"
        fields = {"merchant_uid": "order-0001", "amount": amount, "currency": currency}
        status, answer = await sandbox.v1("POST", "/payments/prepare", fields)
        assert (status, answer["code"]) == (200, 1)
    assert sandbox.payment("order-0001") is None


@pytest.mark.parametrize(
    "amount",
    ["NaN", "Infinity", "sNaN", "1e999999999", "-1", "14.200000000000000000000000000000000000001", "90071992547409.92"],
)
def test_no_number_is_too_strange_to_be_refused(amount: str) -> None:
    with pytest.raises(V1Refusal):
        minor_of(Decimal(amount), "USD")


def test_the_largest_amount_is_exact() -> None:
    assert minor_of(Decimal("90071992547409.91"), "USD") == 2**53 - 1
    assert minor_of(Decimal("1000.00"), "KRW") == 1000


async def test_a_number_is_read_to_its_last_digit(sandbox: Sandbox) -> None:
    """As a float it would be 14.2, which has its coins."""
    headers = {"authorization": await sandbox.v1_token(), "content-type": "application/json"}
    raw = b'{"merchant_uid": "order-0001", "currency": "USD", "amount": 14.20000000000000000001}'
    _, _, answered = await sandbox.transport.send("POST", "/v1/payments/prepare", headers, raw)
    assert msgspec.json.decode(answered)["code"] == 1


async def test_test_channels_are_not_there_unless_asked_for(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", channelKey=names.CARD_CHANNEL)
    for path in (f"/payments/{imp_uid}", "/payments/find/order-0001", "/payments/findAll/order-0001"):
        assert (await sandbox.v1("GET", path))[0] == 404
        status, _ = await sandbox.v1("GET", path, {"include_sandbox": "true"})
        assert status == 200
    _, listed = await sandbox.v1("GET", "/payments/status/all")
    assert listed["response"]["total"] == 0


async def test_the_status_words_have_no_part(sandbox: Sandbox) -> None:
    paid = await sandbox.v1_pay("order-0001")
    opened = await sandbox.v1_open("order-0002")
    lost = await sandbox.v1_open("order-0003")
    await sandbox.decide(lost["imp_uid"], "decline", reason="lost_card")
    await sandbox.v1("POST", "/payments/cancel", {"imp_uid": paid, "amount": 300})

    async def payment(imp_uid: str) -> Any:
        return (await sandbox.v1("GET", f"/payments/{imp_uid}"))[1]["response"]

    part = await payment(paid)
    assert (part["status"], part["amount"], part["cancel_amount"]) == ("paid", 1000, 300)
    assert (await payment(opened["imp_uid"]))["status"] == "ready"
    failed = await payment(lost["imp_uid"])
    assert (failed["status"], failed["paid_at"]) == ("failed", 0)
    assert "LOST_CARD" in failed["fail_reason"]


async def test_a_partly_cancelled_payment_under_the_other_switch(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_partly_cancelled_is="cancelled"))
    imp_uid = await sandbox.v1_pay("order-0001")
    _, answer = await sandbox.v1("POST", "/payments/cancel", {"imp_uid": imp_uid, "amount": 300})
    assert (answer["response"]["status"], answer["response"]["cancel_amount"]) == ("cancelled", 300)


async def test_v2_sees_what_v1_made(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001", escrow=True)
    status, payment = await sandbox.api("GET", "/payments/order-0001")
    assert (status, payment["status"], payment["version"]) == (200, "PAID", "V1")
    assert (payment["transactionId"], payment["amount"]["total"]) == (imp_uid, 1000)
    assert payment["escrow"]["status"] == "REGISTERED"
    query = {"filter": {"version": "V1"}}
    assert (await sandbox.api("GET", "/payments", query))[1]["page"]["totalCount"] == 1
    query = {"filter": {"version": "V2"}}
    assert (await sandbox.api("GET", "/payments", query))[1]["page"]["totalCount"] == 0


async def test_a_parcel_of_v1_stays_registered_in_v2(sandbox: Sandbox) -> None:
    await sandbox.v1_pay("order-0001", escrow=True)
    for status in ("DELIVERED", "CONFIRMED", "REJECTED"):
        await sandbox.order("escrow", "order-0001", status=status)
        told = {"status": "REGISTERED", "company": "", "invoiceNumber": ""}
        assert (await sandbox.api("GET", "/payments/order-0001"))[1]["escrow"] == told
    for status, found in (("REGISTERED", 1), ("REJECTED", 0)):
        query = {"filter": {"escrowStatus": status}}
        assert (await sandbox.api("GET", "/payments", query))[1]["page"]["totalCount"] == found


async def test_v1_and_v2_share_one_success(sandbox: Sandbox) -> None:
    await sandbox.v1_pay("order-0001")
    assert (await sandbox.pay("order-0001"))["code"] == "PaymentAlreadyPaid"
    await sandbox.pay("order-0002")
    assert (await sandbox.v1_open("order-0002"))["error_code"] == "PaymentAlreadyPaid"
    assert sandbox.captures("order-0001") == sandbox.captures("order-0002") == [1000]


@pytest.mark.parametrize("sees", [False, True])
async def test_whether_v1_sees_what_v2_made_is_a_switch(shop: Endpoint, sees: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_sees_v2_payments=sees))
    paid = await sandbox.pay("order-0001", channelKey=names.LIVE_CHANNEL)
    status, _ = await sandbox.v1("GET", f"/payments/{paid['txId']}")
    assert status == (200 if sees else 404)


async def test_a_prepared_amount_binds_the_window(sandbox: Sandbox) -> None:
    fields = {"merchant_uid": "order-0001", "amount": "2000"}
    assert (await sandbox.v1("POST", "/payments/prepare", fields, is_form=True))[1]["response"]["amount"] == 2000
    assert (await sandbox.v1_open("order-0001"))["error_code"] == "AmountNotEqualToPredefined"
    _, changed = await sandbox.v1("PUT", "/payments/prepare", fields | {"amount": 1000})
    assert changed["response"] == {"merchant_uid": "order-0001", "amount": 1000, "currency": None}
    assert "imp_uid" in await sandbox.v1_open("order-0001")
    _, fixed = await sandbox.v1("GET", "/payments/prepare/order-0001")
    assert fixed["response"]["amount"] == 1000


@pytest.mark.parametrize(
    ("prepared", "amount", "currency", "is_refused"),
    [
        (14.2, 14.2, "USD", False),
        (10, 10, "USD", False),
        ("10.00", 10, "USD", False),
        (1000, 10, "USD", True),
        (1000, 1000, "KRW", False),
        (14.2, 14, "KRW", True),
    ],
)
async def test_an_amount_prepared_without_a_currency_is_of_the_windows(
    sandbox: Sandbox, prepared: Any, amount: float, currency: str, is_refused: bool
) -> None:
    fields = {"merchant_uid": "order-0001", "amount": prepared}
    _, answer = await sandbox.v1("POST", "/payments/prepare", fields)
    assert (answer["code"], answer["response"]["amount"]) == (0, float(prepared))
    sandbox.world.load(type(sandbox.world).from_json(sandbox.world.to_json(), sandbox.clock).state)
    opened = await sandbox.v1_open("order-0001", amount=amount, currency=currency)
    assert opened.get("error_code") == ("AmountNotEqualToPredefined" if is_refused else None)


@pytest.mark.parametrize("amount", [-1, 0.00001, "NaN", "1e30", "14.200000000000000000000000000000000000001"])
async def test_an_amount_of_no_currency_at_all(sandbox: Sandbox, amount: Any) -> None:
    _, answer = await sandbox.v1("POST", "/payments/prepare", {"merchant_uid": "order-0001", "amount": amount})
    assert answer["code"] == 1
    assert sandbox.payment("order-0001") is None


async def test_what_was_not_prepared(sandbox: Sandbox) -> None:
    fields = {"merchant_uid": "order-0001", "amount": 1000}
    assert (await sandbox.v1("PUT", "/payments/prepare", fields))[0] == 404
    assert (await sandbox.v1("GET", "/payments/prepare/order-0001"))[1]["code"] == 1
    too_long = {"merchant_uid": "x" * 41, "amount": 1000}
    assert (await sandbox.v1("POST", "/payments/prepare", too_long))[1]["code"] == 1


@pytest.mark.parametrize("is_refused", [True, False])
async def test_whether_a_second_prepare_is_refused_is_a_switch(shop: Endpoint, is_refused: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(v1_prepare_again_is_refused=is_refused))
    await sandbox.v1("POST", "/payments/prepare", {"merchant_uid": "order-0001", "amount": 1000})
    status, answer = await sandbox.v1("POST", "/payments/prepare", {"merchant_uid": "order-0001", "amount": 2000})
    assert (status, answer["code"]) == (200, 1 if is_refused else 0)
    _, fixed = await sandbox.v1("GET", "/payments/prepare/order-0001")
    assert fixed["response"]["amount"] == (1000 if is_refused else 2000)


async def test_find_takes_the_newest_and_find_all_every_attempt(sandbox: Sandbox) -> None:
    lost = await sandbox.v1_open("order-0001")
    await sandbox.decide(lost["imp_uid"], "decline")
    await sandbox.move(timedelta(minutes=1))
    won = await sandbox.v1_pay("order-0001")

    async def found(path: str, **query: Any) -> Any:
        return (await sandbox.v1("GET", path, query))[1]["response"]

    assert (await found("/payments/find/order-0001"))["imp_uid"] == won
    assert (await found("/payments/find/order-0001", sorting="started"))["imp_uid"] == lost["imp_uid"]
    assert (await found("/payments/find/order-0001/failed"))["imp_uid"] == lost["imp_uid"]
    every = await found("/payments/findAll/order-0001", limit=1)
    assert [row["imp_uid"] for row in every["list"]] == [won]
    assert (every["total"], every["previous"], every["next"]) == (2, 0, 2)
    last = await found("/payments/findAll/order-0001", limit=1, page=2)
    assert (last["previous"], last["next"]) == (1, 0)
    assert await found("/payments/find/order-0001/cancelled") is None
    assert [row["imp_uid"] for row in (await found("/payments/findAll/order-0001/paid"))["list"]] == [won]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"page": 0}, {"sorting": "amount"}])
async def test_a_page_that_cannot_be_is_refused(sandbox: Sandbox, query: dict[str, Any]) -> None:
    await sandbox.v1_pay("order-0001")
    status, answer = await sandbox.v1("GET", "/payments/findAll/order-0001", query)
    assert (status, answer["code"]) == (400, -1)


async def test_several_at_once_are_207_when_some_are_missing(sandbox: Sandbox) -> None:
    first, second = await sandbox.v1_pay("order-0001"), await sandbox.v1_pay("order-0002")
    status, answer = await sandbox.v1("GET", "/payments", {"imp_uid[]": [first], "merchant_uid[]": ["order-0002"]})
    assert (status, [row["imp_uid"] for row in answer["response"]]) == (200, [first, second])
    status, answer = await sandbox.v1("GET", "/payments", {"imp_uid[]": [first, "imp_nobody"]})
    assert (status, answer["code"], len(answer["response"])) == (207, 0, 1)
    assert (await sandbox.v1("GET", "/payments", {"imp_uid[]": ["imp_nobody"]}))[0] == 404
    assert (await sandbox.v1("GET", "/payments"))[1]["code"] == 1
    assert (await sandbox.v1("GET", "/payments", {"imp_uid[]": [str(n) for n in range(101)]}))[1]["code"] == 1


async def test_lists_by_status_within_ninety_days(sandbox: Sandbox) -> None:
    await sandbox.v1_pay("order-0001")
    await sandbox.v1_open("order-0002")
    now = int(START.timestamp())
    _, paid = await sandbox.v1("GET", "/payments/status/paid", {"from": now - 60, "to": now})
    assert [row["merchant_uid"] for row in paid["response"]["list"]] == ["order-0001"]
    _, every = await sandbox.v1("GET", "/payments/status/all")
    assert every["response"]["total"] == 2
    _, none = await sandbox.v1("GET", "/payments/status/all", {"from": now - 60, "to": now - 1})
    assert none["response"]["total"] == 0
    day = 86_400
    assert (await sandbox.v1("GET", "/payments/status/all", {"from": now - 90 * day, "to": now}))[0] == 200
    assert (await sandbox.v1("GET", "/payments/status/all", {"from": now - 91 * day, "to": now}))[0] == 400
    assert (await sandbox.v1("GET", "/payments/status/lost"))[0] == 400
    assert (await sandbox.v1("GET", "/payments/status/all", {"from": 10**30}))[0] == 400


async def test_faults_strike_v1_by_the_name_of_its_operation(sandbox: Sandbox) -> None:
    imp_uid = await sandbox.v1_pay("order-0001")
    sandbox.fault("status_500", operation="v1_get_payment", payment_id="order-0001")
    status, answer = await sandbox.v1("GET", f"/payments/{imp_uid}")
    assert (status, answer["code"]) == (500, -1)
    assert (await sandbox.v1("GET", f"/payments/{imp_uid}"))[0] == 200
    sandbox.fault("answer_lost", operation="v1_cancel", payment_id="order-0001")
    with pytest.raises(ConnectionResetError):
        await sandbox.v1("POST", "/payments/cancel", {"imp_uid": imp_uid})
    assert sandbox.refunds("order-0001") == [1000]


async def test_an_unknown_path_and_an_unreadable_body(sandbox: Sandbox) -> None:
    token = await sandbox.v1_token()
    sent = {"authorization": token, "content-type": "application/json"}
    for raw in (b"{", b"[1]", b"\xff"):
        status, _, answered = await sandbox.transport.send("POST", "/v1/payments/cancel", sent, raw)
        assert status == 200
        assert msgspec.json.decode(answered)["code"] == 1
    status, _, _ = await sandbox.transport.send("GET", "/v1/moon", sent)
    assert status == 404


def test_how_forms_write_lists_and_objects() -> None:
    assert form("a=1&b[]=2&b[]=3&c[0][d]=4&c[0][e]=5&c[1][d]=6&f[g]=7") == {
        "a": "1",
        "b": ["2", "3"],
        "c": [{"d": "4", "e": "5"}, {"d": "6"}],
        "f": {"g": "7"},
    }


async def test_the_browser_gets_v1_words(sandbox: Sandbox) -> None:
    opened = await sandbox.v1_open("order-0001")
    result = await sandbox.decide(opened["imp_uid"], "approve")
    assert result["imp_uid"] == opened["imp_uid"]
    assert (result["merchant_uid"], result["success"]) == ("order-0001", True)
    assert "error_code" not in result
    lost = await sandbox.v1_open("order-0002")
    result = await sandbox.decide(lost["imp_uid"], "decline", reason="lost_card")
    assert (result["success"], result["error_code"]) == (False, "PGProviderError")
    assert (await sandbox.v1_open("order-0003", imp="imp99999999"))["error_code"] == "StoreNotFound"
