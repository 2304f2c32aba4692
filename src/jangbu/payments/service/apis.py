"""PortOne as payments needs it, by whichever of its two APIs a payment was made with (requirements C5).

A payment belongs to one API for life. Both show it in one shape (`portone.wire`), so that what it means is decided in
one place; here stands the little that differs in asking.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from jangbu.money import Money
from jangbu.payments.after.refusals import NotForV1
from jangbu.payments.cancellations.rules import Cancellation
from jangbu.payments.rules import Payment
from jangbu.portone import Done, Outcome, PortOne, PortOneV1, Refused, Unknown
from jangbu.portone.calling import Account
from jangbu.portone.wire import Cancellation as WireCancellation
from jangbu.portone.wire import Payment as WirePayment

TAKEN = frozenset({"PAID", "PARTIAL_CANCELLED", "CANCELLED"})
"""PortOne's words for a payment whose money was taken."""
NOT_SET_UP = Refused(type="V1_NOT_SET_UP", http_status=401)
"""A payment of V1 whose key was taken out of the settings: as with a wrong one, nothing is known of the payment."""

OTHER_ACCOUNT = Refused(type="ACCOUNT_REPLACED", http_status=409)
WITH_A_KEY_OF_THEIR_OWN = frozenset({"HTML5_INICIS"})
"""PGs that close an account of V1 for whoever has a key of the PG's own console, which Jangbu does not keep."""
CLOSED_BY_HAND = Refused(type="CLOSED_IN_THE_PGS_CONSOLE", http_status=409)


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

    async def close_account(self, payment: Payment, transaction_id: str, *, key: str) -> Outcome[None]:
        """Let nobody pay into the account of this attempt any more."""
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

    async def close_account(self, payment: Payment, transaction_id: str, *, key: str) -> Outcome[None]:
        if transaction_id != payment.provider_transaction_id:
            # V2 names the payment alone, and would close the account that the payer was given since.
            return OTHER_ACCOUNT
        return await self.portone.close_virtual_account(payment.provider_order_id, idempotency_key=key)


@dataclass(frozen=True, slots=True)
class _V1:
    v1: PortOneV1

    async def prepare(self, payment: Payment, *, key: str) -> Outcome[None]:  # noqa: ARG002 (V1 has no such keys)
        outcome = await self.v1.prepare(payment.provider_order_id, total=payment.total)
        if not isinstance(outcome, Refused) or outcome.http_status in {401, 403}:
            return outcome
        # V1 does not say why. Perhaps somebody has paid under this id, as V2 would tell us.
        match await self.look(payment):
            case Done(value=shown) if shown.status in TAKEN:
                return Refused(type="ALREADY_PAID", http_status=outcome.http_status)
            case Unknown() as unknown:
                return unknown
        return outcome

    async def look(self, payment: Payment) -> Outcome[WirePayment]:
        booked = payment.provider_transaction_id if payment.is_booked else None
        return await self.v1.get_order(payment.provider_order_id, booked=booked)

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

    async def close_account(self, payment: Payment, transaction_id: str, *, key: str) -> Outcome[None]:  # noqa: ARG002
        if payment.pg_provider in WITH_A_KEY_OF_THEIR_OWN:
            return CLOSED_BY_HAND
        return await self.v1.close_virtual_account(transaction_id)


class _NoV1:
    async def _nobody(self, *_: Any, **__: Any) -> Refused:
        return NOT_SET_UP

    prepare = look = give_back = close_account = _nobody


def expect_v2(payment: Payment) -> None:
    """Raise NotForV1 for a payment that V2's operations do not reach."""
    if payment.api != "v2":
        raise NotForV1
