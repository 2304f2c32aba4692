"""Sending what was written down: at least once, with one Message-ID, tried again with growing waits, always visible.

A try is counted before it is made. If the program dies in between, nobody knows whether the message left: once the
lease is over it is sent again under the same Message-ID, and a mailbox may drop the second. Slack has no such id, so
there a message may appear twice; none is ever lost.
"""

from datetime import datetime
from uuid import UUID

import structlog

from jangbu import audit
from jangbu.audit import Actor
from jangbu.failpoints import failpoint
from jangbu.notices import store
from jangbu.notices.channels import Channels, is_configured
from jangbu.notices.messages import Message, write
from jangbu.notices.outcomes import NotTaken, Outcome, Taken
from jangbu.notices.refusals import NoticeNotRetriable, NoticeUnknown
from jangbu.notices.rules import (
    ATTEMPTS_MAX,
    LEASE,
    UNCONFIGURED_WAIT,
    Channel,
    FactsUnreadable,
    State,
    as_facts,
    plain,
    wait_after,
)
from jangbu.notices.service.telling import enqueue
from jangbu.notices.store import Notice
from jangbu.runtime import Runtime

NOT_CONFIGURED = "not_configured"
INTERRUPTED = "interrupted"
WHY_CHARACTERS_MAX = 500

log = structlog.get_logger()


async def deliver(notice_id: UUID, *, run: Runtime, channels: Channels) -> None:
    """The job: make one try, if one is due. Running twice makes it once."""
    async with run.db.transaction() as tx:
        notice = await store.find(tx, notice_id)
    if notice is None or notice.due_at is None:
        return
    async with channels.room(Channel(notice.channel)):
        taken_on = await _begin(notice_id, run=run)
        if taken_on is None:
            return
        failpoint("notices.deliver.begun")
        outcome = await _try(taken_on, run=run, channels=channels)
        failpoint("notices.deliver.answered")
        await _finish(taken_on, outcome, run=run)


async def _begin(notice_id: UUID, *, run: Runtime) -> Notice | None:
    """Count the try and keep others away; None when there is nothing to try now."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        notice = await store.lock(tx, notice_id)
        if notice is None or notice.due_at is None or notice.due_at > now:
            return None
        if not is_configured(Channel(notice.channel), run.settings):
            await store.put_off(tx, notice_id, state=notice.state, until=now + UNCONFIGURED_WAIT, why=NOT_CONFIGURED)
            return None
        if notice.attempts >= ATTEMPTS_MAX:
            # Its last try never came back. A message that kills whoever sends it must not do so for ever.
            await store.put_off(tx, notice_id, state=State.GIVEN_UP, until=None, why=notice.last_error or INTERRUPTED)
            return None
        await store.begin_try(tx, notice_id, until=now + LEASE)
        return await store.lock(tx, notice_id)


async def _try(notice: Notice, *, run: Runtime, channels: Channels) -> Outcome:
    try:
        message = message_of(notice, run=run)
    except FactsUnreadable as wrong:
        return NotTaken("unwritable", plain(str(wrong)))
    except Exception as wrong:
        # A mistake in one template must not look like a mail server that is away, and must not stop the others.
        log.exception("a notice cannot be written", notice_id=str(notice.id), kind=notice.kind)
        return NotTaken("unwritable", type(wrong).__name__)
    try:
        return await channels.send(notice, message)
    except Exception as problem:  # noqa: BLE001 (whatever it was, the try is over, and the next one may go better)
        # Its words and frames may hold the password or Slack's address.
        return NotTaken("unexpected", type(problem).__name__)


async def _finish(notice: Notice, outcome: Outcome, *, run: Runtime) -> None:
    now = run.clock.now()
    async with run.db.transaction() as tx:
        match outcome:
            case Taken():
                await store.sent(tx, notice.id, at=now)
            case NotTaken() as refused:
                state, due_at = _what_next(notice, refused, now)
                await store.failed(
                    tx, notice.id, turn=notice.turn, state=state, due_at=due_at, why=refused.why[:WHY_CHARACTERS_MAX]
                )
        failpoint("notices.deliver.before_commit")
    if isinstance(outcome, NotTaken):
        log.warning(
            "a notice could not be sent",
            notice_id=str(notice.id),
            channel=notice.channel,
            attempts=notice.attempts,
            why=outcome.why,
        )


def _what_next(notice: Notice, refused: NotTaken, now: datetime) -> tuple[State, datetime | None]:
    if refused.is_final or notice.attempts >= ATTEMPTS_MAX:
        return State.GIVEN_UP, None
    return State.FAILED, now + wait_after(notice.attempts, at_least_s=refused.wait_s)


def message_of(notice: Notice, *, run: Runtime) -> Message:
    """The message as it is or was sent. Raises FactsUnreadable."""
    return write(as_facts(notice.kind, notice.facts), "ko" if notice.language == "ko" else "en", run.settings)


def refuse_sent(notice: Notice) -> None:
    """Raises NoticeNotRetriable for what was sent."""
    if notice.state == State.SENT:
        raise NoticeNotRetriable


async def retry(notice_id: UUID, *, actor: Actor, run: Runtime) -> Notice:
    """Send now, counting from the first try, what was not sent yet. Raises NoticeUnknown, NoticeNotRetriable."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        notice = await store.lock(tx, notice_id)
        if notice is None:
            raise NoticeUnknown
        refuse_sent(notice)
        await store.begin_again(tx, notice_id, at=now)
        await enqueue(tx, notice_id)
        await audit.record(
            tx, at=now, actor=actor, action="notices.retried", subject=f"notice:{notice_id}", before=notice.state
        )
        again = await store.lock(tx, notice_id)
        assert again is not None
    run.waker.wake()
    return again
