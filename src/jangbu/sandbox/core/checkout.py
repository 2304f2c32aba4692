"""A hosted checkout: what its profile offers, and the payment that begins on its page (portone-facts §8)."""

from datetime import datetime
from typing import Any, Literal

from jangbu.sandbox.core.problems import BrowserRefusal
from jangbu.sandbox.core.records import Attempt, Order, Window
from jangbu.sandbox.core.small_records import CheckoutProfile, CheckoutRule, PaymentSession
from jangbu.sandbox.core.world import World

METHODS: dict[str, tuple[str, str, str]] = {
    "CARD_KR": ("CARD", "국내 카드", "Korean card"),
    "N_PAY": ("EASY_PAY", "네이버페이", "Naver Pay"),
    "KAKAO_PAY": ("EASY_PAY", "카카오페이", "KakaoPay"),
    "TOSS_PAY": ("EASY_PAY", "토스페이", "Toss Pay"),
    "CARD_INTERNATIONAL": ("CARD", "해외 카드", "International card"),
    "PAY_PAL": ("PAYPAL", "페이팔", "PayPal"),
    "UNION_PAY": ("CARD", "유니온페이", "UnionPay"),
    "ALIPAY_CN": ("ALIPAY", "알리페이", "Alipay"),
    "ALIPAY_HK": ("ALIPAY_PLUS", "알리페이 홍콩", "AlipayHK"),
    "TRUE_MONEY": ("ALIPAY_PLUS", "트루머니", "TrueMoney"),
    "DANA": ("ALIPAY_PLUS", "다나", "DANA"),
    "TOUCH_N_GO": ("ALIPAY_PLUS", "터치앤고", "Touch 'n Go"),
    "G_CASH": ("ALIPAY_PLUS", "지캐시", "GCash"),
    "WE_CHAT_PAY": ("EASY_PAY", "위챗페이", "WeChat Pay"),
    "KLARNA": ("EASY_PAY", "클라르나", "Klarna"),
    "E_CONTEXT": ("EASY_PAY", "이컨텍스트", "econtext"),
    "GRAB_PAY_MY": ("EASY_PAY", "그랩페이 (말레이시아)", "GrabPay (Malaysia)"),
    "GRAB_PAY_SG": ("EASY_PAY", "그랩페이 (싱가포르)", "GrabPay (Singapore)"),
    "SHOPEE_PAY_TH": ("EASY_PAY", "쇼피페이 (태국)", "ShopeePay (Thailand)"),
    "PAY_PAY": ("EASY_PAY", "페이페이", "PayPay"),
    "BPI": ("EASY_PAY", "BPI", "BPI"),
    "RABBIT_LINE_PAY": ("EASY_PAY", "래빗 라인페이", "Rabbit LINE Pay"),
    "CONVENIENCE_STORE_JP": ("CONVENIENCE_STORE", "편의점 (일본)", "Convenience store (Japan)"),
    "AMAZON_PAY": ("EASY_PAY", "아마존페이", "Amazon Pay"),
    "RAKUTEN_PAY": ("EASY_PAY", "라쿠텐페이", "Rakuten Pay"),
    "D_BARAI": ("EASY_PAY", "d바라이", "d Barai"),
    "AU_PAY": ("EASY_PAY", "au페이", "au PAY"),
    "MERPAY": ("EASY_PAY", "메르페이", "Merpay"),
}
"""CheckoutPaymentMethod: the payMethod of the window it is paid in [I: checkout_pay_method], and its name in Korean and
English.
"""


def rules_of(profile: CheckoutProfile, country: str, currency: str, amount_minor: int) -> list[CheckoutRule]:
    """What the profile offers of this sum in this country and currency; a rule that names none holds for any."""
    return [
        rule
        for rule in profile.rules
        if country in (rule.countries or [country])
        and currency in (rule.currencies or [currency])
        and rule.min_minor <= amount_minor
        and (rule.max_minor is None or amount_minor <= rule.max_minor)
    ]


def offered(world: World, session: PaymentSession) -> list[CheckoutRule]:
    """What the page of this session lets the shopper choose from: one, where the merchant named it."""
    asked = session.asked
    profile = world.state.checkout_profiles[asked["profileKey"]]
    rules = rules_of(profile, asked["country"], asked["currency"], asked["totalAmount"])
    return [rule for rule in rules if asked.get("paymentMethod") in (None, rule.payment_method)]


def is_over(session: PaymentSession, now: datetime) -> bool:
    """Closed, or expired."""
    return session.closed_at is not None or now >= session.expires_at


def begin(
    world: World,
    session: PaymentSession,
    method: str,
    *,
    page: str,
    language: Literal["ko", "en"],
    origin: dict[str, str],
    now: datetime,
) -> Attempt:
    """Open the window that this method is paid in; it sends the shopper to `redirectUrl`, else back to `page`.

    Refuses, as a BrowserRefusal, what the page does not offer and what requestPayment would refuse.
    """
    rule = next((rule for rule in offered(world, session) if rule.payment_method == method), None)
    if rule is None:
        raise BrowserRefusal("RequestParseFailed", f"{method} is not offered here")
    asked = session.asked
    window = Window(
        pay_method=METHODS[method][0],
        display="REDIRECTION",
        opener_origin=None,
        redirect_url=asked.get("redirectUrl") or page,
        language=language,
    )
    order = Order(
        order_name=asked["orderName"],
        total_minor=asked["totalAmount"],
        tax_free_minor=0,
        vat_minor=world.vat_of(asked["totalAmount"], 0),
        currency=asked["currency"],
        customer=_customer(asked),
        custom_data=asked.get("customData"),
        products=_products(asked),
        country=asked["country"],
    )
    return world.open_window(session.store_id, rule.channel_key, asked["paymentId"], order, window, origin, now)


def _customer(asked: dict[str, Any]) -> dict[str, Any]:
    shown = {"name": asked.get("customerName"), "email": asked.get("customerEmail")}
    return {name: value for name, value in shown.items() if value}


def _products(asked: dict[str, Any]) -> list[dict[str, Any]] | None:
    """A payment's product must have an id (portone-facts §2.2), a session's need not [I: product_id]."""
    return [
        {
            "id": each.get("id") or each.get("code") or each["name"],
            "name": each["name"],
            "amount": each["unitPrice"],
            "quantity": each["quantity"],
        }
        for each in asked.get("products") or []
    ] or None
