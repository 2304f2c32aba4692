"""V1: virtual accounts that a server opens, and cash receipts of what was paid into them (portone-facts §6.5)."""

import hashlib
from decimal import Decimal
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import accounts, approvals, cancels, cash_receipts, charges
from jangbu.sandbox.core.bank_names import BANKS
from jangbu.sandbox.core.bodies import major_of
from jangbu.sandbox.core.naming_rules import refuse_what_the_pg_refuses
from jangbu.sandbox.core.problems import BrowserRefusal, pg_refusal
from jangbu.sandbox.core.records import AccountWish, Attempt, CashReceipt
from jangbu.sandbox.v1 import payments
from jangbu.sandbox.v1.channels import channel_key_of
from jangbu.sandbox.v1.fields import OrderName, minor_of, time_of, unix
from jangbu.sandbox.v1.gate import Call, Operations
from jangbu.sandbox.v1.keys import OrderInput, ProductType, order_of
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.v1.wire import payment_json

operations = Operations()
BANK_OF_CODE = {code: bank for bank, (code, _) in BANKS.items()}


class _Open(OrderInput, kw_only=True):
    vbank_code: str
    vbank_due: int
    name: OrderName = ""
    vbank_holder: str | None = None
    vbank_num: str | None = None
    vbank_key: str | None = None
    fixed_unlimited_vbank: bool = False
    channel_key: str | None = None
    pg: str | None = None
    business_registration_number: str | None = None
    escrow_password: str | None = None
    pg_api_key: str | None = None


class _Change(msgspec.Struct):
    amount: Decimal | None = None
    vbank_due: int | None = None


class _Close(msgspec.Struct):
    pg_api_key: str | None = None


class _Receipt(msgspec.Struct):
    """Whose it is, is required and forgotten."""

    identifier: str
    type: Literal["person", "company"] = "person"
    tax_free: Decimal = Decimal(0)
    vat_amount: Decimal | None = None
    vat: Decimal | None = None
    """`vat_amount` by its older name."""
    identifier_type: Literal["person", "business", "phone", "taxcard"] | None = None
    product_type: ProductType | None = None
    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_tel: str | None = None
    company_name: str | None = None
    company_tel: str | None = None
    corp_reg_no: str | None = None


@operations.add(
    "POST",
    "/vbanks",
    to_pg="`product_type`, `business_registration_number`, `escrow_password`, `pg_api_key`",
)
async def v1_open_vbank(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    asked = call.asked(_Open)
    world, order = call.world, order_of(call, asked)
    channel = world.state.channels[channel_key_of(world, call.store, asked.channel_key, asked.pg)]
    due_at, bank = time_of(asked.vbank_due), BANK_OF_CODE.get(asked.vbank_code)
    if bank is None or due_at <= call.now:
        raise V1Refusal(200, "vbank_code 또는 vbank_due 값이 올바르지 않습니다.")
    order.account = AccountWish(bank=bank, due_at=due_at, remittee_name=asked.vbank_holder)
    number = asked.vbank_num or (_account_of(asked.vbank_key) if asked.vbank_key else None)
    order.account.is_fixed = number is not None or asked.fixed_unlimited_vbank
    order.account.account_number = number
    charges.refuse_unpayable(world, call.store, asked.merchant_uid)
    try:
        refuse_what_the_pg_refuses(world.inferred, channel, asked.merchant_uid, order)
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
    accounts.refuse_deposited(attempt)
    order = attempt.order
    total = None if asked.amount is None else minor_of(asked.amount, order.currency)
    if total is not None and total <= order.tax_free_minor:
        raise V1Refusal(400, "결제 금액이 올바르지 않습니다.")
    # The last of what may be refused: what changes, changes as a whole.
    if asked.vbank_due is not None:
        accounts.put_off(call.world, attempt, time_of(asked.vbank_due), call.now)
    if total is not None:
        order.total_minor, order.vat_minor = total, call.world.vat_of(total, order.tax_free_minor)
    attempt.updated_at = call.now
    return payment_json(call.world, attempt)


@operations.add("DELETE", "/vbanks/{imp_uid}", 400, 404, to_pg="`pg_api_key` (Inicis)")
async def v1_close_vbank(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    call.asked(_Close)
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
    to_pg="`identifier_type`, `product_type`, `buyer_name`, `buyer_email`, `buyer_tel`, `company_name`, `company_tel`,"
    " `corp_reg_no`",
)
async def v1_issue_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: of what is left of a transfer or deposit."""
    asked, attempt = call.asked(_Receipt), _attempt(call)
    if not cash_receipts.is_of_kind(attempt) or attempt.paid_at is None or attempt.status == "CANCELLED":
        raise V1Refusal(400, "현금영수증을 발급할 수 있는 거래가 아닙니다.")
    order, left = attempt.order, cancels.remaining_of(call.world, attempt).total
    tax_free = minor_of(asked.tax_free, order.currency)
    given_vat = asked.vat_amount if asked.vat_amount is not None else asked.vat
    vat = minor_of(given_vat, order.currency) if given_vat is not None else call.world.vat_of(left, tax_free)
    if tax_free + (vat if given_vat is not None else 0) > left:
        raise V1Refusal(400, "면세 금액과 부가세의 합이 발급 금액을 초과하였습니다.")
    content = cash_receipts.Content(
        "PERSONAL" if asked.type == "person" else "CORPORATE",
        order.order_name,
        order.currency,
        left,
        tax_free,
        vat,
    )
    payment_id, channel_key = attempt.payment_id, attempt.channel_key
    fails = cash_receipts.is_failing(call.faults, payment_id)
    receipt = cash_receipts.issue(call.world, attempt.store_id, payment_id, channel_key, content, call.now, fails=fails)
    if receipt.issue_number is None:
        raise cash_receipts.refusal()
    return _receipt_json(attempt, receipt)


@operations.add("DELETE", "/receipts/{imp_uid}", 400)
async def v1_cancel_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    attempt = _attempt(call)
    fails = cash_receipts.is_failing(call.faults, attempt.payment_id, cash_receipts.CANCEL)
    receipt = cash_receipts.cancel(call.world, attempt.store_id, attempt.payment_id, call.now, fails=fails)
    return _receipt_json(attempt, receipt)


def _account_of(vbank_key: str) -> str:
    """A fixed account belongs to whom the merchant's key names: the same key, the same number."""
    return f"562{int.from_bytes(hashlib.sha256(vbank_key.encode()).digest()) % 10**11:011d}"


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
