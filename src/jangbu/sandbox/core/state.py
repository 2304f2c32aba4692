"""The whole of the local PortOne as one record."""

import sys
from typing import Any

import msgspec

from jangbu.sandbox.core.billing_records import BillingKey, ChannelGroup, Schedule
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.core.identity_records import IdentityVerification
from jangbu.sandbox.core.records import (
    CashReceipt,
    Channel,
    Chore,
    Event,
    IdempotencyRecord,
    Payment,
    Store,
    Token,
)
from jangbu.sandbox.core.script_records import Step
from jangbu.sandbox.core.small_records import CheckoutProfile, PaymentSession, Promotion
from jangbu.sandbox.core.webhook_records import Delivery


class State(msgspec.Struct):
    """All of it: what the state file holds."""

    merchant_id: str
    stores: dict[str, Store]
    channels: dict[str, Channel]
    seed: int | None = None
    lives: int = 1
    """How often this world was started: a restart goes on with other random numbers, never with the same
    again.
    """
    switches: dict[str, Any] = {}
    """Those of `inferred.Inferred` that somebody set while it ran."""
    payments: dict[str, dict[str, Payment]] = {}
    """By store id, then paymentId."""
    deliveries: list[Delivery] = []
    events: list[Event] = []
    chores: list[Chore] = []
    chores_planned: int = 0
    channel_groups: dict[str, ChannelGroup] = {}
    billing_keys: dict[str, dict[str, BillingKey]] = {}
    """By store id, then key."""
    schedules: dict[str, Schedule] = {}
    scheduled_payments: dict[str, dict[str, str]] = {}
    """The schedule that waits for a paymentId: by store id, then paymentId."""
    identity_verifications: dict[str, dict[str, IdentityVerification]] = {}
    """By store id, then the merchant's id."""
    promotions: dict[str, Promotion] = {}
    checkout_profiles: dict[str, CheckoutProfile] = {}
    payment_sessions: dict[str, PaymentSession] = {}
    cash_receipts: list[CashReceipt] = []
    """Oldest first; of a payment's the latest speaks."""
    tokens: list[Token] = []
    idempotency: dict[str, IdempotencyRecord] = {}
    faults: list[Fault] = []
    """Those that still wait for their moment."""
    script: list[Step] = []
    """Steps that wait."""
    script_done: list[Step] = []
    """The latest last."""


def forget_unfinished(state: State) -> None:
    """Whoever worked on a request when this was saved works on it no more: its Idempotency-Key is free again."""
    state.idempotency = {name: record for name, record in state.idempotency.items() if record.status is not None}


def keep_once(state: State) -> None:
    """What is read from a file is each its own: make what is the same in many one again, and what is empty nothing."""
    for of_store in state.payments.values():
        for payment in of_store.values():
            payment.attempts = tuple(payment.attempts)
            for attempt in payment.attempts:
                attempt.cancellations = attempt.cancellations or ()
                attempt.hidden_cancellations = attempt.hidden_cancellations or ()
                attempt.disputes = attempt.disputes or ()
                attempt.order.notice_urls = attempt.order.notice_urls or ()
    for delivery in state.deliveries:
        delivery.form = sys.intern(delivery.form)
