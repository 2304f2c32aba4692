"""`jangbu notices …`: what was sent to whom, what was not, and a message to try the channels with."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from jangbu.clock import seoul
from jangbu.notices.refusals import NoticeUnknown
from jangbu.notices.rules import State
from jangbu.terminal import Json, Mark, Opener, clean, details, document, execute, listed, mark, note, say, working

if TYPE_CHECKING:
    from jangbu.notices.messages import Message
    from jangbu.notices.store import Notice

MOST = 10_000
_SIGNS: dict[str, Mark] = {"sent": "good", "given_up": "bad", "failed": "look", "queued": "none"}


def commands(opened: Opener) -> typer.Typer:
    """The `notices` commands."""
    notices = typer.Typer(help="What people were told, by e-mail and Slack.", no_args_is_help=True)

    @notices.command("list")
    def list_(
        state: Annotated[State | None, typer.Option(help="Only those.")] = None,
        most: Annotated[int, typer.Option(min=1, max=MOST, help="How many, newest first.")] = 50,
        as_json: Json = False,
    ) -> None:
        """The latest notices, newest first."""

        async def work() -> "list[Notice]":
            from jangbu.notices import store

            async with opened() as run, run.db.transaction() as tx:
                return await store.notices(tx, state=state or "", before=None, now=run.clock.now(), most=most)

        listed(
            "notices",
            execute(work()),
            {
                "written (Seoul)": lambda one: seoul(one.created_at),
                "state": lambda one: one.state,
                "tries": lambda one: one.attempts,
                "kind": lambda one: one.kind,
                "channel": lambda one: one.channel,
                "to": lambda one: one.recipient,
                "problem": _problem,
                "id": lambda one: one.id,
            },
            figures={"tries"},
            nothing="No notices." if state is None else f"No notices that are {state.value}.",
            whole=_as_json,
            as_json=as_json,
        )

    @notices.command()
    def show(notice_id: Annotated[str, typer.Argument(help="The notice's id.")], as_json: Json = False) -> None:
        """One notice: what it says, and what came of it."""

        async def work() -> "tuple[Notice, Message | None]":
            from jangbu.notices import store
            from jangbu.notices.rules import FactsUnreadable
            from jangbu.notices.service.delivery import message_of

            async with opened() as run:
                async with run.db.transaction() as tx:
                    found = await store.find(tx, _id(notice_id))
                if found is None:
                    raise NoticeUnknown
                try:
                    return found, message_of(found, run=run)
                except FactsUnreadable:
                    return found, None

        notice, message = execute(work())
        if as_json:
            text = {"subject_line": message.subject, "text": message.text} if message else {}
            document(_as_json(notice) | {"facts": notice.facts, **text})
        else:
            _show(notice, message)

    @notices.command()
    def retry(
        notice_id: Annotated[str, typer.Argument(help="The notice's id.")],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
        as_json: Json = False,
    ) -> None:
        """Send again, counting from the first try, what was not sent. A worker does it."""

        async def work() -> "Notice":
            from jangbu.audit import operator
            from jangbu.notices import store
            from jangbu.notices.service import delivery

            async with opened() as run:
                if not dry_run:
                    return await delivery.retry(_id(notice_id), actor=operator(), run=run)
                async with run.db.transaction() as tx:
                    found = await store.find(tx, _id(notice_id))
                if found is None:
                    raise NoticeUnknown
                delivery.refuse_sent(found)
                return found

        notice = execute(work())
        if as_json:
            document(_as_json(notice))
        else:
            begin = "Would be" if dry_run else "Is"
            say(f"{begin} sent again: {notice.kind} to {clean(notice.recipient)} by {notice.channel}.")

    @notices.command()
    def test(as_json: Json = False) -> None:
        """Send a test message to everybody who is told of alerts, now, and say what came of each."""
        with working("Sending…"):
            sent = execute(_test(opened))
        arrived = bool(sent) and all(notice.state == State.SENT for notice in sent)
        if as_json:
            document({"holds": arrived, "notices": [_as_json(notice) for notice in sent]})
        elif sent:
            for notice in sent:
                said = "was taken over" if notice.state == State.SENT else _problem(notice)
                say(f"{mark(_SIGNS[notice.state])} {notice.channel} to {clean(notice.recipient)}: {clean(said)}")
        else:
            say(f"{mark('bad')} No channel is configured.")
            note("Set SMTP_HOST, EMAIL_FROM and ALERT_EMAIL_RECIPIENTS, or SLACK_WEBHOOK_URL.")
        raise typer.Exit(0 if arrived else 1)

    return notices


async def _test(opened: Opener) -> "list[Notice]":
    from jangbu.audit import operator
    from jangbu.notices.service.trying import send_test

    async with opened() as run:
        return await send_test(actor=operator(), run=run)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoticeUnknown from None


def _problem(notice: "Notice") -> str:
    from jangbu.notices.texts import TEXTS, problem
    from jangbu.web.texts import Words

    return problem(notice.last_error, Words("en", TEXTS))


def _as_json(notice: "Notice") -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind,
        "channel": notice.channel,
        "recipient": notice.recipient,
        "language": notice.language,
        "subject": notice.subject,
        "alert_id": notice.alert_id,
        "state": notice.state,
        "attempts": notice.attempts,
        "last_error": notice.last_error,
        "message_id": notice.message_id,
        "created_at": notice.created_at,
        "due_at": notice.due_at,
        "sent_at": notice.sent_at,
    }


def _show(notice: "Notice", message: "Message | None") -> None:
    say(f"{mark(_SIGNS[notice.state])} {notice.state}  {notice.kind}")
    details(
        {
            "to": f"{notice.recipient} by {notice.channel}",
            "about": notice.subject,
            "written": f"{seoul(notice.created_at)} (Seoul)",
            "sent": f"{seoul(notice.sent_at)} (Seoul)" if notice.sent_at else "",
            "next try": f"{seoul(notice.due_at)} (Seoul)" if notice.due_at else "",
            "tries": str(notice.attempts),
            "problem": _problem(notice),
            "Message-ID": notice.message_id,
        }
    )
    if message is None:
        say("  This release cannot write it: its facts are of another one.")
        return
    say("  it says")
    for line in message.text.splitlines():
        say(f"    {clean(line)}".rstrip())
