"""What people do about themselves: see where they are signed in, end that, change their password."""

from uuid import UUID

from jangbu import audit
from jangbu.access import passwords, people_store, store
from jangbu.access.caller import Caller
from jangbu.access.people_store import Own, OwnSession
from jangbu.access.refusals import PasswordWrong, SessionUnknown, TooManySignIns
from jangbu.access.rules import FAILURES_MAX, FAILURES_WINDOW, checked_password, locked_for
from jangbu.db import Tx
from jangbu.runtime import Runtime


async def about(caller: Caller, *, run: Runtime) -> tuple[Own, list[OwnSession]]:
    """The person, and where they are signed in, the latest first."""
    user_id = _person(caller)
    async with run.db.transaction() as tx:
        own = await people_store.own(tx, user_id)
        assert own is not None, "a session without its person"
        return own, await people_store.sessions(tx, user_id, run.clock.now())


async def end_session(caller: Caller, session_id: UUID, *, run: Runtime) -> None:
    """End one of one's own sessions. Raises SessionUnknown, also for somebody else's."""
    user_id = _person(caller)
    async with run.db.transaction() as tx:
        if not await people_store.end_one(tx, user_id, session_id):
            raise SessionUnknown
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=caller.actor,
            action="access.session_ended",
            subject=f"user:{user_id}",
            session_id=str(session_id),
        )


async def end_other_sessions(caller: Caller, *, run: Runtime) -> int:
    """End every session of one's own but this one; how many."""
    async with run.db.transaction() as tx:
        return await _end_others(tx, caller, run)


async def change_password(caller: Caller, present: str, new: str, *, run: Runtime) -> None:
    """Take another password, given the present one; every other session ends.

    A stolen session must not become a stolen account: guesses are counted like those of signing in.
    Raises PasswordUnfit, PasswordWrong, TooManySignIns, SignInBusy.
    """
    user_id = _person(caller)
    checked_password(new)
    subject = f"password:{user_id}"
    async with run.db.transaction() as tx:
        await _refuse_after_too_many(tx, subject, run)
        own = await people_store.own(tx, user_id)
    kept = None if own is None else own.password_hash
    right = await passwords.matches(present, kept)
    password_hash = await passwords.hashed(new) if right else ""
    async with run.db.transaction() as tx:
        await store.take_turn(tx, subject)
        await _refuse_after_too_many(tx, subject, run)
        now = await people_store.own(tx, user_id, lock=True)
        # Somebody may have changed it meanwhile, by a link perhaps: then what was checked is not the present one.
        done = right and now is not None and now.password_hash == kept
        if done:
            await store.set_password(tx, user_id, password_hash)
            await people_store.end_links(tx, user_id, run.clock.now())
            await _end_others(tx, caller, run)
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=caller.actor,
            action="access.password_changed" if done else store.SIGN_IN_FAILED,
            subject=f"user:{user_id}" if done else subject,
        )
    if not done:
        raise PasswordWrong


async def _end_others(tx: Tx, caller: Caller, run: Runtime) -> int:
    user_id = _person(caller)
    assert caller.session_id is not None, "who is known by a session has one"
    ended = await people_store.end_others(tx, user_id, caller.session_id)
    if ended:
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=caller.actor,
            action="access.sessions_ended",
            subject=f"user:{user_id}",
            sessions_ended=ended,
        )
    return ended


async def _refuse_after_too_many(tx: Tx, subject: str, run: Runtime) -> None:
    now = run.clock.now()
    failed = await store.failures(tx, subject, since=now - FAILURES_WINDOW, most=FAILURES_MAX)
    wait = locked_for(failed, now)
    if wait:
        raise TooManySignIns(retry_after_s=int(wait.total_seconds()) + 1)


def _person(caller: Caller) -> UUID:
    assert caller.user_id is not None, "the route's rule lets only people in"
    return caller.user_id
