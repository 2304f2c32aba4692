"""What a PG accepts of a paymentId and of a name: PortOne has no such rules of its own (portone-facts §10.2, §10.3)."""

import re
from typing import NoReturn

from jangbu.sandbox.core.problems import BrowserRefusal
from jangbu.sandbox.core.records import Channel, Order

PAYMENT_ID_RULES = {
    "TOSSPAYMENTS": re.compile(r"[A-Za-z0-9\-_=]{6,64}"),
    "KCP_V2": re.compile(r"[A-Za-z0-9]+"),
    "KPN": re.compile(r"[A-Za-z0-9]+"),
    "SMARTRO_V2": re.compile(r"[A-Za-z0-9]{1,40}"),
}
ORDER_NAME_CHARACTERS_MAX = {"TOSSPAYMENTS": 100, "KAKAOPAY": 100, "NAVERPAY": 128, "TOSSPAY_V2": 255}


def refuse_what_the_pg_refuses(channel: Channel, payment_id: str, order: Order) -> None:
    """Refuses as a BrowserRefusal."""
    rule = PAYMENT_ID_RULES.get(channel.pg_provider)
    if rule is not None and not rule.fullmatch(payment_id):
        _refuse_for_pg("주문번호 형식이 올바르지 않습니다.", "INVALID_ORDER_ID")
    if len(order.order_name) > ORDER_NAME_CHARACTERS_MAX.get(channel.pg_provider, 255):
        _refuse_for_pg("상품명이 너무 깁니다.", "INVALID_ORDER_NAME")


def _refuse_for_pg(message: str, pg_code: str) -> NoReturn:
    raise BrowserRefusal("PGProviderError", message, pg_code, message)
