"""`jangbu payments …` about what comes with a payment: its virtual account, cash receipt, escrow, dispute.

The use cases are those of the console and the API. Exit code 0 only when it is done; 3 when that is not known yet,
or a second person has to say so too.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID

import typer

from jangbu.errors import SetupProblem
from jangbu.money import written
from jangbu.terminal import Json, Opener, asked, clean, document, execute, handed_in, moment, say

if TYPE_CHECKING:
    from jangbu.payments.after.dispute_rules import Dispute
    from jangbu.payments.after.receipt_rules import Receipt
    from jangbu.payments.after.service.escrow import Told
    from jangbu.payments.rules import Payment
    from jangbu.portone import PortOne
    from jangbu.runtime import Runtime

T = TypeVar("T")
Which = Annotated[str, typer.Argument(help="Our payment id, or PortOne's paymentId.")]
NOT_YET = 3
LATER = "PortOne has not said what came of it. It is asked until it is known, and nothing is done twice."


def add_to(payments: typer.Typer, acting: Opener) -> None:
    """Put these among the `payments` commands."""

    def done(act: "Callable[[Runtime, PortOne], Awaitable[T]]") -> T:
        async def work() -> T:
            from jangbu.portone import from_settings

            async with acting() as run, from_settings(run.settings) as portone:
                return await act(run, portone)

        return execute(work())

    @payments.command("close-account")
    def close_account(payment: Which, as_json: Json = False) -> None:
        """Close a virtual account that nobody paid into. A deposit that comes first wins."""

        async def act(run: "Runtime", portone: "PortOne") -> "Payment":
            from jangbu.audit import operator
            from jangbu.payments.after.service.close import close

            return await close(payment, actor=operator(), run=run, portone=portone)

        closed = done(act)
        if as_json:
            document({"id": closed.id, "status": closed.status})
        else:
            say(f"Closed: the payment is {closed.status.value}.")

    @payments.command("issue-receipt")
    def issue_receipt(
        payment: Which,
        number: Annotated[
            str,
            typer.Option(
                help="Whose: a file with the number, - for stdin, or `ask`. The number itself is never an argument, "
                "because other users of the machine see those."
            ),
        ] = "ask",
        corporate: Annotated[
            bool, typer.Option(help="For a business (지출증빙용), not a person (소득공제용).")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Issue a cash receipt for what is left of a transfer or deposit."""
        typed = _number(number)

        async def act(run: "Runtime", portone: "PortOne") -> "Receipt":
            from jangbu.audit import operator
            from jangbu.payments.after.receipt_rules import checked
            from jangbu.payments.after.service.receipts import issue

            wish = checked("CORPORATE" if corporate else "PERSONAL", typed)
            return await issue(payment, wish, actor=operator(), run=run, portone=portone)

        _receipt(done(act), "ISSUED", as_json=as_json)

    @payments.command("cancel-receipt")
    def cancel_receipt(payment: Which, as_json: Json = False) -> None:
        """Take a cash receipt back."""

        async def act(run: "Runtime", portone: "PortOne") -> "Receipt":
            from jangbu.audit import operator
            from jangbu.payments.after.service.receipts import cancel

            return await cancel(payment, actor=operator(), run=run, portone=portone)

        _receipt(done(act), "CANCELLED", as_json=as_json)

    @payments.command("send-parcel")
    def send_parcel(
        payment: Which,
        carrier: Annotated[str, typer.Argument(help="PortOne's word for it: CJ, LOTTE, HANJIN, POST, …, ETC.")],
        invoice: Annotated[str, typer.Argument(help="The carrier's number of the parcel.")],
        sent_at: Annotated[str, typer.Option(help="When: a day in Seoul, or a time. Left out: now.")] = "",
        as_json: Json = False,
    ) -> None:
        """Tell the PG that goods in escrow are on their way; told again with other words, it corrects what was told."""

        async def act(run: "Runtime", portone: "PortOne") -> "Told":
            from jangbu.audit import operator
            from jangbu.payments.after.escrow_rules import CARRIERS, checked_invoice
            from jangbu.payments.after.service.escrow import send
            from jangbu.portone.after import Parcel

            if carrier not in CARRIERS:
                raise typer.BadParameter(f"{carrier!r} is none of {', '.join(CARRIERS)}.")
            parcel = Parcel(carrier, checked_invoice(invoice), moment(sent_at) if sent_at else run.clock.now())
            return await send(payment, parcel, actor=operator(), run=run, portone=portone)

        _escrow(done(act), as_json=as_json)

    @payments.command("complete-escrow")
    def complete_escrow(payment: Which, as_json: Json = False) -> None:
        """Confirm a purchase in escrow as its merchant, once the goods have arrived."""

        async def act(run: "Runtime", portone: "PortOne") -> "Told":
            from jangbu.audit import operator
            from jangbu.payments.after.service.escrow import complete

            return await complete(payment, actor=operator(), run=run, portone=portone)

        _escrow(done(act), as_json=as_json)

    @payments.command("end-dispute")
    def end_dispute(
        payment: Which,
        outcome: Annotated[Literal["won", "lost"], typer.Argument(help="What the PG told you.")],
        dispute: Annotated[UUID | None, typer.Option(help="Which, where several are to be decided.")] = None,
        as_json: Json = False,
    ) -> None:
        """Say how a dispute ended that PortOne tells no end of. Above the limit a second person says so too."""

        async def act(run: "Runtime", portone: "PortOne") -> "Dispute":
            from jangbu.payments.after.dispute_rules import DisputeStatus
            from jangbu.payments.after.service.disputes import disputes_of, end
            from jangbu.payments.cancellations.service.cancel import of_operator
            from jangbu.payments.service.sync import find

            which = _the_one(await disputes_of(await find(payment, run=run), run=run), dispute)
            said = DisputeStatus(outcome.upper())
            return (await end(which, said, who=of_operator(run), run=run, portone=portone))[1]

        _dispute(done(act), as_json=as_json)


def _number(where: str) -> str:
    what = "the receipt's number"
    if where == "ask":
        return asked(what, ("Number", None))[0]
    try:
        return handed_in(where, what).decode()
    except UnicodeDecodeError:
        raise SetupProblem(f"The file with {what} is no text.") from None


def _the_one(found: "list[Dispute]", named: UUID | None) -> UUID:
    """The dispute to decide. Raises DisputeUnknown, and typer.BadParameter where it has to be named."""
    from jangbu.payments.after.refusals import DisputeUnknown

    untold = [one.id for one in found if one.status.value == "UNTOLD"]
    ids = [one.id for one in found] if named or not untold else untold
    if not ids or named not in (None, *ids):
        raise DisputeUnknown
    if named is None and len(untold) > 1:
        raise typer.BadParameter(f"Several are to be decided; name one with --dispute: {', '.join(map(str, untold))}")
    return named or ids[-1]


def _receipt(one: "Receipt", wanted: str, *, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "status": one.status,
        "type": one.type or None,
        "number": one.number_shown or None,
        "issue_number": one.issue_number or None,
        "url": one.url or None,
        "issued_at": one.issued_at,
        "cancelled_at": one.cancelled_at,
    }
    is_done = one.status.value == wanted
    said = f"The receipt {clean(one.issue_number)} is {one.status.value}."
    _tell({"receipt": facts}, said if is_done else LATER, is_done=is_done, as_json=as_json)


def _escrow(told: "Told", *, as_json: bool) -> None:
    one = told.escrow
    facts = {
        "status": one.status,
        "carrier": one.company or None,
        "invoice_number": one.invoice_number or None,
        "sent_at": one.sent_at,
    }
    said = f"The escrow is {clean(one.status)}." if told.is_done else LATER
    _tell({"escrow": facts}, said, is_done=told.is_done, as_json=as_json)


def _dispute(one: "Dispute", *, as_json: bool) -> None:
    facts = {
        "id": one.id,
        "status": one.status,
        "held_minor": one.held_amount,
        "written_off_minor": one.written_off_amount,
        "currency": one.currency,
        "wanted_outcome": one.wanted_outcome or None,
    }
    is_done = not one.wanted_outcome
    waits = f"{one.wanted_outcome} is written down; a second person, who may decide {written(one.held)}, says so too."
    _tell(
        {"dispute": facts},
        f"The dispute is {one.status.value}." if is_done else waits,
        is_done=is_done,
        as_json=as_json,
    )


def _tell(facts: dict[str, Any], said: str, *, is_done: bool, as_json: bool) -> None:
    if as_json:
        document(facts)
    else:
        say(said)
    if not is_done:
        raise typer.Exit(NOT_YET)
