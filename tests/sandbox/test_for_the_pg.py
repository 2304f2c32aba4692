"""What a merchant says to the PG through PortOne: interest and points are shown, the rest is checked and gone."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL
from jangbu.sandbox.testing import START, Sandbox

CARD = {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}
ADDRESS = {"addressLine1": "세종대로 110", "addressLine2": "1층", "country": "KR"}
ORDER = {"orderName": "tea", "amount": {"total": 60_000}, "currency": "KRW"}
SAID = {"productType": "PHYSICAL", "shippingAddress": ADDRESS, "bypass": {"secret": "between-us"}}
WRONG: list[dict[str, Any]] = [
    {"productType": "REAL"},
    {"shippingAddress": {"addressLine1": "x"}},
    {"shippingAddress": ADDRESS | {"country": "ZZ"}},
    {"bypass": "x"},
]


async def card_of(sandbox: Sandbox, payment_id: str) -> dict[str, Any]:
    status, payment = await sandbox.api("GET", f"/payments/{payment_id}")
    assert (status, payment["status"]) == (200, "PAID")
    return {name: payment["method"].get(name) for name in ("installment", "pointUsed")}


@pytest.mark.parametrize(
    ("terms", "installment", "points"),
    [
        ({}, {"month": 0, "isInterestFree": False}, None),
        ({"installmentMonth": 3}, {"month": 3, "isInterestFree": False}, None),
        ({"installmentMonth": 3, "useFreeInstallmentPlan": True}, {"month": 3, "isInterestFree": True}, None),
        ({"useFreeInstallmentPlan": True}, {"month": 0, "isInterestFree": False}, None),
        (
            {"installmentMonth": 3, "useFreeInterestFromMerchant": True},
            {"month": 3, "isInterestFree": True, "isInterestFreeFromMerchant": True},
            None,
        ),
        ({"useCardPoint": True}, {"month": 0, "isInterestFree": False}, True),
    ],
)
async def test_a_keyed_in_card_is_charged_on_these_terms(
    sandbox: Sandbox, terms: dict[str, Any], installment: dict[str, Any], points: bool | None
) -> None:
    body = {**ORDER, **SAID, "channelKey": CARD_CHANNEL, "method": {"card": {"credential": CARD, **terms}}}
    assert (await sandbox.api("POST", "/payments/ord-000001/instant", body))[0] == 200
    assert await card_of(sandbox, "ord-000001") == {"installment": installment, "pointUsed": points}


async def test_a_key_is_charged_on_these_terms_at_once_and_at_its_time(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key(bypass={"secret": "between-us"})
    terms = {"installmentMonth": 2, "useFreeInterestFromMerchant": True, "useCardPoint": True, "locale": "KO_KR"}
    assert (await sandbox.charge("ord-000001", key, 60_000, **terms, **SAID))[0] == 200
    assert (await sandbox.schedule("ord-000002", key, START + timedelta(days=1), 60_000, **terms, **SAID))[0] == 200
    await sandbox.move(timedelta(days=1))
    installment = {"month": 2, "isInterestFree": True, "isInterestFreeFromMerchant": True}
    for payment_id in ("ord-000001", "ord-000002"):
        assert await card_of(sandbox, payment_id) == {"installment": installment, "pointUsed": True}
    assert b"between-us" not in sandbox.world.to_json()


@pytest.mark.parametrize("wrong", [*WRONG, {"locale": "KR"}, {"useCardPoint": "yes"}, {"cashReceipt": {"type": "x"}}])
async def test_what_a_charge_says_to_the_pg_is_checked(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    key = await sandbox.billing_key()
    status, answer = await sandbox.charge("ord-000001", key, **wrong)
    assert (status, answer["type"], sandbox.captures("ord-000001")) == (400, "INVALID_REQUEST", [])


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_a_keyed_in_payment_says_to_the_pg_is_checked(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    body = {**ORDER, "channelKey": CARD_CHANNEL, "method": {"card": {"credential": CARD}}, **wrong}
    assert (await sandbox.api("POST", "/payments/ord-000001/instant", body))[0] == 400
    assert sandbox.captures("ord-000001") == []


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"sender": {"relationship": "shop", "address": ADDRESS}, "receiver": {"name": "김"}, "sendEmail": True}, 200),
        ({"sender": {"address": {"addressLine1": "x"}}}, 400),
        ({"receiver": "김장부"}, 400),
        ({"products": [{"id": "1"}]}, 400),
        ({"sendEmail": "yes"}, 400),
    ],
)
async def test_who_sends_a_parcel_to_whom_is_checked(sandbox: Sandbox, wrong: dict[str, Any], status: int) -> None:
    await sandbox.pay("ord-000001", isEscrow=True)
    parcel = {"company": "LOTTE", "invoiceNumber": "123456", "sentAt": "2026-08-01T03:00:00Z", "address": ADDRESS}
    body = {"logistics": parcel, **wrong}
    assert (await sandbox.api("POST", "/payments/ord-000001/escrow/logistics", body))[0] == status
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    assert (payment["escrow"]["status"] == "REGISTERED") == (status == 200)


async def test_receipts_are_found_by_the_version_of_their_payment(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT", virtualAccount={"cashReceiptType": "PERSONAL"})
    await sandbox.deposit("ord-000001")
    body = {**ORDER, "paymentId": "counter-1", "channelKey": CARD_CHANNEL, "type": "PERSONAL"}
    body |= {"customer": {"identityNumber": "01012345678", "identityNumberType": "PHONE"}, "paymentMethod": "TRANSFER"}
    assert (await sandbox.api("POST", "/cash-receipts", body))[0] == 200
    assert (await sandbox.api("POST", "/cash-receipts", body | {"paymentMethod": "CARD"}))[0] == 400
    uid = await sandbox.v1_pay("order-0001", pay_method="trans")
    assert (await sandbox.v1("POST", f"/receipts/{uid}", {"identifier": "01012345678"}))[1]["code"] == 0
    for version, found in (("V2", {"ord-000001", "counter-1"}), ("V1", {"order-0001"})):
        _, listed = await sandbox.api("GET", "/cash-receipts", {"filter": {"version": version}})
        assert {each["paymentId"] for each in listed["items"]} == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"customer": {"name": "김장부"}}, ["who-0001"]),
        ({"customer": {"gender": "MALE"}}, ["who-0002"]),
        ({"customer": {"birthYear": "1990", "birthMonth": "02", "birthDay": "28"}}, ["who-0001"]),
        ({"customer": {"phoneNumber": "01012345678"}}, ["who-0002", "who-0001"]),
        ({"customer": {"name": "김장부", "gender": "MALE"}}, []),
        ({"carriers": ["KT"]}, ["who-0002"]),
        ({"carriers": []}, ["who-0002", "who-0001"]),
        ({"pgMerchantId": "jangbu-danal"}, ["who-0002", "who-0001"]),
        ({"pgMerchantId": "other"}, []),
    ],
)
async def test_verifications_are_found_by_whose_they_are(
    sandbox: Sandbox, wanted: dict[str, Any], found: list[str]
) -> None:
    channel = "channel-key-00000000-0000-4000-8000-000000000006"
    for name, number, operator in (("김장부", "9002282", "SKT"), ("이장부", "9103011", "KT")):
        person = {"name": name, "phoneNumber": "01012345678", "ipAddress": "127.0.0.1", "identityNumber": number}
        body = {"channelKey": channel, "customer": person, "operator": operator, "method": "SMS"}
        path = f"/identity-verifications/who-000{1 if operator == 'SKT' else 2}/send"
        assert (await sandbox.api("POST", path, body))[0] == 200
        await sandbox.move(timedelta(seconds=1))
    _, listed = await sandbox.api("GET", "/identity-verifications", {"filter": wanted})
    assert [each["id"] for each in listed["items"]] == found
