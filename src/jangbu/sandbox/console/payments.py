"""The list of payments, and one payment with all that can be ordered for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL, JAPAN_CHANNEL, LIVE_CHANNEL, PAYPAL_CHANNEL
from jangbu.sandbox.console.frame import (
    PATH,
    Asked,
    Button,
    Chip,
    Listed,
    chips_of,
    listed,
    money,
    payment_link,
    shown,
)
from jangbu.sandbox.console.orders import orders_of
from jangbu.sandbox.console.webhooks import WebhookRow, webhook_row
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core.methods import TYPES_LISTED_AS
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Attempt, AttemptStatus, Cancellation, Payment
from jangbu.sandbox.core.world import World

STATUSES: tuple[str, ...] = get_args(AttemptStatus)
UNBEGUN = "PREREGISTERED"
"""A payment that the shop's server announced and nobody has begun."""
WAYS = {
    "card": ("CARD", CARD_CHANNEL),
    "kakaopay": ("EASY_PAY", EASY_PAY_CHANNEL),
    "transfer": ("TRANSFER", CARD_CHANNEL),
    "virtual_account": ("VIRTUAL_ACCOUNT", CARD_CHANNEL),
    "mobile": ("MOBILE", CARD_CHANNEL),
    "gift_certificate": ("GIFT_CERTIFICATE", CARD_CHANNEL),
    "paypal": ("PAYPAL", PAYPAL_CHANNEL),
    "convenience_store": ("CONVENIENCE_STORE", JAPAN_CHANNEL),
    "live_card": ("CARD", LIVE_CHANNEL),
}
"""What a new payment may be paid with: the browser's payMethod, and a channel for it."""
CURRENCIES = ("KRW", "USD", "JPY")


@dataclass(frozen=True, slots=True)
class PaymentRow:
    id: str
    href: str
    status: str
    name: str
    amount: str
    cancelled: str
    method: str
    at: str
    is_disputed: bool


@dataclass(frozen=True, slots=True)
class PaymentsPage:
    """All that templates/payments.html uses beside the frame."""

    search: str
    status: str
    chips: tuple[Chip, ...]
    payments: Listed[PaymentRow]
    next_id: str
    ways: tuple[tuple[str, str], ...]
    currencies: tuple[str, ...] = CURRENCIES


@dataclass(frozen=True, slots=True)
class CancellationRow:
    id: str
    status: str
    amount: str
    reason: str
    trigger: str
    at: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class AttemptRow:
    transaction_id: str
    status: str
    channel: str
    method: str
    at: str
    failure: str
    window_url: str


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """All that templates/payment.html uses beside the frame."""

    row: PaymentRow
    facts: tuple[tuple[str, str], ...]
    buttons: tuple[Button, ...]
    attempts: tuple[AttemptRow, ...]
    cancellations: tuple[CancellationRow, ...]
    disputes: tuple[tuple[str, str, str], ...]
    webhooks: tuple[WebhookRow, ...]
    returned: tuple[tuple[str, str], ...]
    """What the window gave the page it went back to."""


def payments_page(asked: Asked) -> PaymentsPage:
    """Newest first; searched by paymentId, transactionId and order name."""
    search, status = asked.query.get("q", "").strip(), asked.query.get("status", "")
    world = asked.parts.world
    fitting = [each for each in world.payments() if fits(each, search.casefold())]
    said = [status_of(each) for each in fitting]
    chosen = [each for each in fitting if status in ("", status_of(each))]
    # Those of one moment, on a clock that stands still, stay in the order they were made in.
    chosen.reverse()
    chosen.sort(key=asked_at, reverse=True)
    return PaymentsPage(
        search=search,
        status=status,
        chips=chips_of(asked, PATH, "status", "status", (*STATUSES, UNBEGUN), said, q=search),
        payments=listed(chosen, lambda each: payment_row(each, asked.words), asked, PATH, q=search, status=status),
        next_id=unused_id(world),
        ways=tuple((name, asked.words[f"way_{name}"]) for name in WAYS),
    )


def fits(payment: Payment, search: str) -> bool:
    texts = [payment.id, *(text for each in payment.attempts for text in (each.transaction_id, each.order.order_name))]
    return any(search in text.casefold() for text in texts)


def status_of(payment: Payment) -> str:
    return payment.current.status if payment.current is not None else UNBEGUN


def asked_at(payment: Payment) -> datetime:
    if payment.attempts:
        return payment.attempts[-1].requested_at
    assert payment.preregistration is not None, "a payment begins with one of the two"
    return payment.preregistration.at


def unused_id(world: World) -> str:
    taken = {each.id for each in world.payments()} | {each.payment_id for each in world.state.schedules.values()}
    number = len(taken) + 1
    while f"test-{number:04d}" in taken:
        number += 1
    return f"test-{number:04d}"


def payment_row(payment: Payment, words: Words) -> PaymentRow:
    attempt, fixed = payment.current, payment.preregistration
    name, amount, cancelled, method, is_disputed = "", "", "", "", False
    if attempt is not None:
        currency = attempt.order.currency
        name, amount = attempt.order.order_name, money(attempt.order.total_minor, currency)
        given_back = sum(each.total_minor for each in attempt.cancellations if each.status == "SUCCEEDED")
        cancelled = money(given_back, currency) if given_back else ""
        method = method_of(attempt, words)
        is_disputed = any(each.resolved_at is None for each in attempt.disputes)
    elif fixed is not None and fixed.total_minor is not None and fixed.currency is not None:
        amount = money(fixed.total_minor, fixed.currency)
    return PaymentRow(
        id=payment.id,
        href=payment_link(payment.id),
        status=status_of(payment),
        name=name,
        amount=amount,
        cancelled=cancelled,
        method=method,
        at=shown(asked_at(payment)),
        is_disputed=is_disputed,
    )


def method_of(attempt: Attempt, words: Words) -> str:
    kind = TYPES_LISTED_AS.get((attempt.method or {}).get("type", ""))
    return words[f"method_{kind}"] if kind else ""


def payment_page(asked: Asked) -> PaymentPage:
    """Refuses a paymentId that the sandbox does not know."""
    world, words = asked.parts.world, asked.words
    payment = named(world, asked.query.get("id", ""))
    row, attempt = payment_row(payment, words), payment.current
    return PaymentPage(
        row=row,
        facts=tuple((words[name], said) for name, said in _facts(world, payment, row, words) if said),
        buttons=tuple(orders_of(payment, words)),
        attempts=tuple(_attempt_row(world, each, words) for each in reversed(payment.attempts)),
        cancellations=tuple(_cancellations(attempt)) if attempt is not None else (),
        disputes=tuple(
            (each.reason, shown(each.created_at), shown(each.resolved_at)) for each in attempt.disputes
        ) if attempt is not None else (),
        webhooks=tuple(webhook_row(each, words) for each in reversed(world.deliveries_of(payment))),
        returned=tuple((name, said) for name, said in asked.query.items() if name not in OWN),
    )  # fmt: skip


OWN = ("id", "language", "said", "page")


def named(world: World, payment_id: str) -> Payment:
    """Refuses a paymentId that the sandbox does not know."""
    found = next((each for each in world.payments() if each.id == payment_id), None)
    if found is None:
        raise NotOurs(f"no payment {payment_id}")
    return found


def _facts(world: World, payment: Payment, row: PaymentRow, words: Words) -> Iterator[tuple[str, str]]:
    attempt = payment.current
    yield "amount", row.amount
    yield "cancelled", row.cancelled
    yield "method", row.method
    if attempt is not None:
        method = attempt.method or {}
        yield "channel", world.channel_of(attempt).name
        account = f"{method.get('bank', '')} {method.get('accountNumber') or method.get('receiptNumber') or ''}".strip()
        yield "account", account
        until = method.get("expiredAt") or method.get("paymentDeadline")
        yield "until", shown(datetime.fromisoformat(until)) if until else ""
        yield "paid_at", shown(attempt.paid_at)
        yield "billing_key", attempt.billing_key or ""
        yield "escrow", words[f"escrow_{attempt.escrow['status']}"] if attempt.escrow is not None else ""
        yield "capture", words[f"capture_{attempt.capture}"] if attempt.capture else ""
        if attempt.payment_token is not None and attempt.status == "READY":
            yield "waits_for", words["server_confirm"]
        if attempt.is_deposit_hidden:
            yield "waits_for", words["hidden_deposit"]
    fixed = payment.preregistration
    if fixed is not None:
        yield "preregistered", shown(fixed.at)


def _attempt_row(world: World, attempt: Attempt, words: Words) -> AttemptRow:
    failure = attempt.failure
    is_open = attempt.status == "READY" and attempt.window is not None and attempt.payment_token is None
    return AttemptRow(
        transaction_id=attempt.transaction_id,
        status=attempt.status,
        channel=world.channel_of(attempt).name,
        method=method_of(attempt, words),
        at=shown(attempt.requested_at),
        failure=f"{failure.reason} ({failure.pg_code})" if failure is not None else "",
        window_url=f"/__browser__/transactions/{attempt.transaction_id}/window" if is_open else "",
    )


def _cancellations(attempt: Attempt) -> Iterator[CancellationRow]:
    hidden = [(each, True) for each in attempt.hidden_cancellations]
    for each, is_hidden in [*((each, False) for each in attempt.cancellations), *hidden][::-1]:
        yield _cancellation_row(attempt, each, is_hidden=is_hidden)


def _cancellation_row(attempt: Attempt, each: Cancellation, *, is_hidden: bool) -> CancellationRow:
    return CancellationRow(
        id=each.id,
        status=each.status,
        amount=money(each.total_minor, attempt.order.currency),
        reason=each.reason,
        trigger=each.trigger,
        at=shown(each.cancelled_at or each.requested_at),
        is_hidden=is_hidden,
    )
