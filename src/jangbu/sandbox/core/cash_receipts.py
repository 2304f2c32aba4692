"""Cash receipts: with a payment or for one made elsewhere, and their end (portone-facts §2.11, §10.10)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.problems import ApiError, pg_refusal
from jangbu.sandbox.core.records import Attempt, CashReceipt
from jangbu.sandbox.core.world import World

OPERATION = "issue_cash_receipt"
"""What a fault of the PG's word is ordered for, whether a receipt comes with a payment or by itself."""
CANCEL = "cancel_cash_receipt"
"""And when one is cancelled."""

PAYMENT_TYPES = ("PaymentMethodTransfer", "PaymentMethodVirtualAccount")
"""Money that leaves no card slip: only for it is there a cash receipt."""

KEEPS_RECEIPTS = frozenset({"KSNET"})
"""Cancelling the payment does not cancel the receipt there (portone-facts §10.10)."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a receipt says. Amounts in minor units of `currency`."""

    type: Literal["PERSONAL", "CORPORATE"]
    order_name: str
    currency: str
    total_minor: int
    tax_free_minor: int
    vat_minor: int


def of_payment(world: World, store_id: str, payment_id: str) -> CashReceipt | None:
    """The latest receipt of a paymentId."""
    rows = world.state.cash_receipts
    return next((row for row in reversed(rows) if (row.store_id, row.payment_id) == (store_id, payment_id)), None)


def issue(
    world: World,
    store_id: str,
    payment_id: str,
    channel_key: str,
    content: Content,
    now: datetime,
    *,
    is_manual: bool = True,
    fails: bool = False,
) -> CashReceipt:
    """Write a receipt down, ISSUED or ISSUE_FAILED. Refuses a second one as CASH_RECEIPT_ALREADY_ISSUED."""
    before = of_payment(world, store_id, payment_id)
    if before is not None and before.status == "ISSUED":
        raise ApiError("CASH_RECEIPT_ALREADY_ISSUED", "A cash receipt is issued already.")
    receipt = CashReceipt(
        number=len(world.state.cash_receipts) + 1,
        store_id=store_id,
        payment_id=payment_id,
        channel_key=channel_key,
        type=content.type,
        order_name=content.order_name,
        currency=content.currency,
        total_minor=content.total_minor,
        tax_free_minor=content.tax_free_minor,
        vat_minor=content.vat_minor,
        is_manual=is_manual,
        status="ISSUE_FAILED" if fails else "ISSUED",
        status_updated_at=now,
    )
    if not fails:
        receipt.issue_number = f"{world.ids.chance().randrange(10**9):09d}"
        receipt.pg_receipt_id = f"pgr{world.ids.token(17)}"
        receipt.issued_at = now
    world.state.cash_receipts.append(receipt)
    return receipt


def is_failing(faults: Faults, payment_id: str, operation: str = OPERATION) -> bool:
    """Whether the PG cannot do it this time."""
    return faults.take(Kind.PG, operation, payment_id, "receipt_fails") is not None


def refusal() -> ApiError:
    """What the caller is told of a receipt that is ISSUE_FAILED."""
    return pg_refusal("RECEIPT_FAILED", "현금영수증을 발급하지 못했습니다.")


def issue_with(world: World, faults: Faults, attempt: Attempt, now: datetime) -> None:
    """The receipt that the shopper asked for, now that the transfer or deposit is paid."""
    wish, order = attempt.order.receipt, attempt.order
    before = of_payment(world, attempt.store_id, attempt.payment_id)
    # The merchant may have been quicker and issued one by hand.
    is_issued = before is not None and before.status == "ISSUED"
    if wish is None or wish.type is None or is_issued or not is_wanted(attempt):
        return
    content = Content(
        wish.type, order.order_name, order.currency, order.total_minor, order.tax_free_minor, order.vat_minor
    )
    payment_id, channel_key, fails = attempt.payment_id, attempt.channel_key, is_failing(faults, attempt.payment_id)
    issue(world, attempt.store_id, payment_id, channel_key, content, now, is_manual=False, fails=fails)


def is_wanted(attempt: Attempt) -> bool:
    """Whether the shopper asked for a receipt of what is now paid."""
    wish = attempt.order.receipt
    return wish is not None and wish.type is not None and attempt.status == "PAID" and is_of_kind(attempt)


def cancel(world: World, store_id: str, payment_id: str, now: datetime, *, fails: bool = False) -> CashReceipt:
    """ISSUED → CANCELLED. Refuses CASH_RECEIPT_NOT_FOUND, CASH_RECEIPT_NOT_ISSUED and what the PG refuses."""
    receipt = of_payment(world, store_id, payment_id)
    if receipt is None:
        raise ApiError("CASH_RECEIPT_NOT_FOUND", "The cash receipt is not found.")
    if receipt.status != "ISSUED":
        raise ApiError("CASH_RECEIPT_NOT_ISSUED", "The cash receipt is not issued.")
    if fails:
        raise pg_refusal("RECEIPT_FAILED", "현금영수증을 취소하지 못했습니다.")
    _end(receipt, now)
    return receipt


def cancel_with(world: World, attempt: Attempt, now: datetime) -> None:
    """The whole payment went back: so does the receipt that came with it, where the PG sees to that."""
    receipt = of_payment(world, attempt.store_id, attempt.payment_id)
    is_kept = world.channel_of(attempt).pg_provider in KEEPS_RECEIPTS
    if receipt is not None and receipt.status == "ISSUED" and not receipt.is_manual and not is_kept:
        _end(receipt, now)


def is_of_kind(attempt: Attempt) -> bool:
    """Whether a cash receipt makes sense for what was paid with."""
    method = attempt.method or {}
    # A wallet may have a bank account in it.
    return (method.get("easyPayMethod") or method).get("type") in PAYMENT_TYPES


def url_of(receipt: CashReceipt) -> str:
    """Where the receipt can be seen."""
    return f"https://receipt.sandbox.invalid/cash/{receipt.issue_number}"


def _end(receipt: CashReceipt, now: datetime) -> None:
    receipt.status = "CANCELLED"
    receipt.cancelled_at = receipt.status_updated_at = now
