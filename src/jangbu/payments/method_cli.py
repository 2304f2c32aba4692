"""`jangbu payments close-account`: nobody is to pay into a virtual account any more."""

from typing import TYPE_CHECKING, Annotated

import typer

from jangbu.terminal import Json, Opener, document, execute, say

if TYPE_CHECKING:
    from jangbu.payments.rules import Payment


def add_to(payments: typer.Typer, acting: Opener) -> None:
    """Put `close-account` among the `payments` commands."""

    @payments.command("close-account")
    def close_account(
        payment: Annotated[str, typer.Argument(help="Our payment id, or PortOne's paymentId.")],
        as_json: Json = False,
    ) -> None:
        """Close a virtual account that nobody paid into. A deposit that comes first wins."""

        async def work() -> "Payment":
            from jangbu.audit import operator
            from jangbu.payments.service.close import close
            from jangbu.portone import from_settings

            async with acting() as run, from_settings(run.settings) as portone:
                return await close(payment, actor=operator(), run=run, portone=portone)

        closed = execute(work())
        if as_json:
            document({"id": closed.id, "status": closed.status})
        else:
            say(f"Closed: the payment is {closed.status.value}.")
