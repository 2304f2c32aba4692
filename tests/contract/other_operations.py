"""The official SDK verifies identities and performs the small operations; what it has no call for is called plainly."""

from typing import Any

from portone_server_sdk.common import DateRange
from portone_server_sdk.identity_verification import (
    IdentityVerificationClient,
    ReadyIdentityVerification,
    SendIdentityVerificationBodyCustomer,
    VerifiedIdentityVerification,
)
from portone_server_sdk.payment.promotion import CardPromotion
from portone_server_sdk.pg_specific import PgSpecificClient
from portone_server_sdk.reconciliation import ReconciliationClient

from contract.performed import performs
from contract.sdk import Portone
from jangbu.sandbox import (
    CARD_CHANNEL,
    CHECKOUT_PROFILE,
    EASY_PAY_CHANNEL,
    IDENTITY_CHANNEL,
    PAYPAL_CHANNEL,
    PROMOTION_ID,
    STORE_ID,
)

PERSON = SendIdentityVerificationBodyCustomer(
    name="김장부", phone_number="01012345678", ip_address="127.0.0.1", identity_number="9002282"
)
SESSION = {
    "storeId": STORE_ID,
    "paymentId": "op-session",
    "profileKey": CHECKOUT_PROFILE,
    "country": "US",
    "currency": "USD",
    "totalAmount": 1_420,
    "orderName": "tea",
}


async def send(portone: Portone, verification_id: str) -> Any:
    client = portone.other(IdentityVerificationClient)
    await client.send_identity_verification_async(
        identity_verification_id=verification_id,
        channel_key=IDENTITY_CHANNEL,
        customer=PERSON,
        operator="SKT",
        method="SMS",
    )
    return client


def otp_of(portone: Portone, verification_id: str) -> str | None:
    return portone.parts.world.state.identity_verifications[STORE_ID][verification_id].otp


@performs("send_identity_verification")
async def sends(portone: Portone) -> None:
    assert await send(portone, "op-who-1")


@performs("resend_identity_verification")
async def resends(portone: Portone) -> None:
    client = await send(portone, "op-who-2")
    before = otp_of(portone, "op-who-2")
    await client.resend_identity_verification_async(identity_verification_id="op-who-2")
    assert otp_of(portone, "op-who-2") != before


@performs("confirm_identity_verification")
async def confirms(portone: Portone) -> None:
    client = await send(portone, "op-who-3")
    answer = await client.confirm_identity_verification_async(
        identity_verification_id="op-who-3", otp=otp_of(portone, "op-who-3")
    )
    assert isinstance(answer.identity_verification, VerifiedIdentityVerification)
    assert answer.identity_verification.verified_customer.birth_date == "1990-02-28"


@performs("get_identity_verification")
async def reads(portone: Portone) -> None:
    client = await send(portone, "op-who-4")
    read = await client.get_identity_verification_async(identity_verification_id="op-who-4")
    assert isinstance(read, ReadyIdentityVerification)
    assert read.requested_customer.name == "김장부"


@performs("get_identity_verifications")
async def lists(portone: Portone) -> None:
    client = await send(portone, "op-who-5")
    assert (await client.get_identity_verifications_async()).items


@performs("get_promotion")
async def promotion(portone: Portone) -> None:
    read = await portone.sdk.promotion.get_promotion_async(promotion_id=PROMOTION_ID)
    assert isinstance(read, CardPromotion)
    assert read.discount_policy.partitions[0].amount_from == 10_000


@performs("get_pg_card_promotions")
async def pg_promotions(portone: Portone) -> None:
    portone.parts.world.state.channels[CARD_CHANNEL].pg_provider = "KCP_V2"
    answer = await portone.sdk.additional_feature.get_pg_card_promotions_async(channel_key=CARD_CHANNEL, amount=50_000)
    assert answer.promotions
    assert answer.promotions[0].discount_amount == 3_000


@performs("get_kakaopay_payment_order")
async def kakao_order(portone: Portone) -> None:
    transaction_id = await portone.pay("op-kakao", channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY")
    attempt = portone.parts.world.attempt(transaction_id)
    assert attempt is not None
    answer = await portone.other(PgSpecificClient).get_kakaopay_payment_order_async(
        pg_tx_id=attempt.pg_tx_id, channel_key=EASY_PAY_CHANNEL
    )
    assert answer.status_code == 200


@performs("confirm_paymentwall_delivery")
async def delivery(portone: Portone) -> None:
    transaction_id = await portone.pay("op-delivery")
    await portone.other(PgSpecificClient).confirm_paymentwall_delivery_async(
        transaction_id=transaction_id,
        delivery_type="DIGITAL",
        delivery_status="DELIVERED",
        estimated_delivery_datetime="2026-08-01T12:00:00Z",
        estimated_update_datetime="2026-08-01T12:00:00Z",
        refundable=True,
        details="tea",
        shipping_address_email="kim@shop.test",
    )


@performs("get_transaction_vat_report")
async def transaction_report(portone: Portone) -> None:
    await portone.pay("op-vat")
    answer = await portone.other(ReconciliationClient).get_payment_reconciliation_transaction_vat_report_async(
        date_range=DateRange(from_="2000-01-01", until="2100-01-01")
    )
    assert answer.summary.total_vat_amount > 0


@performs("get_settlement_vat_report")
async def settlement_report(portone: Portone) -> None:
    answer = await portone.other(ReconciliationClient).get_payment_reconciliation_settlement_vat_report_async(
        date_range=DateRange(from_="2000-01-01", until="2000-01-01")
    )
    assert answer.summary.total_amount == 0


@performs("get_banks")
async def banks(portone: Portone) -> None:
    """The SDK has no call for this one, nor for those below."""
    assert (await portone.plain("GET", "/banks"))["items"]


@performs("evaluate_checkout_profile")
async def profile(portone: Portone) -> None:
    query = f"profileKey={CHECKOUT_PROFILE}&country=US&currency=USD&amount=100"
    answer = await portone.plain("GET", f"/checkout-profiles/evaluate?{query}")
    assert answer["methods"] == [{"paymentMethod": "PAY_PAL", "channelKey": PAYPAL_CHANNEL}]


@performs("create_payment_session")
async def session(portone: Portone) -> None:
    assert (await portone.plain("POST", "/payment-sessions", SESSION))["url"]


@performs("get_payment_session")
async def reads_session(portone: Portone) -> None:
    made = await portone.plain("POST", "/payment-sessions", SESSION)
    assert (await portone.plain("GET", f"/payment-sessions/{made['sessionId']}"))["orderName"] == "tea"


@performs("close_payment_session")
async def closes_session(portone: Portone) -> None:
    made = await portone.plain("POST", "/payment-sessions", SESSION)
    assert (await portone.plain("POST", f"/payment-sessions/{made['sessionId']}/close"))["closedAt"]
