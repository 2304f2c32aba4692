"""Faults ordered by name for the next calls or webhooks that match (reliability §3, portone-facts §13.3)."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from jangbu.sandbox.core import declines
from jangbu.sandbox.core.problems import LONGEST_S, NotOurs


class Kind(StrEnum):
    """What a fault bends: a call of the API, what a GET tells of a payment, a page of a list, the PG's verdict,
    one webhook, or one try of it.
    """

    CALL = "call"
    ANSWER = "answer"
    PAGE = "page"
    PG = "pg"
    WEBHOOK = "webhook"
    TRY = "try"


KINDS: dict[str, tuple[Kind, str]] = {
    "answer_lost": (Kind.CALL, "act, then close the connection without an answer"),
    "not_reached": (Kind.CALL, "close the connection without acting"),
    "slow": (Kind.CALL, "act, then answer after `seconds`"),
    "status_429": (Kind.CALL, "429 without acting (with `acts`: after acting)"),
    "status_500": (Kind.CALL, "500 without acting (with `acts`: after acting)"),
    "status_502": (Kind.CALL, "502 PG_PROVIDER without acting (with `acts`: after acting)"),
    "html_502": (Kind.CALL, "502 with an HTML page without acting (with `acts`: after acting)"),
    "idempotency_outstanding": (Kind.CALL, "409 IDEMPOTENCY_OUTSTANDING_REQUEST without acting"),
    "bad_json": (Kind.CALL, "act, then answer 200 with half of the JSON"),
    "unknown_status": (Kind.ANSWER, "a payment status nobody has heard of"),
    "unknown_method": (Kind.ANSWER, "a method.type nobody has heard of"),
    "unknown_fields": (Kind.ANSWER, "fields nobody has heard of, at several depths"),
    "other_store": (Kind.ANSWER, "another store's id on the payment"),
    "live_channel": (Kind.ANSWER, "channel.type LIVE on the payment"),
    "amount_changed": (Kind.ANSWER, "100 minor units more than were asked for"),
    "webhook_twice": (Kind.WEBHOOK, "the first try goes out twice at once, with the same webhook-id"),
    "page_repeats": (Kind.PAGE, "a page after the first begins with the last row of the one before"),
    "page_skips": (Kind.PAGE, "a page after the first leaves out its first row"),
    "pay_waits": (Kind.PG, "an approval is PAY_PENDING, and is decided after `seconds`"),
    "pay_refused": (Kind.PG, "the PG says no, for `reason`; after `seconds` when it waits first"),
    "cancel_waits": (Kind.PG, "a cancel is REQUESTED, as with an asynchronous PG, and settles after `seconds`"),
    "cancel_fails": (Kind.PG, "a cancel is FAILED, with status 200; after `seconds` when it waits first"),
    "cancel_refused": (Kind.PG, "a cancel is 502 PG_PROVIDER with the PG's own code"),
    "key_refused": (Kind.PG, "one channel issues, or deletes, no billing key"),
    "schedule_waits": (Kind.PG, "a schedule stays STARTED, and pays after `seconds`"),
    "identity_refused": (Kind.PG, "the operator knows nobody like that, or sends no code"),
    "receipt_fails": (Kind.PG, "a cash receipt cannot be issued, or cancelled"),
    "webhook_lost": (Kind.WEBHOOK, "never sent"),
    "webhook_late": (Kind.WEBHOOK, "first sent after `seconds`"),
    "webhook_before_return": (Kind.WEBHOOK, "sent and answered before the browser has its result"),
    "webhook_bad_signature": (Kind.TRY, "one try carries a signature that does not match"),
}


class Fault(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An order for a fault: where it strikes and how often."""

    name: str
    operation: str | None = None
    """An API operation, or for webhook faults a webhook type."""
    payment_id: str | None = None
    times: int = 1
    seconds: float = 0
    acts: bool = False
    reason: str | None = None
    """Why the PG says no: a name of `declines.REASONS`."""

    def refuse_nonsense(self) -> None:
        """Refuses numbers that no fault can have, whatever it is ordered for."""
        if self.times < 1 or not 0 <= self.seconds <= LONGEST_S:
            raise NotOurs("times must be at least 1, and seconds not negative nor more than a century")
        if self.reason is not None:
            declines.reason_named(self.reason)
        if self.name in ("slow", "webhook_late") and self.seconds == 0:
            raise NotOurs(f"{self.name} needs seconds")


@dataclass(slots=True)
class Faults:
    """The faults that still wait for their moment, in the order they were asked for."""

    waiting: list[Fault]
    operations: Collection[str] = ()
    """What `operation` may name."""
    on_moment: Callable[[str, str | None], None] = lambda _, __: None
    """Told of each moment a fault could strike at, more than once where several could."""

    def order(self, *faults: Fault) -> None:
        """Add all of them, or none: refuses a name or operation it does not know, with the known ones."""
        for fault in faults:
            self._check(fault)
        self.waiting.extend(faults)

    def _check(self, fault: Fault) -> None:
        if fault.name not in KINDS:
            raise NotOurs(f"no fault {fault.name!r}; known: {', '.join(KINDS)}")
        if fault.operation is not None and fault.operation not in self.operations:
            raise NotOurs(f"no operation {fault.operation!r}; known: {', '.join(self.operations)}")
        fault.refuse_nonsense()

    def clear(self) -> None:
        """Forget all that still wait."""
        self.waiting.clear()

    def forget(self, asked: Fault | None) -> None:
        """Forget the earliest that is like `asked`, however often it has struck since; all, without one. Refuses when
        none waits.
        """
        if asked is None:
            self.clear()
            return
        like = [each for each in self.waiting if msgspec.structs.replace(each, times=asked.times) == asked]
        if not like:
            raise NotOurs(f"no fault {asked.name!r} like this waits any more")
        # By identity: an earlier one may be equal in all but its times.
        self.waiting[:] = [each for each in self.waiting if each is not like[0]]

    def take(self, kind: Kind, operation: str, payment_id: str | None, name: str | None = None) -> Fault | None:
        """The earliest fault of this kind (and name) that matches, counted down; None when none does."""
        self.on_moment(operation, payment_id)
        for fault in self.waiting:
            if KINDS[fault.name][0] is not kind or name not in (None, fault.name):
                continue
            if not _matches_operation(fault, kind, operation) or fault.payment_id not in (None, payment_id):
                continue
            fault.times -= 1
            if fault.times == 0:
                self.waiting.remove(fault)
            return fault
        return None

    def bend(self, operation: str, payment: dict[str, Any]) -> dict[str, Any]:
        """What a GET tells of `payment`, with every answer fault that is due applied once."""
        for name in (name for name, (kind, _) in KINDS.items() if kind is Kind.ANSWER):
            if self.take(Kind.ANSWER, operation, payment["id"], name) is not None:
                payment = _BENDS[name](payment)
        return payment


def _matches_operation(fault: Fault, kind: Kind, operation: str) -> bool:
    if fault.operation is not None:
        return fault.operation == operation
    # Transaction.Ready changes nothing for a merchant: an order that names no type waits for an outcome.
    return kind not in (Kind.WEBHOOK, Kind.TRY) or operation != "Transaction.Ready"


def _unknown_status(payment: dict[str, Any]) -> dict[str, Any]:
    return {**payment, "status": "SANDBOX_STATUS_OF_TOMORROW"}


def _unknown_method(payment: dict[str, Any]) -> dict[str, Any]:
    return {**payment, "method": {"type": "PaymentMethodSandboxOfTomorrow", "wallet": "moon"}}


def _unknown_fields(payment: dict[str, Any]) -> dict[str, Any]:
    """Outputs may gain fields at any time (portone-facts §1.6)."""
    bent = {**payment, "sandboxNews": {"nested": [1, None, "x"]}, "sandboxFlag": True}
    bent["amount"] = {**payment["amount"], "sandboxDeposit": 7}
    bent["customer"] = {**payment["customer"], "sandboxNickname": "장부"}
    return bent


def _other_store(payment: dict[str, Any]) -> dict[str, Any]:
    return {**payment, "storeId": "store-99999999-0000-4000-8000-000000000009"}


def _live_channel(payment: dict[str, Any]) -> dict[str, Any]:
    return {**payment, "channel": {**payment["channel"], "type": "LIVE"}}


def _amount_changed(payment: dict[str, Any]) -> dict[str, Any]:
    amount = payment["amount"]
    changed = {name: amount[name] + 100 for name in ("total", "supply", "paid") if amount.get(name)}
    return {**payment, "amount": {**amount, **changed}}


_BENDS = {
    "unknown_status": _unknown_status,
    "unknown_method": _unknown_method,
    "unknown_fields": _unknown_fields,
    "other_store": _other_store,
    "live_channel": _live_channel,
    "amount_changed": _amount_changed,
}


def as_list(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """For the control API."""
    return [{name: value for name, value in msgspec.to_builtins(each).items() if value is not None} for each in faults]
