"""PortOne as payments needs it, by whichever of its two APIs a payment was made with (requirements C5).

A payment belongs to one API for life. Both show it in one shape (`portone.wire`), so that what it means is decided in
one place; here stands the little that differs in asking.
"""

from dataclasses import dataclass
from typing import Protocol

from jangbu.money import Money
from jangbu.payments.cancellation_rules import Cancellation
from jangbu.payments.method_refusals import NotForV1
from jangbu.payments.rules import Payment
from jangbu.portone import Outcome, PortOne, PortOneV1, Refused
from jangbu.portone.client import Account
from jangbu.portone.wire import Cancellation as WireCancellation
from jangbu.portone.wire import Payment as WirePayment

NOT_SET_UP = Refused(type="V1_NOT_SET_UP", http_status=401)
"""A payment of V1 whose key was taken out of the settings: as with a wrong one, nothing is known of the payment."""


class PaymentsApi(Protocol):
    """The calls a payment needs in its life."""

    async def prepare(self, payment: Payment, *, key: str) -> Outcome[None]:
        """Fix the amount that may be asked for. `key` is the Idempotency-Key, where there are such."""
        ...

    async def look(self, payment: Payment) -> Outcome[WirePayment]:
        """The payment as PortOne has it now, or Refused with PAYMENT_NOT_FOUND."""
        ...

    async def give_back(
        self, payment: Payment, one: Cancellation, account: Account | None
    ) -> Outcome[WireCancellation]:
        """Make the call of a cancellation, the same each time it is made."""
        ...


def api_of(payment: Payment, portone: PortOne) -> PaymentsApi:
    """The API that this payment was made with."""
    if payment.api == "v2":
        return _V2(portone)
    return _NoV1() if portone.v1 is None else _V1(portone.v1)


@dataclass(frozen=True, slots=True)
class _V2:
    portone: PortOne

    async def prepare(self, payment: Payment, *, key: str) -> Outcome[None]:
        return await self.portone.pre_register(
            payment.provider_order_id,
            total=payment.total,
            tax_free=Money(payment.tax_free_amount, payment.currency),
            idempotency_key=key,
        )

    async def look(self, payment: Payment) -> Outcome[WirePayment]:
        return await self.portone.get_payment(payment.provider_order_id)

    async def give_back(
        self, payment: Payment, one: Cancellation, account: Account | None
    ) -> Outcome[WireCancellation]:
        return await self.portone.cancel_payment(
            payment.provider_order_id,
            amount=one.total,
            tax_free=Money(one.tax_free_amount, one.currency),
            cancellable=Money(one.cancellable_before, one.currency),
            reason=one.reason_sent,
            requester=one.requester,
            account=account,
            idempotency_key=str(one.id),
        )


@dataclass(frozen=True, slots=True)
class _V1:
    v1: PortOneV1

    async def prepare(self, payment: Payment, *, key: str) -> Outcome[None]:  # noqa: ARG002 (V1 has no such keys)
        return await self.v1.prepare(payment.provider_order_id, total=payment.total)

    async def look(self, payment: Payment) -> Outcome[WirePayment]:
        return await self.v1.get_order(payment.provider_order_id)

    async def give_back(
        self, payment: Payment, one: Cancellation, account: Account | None
    ) -> Outcome[WireCancellation]:
        # By the attempt that took the money: one merchant_uid may have several.
        assert payment.provider_transaction_id is not None, "money was taken, so PortOne named the attempt"
        return await self.v1.cancel(
            payment.provider_transaction_id,
            amount=one.total,
            tax_free=Money(one.tax_free_amount, one.currency),
            cancellable=Money(one.cancellable_before, one.currency),
            reason=one.reason_sent,
            requester=one.requester,
            account=account,
        )


class _NoV1:
    async def prepare(self, payment: Payment, *, key: str) -> Outcome[None]:  # noqa: ARG002 (nobody is asked)
        return NOT_SET_UP

    async def look(self, payment: Payment) -> Outcome[WirePayment]:  # noqa: ARG002 (likewise)
        return NOT_SET_UP

    async def give_back(
        self,
        payment: Payment,  # noqa: ARG002 (likewise)
        one: Cancellation,  # noqa: ARG002
        account: Account | None,  # noqa: ARG002
    ) -> Outcome[WireCancellation]:
        return NOT_SET_UP


def expect_v2(payment: Payment) -> None:
    """Raise NotForV1 for a payment that V2's operations do not reach."""
    if payment.api != "v2":
        raise NotForV1
