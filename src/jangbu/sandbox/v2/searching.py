"""What GET /payments can look for in a payment: its text fields, its card, its receipt, its last webhook (§2.13)."""

from datetime import datetime
from typing import Any, Literal

from jangbu.sandbox.core import cash_receipts
from jangbu.sandbox.core.records import Attempt, CashReceipt, Payment
from jangbu.sandbox.core.world import World
from jangbu.sandbox.v2.wire import webhook_json

TextField = Literal[
    "ALL",
    "PAYMENT_ID",
    "TX_ID",
    "SCHEDULE_ID",
    "FAIL_REASON",
    "CARD_ISSUER",
    "CARD_ACQUIRER",
    "CARD_BIN",
    "CARD_NUMBER",
    "CARD_APPROVAL_NUMBER",
    "CARD_RECEIPT_NAME",
    "CARD_INSTALLMENT",
    "TRANS_BANK",
    "VIRTUAL_ACCOUNT_HOLDER_NAME",
    "VIRTUAL_ACCOUNT_BANK",
    "VIRTUAL_ACCOUNT_NUMBER",
    "PG_MERCHANT_ID",
    "PG_TX_ID",
    "PG_RECEIPT_ID",
    "RECEIPT_APPROVAL_NUMBER",
    "PG_CANCELLATION_ID",
    "CANCEL_REASON",
    "ORDER_NAME",
    "CUSTOMER_NAME",
    "CUSTOMER_EMAIL",
    "CUSTOMER_PHONE_NUMBER",
    "CUSTOMER_ADDRESS",
    "CUSTOMER_ZIPCODE",
    "USER_AGENT",
    "BILLING_KEY",
    "PROMOTION_ID",
    "GIFT_CERTIFICATION_APPROVAL_NUMBER",
]


def text_fields(world: World, attempt: Attempt) -> dict[str, list[Any]]:
    """The values of each field that `textSearch` may name. `ALL` stands for all of these [I: text_search].

    Who acquires a card is who publishes it, and a receipt names the card as the payment does: no answer of PortOne's
    shows either.
    """
    order, method, card = attempt.order, attempt.method or {}, card_of(attempt) or {}
    inner = method.get("easyPayMethod") or method
    failure, customer = attempt.failure, order.customer
    is_transfer = inner.get("type") == "PaymentMethodTransfer"
    is_account = inner.get("type") == "PaymentMethodVirtualAccount"
    receipt = receipt_of(world, attempt)
    return {
        "PAYMENT_ID": [attempt.payment_id],
        "TX_ID": [attempt.transaction_id],
        "SCHEDULE_ID": [attempt.schedule_id],
        "FAIL_REASON": [failure.reason if failure else None],
        "CARD_ISSUER": [card.get("issuer")],
        "CARD_ACQUIRER": [card.get("publisher")],
        "CARD_BIN": [card.get("bin")],
        "CARD_NUMBER": [card.get("number")],
        "CARD_APPROVAL_NUMBER": [inner.get("approvalNumber") if card else None],
        "CARD_RECEIPT_NAME": [card.get("name")],
        "CARD_INSTALLMENT": [str(inner["installment"]["month"]) if card else None],
        "TRANS_BANK": [inner.get("bank") if is_transfer else None],
        "VIRTUAL_ACCOUNT_BANK": [inner.get("bank") if is_account else None],
        "VIRTUAL_ACCOUNT_NUMBER": [inner.get("accountNumber") if is_account else None],
        "VIRTUAL_ACCOUNT_HOLDER_NAME": [inner.get("remitteeName") if is_account else None],
        "PG_MERCHANT_ID": [world.channel_of(attempt).pg_merchant_id],
        "PG_TX_ID": [attempt.pg_tx_id],
        "PG_RECEIPT_ID": [receipt.pg_receipt_id if receipt else None],
        "RECEIPT_APPROVAL_NUMBER": [receipt.issue_number if receipt else None],
        "PG_CANCELLATION_ID": [each.pg_cancellation_id for each in attempt.cancellations],
        "CANCEL_REASON": [each.reason for each in attempt.cancellations],
        "ORDER_NAME": [order.order_name],
        "CUSTOMER_NAME": [customer.get("name")],
        "CUSTOMER_EMAIL": [customer.get("email")],
        "CUSTOMER_PHONE_NUMBER": [customer.get("phoneNumber")],
        "CUSTOMER_ADDRESS": [customer.get("address", {}).get("oneLine")],
        "CUSTOMER_ZIPCODE": [customer.get("zipcode")],
        "USER_AGENT": [attempt.origin.get("userAgent")],
        "BILLING_KEY": [attempt.billing_key],
        "PROMOTION_ID": [order.promotion_id],
        "GIFT_CERTIFICATION_APPROVAL_NUMBER": [
            inner.get("approvalNumber") if inner.get("type") == "PaymentMethodGiftCertificate" else None
        ],
    }


def card_of(attempt: Attempt) -> dict[str, Any] | None:
    """The card that was paid with, also behind an easy pay."""
    method = attempt.method or {}
    found: dict[str, Any] | None = (method.get("easyPayMethod") or method).get("card")
    return found


def receipt_of(world: World, attempt: Attempt) -> CashReceipt | None:
    """The payment's cash receipt, one that could not be issued aside."""
    receipt = cash_receipts.of_payment(world, attempt.store_id, attempt.payment_id)
    return receipt if receipt is not None and receipt.issued_at is not None else None


def webhook_status_of(world: World, payment: Payment, attempt: Attempt) -> str | None:
    """How the latest webhook of the payment's present status fared; None while there is none, or none was tried."""
    told = [each for each in world.deliveries_of(payment) if each.payment_status == attempt.status]
    return webhook_json(world, told[-1]).get("status") if told else None


def is_within(at: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    """Whether `at` lies in a range whose ends may be open."""
    return at is not None and (since is None or since <= at) and (until is None or at <= until)
