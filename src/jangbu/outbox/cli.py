"""`jangbu events …`: what happened, as the merchant's own systems are told of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from jangbu.clock import seoul
from jangbu.terminal import Json, Opener, clean, document, execute, listed, mark, note, say

if TYPE_CHECKING:
    from jangbu.audit import Actor
    from jangbu.outbox.delivery_store import Delivery
    from jangbu.outbox.rules import FeedEvent
    from jangbu.outbox.service.feed import Page

MOST = 10_000
Operator = Callable[[], "Actor"]
Id = Annotated[str, typer.Argument(help="The event's id: the `webhook-id` it was sent under.")]
To = Annotated[str, typer.Option("--endpoint", help="Only to this endpoint. Default: to all that it was owed to.")]


def commands(opened: Opener, operator: Operator) -> typer.Typer:
    """The `events` commands."""
    group = typer.Typer(help="What happened, as your own systems are told of it.", no_args_is_help=True)
    _reading(group, opened)
    _sending(group, opened, operator)
    return group


def _reading(group: typer.Typer, opened: Opener) -> None:
    @group.command("list")
    def list_(
        type_: Annotated[str, typer.Option("--type", help="Only this type, e.g. payment.paid.")] = "",
        most: Annotated[int, typer.Option(min=1, max=MOST, help="How many, newest first.")] = 50,
        as_json: Json = False,
    ) -> None:
        """The latest events, newest first."""

        async def work() -> "tuple[Page, str]":
            from jangbu.outbox.service import feed

            async with opened() as run:
                return await feed.latest(before=None, most=most, type_=type_, run=run), run.settings.mode

        page, mode = execute(work())
        listed(
            "events",
            page.events,
            {
                "seq": lambda one: one.seq,
                "happened (Seoul)": lambda one: seoul(one.happened_at),
                "type": lambda one: one.type,
                "subject": lambda one: one.subject,
                "id": lambda one: one.id,
            },
            figures={"seq"},
            nothing="No events.",
            whole=lambda one: _view(one, mode),
            as_json=as_json,
        )

    @group.command()
    def show(event_id: Id, as_json: Json = False) -> None:
        """One event: what it says, and how it was delivered."""

        async def work() -> "tuple[FeedEvent, list[Delivery], str]":
            from jangbu.outbox.service import feed

            async with opened() as run:
                event, deliveries = await feed.find(_id(event_id), run=run)
                return event, deliveries, run.settings.mode

        event, deliveries, mode = execute(work())
        if as_json:
            document({"event": _view(event, mode), "deliveries": [delivery_as_json(one) for one in deliveries]})
        else:
            _show(event, deliveries, mode)


def _sending(group: typer.Typer, opened: Opener, operator: Operator) -> None:
    @group.command()
    def replay(event_id: Id, endpoint: To = "", as_json: Json = False) -> None:
        """Send an event again: the same event under the same id, as new tries. The worker does the sending."""

        async def work() -> int:
            from jangbu.outbox.service.replay import replay

            to = _id(endpoint, "--endpoint") if endpoint else None
            async with opened() as run:
                return await replay(_id(event_id), to, actor=operator(), run=run)

        sent = execute(work())
        if as_json:
            document({"endpoints": sent})
        else:
            say(f"To be sent again to {sent} endpoint{'' if sent == 1 else 's'}.")

    @group.command()
    def trigger(
        type_: Annotated[str, typer.Argument(metavar="TYPE", help="E.g. payment.paid.")], as_json: Json = False
    ) -> None:
        """Announce a sample of an event, marked as a test, to try your receiver with. Not in live mode."""

        async def work() -> UUID:
            from jangbu.outbox.service import feed

            async with opened() as run:
                return await feed.trigger(type_, run=run)

        event_id = execute(work())
        if as_json:
            document({"id": event_id, "type": type_})
        else:
            say(f"{event_id}  {clean(type_)}")

    @group.command()
    def listen(
        forward_to: Annotated[str, typer.Option(help="A program on this machine, e.g. http://localhost:3000/hook.")],
        type_: Annotated[str, typer.Option("--type", help="Only this type.")] = "",
        after: Annotated[
            int | None, typer.Option(min=0, help="Begin after this seq. Default: with what happens next.")
        ] = None,
        most: Annotated[int | None, typer.Option(min=1, help="End after so many. Default: go on until Ctrl-C.")] = None,
        as_json: Json = False,
    ) -> None:
        """Forward events to a program on this machine as they happen, signed as an endpoint's would be; each once."""

        async def work() -> None:
            from contextlib import aclosing

            from jangbu.outbox import listen

            url, secret, count = listen.checked(forward_to), listen.new_secret(), 0
            note(f"Forwarding to {url}. Verify signatures with {secret}")
            async with (
                opened() as run,
                aclosing(listen.forward(url, secret, after=after, type_=type_, run=run)) as told,
            ):
                async for one in told:
                    _say_forwarded(one.event, one.answer, run.settings.mode, as_json=as_json)
                    count += 1
                    if count == most:
                        return

        execute(work())


def _say_forwarded(event: "FeedEvent", answer: Any, mode: str, *, as_json: bool) -> None:
    if as_json:
        document({"event": _view(event, mode), "outcome": answer.outcome, "status": answer.status})
        return
    sign = mark("good" if answer.outcome == "delivered" else "bad")
    said = answer.outcome if answer.status is None else str(answer.status)
    say(f"{sign} {said}  {event.seq}  {event.type}  {event.id}")


def _view(event: "FeedEvent", mode: str) -> dict[str, Any]:
    from jangbu.outbox.service.feed import view

    return view(event, mode=mode)


def delivery_as_json(delivery: "Delivery") -> dict[str, Any]:
    """A delivery for programs."""
    return {
        "endpoint_id": delivery.endpoint_id,
        "seq": delivery.seq,
        "event_id": delivery.event_id,
        "type": delivery.type,
        "state": delivery.state,
        "tries": delivery.tries,
        "replays": delivery.replays,
        "due_at": delivery.due_at,
        "tried_at": delivery.tried_at,
        "delivered_at": delivery.delivered_at,
        "last_outcome": delivery.last_outcome,
        "last_status": delivery.last_status,
    }


def _show(event: "FeedEvent", deliveries: "list[Delivery]", mode: str) -> None:
    import json

    say(f"{event.type}  {seoul(event.happened_at)} (Seoul)")
    for line in json.dumps(_view(event, mode), ensure_ascii=False, indent=2).splitlines():
        say(f"  {clean(line)}")
    if not deliveries:
        say("  owed to no endpoint")
    for one in deliveries:
        kind = {"delivered": "good", "exhausted": "bad", "cancelled": "none"}.get(one.state, "look")
        said = one.last_outcome if one.last_status is None else f"{one.last_outcome} ({one.last_status})"
        due = f", next try {seoul(one.due_at)}" if one.due_at else ""
        say(f"  {mark(kind)} {one.state}  {one.endpoint_id}  {one.tries} tries, last {said or 'none'}{due}")  # type: ignore[arg-type]


def _id(text: str, name: str = "EVENT_ID") -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an id.", param_hint=name) from None
