"""`jangbu payments …`: one payment's whole story, for whoever asks at 3 a.m."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.clock import SEOUL
from jangbu.money import Money, typed, written
from jangbu.payments import export_cli, import_cli, method_cli
from jangbu.payments.account_cli import account_of
from jangbu.terminal import Json, Opener, clean, document, execute, say, styled

if TYPE_CHECKING:
    from jangbu.payments.advice_rules import Advice
    from jangbu.payments.cancellation_rules import Cancellation
    from jangbu.payments.rules import Payment
    from jangbu.payments.service.story import Story
    from jangbu.payments.story_store import PostedLeg

_SAID = {
    "SUCCEEDED": "given back",
    "REQUESTED": "the PG took it on and gives it back later; `payments show` tells when",
    "SENDING": "PortOne has not said what came of it. It is asked until it is known, and nothing is done twice",
    "WAITING": "waits for a second person",
    "REJECTED": "was rejected",
}
_MILLISECOND = timedelta(milliseconds=1)
_COLOURS = {"call": "blue", "webhook": "magenta", "change": "green", "entry": "cyan", "person": "white"}
# What happens in one transaction has one time; told in this order it reads as cause and effect.
_ORDER = {"person": 0, "question": 1, "call": 2, "webhook": 3, "change": 4, "entry": 5}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened: a line for people, and lines under it; facts for programs."""

    at: datetime
    kind: str
    line: str
    facts: dict[str, Any]
    under: list[str] = field(default_factory=list)


def commands(opened: Opener, acting: Opener) -> typer.Typer:
    """The `payments` commands. `acting` opens a database for those that move money."""
    payments = typer.Typer(help="One payment at a time: what happened, and why.", no_args_is_help=True)

    @payments.command()
    def show(
        payment: Annotated[str, typer.Argument(help="Our payment id, or PortOne's paymentId.")],
        as_json: Json = False,
    ) -> None:
        """All that happened to a payment, in order: calls, webhooks, changes, ledger entries."""

        async def work() -> "Story":
            from jangbu.payments.service.story import tell

            async with opened() as run:
                return await tell(payment, run=run)

        story = execute(work())
        if as_json:
            told = [{"at": moment.at, "kind": moment.kind, **moment.facts} for moment in moments(story)]
            document({"payment": _as_json(story.payment), "moments": told})
        else:
            _show(story)

    @payments.command()
    def cancel(
        payment: Annotated[str, typer.Argument(help="Our payment id, or PortOne's paymentId.")],
        amount: Annotated[str, typer.Option(help="How much, as in 12,300 or 12.30. Left out: all that is left.")] = "",
        tax_free: Annotated[int | None, typer.Option(help="The tax-free part of it, in minor units.")] = None,
        reason: Annotated[str, typer.Option(help="Why; PortOne and the PG are told.")] = "User requested cancellation",
        account: Annotated[
            str,
            typer.Option(
                help="The payer's account, for what came by deposit: a JSON file, - for stdin, or `ask`. The account "
                "itself is never an argument, because other users of the machine see those."
            ),
        ] = "",
        key: Annotated[str, typer.Option(help="Repeat a command with its key and it is still one refund.")] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be given back; do nothing.")] = False,
        as_json: Json = False,
    ) -> None:
        """Give money back, all of it or a part. Exit code 0 only when it went back; 3 when that is not known yet."""
        goes_to = account_of(account) if account else None

        async def work() -> "tuple[Payment, Cancellation]":
            from jangbu.audit import operator
            from jangbu.payments.cancellation_rules import Ask
            from jangbu.payments.service.cancel import Authority, preview
            from jangbu.payments.service.cancel import cancel as give_back
            from jangbu.payments.service.sync import find
            from jangbu.portone import from_settings

            async with acting() as run, from_settings(run.settings) as portone:
                found = await find(payment, run=run)
                who = Authority(operator())
                ask = Ask(
                    amount=typed(amount, found.currency).amount_minor if amount else None,
                    tax_free_amount=tax_free,
                    reason=reason,
                    requester="ADMIN",
                    request_key=f"{who.actor.name}:{key}" if key else None,
                    account=goes_to,
                )
                if dry_run:
                    return found, await preview(found, ask, who=who, run=run)
                outcome = await give_back(payment, ask, who=who, run=run, portone=portone)
                return outcome.payment, outcome.cancellation

        about, one = execute(work())
        if as_json:
            document({"payment": _as_json(about), "cancellation": _cancellation_as_json(one), "dry_run": dry_run})
        elif dry_run:
            say(f"{written(one.total)} of {written(about.total)} would be given back. Nothing was done.")
        else:
            say(f"{written(one.total)}: {_SAID[one.status.value]}.")
        if not dry_run and one.status.value != "SUCCEEDED":
            raise typer.Exit(3)

    @payments.command()
    def advice(
        payment: Annotated[str, typer.Argument(help="Our payment id, or PortOne's paymentId.")],
        as_json: Json = False,
    ) -> None:
        """Before a refund: allowed? how much, by when, when has the payer it, what does it cost and need?"""

        async def work() -> "Advice":
            from jangbu.payments.service.advice import advice as advise

            async with opened() as run:
                return (await advise(payment, run=run))[1]

        found = execute(work())
        if as_json:
            document({"advice": _advice_as_json(found)})
        else:
            _advise(found)

    export_cli.add_to(payments, opened)
    import_cli.add_to(payments, opened, acting)
    method_cli.add_to(payments, acting)
    return payments


def _advice_as_json(found: "Advice") -> dict[str, Any]:
    return {
        "allowed": found.allowed,
        "why": found.why or None,
        "most_minor": None if found.most is None else found.most.amount_minor,
        "currency": None if found.most is None else found.most.currency,
        "in_parts": found.in_parts,
        "until": found.until,
        "needs": list(found.needs),
        "notes": [
            {"topic": note.topic, "ko": note.ko, "en": note.en, "source": note.source or None} for note in found.notes
        ],
    }


def _advise(found: "Advice") -> None:
    colour = {"yes": "green", "no": "red", "unlikely": "yellow"}[found.allowed]
    most = "" if found.most is None else f", {written(found.most)} at most"
    why = f" ({found.why})" if found.why else ""
    say(styled(f"refund allowed: {found.allowed}{why}", colour, bold=True) + most)
    if found.until is not None:
        say(f"  until {_seoul(found.until)[:-4]} (Seoul)")
    for note in found.notes:
        say(f"  {note.topic:<9}{note.en}" + (f"  [{note.source}, {note.as_of}]" if note.source else ""))


def moments(story: "Story") -> list[Moment]:
    """Everything in the story, in time order."""
    told = [
        Moment(line.at, "person", f"{line.action} by {line.actor}", {"action": line.action, "actor": line.actor})
        for line in story.audit
    ]
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
    return sorted(told, key=lambda moment: (moment.at, _ORDER[moment.kind]))


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


def _as_json(payment: "Payment") -> dict[str, Any]:
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
        "failure": payment.failure,
        "created_at": payment.created_at,
        "paid_at": payment.paid_at,
        "failed_at": payment.failed_at,
        "cancelled_at": payment.cancelled_at,
        "expires_at": payment.deadline,
        "asked_next_at": payment.due_at,
    }


def _cancellation_as_json(one: "Cancellation") -> dict[str, Any]:
    return {
        "id": one.id,
        "status": one.status,
        "amount_minor": one.amount,
        "tax_free_amount_minor": one.tax_free_amount,
        "currency": one.currency,
        "reason": one.reason,
        "cancelled_at": one.cancelled_at,
    }


def _show(story: "Story") -> None:
    payment = story.payment
    say(styled(f"{clean(payment.order_name)} · {written(payment.total)} · {payment.status.value}", "white", bold=True))
    facts = {
        "our id": payment.id,
        "at PortOne": payment.provider_order_id,
        "transaction": payment.provider_transaction_id or "",
        "API": "V1" if payment.api == "v1" else "",
        "order": payment.order_id or "",
        "store": payment.store_id,
        "PG": payment.pg_provider or "",
        "method": _method(payment),
        "cancelled": written(Money(payment.cancelled_amount, payment.currency)) if payment.cancelled_amount else "",
        "expires": "" if payment.is_captured else f"{_seoul(payment.deadline)[:-4]} (Seoul)",
        "asked next": f"{_seoul(payment.due_at)[:-4]} (Seoul)" if payment.due_at else "",
    }
    for name, fact in facts.items():
        if fact:
            say(f"  {name:<12}{clean(fact)}")
    if payment.review:
        say("  " + styled(f"a person should look: {payment.review}", "red", bold=True))
    say()
    for moment in moments(story):
        say(f"{_seoul(moment.at)}  {styled(f'{moment.kind:<8}', _COLOURS[moment.kind])} {clean(moment.line)}")
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


def _seoul(at: datetime) -> str:
    return at.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}"
