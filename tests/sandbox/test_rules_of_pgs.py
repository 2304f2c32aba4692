"""What each PG wants of an order (portone-facts §10.2-§10.4, §10.17): the window and the server are told alike."""

from typing import Any

import pytest

from jangbu.sandbox import CARD_CHANNEL, CHANNEL_GROUP
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox

WHO = {"fullName": "김장부", "phoneNumber": "01012345678", "email": "kim@shop.test"}

CASES = [
    ("TOSSPAYMENTS", {"orderName": "가" * 100}, None),
    ("TOSSPAYMENTS", {"orderName": "가" * 101}, "INVALID_ORDER_NAME"),
    ("INICIS_V2", {"paymentId": "주문-1"}, "INVALID_ORDER_ID"),
    ("INICIS_V2", {"paymentId": "order_1=#x"}, None),
    ("WELCOME", {"paymentId": "주문1"}, "INVALID_ORDER_ID"),
    ("PAYLETTER_GLOBAL", {"paymentId": "order-1"}, "INVALID_ORDER_ID"),
    ("KCP_V2", {"paymentId": "order-1"}, "INVALID_ORDER_ID"),
    ("INICIS_V2", {"orderName": "가" * 13 + "a"}, None),
    ("INICIS_V2", {"orderName": "가" * 13 + "ab"}, "INVALID_ORDER_NAME"),
    ("WELCOME", {"orderName": "a" * 41}, "INVALID_ORDER_NAME"),
    ("NICE_V2", {"orderName": "가" * 14}, "INVALID_ORDER_NAME"),
    ("SMARTRO_V2", {"orderName": "가" * 14}, "INVALID_ORDER_NAME"),
    ("KCP_V2", {"orderName": "가" * 33 + "a"}, None),
    ("KCP_V2", {"orderName": "가" * 34}, "INVALID_ORDER_NAME"),
    ("KPN", {"orderName": "a" * 257}, "INVALID_ORDER_NAME"),
    ("KSNET", {"orderName": "가" * 25}, None),
    ("KSNET", {"orderName": "가" * 25 + "a"}, "INVALID_ORDER_NAME"),
    ("NAVERPAY", {"orderName": "a" * 129}, "INVALID_ORDER_NAME"),
    ("NAVERPAY", {"totalAmount": 99}, "BELOW_MINIMUM_AMOUNT"),
    ("NAVERPAY", {"totalAmount": 100}, None),
    ("INICIS_V2", {"customer": {"fullName": "김장부", "email": "kim@shop.test"}}, "CUSTOMER_REQUIRED"),
    ("WELCOME", {"customer": {"fullName": "김장부", "phoneNumber": "01012345678"}}, "CUSTOMER_REQUIRED"),
    ("KSNET", {"customer": {"email": "kim@shop.test"}}, "CUSTOMER_REQUIRED"),
    ("KSNET", {"customer": {"firstName": "장부", "lastName": "김"}}, None),
    ("KCP_V2", {"customer": None}, None),
]


@pytest.mark.parametrize(("pg", "order", "refusal"), CASES)
async def test_a_window_refuses_what_the_pg_refuses(
    sandbox: Sandbox, pg: str, order: dict[str, Any], refusal: str | None
) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = pg
    asked = {"customer": WHO, **order}
    opened = await sandbox.open(asked.pop("paymentId", "order1"), **asked)
    assert (opened.get("code"), opened.get("pgCode")) == (
        (None, None) if refusal is None else ("PGProviderError", refusal)
    )
    assert (len(list(sandbox.world.payments())) == 0) == (refusal is not None)


async def test_the_customer_that_is_lacking_is_named_and_a_group_looks_for_another_channel(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = "INICIS_V2"
    opened = await sandbox.open("order1", customer={"fullName": "김장부"})
    assert opened["pgMessage"] == "구매자 정보가 필요합니다: phoneNumber, email"
    for number in range(10):
        await sandbox.pay(f"order2{number}", channelKey=None, channelGroupId=CHANNEL_GROUP, method="kakaopay")
        _, payment = await sandbox.api("GET", f"/payments/order2{number}")
        assert payment["channel"]["pgProvider"] == "KAKAOPAY"


async def test_a_charge_is_refused_by_the_pgs_rules_for_names_too(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = "NICE_V2"
    status, answer = await sandbox.charge("order1", key, orderName="가" * 14)
    assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "INVALID_ORDER_NAME")


@pytest.mark.parametrize(
    ("pg", "provider"),
    [("NAVERPAY", "NAVERPAY"), ("TOSSPAY_V2", "TOSSPAY"), ("PAYCO", "PAYCO"), ("KAKAOPAY", "KAKAOPAY")],
)
async def test_the_window_of_a_wallets_channel_is_that_wallets(sandbox: Sandbox, pg: str, provider: str) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = pg
    await sandbox.pay("order-0001", payMethod="EASY_PAY")
    _, payment = await sandbox.api("GET", "/payments/order-0001")
    assert (payment["method"]["type"], payment["method"]["provider"]) == ("PaymentMethodEasyPay", provider)
    credential = {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}
    asked = {"method": {"card": {"credential": credential}}, "channelKey": CARD_CHANNEL}
    order = {"orderName": "tea", "amount": {"total": 1000}, "currency": "KRW"}
    assert (await sandbox.api("POST", "/payments/order-0002/instant", asked | order))[1]["type"] == "INVALID_REQUEST"
    assert (await sandbox.api("POST", "/billing-keys", asked))[1]["type"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("pg", "fits", "name"),
    [
        ("INICIS_V2", "UTF-8", "가" * 13 + "a"),
        ("INICIS_V2", "EUC-KR", "가" * 20),
        ("KCP_V2", "EUC-KR", "가" * 49 + "ab"),
        ("KSNET", "UTF-8", "가" * 25),
        ("KSNET", "EUC-KR", "가" * 25),
    ],
)
async def test_what_a_byte_of_a_name_is_is_a_switch_where_the_pg_does_not_say(pg: str, fits: Any, name: str) -> None:
    sandbox = Sandbox(inferred=Inferred(order_names_are_counted_in=fits))
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = pg
    assert "code" not in await sandbox.open("order1", customer=WHO, orderName=name)
    assert (await sandbox.open("order2", customer=WHO, orderName=name + "a"))["pgCode"] == "INVALID_ORDER_NAME"
