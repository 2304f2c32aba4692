"""PortOne's V2 API, one method an operation. Nothing is retried here.

What a call raises: `PortoneIdUnusable`, before anything is sent. What PortOne or the network do is never
raised but answered, as Done, Refused or Unknown; an Unknown is the caller's to settle.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from jangbu.clock import rfc3339
from jangbu.money import Money
from jangbu.portone.after import AfterPayment
from jangbu.portone.calling import Account, Observe
from jangbu.portone.identity import IdentityVerification, read_identity_verification
from jangbu.portone.outcomes import Outcome
from jangbu.portone.v1 import PortOneV1
from jangbu.portone.v2 import nothing
from jangbu.portone.wire import (
    Cancellation,
    EventPage,
    Payment,
    PaymentPage,
    Unreadable,
    read_cancellation,
    read_event_page,
    read_payment,
    read_payment_page,
)

if TYPE_CHECKING:
    from jangbu.portone.transport import Transport

_log = structlog.get_logger(__name__)


class PortOne(AfterPayment):
    """A caller of PortOne, with one API secret and, where the merchant has several stores, for one of them.

    Safe to share between tasks. Each changing call takes an idempotency key: PortOne answers the same key
    with the same answer for 3 hours (portone-facts §1.4), so a caller that repeats a call uses the same key,
    and later only asks.
    """

    def __init__(
        self, transport: "Transport", *, api_secret: str, store_id: str | None = None, observe: Observe | None = None
    ) -> None:
        super().__init__(transport, api_secret=api_secret, store_id=store_id, observe=observe)
        self.v1: PortOneV1 | None = None
        """The same merchant's V1, where it is set up."""

    def __repr__(self) -> str:
        return f"PortOne(store_id={self.store_id!r})"

    async def pre_register(
        self, payment_id: str, *, total: Money, tax_free: Money, idempotency_key: str
    ) -> Outcome[None]:
        """Fix the amount and currency a payment window may ask for under `payment_id` (portone-facts §2.4).

        Refused with ALREADY_PAID once it is paid. Moves no money. Whether a second call replaces the first is
        not documented, so a payment whose price has changed takes a new id.
        """
        assert total.currency == tax_free.currency, "one payment has one currency"
        assert 0 <= tax_free.amount_minor <= total.amount_minor, "the tax-free part is a part of the total"
        _log.info("Pre-registering payment with PortOne", payment_id=payment_id, amount=total.amount_minor)
        return await self._call(
            "pre_register",
            "POST",
            ["payments", payment_id, "pre-register"],
            body={
                "totalAmount": total.amount_minor,
                "taxFreeAmount": tax_free.amount_minor,
                "currency": total.currency,
            },
            idempotency_key=idempotency_key,
            read=nothing,
        )

    async def list_payments(
        self, *, changed_since: datetime, changed_until: datetime, number: int, size: int
    ) -> Outcome[PaymentPage]:
        """A page of the payments whose status changed in that time, oldest change first (portone-facts §2.13).

        `number` counts from 0, and PortOne shows no row beyond 60,000. A payment that changes while you turn the pages
        leaves its place, and the one behind it slips onto the page you have read: compare the totals of your pages.
        """
        asked = {
            "page": {"number": number, "size": size},
            "filter": {
                "timestampType": "STATUS_CHANGED_AT",
                "from": rfc3339(changed_since),
                "until": rfc3339(changed_until),
                "sortBy": "STATUS_CHANGED_AT",
                "sortOrder": "ASC",
            }
            | ({} if self.store_id is None else {"storeId": self.store_id}),
        }
        query = {"requestBody": msgspec.json.encode(asked).decode()}
        return await self._call("list_payments", "GET", ["payments"], query=query, read=read_payment_page)

    async def list_payment_events(
        self, *, since: datetime, until: datetime, cursor: str = "", size: int
    ) -> Outcome[EventPage]:
        """What was paid and given back in that time, behind `cursor` (portone-facts §2.13; not a stable operation).

        An empty page is the end.
        """
        asked = {"from": rfc3339(since), "until": rfc3339(until), "size": size}
        asked |= {"cursor": cursor} if cursor else {}
        asked |= {} if self.store_id is None else {"storeId": self.store_id}
        query = {"requestBody": msgspec.json.encode(asked).decode()}
        return await self._call(
            "list_payment_events", "GET", ["payment-events-by-cursor"], query=query, read=read_event_page
        )

    async def get_payment(self, payment_id: str) -> Outcome[Payment]:
        """The payment as PortOne has it now (portone-facts §2.2), or Refused with PAYMENT_NOT_FOUND."""

        def this_payment(answer: dict[str, Any]) -> Payment:
            payment = read_payment(answer)
            # A cache or proxy that mixes up two answers must not turn somebody else's PAID into ours.
            if payment.id != payment_id:
                raise Unreadable("the answer is about another payment")
            return payment

        return await self._call("get_payment", "GET", ["payments", payment_id], read=this_payment)

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        token: str,
        transaction_id: str | None,
        total: Money,
        tax_free: Money,
        is_test: bool,
        idempotency_key: str,
    ) -> Outcome[None]:
        """Approve what the payer agreed to, on a channel with manual approval (portone-facts §2.5). This takes money.

        PortOne refuses with INFORMATION_MISMATCH when the payer agreed to anything else than is said here. Its answer
        states neither status nor amount, and an account that was issued looks like a payment: read it afterwards.
        """
        assert total.currency == tax_free.currency, "one payment has one currency"
        _log.info("Confirming payment at PortOne", payment_id=payment_id, amount=total.amount_minor)
        return await self._call(
            "confirm_payment",
            "POST",
            ["payments", payment_id, "confirm"],
            body={
                "paymentToken": token,
                "currency": total.currency,
                "totalAmount": total.amount_minor,
                "taxFreeAmount": tax_free.amount_minor,
                "isTest": is_test,
            }
            | ({} if transaction_id is None else {"txId": transaction_id}),
            idempotency_key=idempotency_key,
            read=nothing,
        )

    async def cancel_payment(
        self,
        payment_id: str,
        *,
        amount: Money,
        tax_free: Money,
        cancellable: Money,
        reason: str,
        requester: str = "",
        account: Account | None = None,
        idempotency_key: str,
    ) -> Outcome[Cancellation]:
        """Give money back (portone-facts §2.8). Done is not yet given back: look at the cancellation's status.

        `cancellable` is what we believe is left; PortOne refuses with CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN when it
        is not, so that a call which arrives twice, or late, acts at most once.
        """
        assert amount.currency == tax_free.currency == cancellable.currency, "one payment has one currency"
        assert 0 < amount.amount_minor <= cancellable.amount_minor, "at most what is left is given back"
        assert 0 <= tax_free.amount_minor <= amount.amount_minor, "the tax-free part is a part of the amount"
        _log.info("Cancelling payment at PortOne", payment_id=payment_id, amount=amount.amount_minor)

        def cancellation(answer: dict[str, Any]) -> Cancellation:
            return read_cancellation(answer.get("cancellation"))

        return await self._call(
            "cancel_payment",
            "POST",
            ["payments", payment_id, "cancel"],
            body={
                "amount": amount.amount_minor,
                "taxFreeAmount": tax_free.amount_minor,
                "currentCancellableAmount": cancellable.amount_minor,
                "reason": reason,
            }
            | ({"requester": requester} if requester else {})
            | ({} if account is None else {"refundAccount": account.body}),
            idempotency_key=idempotency_key,
            read=cancellation,
        )

    async def get_identity_verification(self, verification_id: str) -> Outcome[IdentityVerification]:
        """An identity verification as PortOne has it now (portone-facts §8), or Refused with
        IDENTITY_VERIFICATION_NOT_FOUND, as long as its window was never opened.
        """

        def this_one(answer: dict[str, Any]) -> IdentityVerification:
            found = read_identity_verification(answer)
            if found.id != verification_id:
                raise Unreadable("the answer is about another verification")
            return found

        path = ["identity-verifications", verification_id]
        return await self._call("get_identity_verification", "GET", path, read=this_one)
