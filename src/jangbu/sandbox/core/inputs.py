"""What V2's server-side calls are given, read strictly and turned into the sandbox's records (portone-facts §2.3)."""

from typing import Any, Literal

import msgspec

from jangbu.money import AMOUNT_MINOR_MAX, EXPONENTS
from jangbu.sandbox.core.countries import Country
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Order, ReceiptWish
from jangbu.sandbox.core.world import World


class SeparatedName(msgspec.Struct):
    first: str
    last: str


class NameInput(msgspec.Struct):
    """In requests a name is an object, in answers a string."""

    full: str | None = None
    separated: SeparatedName | None = None


class AddressInput(msgspec.Struct):
    line1: str = msgspec.field(name="addressLine1")
    line2: str = msgspec.field(name="addressLine2")
    city: str | None = None
    province: str | None = None
    country: Country | None = None


class CustomerInput(msgspec.Struct, rename="camel"):
    id: str | None = None
    name: NameInput | None = None
    birth_year: str | None = None
    birth_month: str | None = None
    birth_day: str | None = None
    country: Country | None = None
    gender: Literal["MALE", "FEMALE", "OTHER"] | None = None
    email: str | None = None
    phone_number: str | None = None
    address: AddressInput | None = None
    zipcode: str | None = None
    business_registration_number: str | None = None


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
    installment_month: int | None = None
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
    if asked.currency not in EXPONENTS:
        raise ApiError("INVALID_REQUEST", f"currency: the sandbox knows {', '.join(EXPONENTS)}.")
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


def customer_of(given: CustomerInput | None) -> dict[str, Any]:
    """The output shape: `name` is one string, absent fields are left out."""
    given = given or CustomerInput()
    name = given.name or NameInput()
    parts = name.separated
    shown: dict[str, Any] = {
        "id": given.id,
        "name": name.full or (f"{parts.first} {parts.last}" if parts else None),
        "birthYear": given.birth_year,
        "birthMonth": given.birth_month,
        "birthDay": given.birth_day,
        "gender": given.gender,
        "email": given.email,
        "phoneNumber": given.phone_number,
        "address": _address(given.address) if given.address else None,
        "zipcode": given.zipcode,
    }
    return {field: value for field, value in shown.items() if value}


def _address(given: AddressInput) -> dict[str, Any]:
    words = (given.line1, given.line2, given.city, given.province, given.country)
    return {"type": "ONE_LINE", "oneLine": " ".join(word for word in words if word)}
