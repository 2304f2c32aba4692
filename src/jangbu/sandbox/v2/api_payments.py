"""PortOne's V2 operations on one payment that do not give money back."""

from datetime import datetime
from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import accounts, approvals, escrow
from jangbu.sandbox.core.customers import AddressInput
from jangbu.sandbox.core.inputs import ProductInput
from jangbu.sandbox.core.problems import ApiError, pg_refusal
from jangbu.sandbox.core.records import Payment
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.api_v2 import found, paid
from jangbu.sandbox.v2.listing import aware

operations = Operations()
TO_PG_OF_A_PARCEL = "`sender`, `receiver`, `address`, `receivedAt`, `products`, `sendEmail`"


class _Plain(msgspec.Struct, rename="camel"):
    store_id: str | None = None


class _Confirm(_Plain, rename="camel", kw_only=True):
    payment_token: str
    tx_id: str | None = None
    currency: str | None = None
    total_amount: int | None = None
    tax_free_amount: int | None = None
    is_test: bool | None = None
    skip_webhook: bool | None = None


class _Receiver(msgspec.Struct, rename="camel"):
    name: str | None = None
    phone_number: str | None = None
    zipcode: str | None = None
    address: AddressInput | None = None


class _Sender(_Receiver):
    relationship: str | None = None


class _Logistics(msgspec.Struct, rename="camel"):
    company: str
    invoice_number: str
    sent_at: datetime
    received_at: datetime | None = None
    address: AddressInput | None = None


class _EscrowLogistics(_Plain, rename="camel", kw_only=True):
    logistics: _Logistics
    send_email: bool | None = None
    sender: _Sender | None = None
    receiver: _Receiver | None = None
    products: list[ProductInput] | None = None


class _EscrowComplete(_Plain, rename="camel", kw_only=True):
    from_store: bool | None = None


class _ReceiptItem(msgspec.Struct, rename="camel"):
    store_business_registration_number: str
    store_name: str
    total_amount: int
    currency: str
    tax_free_amount: int | None = None
    vat_amount: int | None = None
    supply_amount: int | None = None


class _StoreReceipt(_Plain, rename="camel", kw_only=True):
    items: list[_ReceiptItem]


def _payment(call: Call, store_id: str | None) -> Payment:
    return found(call.world.payment(call.store(store_id).id, call.path("paymentId")))


@operations.add("POST", "/payments/{paymentId}/confirm")
async def confirm_payment(call: Call) -> dict[str, Any]:
    """portone-facts §2.5: the answer is flat, and for an account `paidAt` is when it was issued."""
    asked = call.body(_Confirm)
    attempt = approvals.confirm(
        call.world,
        call.parts.faults,
        _payment(call, asked.store_id),
        approvals.Confirm(
            asked.payment_token,
            asked.tx_id,
            asked.currency,
            asked.total_amount,
            asked.tax_free_amount,
            asked.is_test,
        ),
        call.now,
        is_announced=not asked.skip_webhook,
    )
    return {"pgTxId": attempt.pg_tx_id, "paidAt": rfc3339(attempt.paid_at or call.now)}


@operations.add("POST", "/payments/{paymentId}/capture")
async def capture_payment(call: Call) -> dict[str, Any]:
    """portone-facts §2.7."""
    attempt = paid(_payment(call, call.body(_Plain).store_id))
    if attempt.capture != "WAITING":
        raise pg_refusal("CAPTURE_NOT_WAITING", "매입할 수 있는 거래가 아닙니다.")
    attempt.capture = "DONE"
    attempt.updated_at = call.now
    return {}


@operations.add("POST", "/payments/{paymentId}/virtual-account/close")
async def close_virtual_account(call: Call) -> dict[str, Any]:
    """portone-facts §2.9."""
    payment = _payment(call, call.query("storeId"))
    return {"closedAt": rfc3339(accounts.close(call.world, payment, call.now))}


@operations.add("POST", "/payments/{paymentId}/escrow/logistics", to_pg=TO_PG_OF_A_PARCEL)
async def apply_escrow_logistics(call: Call) -> dict[str, Any]:
    """portone-facts §2.10."""
    asked, logistics = _logistics(call)
    escrow.register(paid(_payment(call, asked.store_id)), logistics, call.now)
    return {**_sent(logistics), "appliedAt": rfc3339(call.now)}


@operations.add("PATCH", "/payments/{paymentId}/escrow/logistics", to_pg=TO_PG_OF_A_PARCEL)
async def modify_escrow_logistics(call: Call) -> dict[str, Any]:
    """portone-facts §2.10."""
    asked, logistics = _logistics(call)
    escrow.modify(paid(_payment(call, asked.store_id)), logistics, call.now)
    return {**_sent(logistics), "modifiedAt": rfc3339(call.now)}


@operations.add("POST", "/payments/{paymentId}/escrow/complete", to_pg="`fromStore` (NaverPay)")
async def confirm_escrow(call: Call) -> dict[str, Any]:
    """portone-facts §2.10."""
    escrow.complete(paid(_payment(call, call.body(_EscrowComplete).store_id)), call.now)
    return {"completedAt": rfc3339(call.now)}


@operations.add("POST", "/payments/{paymentId}/register-store-receipt", to_pg="what is registered")
async def register_store_receipt(call: Call) -> dict[str, Any]:
    """portone-facts §2.10: receipts of an Inicis merchant's sub-merchants."""
    asked = call.body(_StoreReceipt)
    attempt = paid(_payment(call, asked.store_id))
    if not asked.items or any(item.total_amount <= 0 for item in asked.items):
        raise ApiError("INVALID_REQUEST", "items must not be empty, and totalAmount is above zero.")
    if call.world.channel_of(attempt).pg_provider != "INICIS_V2":
        raise pg_refusal("NOT_SUPPORTED", "하위 상점 거래 등록을 지원하지 않는 PG입니다.")
    return {"receiptUrl": f"https://receipt.sandbox.invalid/stores/{attempt.transaction_id}"}


def _logistics(call: Call) -> tuple[_EscrowLogistics, dict[str, Any]]:
    asked = call.body(_EscrowLogistics)
    logistics = asked.logistics
    named = {"company": logistics.company, "invoiceNumber": logistics.invoice_number}
    return asked, named | {"sentAt": rfc3339(aware(logistics.sent_at))}


def _sent(logistics: dict[str, Any]) -> dict[str, Any]:
    return {name: logistics[name] for name in ("invoiceNumber", "sentAt")}
