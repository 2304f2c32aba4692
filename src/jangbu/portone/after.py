"""PortOne's operations on what comes with a payment: its virtual account, its cash receipt, its escrow."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.clock import rfc3339
from jangbu.money import Money
from jangbu.portone.outcomes import Outcome
from jangbu.portone.v2 import V2, nothing
from jangbu.portone.wire import moment, required, text


@dataclass(frozen=True, slots=True)
class Receipt:
    """A cash receipt as PortOne has it now: ISSUED, CANCELLED, ISSUE_FAILED, or a status new to us."""

    status: str
    type: str
    issue_number: str
    url: str
    issued_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True, repr=False)
class ReceiptWish:
    """What a receipt is to say, and whose it is: personal data, so its repr tells nothing."""

    channel_key: str
    type: str
    number: str
    order_name: str
    total: Money
    tax_free: Money
    paid_at: datetime
    method: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """How goods are on their way. PortOne's own word for the company."""

    company: str
    invoice_number: str
    sent_at: datetime

    @property
    def body(self) -> dict[str, str]:
        """As PortOne wants it (portone-facts §2.10)."""
        return {"company": self.company, "invoiceNumber": self.invoice_number, "sentAt": rfc3339(self.sent_at)}


class AfterPayment(V2):
    """A part of `PortOne`: each call changes something and takes an idempotency key, but for the reading ones."""

    async def close_virtual_account(self, payment_id: str, *, idempotency_key: str) -> Outcome[None]:
        """Let nobody pay into the account any more (portone-facts §2.9). What becomes of the payment is not said.

        Refused with PAYMENT_NOT_WAITING_FOR_DEPOSIT once it is paid, or closed.
        """
        return await self._call(
            "close_virtual_account",
            "POST",
            ["payments", payment_id, "virtual-account", "close"],
            idempotency_key=idempotency_key,
            read=lambda _: None,
        )

    async def get_cash_receipt(self, payment_id: str) -> Outcome[Receipt]:
        """The latest cash receipt of a payment (portone-facts §2.11), or Refused with CASH_RECEIPT_NOT_FOUND."""
        return await self._call("get_cash_receipt", "GET", ["payments", payment_id, "cash-receipt"], read=read_receipt)

    async def issue_cash_receipt(self, payment_id: str, wish: ReceiptWish, *, idempotency_key: str) -> Outcome[None]:
        """Issue one by hand (portone-facts §2.11). Refused with CASH_RECEIPT_ALREADY_ISSUED where there is one."""
        return await self._call(
            "issue_cash_receipt",
            "POST",
            ["cash-receipts"],
            body={
                "paymentId": payment_id,
                "channelKey": wish.channel_key,
                "type": wish.type,
                "orderName": wish.order_name,
                "currency": wish.total.currency,
                "amount": {"total": wish.total.amount_minor, "taxFree": wish.tax_free.amount_minor},
                "customer": {"identityNumber": wish.number},
                "paidAt": rfc3339(wish.paid_at),
                "paymentMethod": wish.method,
            },
            idempotency_key=idempotency_key,
            read=nothing,
        )

    async def cancel_cash_receipt(self, payment_id: str, *, idempotency_key: str) -> Outcome[None]:
        """Take a receipt back (portone-facts §2.11). Refused with CASH_RECEIPT_NOT_ISSUED where there is none."""
        return await self._call(
            "cancel_cash_receipt",
            "POST",
            ["payments", payment_id, "cash-receipt", "cancel"],
            idempotency_key=idempotency_key,
            read=nothing,
        )

    async def send_parcel(
        self, payment_id: str, parcel: Parcel, *, is_correction: bool, idempotency_key: str
    ) -> Outcome[None]:
        """Tell the PG that goods in escrow are on their way, or otherwise than was told (portone-facts §2.10)."""
        return await self._call(
            "modify_escrow_logistics" if is_correction else "apply_escrow_logistics",
            "PATCH" if is_correction else "POST",
            ["payments", payment_id, "escrow", "logistics"],
            body={"logistics": parcel.body},
            idempotency_key=idempotency_key,
            read=nothing,
        )

    async def complete_escrow(self, payment_id: str, *, idempotency_key: str) -> Outcome[None]:
        """Confirm the purchase in escrow, as its merchant (portone-facts §2.10)."""
        return await self._call(
            "confirm_escrow",
            "POST",
            ["payments", payment_id, "escrow", "complete"],
            body={"fromStore": True},
            idempotency_key=idempotency_key,
            read=nothing,
        )


def read_receipt(raw: dict[str, Any]) -> Receipt:
    """Raises Unreadable when it does not say what became of it."""
    return Receipt(
        status=required(raw, "status"),
        type=text(raw, "type") or "",
        issue_number=text(raw, "issueNumber") or "",
        url=text(raw, "url") or "",
        issued_at=moment(raw, "issuedAt"),
        cancelled_at=moment(raw, "cancelledAt"),
    )
