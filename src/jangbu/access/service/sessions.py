"""Signing in and out, and whose session a cookie is.

A session lives seven days from signing in and is never lengthened. What its person may do is read anew on every
request, so that nothing a person has lost works a second longer (reliability F114).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from jangbu import audit
from jangbu.access import passwords, store
from jangbu.access.caller import Caller
from jangbu.access.cookies import signed, token_of
from jangbu.access.refusals import SignInRefused, TooManySignIns
from jangbu.access.rules import (
    FAILURES_MAX,
    FAILURES_WINDOW,
    KNOWN_ADDRESS_FOR,
    SESSION_LIFE,
    email_of,
    locked_for,
    place_of,
    role_of,
    scopes_of,
)
from jangbu.access.secret import signing_secret
from jangbu.access.store import Session, User
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.ids import secret_token
from jangbu.runtime import Runtime

AGENT_LONGEST = 300
_SECOND = timedelta(seconds=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Try:
    """One attempt to sign in. `email` is None when what was typed cannot be anybody's address."""

    email: str | None
    typed_sha256: str
    ip: str
    agent: str
    at: datetime
    actor: Actor

    @property
    def email_subject(self) -> str:
        return f"email:{self.typed_sha256}"

    @property
    def ip_subject(self) -> str | None:
        return f"ip:{place_of(self.ip)}" if self.ip else None


async def sign_in(
    email: str, password: str, ip: str, agent: str, *, run: Runtime, request_id: str = ""
) -> tuple[Session, str]:
    """A new session and the value of its cookie. `ip` may be "" when it is not known.

    Raises SignInRefused, after the same work whether the address is unknown, the password wrong or the person inactive;
    TooManySignIns, without looking at the password; SignInBusy.
    """
    typed = email.strip().lower()
    one = _Try(
        email=email_of(email),
        typed_sha256=hashlib.sha256(typed.encode(errors="surrogatepass")).hexdigest(),
        ip=ip,
        agent="".join(character for character in agent if character.isprintable())[:AGENT_LONGEST],
        at=run.clock.now(),
        actor=Actor("anonymous", request_id),
    )
    async with run.db.transaction() as tx:
        await _refuse_after_too_many(tx, one)
        user = await _person(tx, one)
    kept = user.password_hash if user else None
    right = await passwords.matches(password, kept)
    failpoint("access.sign_in.password_checked")
    async with run.db.transaction() as tx:
        # Guesses that were checked side by side are concluded one by one, and counted again here: sending them all at
        # once buys no more than FAILURES_MAX of them. By address first, always, so that no two wait for each other.
        for subject in (one.ip_subject, one.email_subject):
            if subject is not None:
                await store.take_turn(tx, subject)
        await _refuse_after_too_many(tx, one)
        user = await _person(tx, one)
        session = None
        if right and user is not None and user.status == "Active" and user.password_hash == kept:
            session = await _begin_session(tx, one, user, run)
        else:
            await _note_failure(tx, one)
    if session is None:
        raise SignInRefused
    return session, signed(session.token, signing_secret(run.settings))


async def session_of(value: str, *, run: Runtime, request_id: str = "") -> Caller | None:
    """The person behind a signed value, from a cookie or a bearer; None unless the session holds right now."""
    token = token_of(value, signing_secret(run.settings))
    if token is None:
        log.info("access.session_refused", why="signature")
        return None
    found = await run.db.statement(store.SESSION_NOW, token=token, now=run.clock.now())
    if found is None or found.status != "Active":
        log.info("access.session_refused", why="no session" if found is None else "inactive user")
        return None
    role = role_of(found.role)
    return Caller(
        Actor(f"user:{found.user_id}", request_id),
        user_id=found.user_id,
        session_id=found.session_id,
        scopes=scopes_of(role),
        role=role,
        name=found.name,
        signed_in_at=found.created_at,
    )


async def sign_out(value: str, *, run: Runtime, request_id: str = "") -> bool:
    """End the session of a signed value; whether there was one. Twice is as good as once."""
    token = token_of(value, signing_secret(run.settings))
    if token is None:
        return False
    async with run.db.transaction() as tx:
        ended = await store.end_session(tx, token)
        if ended is not None:
            await audit.record(
                tx,
                at=run.clock.now(),
                actor=Actor(f"user:{ended.user_id}", request_id),
                action="access.signed_out",
                subject=f"user:{ended.user_id}",
                session_id=str(ended.id),
            )
    return ended is not None


async def _person(tx: Tx, one: _Try) -> User | None:
    return None if one.email is None else await store.user_by_email(tx, one.email)


async def _refuse_after_too_many(tx: Tx, one: _Try) -> None:
    subjects = [one.ip_subject] if one.ip_subject else []
    # Failures from elsewhere must not lock a person out of the place they always sign in from: anybody can fail in
    # their name. Their own place is still held to its own count, so an unknown address is never such a place.
    at_home = (
        one.email is not None
        and one.ip != ""
        and await store.is_known_address(tx, email=one.email, ip=one.ip, since=one.at - KNOWN_ADDRESS_FOR)
    )
    if not at_home:
        subjects.append(one.email_subject)
    for subject in subjects:
        failed = await store.failures(tx, subject, since=one.at - FAILURES_WINDOW, most=FAILURES_MAX)
        wait = locked_for(failed, one.at)
        if wait:
            raise TooManySignIns(retry_after_s=-(-wait // _SECOND))


async def _begin_session(tx: Tx, one: _Try, user: User, run: Runtime) -> Session:
    await store.drop_expired(tx, user.id, one.at)
    session = await store.insert_session(
        tx,
        id=run.ids.uuid(),
        # 32 characters, as Better Auth's are; from the operating system even when ids follow a seed.
        token=secret_token(24),
        user_id=user.id,
        expires_at=one.at + SESSION_LIFE,
        ip=one.ip or None,
        agent=one.agent,
        now=one.at,
    )
    await audit.record(
        tx,
        at=one.at,
        actor=Actor(f"user:{user.id}", one.actor.request_id),
        action=store.SIGNED_IN,
        subject=f"user:{user.id}",
        session_id=str(session.id),
        ip=one.ip,
        agent=one.agent,
    )
    return session


async def _note_failure(tx: Tx, one: _Try) -> None:
    for subject in (one.ip_subject, one.email_subject):
        if subject is not None:
            await audit.record(
                tx, at=one.at, actor=one.actor, action=store.SIGN_IN_FAILED, subject=subject, ip=one.ip, agent=one.agent
            )
