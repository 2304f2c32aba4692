"""V1: virtual accounts that a server opens, and cash receipts of what was paid into them (portone-facts §6.5)."""

from decimal import Decimal
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import accounts, approvals, cancels, cash_receipts, charges
from jangbu.sandbox.core.bodies import major_of
from jangbu.sandbox.core.faults import Kind
from jangbu.sandbox.core.naming_rules import refuse_what_the_pg_refuses
from jangbu.sandbox.core.problems import BrowserRefusal, pg_refusal
from jangbu.sandbox.core.records import AccountWish, Attempt, CashReceipt
from jangbu.sandbox.v1 import payments
from jangbu.sandbox.v1.fields import minor_of, time_of, unix
from jangbu.sandbox.v1.gate import Call, Operations
from jangbu.sandbox.v1.keys import OrderInput, channel_key_of, order_of
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.v1.wire import BANKS, payment_json

operations = Operations()
BANK_OF_CODE = {code: bank for bank, (code, _) in BANKS.items()}


class _Open(OrderInput, kw_only=True):
    vbank_code: str
    vbank_due: int
    name: str = ""
    vbank_holder: str | None = None
    vbank_num: str | None = None
    channel_key: str | None = None
    pg: str | None = None


class _Change(msgspec.Struct):
    amount: Decimal | None = None
    vbank_due: int | None = None


class _Receipt(msgspec.Struct):
    """Whose it is, is required and forgotten."""

    identifier: str
    type: Literal["person", "company"] = "person"
    tax_free: Decimal = Decimal(0)


@operations.add(
    "POST",
    "/vbanks",
    lacks="`vbank_key`, `product_type`, `product_count`, `business_registration_number`, `escrow_password`,"
    " `fixed_unlimited_vbank` and `pg_api_key` change nothing; eight banks",
)
async def v1_open_vbank(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    asked = call.asked(_Open)
    world, order = call.world, order_of(call, asked)
    channel = world.state.channels[channel_key_of(call, asked.channel_key, asked.pg)]
    due_at, bank = time_of(asked.vbank_due), BANK_OF_CODE.get(asked.vbank_code)
    if bank is None or due_at <= call.now:
        raise V1Refusal(200, "vbank_code 또는 vbank_due 값이 올바르지 않습니다.")
    order.account = AccountWish(bank=bank, due_at=due_at, remittee_name=asked.vbank_holder)
    if asked.vbank_num is not None:
        order.account.is_fixed, order.account.account_number = True, asked.vbank_num
    charges.refuse_unpayable(world, call.store, asked.merchant_uid)
    try:
        refuse_what_the_pg_refuses(channel, asked.merchant_uid, order)
    except BrowserRefusal as refusal:
        raise pg_refusal(refusal.pg_code or "", refusal.message) from None
    attempt = Attempt(
        transaction_id=world.new_transaction_id(order),
        payment_id=asked.merchant_uid,
        store_id=call.store.id,
        channel_key=channel.key,
        order=order,
        origin=charges.ORIGIN,
        requested_at=call.now,
        updated_at=call.now,
        status_changed_at=call.now,
    )
    world.enter(attempt)
    approvals.approve(world, call.faults, attempt, "virtual_account", call.now)
    if attempt.failure is not None:
        raise charges.declined(attempt)
    return payment_json(world, attempt)


@operations.add("PUT", "/vbanks/{imp_uid}", 400, 404)
async def v1_change_vbank(call: Call) -> dict[str, Any]:
    """portone-facts §6.5. Of the PGs Hecto alone lets an account be changed."""
    asked, attempt = call.asked(_Change), _open_account(call)
    if not call.world.channel_of(attempt).pg_provider.startswith("SETTLE"):
        raise pg_refusal("NOT_SUPPORTED", "가상계좌 수정을 지원하지 않는 PG입니다.")
    order = attempt.order
    if asked.vbank_due is not None:
        accounts.put_off(call.world, attempt, time_of(asked.vbank_due), call.now)
    if asked.amount is not None:
        total = minor_of(asked.amount, order.currency)
        if total <= order.tax_free_minor:
            raise V1Refusal(400, "결제 금액이 올바르지 않습니다.")
        order.total_minor, order.vat_minor = total, call.world.vat_of(total, order.tax_free_minor)
    attempt.updated_at = call.now
    return payment_json(call.world, attempt)


@operations.add("DELETE", "/vbanks/{imp_uid}", 400, 404, lacks="`pg_api_key` (Toss Payments) changes nothing")
async def v1_close_vbank(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    attempt = _open_account(call)
    accounts.close_attempt(call.world, attempt, call.now)
    return payment_json(call.world, attempt)


@operations.add("GET", "/receipts/{imp_uid}", 404)
async def v1_get_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    attempt = _attempt(call)
    receipt = cash_receipts.of_payment(call.world, attempt.store_id, attempt.payment_id)
    if receipt is None or receipt.issued_at is None:
        raise V1Refusal(404, "발급된 현금영수증이 없습니다.")
    return _receipt_json(attempt, receipt)


@operations.add(
    "POST",
    "/receipts/{imp_uid}",
    400,
    lacks="`vat`, `vat_amount`, `identifier_type`, `product_type`, `buyer_name`, `buyer_email`, `buyer_tel`,"
    " `company_name`, `company_tel` and `corp_reg_no` change nothing",
)
async def v1_issue_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: of what is left of a transfer or deposit."""
    asked, attempt = call.asked(_Receipt), _attempt(call)
    if not cash_receipts.is_of_kind(attempt) or attempt.paid_at is None or attempt.status == "CANCELLED":
        raise V1Refusal(400, "현금영수증을 발급할 수 있는 거래가 아닙니다.")
    order, left = attempt.order, cancels.remaining_of(call.world, attempt).total
    tax_free = minor_of(asked.tax_free, order.currency)
    if tax_free > left:
        raise V1Refusal(400, "면세 금액이 발급 금액을 초과하였습니다.")
    content = cash_receipts.Content(
        "PERSONAL" if asked.type == "person" else "CORPORATE",
        order.order_name,
        order.currency,
        left,
        tax_free,
        call.world.vat_of(left, tax_free),
    )
    if call.faults.take(Kind.PG, cash_receipts.OPERATION, attempt.payment_id, "receipt_fails") is not None:
        raise pg_refusal("RECEIPT_FAILED", "현금영수증을 발급하지 못했습니다.")
    payment_id, channel_key = attempt.payment_id, attempt.channel_key
    return _receipt_json(
        attempt, cash_receipts.issue(call.world, attempt.store_id, payment_id, channel_key, content, call.now)
    )


@operations.add("DELETE", "/receipts/{imp_uid}", 400)
async def v1_cancel_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    attempt = _attempt(call)
    fails = call.faults.take(Kind.PG, cash_receipts.OPERATION, attempt.payment_id, "receipt_fails") is not None
    receipt = cash_receipts.cancel(call.world, attempt.store_id, attempt.payment_id, call.now, fails=fails)
    return _receipt_json(attempt, receipt)


def _attempt(call: Call) -> Attempt:
    return payments.by_imp_uid(call, call.path("imp_uid"), with_tests=True)


def _open_account(call: Call) -> Attempt:
    """Refuses what is no account, and one that does not wait for its deposit."""
    attempt = _attempt(call)
    if attempt.status != "VIRTUAL_ACCOUNT_ISSUED" or attempt.closed_at is not None:
        raise V1Refusal(400, "입금 대기 상태의 가상계좌가 아닙니다.")
    return attempt


def _receipt_json(attempt: Attempt, receipt: CashReceipt) -> dict[str, Any]:
    return {
        "imp_uid": attempt.transaction_id,
        "receipt_tid": receipt.pg_receipt_id,
        "apply_num": receipt.issue_number,
        "type": "person" if receipt.type == "PERSONAL" else "company",
        "amount": major_of(receipt.total_minor, receipt.currency),
        "vat": major_of(receipt.vat_minor, receipt.currency),
        "receipt_url": cash_receipts.url_of(receipt),
        "applied_at": unix(receipt.issued_at),
        "cancelled_at": unix(receipt.cancelled_at),
    }
