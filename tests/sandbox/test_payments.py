"""One payment's life in the local PortOne, told over its API (portone-facts §2)."""

import re
from datetime import timedelta

import pytest

from jangbu.sandbox import API_SECRET, CARD_CHANNEL, EASY_PAY_CHANNEL, LIVE_CHANNEL, MERCHANT_ID, STORE_ID
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Store
from jangbu.sandbox.testing import Sandbox

REQUIRED = {
    "status", "id", "transactionId", "merchantId", "storeId", "version", "requestedAt", "updatedAt",
    "statusChangedAt", "orderName", "amount", "currency", "customer", "origin", "channel",
}  # fmt: skip


async def get(sandbox: Sandbox, payment_id: str) -> dict:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


def no_nulls(value: object) -> bool:
    if isinstance(value, dict):
        return all(no_nulls(each) for each in value.values())
    if isinstance(value, list):
        return all(no_nulls(each) for each in value)
    return value is not None


async def test_a_paid_payment_has_every_field_its_schema_requires_and_no_null(sandbox: Sandbox) -> None:
    await sandbox.pre_register("ord-000001", 11_000)
    result = await sandbox.pay("ord-000001")
    paid = await get(sandbox, "ord-000001")

    assert result == {
        "transactionType": "PAYMENT",
        "txId": paid["transactionId"],
        "paymentId": "ord-000001",
    }
    assert paid.keys() >= REQUIRED | {"paidAt", "disputes"}
    assert (paid["status"], paid["storeId"], paid["merchantId"]) == ("PAID", STORE_ID, MERCHANT_ID)
    assert paid["amount"] == {
        "total": 11_000,
        "taxFree": 0,
        "vat": 1_000,
        "supply": 10_000,
        "discount": 0,
        "paid": 11_000,
        "cancelled": 0,
        "cancelledTaxFree": 0,
    }
    assert paid["channel"]["type"] == "TEST"
    assert paid["channel"]["key"] == CARD_CHANNEL
    assert paid["disputes"] == []
    assert paid["method"]["type"] == "PaymentMethodCard"
    assert "expiry" not in str(paid["method"]).lower()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", paid["transactionId"])
    assert no_nulls(paid)


async def test_an_open_window_is_ready_and_a_declined_one_failed_with_its_reason(sandbox: Sandbox) -> None:
    opened = await sandbox.open("ord-000002")
    ready = await get(sandbox, "ord-000002")
    assert (ready["status"], ready["amount"]["paid"]) == ("READY", 0)
    assert "disputes" not in ready
    assert "paidAt" not in ready

    result = await sandbox.decide(opened["txId"], "decline", reason="lost_card")
    failed = await get(sandbox, "ord-000002")
    assert failed["status"] == "FAILED"
    assert failed["failure"]["pgCode"] == "LOST_CARD" == result["pgCode"]
    assert result["code"] == "PGProviderError"
    assert failed["failure"]["pgMessage"] == result["pgMessage"]
    assert "disputes" not in failed


async def test_a_failed_attempt_leaves_room_for_one_that_succeeds(sandbox: Sandbox) -> None:
    first = await sandbox.decline("ord-000003")
    second = await sandbox.pay("ord-000003")
    paid = await get(sandbox, "ord-000003")
    assert paid["status"] == "PAID"
    assert paid["transactionId"] == second["txId"] != first["txId"]


async def test_at_most_one_of_two_open_windows_succeeds(sandbox: Sandbox) -> None:
    first, second = await sandbox.open("ord-000004"), await sandbox.open("ord-000004")
    assert "code" not in await sandbox.decide(first["txId"], "approve")
    refused = await sandbox.decide(second["txId"], "approve")
    assert refused["code"] == "PaymentAlreadyPaid"
    paid = await get(sandbox, "ord-000004")
    assert (paid["status"], paid["transactionId"]) == ("PAID", first["txId"])
    assert (await sandbox.pay("ord-000004"))["code"] == "PaymentAlreadyPaid"


async def test_deciding_twice_answers_the_first_decision_again(sandbox: Sandbox) -> None:
    opened = await sandbox.open("ord-000005")
    first = await sandbox.decide(opened["txId"], "approve")
    assert await sandbox.decide(opened["txId"], "close") == first
    assert await sandbox.decide(opened["txId"], "decline") == first
    assert (await get(sandbox, "ord-000005"))["status"] == "PAID"

    lost = await sandbox.open("ord-000006")
    no = await sandbox.decide(lost["txId"], "decline")
    assert await sandbox.decide(lost["txId"], "approve") == no
    assert (await get(sandbox, "ord-000006"))["status"] == "FAILED"


async def test_a_pg_may_approve_late_what_had_failed(sandbox: Sandbox) -> None:
    result = await sandbox.close("ord-000007")
    status, _, _ = await sandbox.transport.send("POST", f"/__sandbox__/transactions/{result['txId']}/approve-late")
    assert status == 200
    paid = await get(sandbox, "ord-000007")
    assert paid["status"] == "PAID"
    assert "failure" not in paid
    assert "code" not in await sandbox.decide(result["txId"], "close")


async def test_a_channel_of_another_store_is_not_found(sandbox: Sandbox) -> None:
    state = sandbox.world.state
    state.stores["store-other"] = Store("store-other", "다른 상점", ["other-secret"], {})
    assert (await sandbox.open("ord-000021", storeId="store-other"))["code"] == "ChannelNotFound"


async def test_preregistering_a_paid_payment_is_already_paid(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000008")
    status, body = await sandbox.api("POST", "/payments/ord-000008/pre-register", {"totalAmount": 1})
    assert (status, body["type"]) == (409, "ALREADY_PAID")


@pytest.mark.parametrize(
    "other",
    [{"totalAmount": 999}, {"currency": "USD"}, {"taxFreeAmount": 1}],
    ids=["total", "currency", "tax-free"],
)
async def test_another_amount_than_the_registered_one_does_not_open(sandbox: Sandbox, other: dict) -> None:
    fixed = {"totalAmount": 1000, "currency": "KRW", "taxFreeAmount": 0}
    assert (await sandbox.api("POST", "/payments/ord-000009/pre-register", fixed))[0] == 200
    refused = await sandbox.pay("ord-000009", **other)
    assert refused["code"] == "AmountNotEqualToPredefined"
    assert (await sandbox.api("GET", "/payments/ord-000009"))[0] == 404


async def test_what_was_not_registered_is_not_compared(sandbox: Sandbox) -> None:
    assert (await sandbox.api("POST", "/payments/ord-000010/pre-register", {"currency": "KRW"}))[0] == 200
    assert "code" not in await sandbox.pay("ord-000010", totalAmount=777)


@pytest.mark.parametrize("overwrites", [True, False])
async def test_which_of_two_preregistrations_stands_is_a_switch(overwrites: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(preregister_overwrites=overwrites))
    await sandbox.pre_register("ord-000011", 1000)
    await sandbox.pre_register("ord-000011", 2000)
    standing, other = (2000, 1000) if overwrites else (1000, 2000)
    assert (await sandbox.pay("ord-000011", totalAmount=other))["code"] == "AmountNotEqualToPredefined"
    assert "code" not in await sandbox.pay("ord-000011", totalAmount=standing)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_v1_prepares_again_replaces_the_first_whatever_v2_does(method: str) -> None:
    sandbox = Sandbox(inferred=Inferred(preregister_overwrites=False, v1_prepare_again_is_refused=False))
    await sandbox.v1("POST", "/payments/prepare", {"merchant_uid": "order-0001", "amount": 1000})
    changed = {"merchant_uid": "order-0001", "amount": 2000}
    status, answer = await sandbox.v1(method, "/payments/prepare", changed)
    assert (status, answer["code"], answer["response"]["amount"]) == (200, 0, 2000)


@pytest.mark.parametrize("is_not_found", [True, False])
async def test_what_get_says_of_a_payment_only_registered_is_a_switch(is_not_found: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(preregistered_only_is_not_found=is_not_found))
    await sandbox.pre_register("ord-000012", 5000)
    status, body = await sandbox.api("GET", "/payments/ord-000012")
    if is_not_found:
        assert (status, body["type"]) == (404, "PAYMENT_NOT_FOUND")
    else:
        assert (status, body["status"], body["amount"]["total"]) == (200, "READY", 5000)
        assert body["transactionId"]


@pytest.mark.parametrize(("rounding", "vat"), [("half_up", 91), ("down", 90), ("up", 91)])
async def test_vat_is_an_eleventh_of_the_taxable_part(rounding: str, vat: int) -> None:
    sandbox = Sandbox(inferred=Inferred(vat_rounding=rounding))
    # 999 / 11 = 90.8…
    await sandbox.pay("ord-000013", totalAmount=1999, taxFreeAmount=1000)
    amount = (await get(sandbox, "ord-000013"))["amount"]
    assert (amount["taxFree"], amount["vat"], amount["supply"]) == (1000, vat, 999 - vat)


async def test_a_stated_vat_wins_over_the_computed_one(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000014", totalAmount=11_000, vatAmount=500)
    assert (await get(sandbox, "ord-000014"))["amount"]["vat"] == 500


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"storeId": "store-unknown"}, "StoreNotFound"),
        ({"channelKey": "channel-key-unknown"}, "ChannelNotFound"),
        ({"paymentId": "주문-0001"}, "PGProviderError"),
        ({"paymentId": "abc"}, "PGProviderError"),
        ({"orderName": "가" * 101}, "PGProviderError"),
    ],
)
async def test_what_the_server_refuses_comes_back_as_a_code(sandbox: Sandbox, params: dict, code: str) -> None:
    refused = await sandbox.open(params.get("paymentId", "ord-000015"), **params)
    assert refused["code"] == code
    assert "windowUrl" not in refused
    assert sandbox.state()["payments"] == {}


async def test_a_payment_id_may_hold_any_character_when_it_is_percent_encoded(sandbox: Sandbox) -> None:
    tricky = "주문/2026=1 %?"
    await sandbox.pre_register(tricky, 3000)
    await sandbox.pay(tricky, channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY")
    paid = await get(sandbox, "%EC%A3%BC%EB%AC%B8%2F2026%3D1%20%25%3F")
    assert (paid["id"], paid["status"]) == (tricky, "PAID")
    assert paid["method"]["type"] == "PaymentMethodEasyPay"
    assert paid["method"]["provider"] == "KAKAOPAY"


async def test_a_live_channel_says_so(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000016", channelKey=LIVE_CHANNEL)
    assert (await get(sandbox, "ord-000016"))["channel"]["type"] == "LIVE"


async def test_custom_data_and_customer_come_back_in_the_output_shape(sandbox: Sandbox) -> None:
    await sandbox.pay(
        "ord-000017",
        customData={"table": 7},
        customer={"customerId": "c1", "fullName": "홍길동", "email": "h@example.com"},
    )
    paid = await get(sandbox, "ord-000017")
    assert paid["customData"] == '{"table":7}'
    assert paid["customer"] == {"id": "c1", "name": "홍길동", "email": "h@example.com"}


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"PortOne {API_SECRET}", 404),
        ("PortOne wrong", 401),
        (f"Portone {API_SECRET}", 401),
        (f"PortOne  {API_SECRET}", 401),
        (API_SECRET, 401),
        ("", 401),
    ],
)
async def test_the_credential_is_the_scheme_one_space_and_the_secret(
    sandbox: Sandbox, authorization: str, status: int
) -> None:
    answered, body = await sandbox.api("GET", "/payments/none", headers={"authorization": authorization})
    assert answered == status
    assert body["type"] == {404: "PAYMENT_NOT_FOUND", 401: "UNAUTHORIZED"}[status]


async def test_a_store_the_credential_cannot_access_is_forbidden(sandbox: Sandbox) -> None:
    for target in ("/payments/ord-000018?storeId=store-other",):
        status, body = await sandbox.api("GET", target)
        assert (status, body["type"]) == (403, "FORBIDDEN")
    status, body = await sandbox.api(
        "POST", "/payments/ord-000018/pre-register", {"storeId": "store-other", "totalAmount": 1}
    )
    assert (status, body["type"]) == (403, "FORBIDDEN")
    assert sandbox.payment("ord-000018") is None


async def test_tokens_work_for_half_an_hour_and_a_refresh_replaces_the_pair(sandbox: Sandbox) -> None:
    _, pair = await sandbox.api("POST", "/login/api-secret", {"apiSecret": API_SECRET})

    async def with_token(token: str) -> int:
        status, _ = await sandbox.api("GET", "/payments", headers={"authorization": f"Bearer {token}"})
        return status

    assert await with_token(pair["accessToken"]) == 200
    assert await with_token(pair["refreshToken"]) == 401
    await sandbox.move(timedelta(minutes=30))
    assert await with_token(pair["accessToken"]) == 401

    status, renewed = await sandbox.api("POST", "/token/refresh", {"refreshToken": pair["refreshToken"]})
    assert status == 200
    assert await with_token(renewed["accessToken"]) == 200
    status, body = await sandbox.api("POST", "/token/refresh", {"refreshToken": pair["refreshToken"]})
    assert (status, body["type"]) == (401, "UNAUTHORIZED")


async def test_a_second_login_ends_the_first_ones_refresh_token(sandbox: Sandbox) -> None:
    _, first = await sandbox.api("POST", "/login/api-secret", {"apiSecret": API_SECRET})
    _, second = await sandbox.api("POST", "/login/api-secret", {"apiSecret": API_SECRET})
    assert (await sandbox.api("POST", "/token/refresh", {"refreshToken": first["refreshToken"]}))[0] == 401
    assert (await sandbox.api("POST", "/token/refresh", {"refreshToken": second["refreshToken"]}))[0] == 200


@pytest.mark.parametrize("end_by", ["store", "secret"])
async def test_whose_login_ends_whose_refresh_token_is_a_switch(end_by: str) -> None:
    sandbox = Sandbox(inferred=Inferred(refreshes_end_by=end_by))
    next(iter(sandbox.world.state.stores.values())).api_secrets.append("second-secret")
    _, first = await sandbox.api("POST", "/login/api-secret", {"apiSecret": API_SECRET})
    await sandbox.api("POST", "/login/api-secret", {"apiSecret": "second-secret"})
    status, _ = await sandbox.api("POST", "/token/refresh", {"refreshToken": first["refreshToken"]})
    assert status == (401 if end_by == "store" else 200)


async def test_a_wrong_secret_does_not_log_in(sandbox: Sandbox) -> None:
    status, body = await sandbox.api("POST", "/login/api-secret", {"apiSecret": "pg-secret"})
    assert (status, body["type"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "raw",
    [b"{", b"", b"[]", b'{"totalAmount":"1000"}', b'{"totalAmount":1.5}', b'{"totalAmount":true}', b"\xff"],
)
async def test_a_body_that_is_not_understood_is_an_invalid_request(sandbox: Sandbox, raw: bytes) -> None:
    status, _, body = await sandbox.transport.send(
        "POST", "/payments/ord-000019/pre-register", {"authorization": f"PortOne {API_SECRET}"}, raw
    )
    assert status == 400
    assert b'"INVALID_REQUEST"' in body
    assert sandbox.payment("ord-000019") is None


async def test_unknown_fields_in_a_request_are_ignored(sandbox: Sandbox) -> None:
    body = {"totalAmount": 1000, "somethingNew": {"a": 1}}
    assert await sandbox.api("POST", "/payments/ord-000020/pre-register", body) == (200, {})


@pytest.mark.parametrize("target", ["/nowhere", "/payments/x/unknown", "/payments/"])
async def test_an_unknown_route_is_not_found_as_json(sandbox: Sandbox, target: str) -> None:
    status, body = await sandbox.api("GET", target)
    assert status == 404
    assert body["type"] == "NOT_FOUND"
