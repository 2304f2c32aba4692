"""`jangbu payments cancel` and `advice`: giving money back from a terminal."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jangbu.errors import SetupProblem
from jangbu.money import typed, written
from jangbu.payments.story.cli import payment_as_json, seoul
from jangbu.terminal import Json, Opener, asked, document, execute, handed_in, say, styled

if TYPE_CHECKING:
    from jangbu.payments.cancellations.accounts import RefundAccount
    from jangbu.payments.cancellations.advice_rules import Advice
    from jangbu.payments.cancellations.rules import Cancellation
    from jangbu.payments.rules import Payment

_SAID = {
    "SUCCEEDED": "given back",
    "REQUESTED": "the PG took it on and gives it back later; `payments show` tells when",
    "SENDING": "PortOne has not said what came of it. It is asked until it is known, and nothing is done twice",
    "WAITING": "waits for a second person",
    "REJECTED": "was rejected",
}
_FORM = '{"bank": "국민은행", "number": "…", "holderName": "…", "holderPhoneNumber": "…"}'
_FIELDS = {"bank", "number", "holderName", "holderPhoneNumber"}


def add_to(payments: typer.Typer, opened: Opener, acting: Opener) -> None:
    """Put these among the `payments` commands. `acting` opens a database for those that move money."""

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
            from jangbu.payments.cancellations.rules import Ask
            from jangbu.payments.cancellations.service.cancel import cancel as give_back
            from jangbu.payments.cancellations.service.cancel import of_operator, preview
            from jangbu.payments.service.sync import find
            from jangbu.portone import from_settings

            async with acting() as run, from_settings(run.settings) as portone:
                found = await find(payment, run=run)
                who = of_operator(run)
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
            told = {"payment": payment_as_json(about), "cancellation": _cancellation_as_json(one)}
            document(told | {"dry_run": dry_run})
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
            from jangbu.payments.cancellations.service.advice import advice as advise

            async with opened() as run:
                return (await advise(payment, run=run))[1]

        found = execute(work())
        if as_json:
            document({"advice": _advice_as_json(found)})
        else:
            _advise(found)


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
        say(f"  until {seoul(found.until)[:-4]} (Seoul)")
    for note in found.notes:
        say(f"  {note.topic:<9}{note.en}" + (f"  [{note.source}, {note.as_of}]" if note.source else ""))


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


def account_of(where: str) -> "RefundAccount":
    """The account of a JSON file; `-` is stdin, and `ask` a person at the terminal.

    Raises SetupProblem, RefundBankUnknown, RefundAccountUnfit.
    """
    from jangbu.payments.cancellations.accounts import checked

    if where == "ask":
        prompts = (("Bank", None), ("Account number", None), ("Holder", None), ("Holder's phone", ""))
        return checked(*asked("the account", *prompts))
    found = _read(handed_in(where, "the account"))
    return checked(found["bank"], found["number"], found["holderName"], found.get("holderPhoneNumber", ""))


def _read(raw: bytes) -> dict[str, str]:
    try:
        found: Any = json.loads(raw)
    except ValueError:
        # Without what was read: it is somebody's account.
        raise SetupProblem(f"The account must be JSON like {_FORM}.") from None
    is_it = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    if not is_it or not {"bank", "number", "holderName"} <= set(found) <= _FIELDS:
        raise SetupProblem(f"The account must be JSON like {_FORM}.")
    kept: dict[str, str] = found
    return kept
