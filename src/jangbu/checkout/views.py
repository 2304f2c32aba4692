"""What leaves the house about items and sessions. A payer sees nothing of the customer, and nothing of others."""

from typing import Any

from jangbu.checkout.item_rules import Item, Line
from jangbu.checkout.rules import PaymentSeen, Phase, ways_to_pay
from jangbu.checkout.service.sessions import Shown
from jangbu.clock import rfc3339
from jangbu.runtime import Runtime


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
        "methods": list(ways_to_pay(run.settings.channels, session.currency, run.settings.checkout_api)),
        "expiresAt": rfc3339(session.expires_at),
        "paidAt": None if session.paid_at is None else rfc3339(session.paid_at),
        "failure": failure_of(shown),
        "account": account_of(payment),
        "isEscrow": session.is_escrow,
        "asksBuyer": not session.has_buyer,
        "needsBuyer": {method: list(fields) for method, fields in shown.lacks.items()},
        "asksReceipt": run.settings.asks_receipt and session.currency == "KRW",
        "api": run.settings.checkout_api,
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
