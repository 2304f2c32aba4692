"""V1's JSON of a payment: one attempt, in major units and unix seconds (portone-facts §6.3)."""

from datetime import datetime
from typing import Any

from jangbu.sandbox.core import cash_receipts
from jangbu.sandbox.core.bank_names import BANKS, CARD_COMPANIES
from jangbu.sandbox.core.bodies import major_of
from jangbu.sandbox.core.records import Attempt, Window
from jangbu.sandbox.core.wallets import WALLETS
from jangbu.sandbox.core.world import World
from jangbu.sandbox.v1.fields import unix

PAY_METHODS = {
    "PaymentMethodCard": "card",
    "PaymentMethodTransfer": "trans",
    "PaymentMethodVirtualAccount": "vbank",
    "PaymentMethodMobile": "phone",
    "PaymentMethodConvenienceStore": "cvs",
}
WINDOW_METHODS = {
    "CARD": "card",
    "TRANSFER": "trans",
    "VIRTUAL_ACCOUNT": "vbank",
    "MOBILE": "phone",
    "CONVENIENCE_STORE": "cvs",
    "PAYPAL": "paypal",
    "ALIPAY": "alipay",
}
V2_KINDS = {"SAMSUNGPAY": "samsung", "SMART_MUNSANG": "smartculture"}
"""Wallets and gift certificates for which V1 has another word than V2 (portone-facts §6.3)."""
CARD_TYPES = {"CREDIT": 0, "DEBIT": 1}


def status_of(world: World, attempt: Attempt) -> str:
    """There is no word for a part that was cancelled (portone-facts §6.3)."""
    match attempt.status:
        case "PAID":
            return "paid"
        case "PARTIAL_CANCELLED":
            return world.inferred.v1_partly_cancelled_is
        case "CANCELLED":
            return "cancelled"
        case "FAILED":
            return "failed"
        case _:
            return "ready"


def payment_json(world: World, attempt: Attempt) -> dict[str, Any]:
    """Every field, null or 0 where there is nothing to tell."""
    order, channel = attempt.order, world.channel_of(attempt)
    customer, failure = order.customer, attempt.failure
    done = [each for each in attempt.cancellations if each.status == "SUCCEEDED"]
    last = done[-1] if done else None

    def major(minor: int) -> Any:
        return major_of(minor, order.currency)

    receipt = cash_receipts.of_payment(world, attempt.store_id, attempt.payment_id)
    return {
        "imp_uid": attempt.transaction_id,
        "merchant_uid": attempt.payment_id,
        "pay_method": pay_method_of(attempt),
        "channel": attempt.origin["platformType"].lower(),
        "pg_provider": channel.pg_provider.lower(),
        "emb_pg_provider": _embedded(attempt),
        "pg_tid": attempt.pg_tx_id,
        "pg_id": channel.pg_merchant_id,
        "sandbox": channel.type == "TEST",
        "escrow": order.is_escrow,
        **_method_fields(attempt),
        "name": order.order_name,
        "amount": major(order.total_minor),
        "cancel_amount": major(sum(each.total_minor for each in done)),
        "currency": order.currency,
        "buyer_name": customer.get("name"),
        "buyer_email": customer.get("email"),
        "buyer_tel": customer.get("phoneNumber"),
        "buyer_addr": customer.get("address", {}).get("oneLine"),
        "buyer_postcode": customer.get("zipcode"),
        "custom_data": order.custom_data,
        "user_agent": attempt.origin.get("userAgent"),
        "status": status_of(world, attempt),
        "started_at": unix(attempt.requested_at),
        "paid_at": unix(attempt.paid_at),
        "failed_at": unix(attempt.failed_at),
        "cancelled_at": unix(
            last.cancelled_at if last else attempt.closed_at if attempt.status == "CANCELLED" else None
        ),
        "fail_reason": f"[{failure.pg_code}] {failure.reason}" if failure else None,
        "cancel_reason": last.reason if last else None,
        "receipt_url": attempt.receipt_url,
        "cancel_history": [
            {
                "pg_tid": each.pg_cancellation_id,
                "amount": major(each.total_minor),
                "cancelled_at": unix(each.cancelled_at),
                "reason": each.reason,
                "cancellation_id": each.id,
                "receipt_url": each.receipt_url,
            }
            for each in done
        ],
        "deposit_history": [],
        "cancel_receipt_urls": [each.receipt_url for each in done if each.receipt_url],
        "cash_receipt_issued": receipt is not None and receipt.status == "ISSUED",
        "customer_uid": attempt.billing_key,
        "customer_uid_usage": _usage(attempt),
        "promotion": {"id": order.promotion_id, "discount": major(order.discount_minor)}
        if order.promotion_id
        else None,
    }


def pay_method_of(attempt: Attempt) -> str:
    """The word of the read side; before anything was chosen, what the window was opened for."""
    method = attempt.method
    if method is None:
        return _opened_for(attempt.window) if attempt.window else "card"
    if (kind := method.get("provider") or method.get("giftCertificateType")) is not None:
        return _kind(kind)
    return PAY_METHODS[method["type"]]


def _opened_for(window: Window) -> str:
    """V1's windows for a wallet, or for a kind of certificate, have nothing else in them."""
    offer = window.offer
    match window.pay_method:
        case "EASY_PAY" if offer.ways:
            return _kind(WALLETS[offer.ways[0]].provider) if offer.ways[0] in WALLETS else "card"
        case "GIFT_CERTIFICATE":
            return _kind(offer.choices.get("gift_certificate", ["CULTURELAND"])[0])
        case other:
            return WINDOW_METHODS.get(other, "card")


def _kind(word: str) -> str:
    return V2_KINDS.get(word, word.lower())


def _embedded(attempt: Attempt) -> str | None:
    """The wallet inside a card PG's window."""
    method = attempt.method or {}
    return str(method["provider"]).lower() if method.get("type") == "PaymentMethodEasyPay" else None


def _usage(attempt: Attempt) -> str | None:
    if attempt.billing_key is None:
        return None
    if attempt.window is not None:
        return "issue"
    return "payment.scheduled" if attempt.schedule_id is not None else "payment"


def _method_fields(attempt: Attempt) -> dict[str, Any]:
    method = attempt.method or {}
    inner = method.get("easyPayMethod", {}) if method.get("type") == "PaymentMethodEasyPay" else method
    card = inner.get("card", {})
    card_code, card_name = CARD_COMPANIES.get(card.get("issuer", ""), (None, None))
    account = method if method.get("type") == "PaymentMethodVirtualAccount" else {}
    bank_code, bank_name = bank_of(inner.get("bank")) if inner.get("type") == "PaymentMethodTransfer" else (None, None)
    vbank_code, vbank_name = bank_of(account.get("bank"))
    return {
        "apply_num": inner.get("approvalNumber"),
        "bank_code": bank_code,
        "bank_name": bank_name,
        "card_code": card_code,
        "card_name": card_name,
        "card_issuer_code": card_code,
        "card_issuer_name": card_name,
        "card_publisher_code": card_code,
        "card_publisher_name": card_name,
        "card_quota": inner.get("installment", {}).get("month", 0),
        "card_number": card.get("number"),
        "card_type": CARD_TYPES.get(card.get("type", "")),
        "vbank_code": vbank_code,
        "vbank_name": vbank_name,
        "vbank_num": account.get("accountNumber"),
        "vbank_holder": account.get("remitteeName"),
        "vbank_date": _seconds(account.get("expiredAt")),
        "vbank_issued_at": _seconds(account.get("issuedAt")),
    }


def bank_of(word: str | None) -> tuple[str | None, str | None]:
    """Code and name for V2's word for a bank."""
    return (None, None) if word is None else BANKS.get(word, (None, word))


def _seconds(written: str | None) -> int:
    return unix(datetime.fromisoformat(written)) if written is not None else 0
