"""What PortOne's payment window is opened with in a browser. Its amount is also fixed at PortOne already."""

from datetime import datetime, timedelta
from typing import Any

from jangbu.checkout.item_rules import product_of
from jangbu.checkout.service.prepare import Prepared
from jangbu.checkout.views import pay_url
from jangbu.clock import SEOUL
from jangbu.payments.confirm.question import ROUTE, ROUTE_V1
from jangbu.runtime import Runtime
from jangbu.web.language import Language

V1_NAME_LONGEST, V1_BUYER_LONGEST = 40, 16


def window_request(prepared: Prepared, language: Language, run: Runtime) -> dict[str, Any]:
    """What `prepare` hands to the browser, for the API that checkout pays by."""
    return (_of_v1 if run.settings.checkout_api == "v1" else _of_v2)(prepared, language, run)


def _of_v2(prepared: Prepared, language: Language, run: Runtime) -> dict[str, Any]:
    """The argument of `PortOne.requestPayment` (portone-facts §7.1), or of `loadPaymentUI` with a `uiType`."""
    session = prepared.shown.session
    request: dict[str, Any] = {
        "storeId": session.store_id,
        "channelKey": prepared.channel_key,
        "paymentId": prepared.payment_id,
        "orderName": prepared.order_name,
        "totalAmount": session.amount,
        "currency": session.currency,
        "taxFreeAmount": session.tax_free_amount,
        "locale": "EN_US" if language == "en" else "KO_KR",
    }
    if prepared.method == "PAYPAL":
        # PayPal draws its button into our page and knows no redirection (portone-facts §3.4).
        request["uiType"] = "PAYPAL_SPB"
    else:
        request["payMethod"] = prepared.method
        request["redirectUrl"] = f"{pay_url(session.session_id, run)}/return"
        request["windowType"] = {"pc": "IFRAME", "mobile": "REDIRECTION"}
    if run.settings.checkout_confirm:
        request["confirmUrl"] = run.settings.url + ROUTE
    customer = {name: value for name, value in prepared.buyer.items() if value}
    if session.customer_id:
        customer["customerId"] = session.customer_id
    if customer:
        request["customer"] = customer
    if session.is_escrow:
        request |= {"isEscrow": True, "products": [product_of(line) for line in prepared.shown.lines]}
    if prepared.method == "VIRTUAL_ACCOUNT":
        request["virtualAccount"] = {"accountExpiry": {"dueDate": _deposit_due(run).isoformat(timespec="seconds")}}
    return request


def _of_v1(prepared: Prepared, language: Language, run: Runtime) -> dict[str, Any]:
    """`userCode` is for `IMP.init`, `pay` for `IMP.request_pay` (portone-facts §7.2). Of won V1's units are ours."""
    session, buyer, settings = prepared.shown.session, prepared.buyer, run.settings
    assert session.currency == "KRW", "ways_to_pay offers nothing else by V1"
    words = {
        "CARD": "card",
        "EASY_PAY": settings.checkout_v1_easy_pay,
        "TRANSFER": "trans",
        "VIRTUAL_ACCOUNT": "vbank",
        "MOBILE": "phone",
    }
    pay: dict[str, Any] = {
        "channelKey": prepared.channel_key,
        "pay_method": words[prepared.method],
        "merchant_uid": prepared.payment_id,
        "name": prepared.order_name[:V1_NAME_LONGEST],
        "amount": session.amount,
        "tax_free": session.tax_free_amount,
        "currency": session.currency,
        "language": language,
        "m_redirect_url": f"{pay_url(session.session_id, run)}/return",
        "buyer_name": (buyer.get("fullName") or "")[:V1_BUYER_LONGEST],
        "buyer_tel": buyer.get("phoneNumber"),
        "buyer_email": buyer.get("email"),
    }
    if settings.checkout_confirm:
        pay["confirm_url"] = settings.url + ROUTE_V1
    if prepared.method == "VIRTUAL_ACCOUNT":
        pay["vbank_due"] = f"{_deposit_due(run):%Y%m%d%H%M}"
    return {"userCode": settings.checkout_v1_code, "pay": {name: value for name, value in pay.items() if value}}


def _deposit_due(run: Runtime) -> datetime:
    # A fixed instant and not a number of hours: the window may be left open for long before it is used.
    return (run.clock.now() + timedelta(hours=run.settings.checkout_deposit_h)).astimezone(SEOUL)
