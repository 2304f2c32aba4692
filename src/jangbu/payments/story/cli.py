"""`jangbu payments show`: one payment's whole story, for whoever asks at 3 a.m."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.clock import SEOUL
from jangbu.money import Money, written
from jangbu.payments import people, review_rules
from jangbu.terminal import Json, Opener, clean, details, document, execute, say, styled

if TYPE_CHECKING:
    from jangbu import audit
    from jangbu.payments.rules import Payment
    from jangbu.payments.story.service import Story
    from jangbu.payments.story.store import PostedLeg

_MILLISECOND = timedelta(milliseconds=1)
# What happens in one transaction has one time; told in this order it reads as cause and effect.
_COLOURS = {
    "person": "white",
    "question": "yellow",
    "call": "blue",
    "webhook": "magenta",
    "change": "green",
    "entry": "cyan",
}
_ORDER = tuple(_COLOURS)


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened: a line for people, and lines under it; facts for programs."""

    at: datetime
    kind: str
    line: str
    facts: dict[str, Any]
    under: list[str] = field(default_factory=list)


def add_to(payments: typer.Typer, opened: Opener) -> None:
    """Put `show` among the `payments` commands."""

    @payments.command()
    def show(
        payment: Annotated[str, typer.Argument(help="Our payment id, or PortOne's paymentId.")],
        as_json: Json = False,
    ) -> None:
        """All that happened to a payment, in order: calls, webhooks, changes, ledger entries."""

        async def work() -> "Story":
            from jangbu.payments.story.service import tell

            async with opened() as run:
                return await tell(payment, run=run)

        story = execute(work())
        if as_json:
            told = [{"at": moment.at, "kind": moment.kind, **moment.facts} for moment in moments(story)]
            document({"payment": payment_as_json(story.payment), "moments": told})
        else:
            _show(story)


def _act(line: "audit.Line", names: Mapping[str, str]) -> Moment:
    by = people.in_words(line.actor, names, "en")
    return Moment(line.at, "person", f"{line.action} by {by}", {"action": line.action, "actor": line.actor, "by": by})


def moments(story: "Story") -> list[Moment]:
    """Everything in the story, in time order."""
    told = [_act(line, story.names) for line in story.audit]
    for attempt in story.attempts:
        took = (
            "" if attempt.finished_at is None else f", {(attempt.finished_at - attempt.started_at) // _MILLISECOND} ms"
        )
        said = str((attempt.outcome or {}).get("type") or (attempt.outcome or {}).get("why") or "")
        facts = {
            "operation": attempt.operation,
            "idempotency_key": attempt.id,
            "state": attempt.state,
            "request": attempt.request,
            "outcome": attempt.outcome,
            "finished_at": attempt.finished_at,
        }
        line = f"{attempt.operation}: {attempt.state}{took}" + (f" — PortOne said {said}" if said else "")
        told.append(Moment(attempt.started_at, "call", line, facts, [f"idempotency key {attempt.id}"]))
    for question in story.questions:
        facts = {"answer": question.answer, "code": question.code, "asked": question.asked, "times": question.times}
        line = f"may it be approved? {question.answer}, {question.took_ms} ms" + (
            f" — {question.code}" if question.code else ""
        )
        told.append(Moment(question.asked_at, "question", line, facts, [question.question_id]))
    for delivery in story.webhooks:
        facts = {
            "webhook_id": delivery.webhook_id,
            "type": delivery.webhook_type,
            "status": delivery.status,
            "error": delivery.error_message,
        }
        problem = [delivery.error_message] if delivery.error_message else []
        line = f"{delivery.webhook_type or 'without a type'}: {delivery.status}"
        told.append(Moment(delivery.received_at, "webhook", line, facts, [delivery.webhook_id, *problem]))
    for change in story.changes:
        before, after = change.data.get("before"), change.data.get("status")
        facts = {"event": change.type, "before": before, "status": after}
        line = f"{before} → {after}" if before and after and before != after else change.type
        told.append(Moment(change.happened_at, "change", line, facts))
    by_key: defaultdict[str, list[PostedLeg]] = defaultdict(list)
    for leg in story.legs:
        by_key[leg.key].append(leg)
    told += [_entry(key, legs) for key, legs in by_key.items()]
    return sorted(told, key=lambda moment: (moment.at, _ORDER.index(moment.kind)))


def _entry(key: str, legs: "list[PostedLeg]") -> Moment:
    first = legs[0]
    width = max(len(leg.path) for leg in legs)
    return Moment(
        first.recorded_at,
        "entry",
        f"{key}  " + ("not sealed yet" if first.seq is None else f"sealed as #{first.seq}"),
        {
            "key": key,
            "entry_kind": first.kind,
            "currency": first.currency,
            "seq": first.seq,
            "postings": [
                {
                    "account": leg.path,
                    "debit_minor": max(leg.amount_minor, 0),
                    "credit_minor": max(-leg.amount_minor, 0),
                }
                for leg in legs
            ],
        },
        [
            f"{leg.path:<{width}}  {'debit ' if leg.amount_minor > 0 else 'credit'} "
            f"{written(Money(abs(leg.amount_minor), leg.currency)):>14}"
            for leg in legs
        ],
    )


def payment_as_json(payment: "Payment") -> dict[str, Any]:
    """A payment for programs. Money in minor units."""
    from jangbu.payments import methods

    # PortOne's whole answer stays out: it holds the payer's name, phone number and card.
    return {
        "id": payment.id,
        "portone_payment_id": payment.provider_order_id,
        "transaction_id": payment.provider_transaction_id,
        "store_id": payment.store_id,
        "order_id": payment.order_id,
        "order_name": payment.order_name,
        "status": payment.status,
        "currency": payment.currency,
        "amount_minor": payment.amount,
        "tax_free_amount_minor": payment.tax_free_amount,
        "cancelled_amount_minor": payment.cancelled_amount,
        "cancellable_amount_minor": payment.cancellable_amount,
        "pg": payment.pg_provider,
        "channel_key": payment.channel_key,
        "method": methods.view(methods.read(payment.method), is_waiting=payment.awaits_money),
        "review": payment.review or None,
        "needs_look": payment.needs_look,
        "failure": payment.failure,
        "created_at": payment.created_at,
        "paid_at": payment.paid_at,
        "failed_at": payment.failed_at,
        "cancelled_at": payment.cancelled_at,
        "expires_at": payment.deadline,
        "asked_next_at": payment.due_at,
    }


def _show(story: "Story") -> None:
    payment = story.payment
    say(styled(f"{clean(payment.order_name)} · {written(payment.total)} · {payment.status.value}", "white", bold=True))
    details(
        {
            "our id": payment.id,
            "at PortOne": payment.provider_order_id,
            "transaction": payment.provider_transaction_id or "",
            "API": "V1" if payment.api == "v1" else "",
            "order": payment.order_id or "",
            "store": payment.store_id,
            "PG": payment.pg_provider or "",
            "method": _method(payment),
            "cancelled": written(Money(payment.cancelled_amount, payment.currency)) if payment.cancelled_amount else "",
            "expires": "" if payment.is_captured else f"{seoul(payment.deadline)[:-4]} (Seoul)",
            "asked next": f"{seoul(payment.due_at)[:-4]} (Seoul)" if payment.due_at else "",
        },
        width=12,
    )
    why = review_rules.why(payment.review, "en")
    if payment.needs_look:
        say("  " + styled(f"a person should look: {why}", "red", bold=True))
        say(f"  {review_rules.todo(payment.review, 'en')} ({payment.review})")
    elif payment.review:
        by = "" if payment.review_looked_at is None else f", looked at {seoul(payment.review_looked_at)[:16]} (Seoul)"
        say(f"  {why} ({payment.review}{by})")
    say()
    for moment in moments(story):
        say(f"{seoul(moment.at)}  {styled(f'{moment.kind:<8}', _COLOURS[moment.kind])} {clean(moment.line)}")
        for line in moment.under:
            say(f"{'':<34}{clean(line)}")


def _method(payment: "Payment") -> str:
    from jangbu.payments import methods

    said = methods.view(methods.read(payment.method), is_waiting=payment.awaits_money) or {}
    told = [str(said.get(name, "")) for name in ("type", "provider", "bank", "phone")]
    told += [str(value) for name, value in said.get("card", {}).items() if name in {"name", "last"}]
    if deposit := said.get("deposit"):
        told.append(f"to {deposit['number']} ({deposit['holder']}) until {deposit['dueAt']}")
    return " ".join(part for part in told if part)


def seoul(at: datetime) -> str:
    """A moment in Seoul, to the millisecond."""
    return at.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}"
