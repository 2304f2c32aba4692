"""`jangbu webhooks …`: what PortOne told us and what came of it, and a test webhook of our own."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from jangbu.clock import seoul
from jangbu.errors import SetupProblem
from jangbu.inbox.rules import without_keys
from jangbu.terminal import Json, Mark, Opener, clean, details, document, execute, listed, mark, note, say, working

if TYPE_CHECKING:
    from jangbu.inbox.log_store import Row, Whole
    from jangbu.inbox.probe import Answer

MOST = 10_000
_SIGNS: dict[str, Mark] = {"processed": "good", "failed": "bad", "skipped": "none"}


class Status(StrEnum):
    """Where a webhook stands."""

    RECEIVED = "received"
    PROCESSED = "processed"
    FAILED = "failed"
    SKIPPED = "skipped"


def commands(opened: Opener) -> typer.Typer:
    """The `webhooks` commands."""
    webhooks = typer.Typer(help="What PortOne told us, and what came of it.", no_args_is_help=True)

    @webhooks.command("list")
    def list_(
        status: Annotated[Status | None, typer.Option(help="Only those.")] = None,
        most: Annotated[int, typer.Option(min=1, max=MOST, help="How many, newest first.")] = 50,
        as_json: Json = False,
    ) -> None:
        """The latest deliveries, newest first."""

        async def work() -> "list[Row]":
            from jangbu.inbox import log

            async with opened() as run:
                return await log.page_of_log(log.Wanted(status=status or ""), most=most, run=run)

        listed(
            "webhooks",
            execute(work()),
            {
                "received (Seoul)": lambda one: seoul(one.received_at),
                "status": lambda one: one.status,
                "type": lambda one: one.webhook_type or "",
                "payment at PortOne": lambda one: one.provider_transaction_id or "",
                "webhook-id": lambda one: one.webhook_id,
            },
            nothing="No webhooks." if status is None else f"No webhooks that are {status.value}.",
            whole=_as_json,
            as_json=as_json,
        )

    @webhooks.command()
    def show(
        webhook_id: Annotated[str, typer.Argument(help="PortOne's webhook-id.")],
        as_json: Json = False,
    ) -> None:
        """One delivery: what it said, and what came of it."""

        async def work() -> "Whole":
            from jangbu.inbox import log

            async with opened() as run:
                return (await log.tell(await log.id_of(webhook_id, run=run), run=run)).webhook

        webhook = execute(work())
        if as_json:
            bodies = {"request_body": without_keys(webhook.request_body), "response_body": webhook.response_body}
            document(_as_json(webhook) | bodies)
        else:
            _show(webhook)

    @webhooks.command()
    def replay(
        webhook_id: Annotated[str, typer.Argument(help="PortOne's webhook-id. Or --failed.")] = "",
        failed: Annotated[bool, typer.Option("--failed", help="Whatever failed, the oldest thousand.")] = False,
        as_json: Json = False,
    ) -> None:
        """Handle again: PortOne is asked once more what is true of the payment. Safe to run twice."""
        if bool(webhook_id) == failed:
            raise typer.BadParameter("Name one webhook-id, or say --failed.")

        async def work() -> int:
            from jangbu.audit import operator
            from jangbu.inbox import log

            async with opened() as run:
                if failed:
                    return await log.handle_failed_again(actor=operator(), run=run)
                row_id = await log.id_of(webhook_id, run=run)
                return int(await log.handle_again(row_id, actor=operator(), run=run))

        queued = execute(work())
        if as_json:
            document({"queued": queued})
        elif queued:
            say(f"To be handled again by the next worker: {queued}.")
        else:
            say("Nothing failed." if failed else "That waits to be handled again already.")

    @webhooks.command()
    def test(
        url: Annotated[str, typer.Option(help="Where to; default: JANGBU_PUBLIC_URL and /api/portone/webhook.")] = "",
        twice: Annotated[
            bool, typer.Option("--twice", help="Send the same one again: it must change nothing.")
        ] = False,
        as_json: Json = False,
    ) -> None:
        """Send a signed test webhook, as PortOne would, and say what came back. It names a payment nobody has."""
        with working("Sending a signed webhook…"):
            to, answers = execute(_send(opened, url, times=2 if twice else 1))
        held = all(answer.received for answer in answers) and (not twice or answers[-1].duplicate)
        if as_json:
            document({"url": to, "holds": held, "answers": [_answer_as_json(answer) for answer in answers]})
        else:
            note(f"POST {to}")
            for answer in answers:
                status = "no answer" if answer.status is None else str(answer.status)
                say(f"{mark('good' if answer.received else 'bad')} {status}  {clean(answer.means)}")
            if twice and all(answer.received for answer in answers) and not answers[-1].duplicate:
                say(f"{mark('bad')} The second was not recognised as the same webhook.")
        raise typer.Exit(0 if held else 1)

    return webhooks


async def _send(opened: Opener, url: str, *, times: int) -> "tuple[str, list[Answer]]":
    from jangbu.inbox import probe

    async with opened() as run:
        settings = run.settings
        if not settings.webhook_secrets:
            raise SetupProblem("There is no webhook secret to sign with: set PORTONE_WEBHOOK_SECRET.")
        parcel = probe.pack(settings.webhook_secrets[0], settings.portone_store_id, at=run.clock.now(), ids=run.ids)
    to = url or settings.url
    if urlsplit(to).path in {"", "/"}:
        to = to.rstrip("/") + probe.PATH
    return to, [await probe.send(parcel, to) for _ in range(times)]


def _as_json(webhook: "Row | Whole") -> dict[str, Any]:
    return {
        "webhook_id": webhook.webhook_id,
        "type": webhook.webhook_type,
        "status": webhook.status,
        "payment_id": webhook.payment_id,
        "portone_payment_id": webhook.provider_transaction_id,
        "error": webhook.error_message,
        "received_at": webhook.received_at,
        "processed_at": webhook.processed_at,
    }


def _show(webhook: "Whole") -> None:
    import json

    say(f"{mark(_SIGNS.get(webhook.status, 'look'))} {webhook.status}  {clean(webhook.webhook_type or '')}")
    details(
        {
            "webhook-id": webhook.webhook_id,
            "received": f"{seoul(webhook.received_at)} (Seoul)",
            "handled": f"{seoul(webhook.processed_at)} (Seoul)" if webhook.processed_at else "not yet",
            "payment": webhook.payment_id or "none of ours",
            "at PortOne": webhook.provider_transaction_id or "",
            "problem": webhook.error_message or "",
            "came of it": (webhook.response_body or {}).get("message", ""),
        }
    )
    say("  it said")
    body = json.dumps(without_keys(webhook.request_body), ensure_ascii=False, indent=2)
    for line in body.splitlines():
        say(f"    {clean(line)}")


def _answer_as_json(answer: "Answer") -> dict[str, Any]:
    return {
        "status": answer.status,
        "received": answer.received,
        "duplicate": answer.duplicate,
        "means": answer.means,
    }
