"""What V2's server-side calls are given, read strictly and turned into the sandbox's records (portone-facts §2.3)."""

from typing import Annotated, Any, Literal

import msgspec

from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.sandbox.core.countries import Country
from jangbu.sandbox.core.currencies import refuse_unknown
from jangbu.sandbox.core.customers import AddressInput, CustomerInput, customer_of
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Order, ReceiptWish
from jangbu.sandbox.core.world import World

Months = Annotated[int, msgspec.Meta(ge=0, le=60)]
"""Over how many a card pays; no PG is asked for a longer plan [I: card_months]."""


class AmountInput(msgspec.Struct, rename="camel"):
    total: int
    tax_free: int | None = None
    vat: int | None = None


class ProductInput(msgspec.Struct, omit_defaults=True):
    id: str
    name: str
    amount: int
    quantity: int
    tag: str | None = None
    code: str | None = None
    link: str | None = None


Locale = Literal["KO_KR", "EN_US", "ZH_CN", "ZH_TW", "JA_JP", "RU_RU", "TH_TH", "VI_VN"]
ProductType = Literal["PHYSICAL", "DIGITAL"]


class ReceiptInput(msgspec.Struct, rename="camel"):
    """Whose it is, is forgotten."""

    type: Literal["PERSONAL", "CORPORATE", "NO_RECEIPT"]
    customer_identity_number: str | None = None


class Credential(msgspec.Struct, rename="camel"):
    """A card as it is keyed in. It lives as long as the request does: nothing of it is kept but the mask."""

    number: str
    expiry_year: str
    expiry_month: str
    birth_or_business_registration_number: str | None = None
    password_two_digits: str | None = None


class OrderInput(msgspec.Struct, rename="camel", kw_only=True):
    """What every payment that a server asks for says of itself (portone-facts §2.3).

    The last three go to the PG alone, and no PG is here.
    """

    order_name: str
    amount: AmountInput
    currency: str
    store_id: str | None = None
    channel_key: str | None = None
    customer: CustomerInput | None = None
    custom_data: str | None = None
    country: Country | None = None
    notice_urls: list[str] | None = None
    products: list[ProductInput] | None = None
    product_count: int | None = None
    promotion_id: str | None = None
    skip_webhook: bool | None = None
    product_type: ProductType | None = None
    shipping_address: AddressInput | None = None
    bypass: dict[str, Any] | None = None


class ChargeInput(OrderInput, rename="camel", kw_only=True):
    """The body of a payment with a billing key, at once or scheduled (portone-facts §3.2)."""

    billing_key: str
    installment_month: Months | None = None
    use_free_interest_from_merchant: bool | None = None
    use_card_point: bool | None = None
    cash_receipt: ReceiptInput | None = None
    locale: Locale | None = None


def receipt_wish_of(given: ReceiptInput | None) -> ReceiptWish | None:
    """What cash receipt there is to be, where one makes sense for what is paid with."""
    if given is None:
        return None
    return ReceiptWish(None if given.type == "NO_RECEIPT" else given.type)


def order_of(world: World, asked: OrderInput) -> Order:
    """What is paid for. Refuses INVALID_REQUEST, and parts above the whole as SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT."""
    amount = asked.amount
    tax_free = amount.tax_free or 0
    refuse_unknown(asked.currency)
    if not asked.order_name:
        raise ApiError("INVALID_REQUEST", "orderName must not be empty.")
    if not 0 < amount.total <= AMOUNT_MINOR_MAX or min(tax_free, amount.vat or 0) < 0:
        raise ApiError("INVALID_REQUEST", "amount.total must be above zero, and no part below.")
    if tax_free + (amount.vat or 0) > amount.total:
        raise ApiError("SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", "The parts are more than the whole.")
    return Order(
        order_name=asked.order_name,
        total_minor=amount.total,
        tax_free_minor=tax_free,
        vat_minor=amount.vat if amount.vat is not None else world.vat_of(amount.total, tax_free),
        currency=asked.currency,
        customer=customer_of(asked.customer),
        custom_data=asked.custom_data,
        products=[msgspec.to_builtins(each) for each in asked.products] if asked.products else None,
        product_count=asked.product_count,
        notice_urls=asked.notice_urls or (),
        country=asked.country,
        promotion_id=asked.promotion_id,
    )
