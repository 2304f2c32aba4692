"""What leaves the house about items and sessions. A payer sees nothing of the customer, and nothing of others."""

from datetime import timedelta
from typing import Any

from jangbu.checkout.rules import Item, Line, PaymentSeen, Phase, ways_to_pay
from jangbu.checkout.service.prepare import Prepared
from jangbu.checkout.service.sessions import Shown
from jangbu.clock import SEOUL, rfc3339
from jangbu.payments.service.confirm_question import ROUTE as CONFIRM_QUESTION
from jangbu.runtime import Runtime
from jangbu.web.language import Language


def item_view(item: Item) -> dict[str, Any]:
    """An item as staff and the shop see it."""
    return {
        "id": str(item.id),
        "storeId": item.store_id,
        "nameKo": item.name_ko,
        "nameEn": item.name_en,
        "price": item.price,
        "taxFreePrice": item.tax_free_price,
        "currency": item.currency,
        "stock": item.stock,
        "reserved": item.reserved,
        "active": item.is_active,
    }


def session_view(shown: Shown, run: Runtime) -> dict[str, Any]:
    """A session as its payer may see it."""
    session, payment = shown.session, shown.payment
    return {
        "sessionId": session.session_id,
        "state": session.state.value,
        "phase": shown.phase.value,
        "url": pay_url(session.session_id, run),
        "orderName": session.order_name,
        "lines": [_line(line) for line in shown.lines],
        "amount": session.amount,
        "taxFreeAmount": session.tax_free_amount,
        "currency": session.currency,
        "methods": list(ways_to_pay(run.settings.channels, session.currency)),
        "expiresAt": rfc3339(session.expires_at),
        "paidAt": None if session.paid_at is None else rfc3339(session.paid_at),
        "failure": failure_of(shown),
        "account": account_of(payment),
        "asksBuyer": not session.has_buyer,
        "sdk": run.settings.browser_sdk_url,
        "mode": run.settings.mode,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "itemId": str(line.item_id),
        "nameKo": line.name_ko,
        "nameEn": line.name_en,
        "unitPrice": line.unit_price,
        "quantity": line.quantity,
    }


def failure_of(shown: Shown) -> str | None:
    """Why the last try failed, in PortOne's words, where it did."""
    if shown.phase is not Phase.DECLINED or shown.payment is None:
        return None
    failure = shown.payment.failure or {}
    return failure.get("pgMessage") or failure.get("reason")


def account_of(payment: PaymentSeen | None) -> dict[str, Any] | None:
    """Where to pay in, while an account is open."""
    if payment is None or payment.status != "VIRTUAL_ACCOUNT_ISSUED":
        return None
    method = payment.method or {}
    due = payment.deposit_due
    return {
        "bank": method.get("bank"),
        "number": method.get("accountNumber"),
        "holder": method.get("remitteeName"),
        "dueAt": None if due is None else rfc3339(due),
    }


def pay_url(session_id: str, run: Runtime) -> str:
    """Where its payer pays."""
    return f"{run.settings.url}/pay/{session_id}"


def window_request(prepared: Prepared, language: Language, run: Runtime) -> dict[str, Any]:
    """The argument of `PortOne.requestPayment` (portone-facts §7.1), or of `loadPaymentUI` where it has a `uiType`.

    Its amount is also fixed at PortOne already.
    """
    session, settings = prepared.shown.session, run.settings
    request: dict[str, Any] = {
        "storeId": session.store_id,
        "channelKey": prepared.channel_key,
        "paymentId": prepared.payment_id,
        "orderName": session.order_name,
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
    if settings.checkout_confirm:
        request["confirmUrl"] = settings.url + CONFIRM_QUESTION
    customer = {name: value for name, value in prepared.buyer.items() if value}
    if session.customer_id:
        customer["customerId"] = session.customer_id
    if customer:
        request["customer"] = customer
    if prepared.method == "VIRTUAL_ACCOUNT":
        # A fixed instant and not a number of hours: the window may be left open for long before it is used.
        due = run.clock.now() + timedelta(hours=settings.checkout_deposit_h)
        request["virtualAccount"] = {"accountExpiry": {"dueDate": due.astimezone(SEOUL).isoformat(timespec="seconds")}}
    return request
