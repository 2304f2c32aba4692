"""Which orders make sense for a payment or a billing key as it stands, each as a button."""

from collections.abc import Iterator, Mapping

from jangbu.sandbox.console.frame import Button, Field, money
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core import accounts, declines
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.records import Attempt, Payment

PARCELS = ("DELIVERED", "CONFIRMED", "REJECTED", "REJECT_CONFIRMED", "CANCELLED")
NEVER = "null"
SILENT = {"webhook": "false"}
NOTHING: dict[str, str] = {}
HEARS_AFTER = (("0", "hears_now"), ("600", "hears_later"), (NEVER, "hears_never"))
"""When PortOne learns of what happened at the PG: in seconds, as `knownAfterS` takes them."""


def orders_of(payment: Payment, words: Words) -> Iterator[Button]:
    """What could happen next outside PortOne's API, the likeliest first."""
    for each in reversed(payment.attempts):
        yield from _deposits(payment, each, words)
    attempt = payment.current
    if attempt is None:
        return
    if attempt.status == "PAY_PENDING" and not accounts.has_number(attempt):
        yield _order(payment, words["order_approve"], "settle-payment")
        yield _order(payment, words["order_decline"], "settle-payment", _reason(words))
    for cancellation in attempt.cancellations:
        if cancellation.status == "REQUESTED":
            amount = money(cancellation.total_minor, attempt.order.currency)
            named = {"cancellationId": cancellation.id}
            yield _order(payment, words["order_cancel_ends"].format(amount=amount), "settle-cancel", sends=named)
            fails = words["order_cancel_fails"].format(amount=amount)
            yield _order(payment, fails, "settle-cancel", sends={**named, "fails": "true"})
    if attempt.status == "FAILED" and not accounts.has_number(attempt):
        yield Button(words["order_approve_late"], "approve-late", {"about": attempt.transaction_id})
    if attempt.has_paid:
        yield from _after_payment(payment, attempt, words)


def _deposits(payment: Payment, attempt: Attempt, words: Words) -> Iterator[Button]:
    if not accounts.has_number(attempt) or attempt.is_deposit_hidden or payment.succeeded is not None:
        return
    total, currency = attempt.order.total_minor, attempt.order.currency
    if not accounts.is_open(attempt):
        if attempt.has_lapsed:
            yield _order(payment, words["order_deposit_late"], "deposit")
        return
    wrong = total - 100 if total > 100 else total + 100
    yield _order(payment, words["order_deposit"].format(amount=money(total, currency)), "deposit")
    yield _order(
        payment, words["order_deposit"].format(amount=money(wrong, currency)), "deposit", sends={"amount": str(wrong)}
    )
    yield _order(payment, words["order_deposit_other"], "deposit", _amount(words), *_news(words))
    yield _order(payment, words["order_expire"], "expire")


def _after_payment(payment: Payment, attempt: Attempt, words: Words) -> Iterator[Button]:
    if attempt.status != "CANCELLED":
        reason = Field("reason", words["reason"])
        more = (_amount(words), Field("taxFreeAmount", words["tax_free"], "number"), reason)
        yield _order(payment, words["order_console_cancel"], "console-cancel", *more, *_news(words), is_danger=True)
        yield _order(payment, words["order_chargeback"], "chargeback", *more, is_danger=True)
    yield _order(payment, words["order_dispute"], "dispute", Field("reason", words["reason"]))
    if any(each.resolved_at is None for each in attempt.disputes):
        yield _order(payment, words["order_resolve_dispute"], "resolve-dispute")
    if attempt.escrow is not None and attempt.escrow["status"] != "BEFORE_REGISTERED":
        choices = tuple((name, words[f"escrow_{name}"]) for name in PARCELS)
        yield _order(payment, words["order_escrow"], "escrow", Field("status", words["escrow"], choices=choices))


def key_orders_of(key: BillingKey, words: Words) -> Iterator[Button]:
    """What could happen to a key outside PortOne's API."""
    if key.status != "ISSUED":
        return
    if key.refuses:
        yield _key_order(key, words["order_accept"], "refuse")
    else:
        times = Field("times", words["times_or_all"], "number")
        yield _key_order(key, words["order_refuse"], "refuse", _reason(words), times)
    pays_with = tuple((name, words[f"pays_with_{name}"]) for name in ("card", "account"))
    is_wallet = (key.method or {}).get("type") == "BillingKeyPaymentMethodEasyPay"
    asks = (Field("paysWith", words["pays_with"], choices=pays_with),) if is_wallet else ()
    yield _key_order(key, words["order_wallet_update"], "wallet-update", *asks)
    yield _key_order(key, words["order_wallet_delete"], "wallet-delete", is_danger=True)
    yield _key_order(key, words["order_wallet_delete_silent"], "wallet-delete", is_danger=True, sends=SILENT)


def _order(
    payment: Payment, label: str, name: str, *asks: Field, is_danger: bool = False, sends: Mapping[str, str] = NOTHING
) -> Button:
    return Button(label, "order", {"about": payment.id, "order": name, **sends}, asks, is_danger)


def _key_order(
    key: BillingKey, label: str, name: str, *asks: Field, is_danger: bool = False, sends: Mapping[str, str] = NOTHING
) -> Button:
    return Button(label, "key-order", {"about": key.id, "order": name, **sends}, asks, is_danger)


def _amount(words: Words) -> Field:
    return Field("amount", words["amount_or_all"], "number")


def _reason(words: Words) -> Field:
    return Field("reason", words["reason"], choices=reasons(words))


def reasons(words: Words) -> tuple[tuple[str, str], ...]:
    """Why a PG says no, in the page's language."""
    return tuple((each.name, each.ko if words.language == "ko" else each.en) for each in declines.REASONS.values())


def _news(words: Words) -> tuple[Field, Field]:
    hears = tuple((seconds, words[name]) for seconds, name in HEARS_AFTER)
    sends = (("true", words["yes"]), ("false", words["no"]))
    return (
        Field("knownAfterS", words["portone_hears"], choices=hears),
        Field("webhook", words["sends_webhook"], choices=sends),
    )
