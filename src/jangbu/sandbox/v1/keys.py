"""V1's cards to charge again under a `customer_uid`, and what is asked to be paid with them (portone-facts §6.5)."""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import billing_keys, charges
from jangbu.sandbox.core.bank_names import CARD_COMPANIES
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.inputs import Credential, Months
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Order, ReceiptWish
from jangbu.sandbox.v1.channels import channel_key_of
from jangbu.sandbox.v1.fields import BuyerName, MerchantUid, OrderName, minor_of, unix
from jangbu.sandbox.v1.gate import Call
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.v1.window import customer_of, replace, text_of, urls_of
from jangbu.sandbox.v1.wire import CARD_TYPES

CUSTOMER_UID_MAX = 80
TO_PG_OF_A_CHARGE = "`product_type`, `bypass`, `extra`"
RECEIPTS: dict[str, Literal["PERSONAL", "CORPORATE"] | None] = {
    "person": "PERSONAL",
    "company": "CORPORATE",
    "anonymous": None,
}
ProductType = Literal["real", "digital"]
Bypass = str | dict[str, Any]
"""What the PG alone understands, as a JSON string (V1's own way) or as an object."""


class ChannelInput(msgspec.Struct):
    """`pg` is the older way to name a channel: its provider, and after a dot the merchant's id with it."""

    channel_key: str | None = None
    pg: str | None = None


class CardInput(ChannelInput):
    card_number: str | None = None
    expiry: str | None = None
    birth: str | None = None
    pwd_2digit: str | None = None
    cvc: str | None = None
    customer_id: str | None = None
    channel_group_id: str | None = None


class OrderInput(msgspec.Struct, kw_only=True):
    merchant_uid: MerchantUid
    amount: Decimal
    name: OrderName
    currency: str = "KRW"
    tax_free: Decimal = Decimal(0)
    vat_amount: Decimal | None = None
    buyer_name: BuyerName | None = None
    buyer_email: str | None = None
    buyer_tel: str | None = None
    buyer_addr: str | None = None
    buyer_postcode: str | None = None
    custom_data: Any = None
    notice_url: list[str] | str | None = None
    vat: Decimal | None = None
    """`vat_amount` by its older name."""
    product_type: ProductType | None = None
    product_count: int | None = None


class ChargeInput(OrderInput, kw_only=True):
    """An order that a registered card is charged for."""

    card_quota: Months = 0
    interest_free_by_merchant: bool = False
    use_card_point: bool = False
    promotion_id: str | None = None
    browser_ip: str | None = None
    cash_receipt_type: Literal["person", "company", "anonymous"] | None = None
    bypass: Bypass | None = None
    extra: dict[str, Any] | None = None


def issued(call: Call, customer_uid: str, card: CardInput, customer: dict[str, Any]) -> BillingKey:
    """A new key under this customer_uid. Refuses a card that is none, and what the PG refuses."""
    check_uid(customer_uid)
    return registered(call, key_of(call, customer_uid, card, customer))


def registered(call: Call, key: BillingKey) -> BillingKey:
    """The card that was keyed in is the customer's from here on."""
    replace(call.world, key)
    billing_keys.succeed(call.world, key, call.now, is_announced=False)
    return key


def key_of(call: Call, key_id: str, card: CardInput, customer: dict[str, Any]) -> BillingKey:
    """A key that is entered nowhere yet. Refuses a card that is none, and what the PG refuses.

    Of a channel group the card is tried on each channel; one that takes it suffices.
    """
    customer = {"id": card.customer_id, **customer}
    group = card.channel_group_id
    key = BillingKey(
        id=key_id,
        store_id=call.store.id,
        channel_keys=_channel_keys_of(call, card),
        requested_at=call.now,
        customer={name: value for name, value in customer.items() if value},
        channel_group_id=group,
        version="V1",
    )
    billing_keys.accept_card(call.world, call.faults, key, _credential(card), call.now)
    return key


def _credential(card: CardInput) -> Credential:
    """`dddd-dddd-dddd-dddd` and `YYYY-MM`; the dashes may be missing."""
    if card.card_number is None or card.expiry is None:
        raise V1Refusal(400, "card_number와 expiry는 필수입니다.")
    expiry = card.expiry.replace("-", "")
    return Credential(card.card_number.replace("-", ""), expiry[2:4], expiry[4:6], card.birth, card.pwd_2digit)


def _channel_keys_of(call: Call, card: CardInput) -> list[str]:
    """A group comes before `pg`, and before a channel that is named as well."""
    if card.channel_group_id is None:
        return [channel_key_of(call.world, call.store, card.channel_key, card.pg)]
    return [channel.key for channel in billing_keys.channels_for(call.world, call.store, None, card.channel_group_id)]


def check_uid(customer_uid: str) -> None:
    if not 0 < len(customer_uid) <= CUSTOMER_UID_MAX:
        raise V1Refusal(400, f"customer_uid는 {CUSTOMER_UID_MAX}자 이하여야 합니다.")


def usable(call: Call, customer_uid: str) -> BillingKey:
    """Refuses BILLING_KEY_NOT_FOUND, for a deleted one as well."""
    key = billing_keys.find(call.world, call.store, customer_uid)
    if key.status == "DELETED":
        raise ApiError("BILLING_KEY_NOT_FOUND", "The billing key is deleted.")
    return key


def order_of(call: Call, asked: OrderInput) -> Order:
    total, tax_free = minor_of(asked.amount, asked.currency), minor_of(asked.tax_free, asked.currency)
    given_vat = asked.vat_amount if asked.vat_amount is not None else asked.vat
    vat = minor_of(given_vat, asked.currency) if given_vat is not None else None
    if total == 0:
        raise V1Refusal(400, "결제 금액은 0보다 커야 합니다.")
    if tax_free + (vat or 0) > total:
        raise ApiError("SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", "The parts are more than the whole.")
    return Order(
        order_name=asked.name,
        total_minor=total,
        tax_free_minor=tax_free,
        vat_minor=vat if vat is not None else call.world.vat_of(total, tax_free),
        currency=asked.currency,
        customer=customer_of(asked),
        custom_data=text_of(asked.custom_data),
        notice_urls=urls_of(asked.notice_url),
        product_count=asked.product_count,
        version="V1",
        tier=call.tier,
    )


def wish_of(call: Call, key: BillingKey, asked: ChargeInput, channel_key: str | None) -> charges.Wish:
    order = order_of(call, asked)
    order.promotion_id = asked.promotion_id
    if asked.cash_receipt_type is not None:
        order.receipt = ReceiptWish(RECEIPTS[asked.cash_receipt_type])
    return charges.Wish(
        asked.merchant_uid,
        key.id,
        order,
        channel_key,
        asked.card_quota,
        asked.interest_free_by_merchant,
        asked.use_card_point,
        ip_address=asked.browser_ip,
    )


def check_card(call: Call, key: BillingKey, amount: int | None) -> None:
    """Charge a small sum and give it back at once, as `checking_amount` asks; 0 is none.

    Nothing of it is listed [I: v1_card_check]. Refuses what the PG refuses.
    """
    if amount is not None and amount < 0:
        raise V1Refusal(400, "checking_amount는 0 이상이어야 합니다.")
    if amount:
        charges.probe(call.faults, key)


def customer_json(call: Call, key: BillingKey) -> dict[str, Any]:
    """A registered card: a mask at best."""
    channel = call.world.state.channels[key.channel_keys[0]]
    card = (key.method or {}).get("card", {})
    card_code, card_name = CARD_COMPANIES.get(card.get("issuer", ""), (None, None))
    customer = key.customer
    return {
        "customer_uid": key.id,
        "pg_provider": channel.pg_provider.lower(),
        "pg_id": channel.pg_merchant_id,
        "sandbox": channel.type == "TEST",
        "card_name": card_name or "",
        "card_code": card_code,
        "card_number": card.get("number"),
        "card_type": CARD_TYPES.get(card.get("type", "")),
        "customer_name": customer.get("name"),
        "customer_tel": customer.get("phoneNumber"),
        "customer_email": customer.get("email"),
        "customer_addr": customer.get("address", {}).get("oneLine"),
        "customer_postcode": customer.get("zipcode"),
        "inserted": unix(key.issued_at),
        "updated": unix(key.deleted_at or key.issued_at),
    }
