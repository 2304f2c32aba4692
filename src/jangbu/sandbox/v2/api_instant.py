"""PortOne's V2 operation for a payment without a window: a keyed-in card, or a virtual account (portone-facts §2.6)."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import (
    approvals,
    billing_keys,
    charges,
    declines,
    methods,
    params,
    pg_rules,
    wallets,
)
from jangbu.sandbox.core.choices import Bank
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.inputs import Credential, Months, OrderInput, ReceiptInput, order_of, receipt_wish_of
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import AccountWish, Order
from jangbu.sandbox.gate import Call, Operations

operations = Operations()


class _Card(msgspec.Struct, rename="camel"):
    credential: Credential
    installment_month: Months = 0
    use_free_installment_plan: bool = False
    use_free_interest_from_merchant: bool = False
    use_card_point: bool = False


class _Expiry(msgspec.Struct, rename="camel"):
    valid_hours: int | None = None
    due_date: str | None = None


class _Fixed(msgspec.Struct, rename="camel"):
    pg_account_id: str | None = None
    account_number: str | None = None


class _Option(msgspec.Struct):
    type: Literal["NORMAL", "FIXED"]
    fixed: _Fixed | None = None


class _Receipt(ReceiptInput, rename="camel"):
    """Whose it is, is required here."""

    customer_identity_number: str


class _Account(msgspec.Struct, rename="camel"):
    bank: Bank
    expiry: _Expiry
    option: _Option
    cash_receipt: _Receipt | None = None
    remittee_name: str | None = None


class _Method(msgspec.Struct, rename="camel"):
    card: _Card | None = None
    virtual_account: _Account | None = None


class _Instant(OrderInput, rename="camel", kw_only=True):
    method: _Method
    channel_group_id: str | None = None
    is_escrow: bool | None = None
    is_cultural_expense: bool | None = None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is paid with: `method` is a name of `methods.METHODS`, `shown` what a keyed-in card leaves behind."""

    method: Literal["card", "virtual_account"]
    shown: dict[str, Any] | None = None
    refusal: declines.Decline | None = None


@operations.add(
    "POST",
    "/payments/{paymentId}/instant",
    to_pg="`productType`, `shippingAddress`, `bypass`",
)
async def pay_instantly(call: Call) -> dict[str, Any]:
    """portone-facts §2.6. `paidAt` of an account is the time of the call, and so is that of what waits for the PG
    [I: paid_at_of_what_waits].

    Of a channel group the first channel is taken [I: instant_in_a_group].
    """
    asked = call.body(_Instant)
    world, store = call.world, call.store(asked.store_id)
    channel = billing_keys.channels_for(world, store, asked.channel_key, asked.channel_group_id)[0]
    order = order_of(world, asked)
    order.is_escrow = asked.is_escrow or False
    order.is_cultural_expense = asked.is_cultural_expense
    chosen = _chosen(call, asked.method, order)
    if chosen.method == "card" and channel.pg_provider in wallets.OF_PG:
        raise ApiError("INVALID_REQUEST", "This channel takes no keyed-in cards.")
    wish = charges.Wish(call.path("paymentId"), "", order)
    attempt = charges.begin(world, store, channel, wish, chosen.shown, call.now)
    attempt.method = chosen.shown
    approvals.approve(
        world,
        call.parts.faults,
        attempt,
        chosen.method,
        call.now,
        is_announced=not asked.skip_webhook,
        refusal=chosen.refusal,
        is_refusal_announced=world.inferred.declined_charge_is_announced,
    )
    if attempt.failure is not None:
        raise charges.declined(attempt)
    return {"payment": {"pgTxId": attempt.pg_tx_id, "paidAt": rfc3339(attempt.paid_at or call.now)}}


def _chosen(call: Call, asked: _Method, order: Order) -> _Chosen:
    """Refuses INVALID_REQUEST unless one of the two is given. An account's wishes are written on the order."""
    card, account = asked.card, asked.virtual_account
    if (card is None) == (account is None):
        raise ApiError("INVALID_REQUEST", "method is either card or virtualAccount.")
    if card is not None:
        number = card.credential.number
        refusal = pg_rules.of_keyed_in(card.credential, call.now)
        # Of a number that is none, not even the mask is kept.
        named = {} if refusal is declines.WRONG_NUMBER else {"bin_": number[:6], "last": number[-4:]}
        shown = methods.on_terms(
            methods.card(call.world.ids, months=card.installment_month, **named),
            interest_free=card.use_free_installment_plan,
            by_merchant=card.use_free_interest_from_merchant,
            with_points=card.use_card_point,
        )
        return _Chosen("card", shown, refusal)
    assert account is not None, "it is one of the two"
    order.account = _wish(call.world.inferred, account)
    order.receipt = receipt_wish_of(account.cash_receipt)
    return _Chosen("virtual_account")


def _wish(inferred: Inferred, asked: _Account) -> AccountWish:
    hours, due, fixed = asked.expiry.valid_hours, asked.expiry.due_date, asked.option.fixed
    is_fixed = asked.option.type == "FIXED"
    if (hours is None) == (due is None) or (hours is not None and hours <= 0):
        raise ApiError("INVALID_REQUEST", "expiry is either validHours, above zero, or dueDate.")
    if is_fixed and (fixed is None or (fixed.account_number is None) == (fixed.pg_account_id is None)):
        raise ApiError("INVALID_REQUEST", "option.fixed is either pgAccountId or accountNumber.")
    try:
        due_at = params.due_of(inferred, due) if due is not None else None
    except ValueError:
        raise ApiError("INVALID_REQUEST", "expiry.dueDate: not a time.") from None
    number = fixed.account_number if is_fixed and fixed is not None else None
    return AccountWish(asked.bank, hours, due_at, asked.remittee_name, is_fixed, number)
