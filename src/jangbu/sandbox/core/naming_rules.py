"""What a PG accepts of a paymentId, a name, a customer and a sum: PortOne has no such rules of its own
(portone-facts §10.2-§10.4, §10.17).
"""

import re
from typing import NoReturn

from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.problems import BrowserRefusal
from jangbu.sandbox.core.records import Channel, Order

_ASCII = re.compile(r"[ -~]+")
_LETTERS_AND_DIGITS = re.compile(r"[A-Za-z0-9]+")
PAYMENT_ID_RULES = {
    "TOSSPAYMENTS": re.compile(r"[A-Za-z0-9\-_=]{6,64}"),
    "INICIS_V2": _ASCII,
    "WELCOME": _ASCII,
    "KCP_V2": _LETTERS_AND_DIGITS,
    "KPN": _LETTERS_AND_DIGITS,
    "PAYLETTER_GLOBAL": _LETTERS_AND_DIGITS,
    # Smartro cuts a longer one silently, so that two payments become one there: told here, before it happens.
    "SMARTRO_V2": re.compile(r"[A-Za-z0-9]{1,40}"),
}
ORDER_NAME_CHARACTERS_MAX = {"TOSSPAYMENTS": 100, "KAKAOPAY": 100, "NAVERPAY": 128, "TOSSPAY_V2": 255}
ORDER_NAME_BYTES_MAX = {"NICE_V2": 40, "SMARTRO_V2": 40, "INICIS_V2": 40, "WELCOME": 40, "KCP_V2": 100, "KPN": 256}
"""What a byte is: [I: order_names_are_counted_in]."""
KSNET_NAME_BYTES_MAX = 50
NAVERPAY_WON_MIN = 100
CUSTOMER_NEEDS = {
    "INICIS_V2": ("name", "phoneNumber", "email"),
    "WELCOME": ("name", "phoneNumber", "email"),
    "KSNET": ("name",),
}
BROWSERS_NAMES = {"name": "fullName"}


def refuse_what_the_pg_refuses(inferred: Inferred, channel: Channel, payment_id: str, order: Order) -> None:
    """Refuses as a BrowserRefusal."""
    pg = channel.pg_provider
    rule = PAYMENT_ID_RULES.get(pg)
    if rule is not None and not rule.fullmatch(payment_id):
        _refuse_for_pg("주문번호 형식이 올바르지 않습니다.", "INVALID_ORDER_ID")
    if _is_too_long(inferred, pg, order.order_name):
        _refuse_for_pg("상품명이 너무 깁니다.", "INVALID_ORDER_NAME")
    if pg == "NAVERPAY" and order.currency == "KRW" and order.total_minor < NAVERPAY_WON_MIN:
        _refuse_for_pg("최소 결제 금액보다 작습니다.", "BELOW_MINIMUM_AMOUNT")


def refuse_without_customer(channel: Channel, order: Order) -> None:
    """What the PG's window wants to know of the shopper; V1's pages say it in other words. Refuses as a
    BrowserRefusal.
    """
    needs = CUSTOMER_NEEDS.get(channel.pg_provider, ()) if order.version == "V2" else ()
    lacking = [BROWSERS_NAMES.get(each, each) for each in needs if not order.customer.get(each)]
    if lacking:
        _refuse_for_pg(f"구매자 정보가 필요합니다: {', '.join(lacking)}", "CUSTOMER_REQUIRED")


def _is_too_long(inferred: Inferred, pg: str, name: str) -> bool:
    if pg == "KSNET":
        return _euc_kr_bytes(name) > KSNET_NAME_BYTES_MAX
    if pg in ORDER_NAME_BYTES_MAX:
        is_euc_kr = inferred.order_names_are_counted_in == "EUC-KR"
        length = _euc_kr_bytes(name) if is_euc_kr else len(name.encode("utf-8", "replace"))
        return length > ORDER_NAME_BYTES_MAX[pg]
    # Others publish no limit [I: order_name_elsewhere].
    return len(name) > ORDER_NAME_CHARACTERS_MAX.get(pg, 255)


def _euc_kr_bytes(name: str) -> int:
    """What EUC-KR lacks takes two bytes, as Hangul does."""
    return sum(1 if each.isascii() else 2 for each in name)


def _refuse_for_pg(message: str, pg_code: str) -> NoReturn:
    raise BrowserRefusal("PGProviderError", message, pg_code, message)
