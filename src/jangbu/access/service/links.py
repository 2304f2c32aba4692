"""One-time links: how staff get their first password, and a new one. Nobody else ever knows it.

A link is shown once, to whoever made it, and they hand it over. It ends when it is used, when a newer one is made, when
its person is let out, and by itself. Looking at it uses nothing up: mail programs and chats open links on their own.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from jangbu import audit
from jangbu.access import passwords, people_store, store
from jangbu.access.people_store import Link
from jangbu.access.refusals import EmailTaken, LinkUnusable
from jangbu.access.rules import Role, checked_email, checked_name, checked_password, checked_role, refuse_giving_more
from jangbu.access.service.staff import told_apart
from jangbu.access.store import Staff
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.ids import secret_token
from jangbu.runtime import Runtime

LIFE = {"invite": timedelta(days=3), "reset": timedelta(days=1)}
PATH = "/console/link/"
_TOKEN_CHARACTERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Made:
    """A link that was just made: its whole address, shown this once."""

    url: str
    user_id: str
    email: str
    purpose: str
    expires_at: datetime


async def invite(email: str, name: str, role: str, *, actor: Actor, by: Role | None, run: Runtime) -> Made:
    """A new member of staff without a password, and the link by which they choose one. `by` is the role of who invites;
    None is the operator at a terminal.

    Raises EmailMalformed, EmailTaken, NameMissing, RoleUnknown, MoreThanYouHave.
    """
    wanted = checked_role(role)
    email, name = checked_email(email), checked_name(name)
    refuse_giving_more(wanted, by)
    now, user_id = run.clock.now(), run.ids.uuid()
    async with run.db.transaction() as tx:
        # The same turn as every other change of staff.
        await store.lock_staff(tx)
        made = await store.insert_user(tx, user_id=user_id, email=email, name=name, password_hash=None, at=now)
        if not made:
            raise EmailTaken
        await store.insert_admin(tx, user_id, wanted.value, now)
        await audit.record(
            tx, at=now, actor=actor, action="access.admin_invited", subject=f"user:{user_id}", role=wanted.value
        )
        person, _ = told_apart(await store.staff(tx), email)
        return await _link_for(tx, person, actor=actor, run=run)


async def link_for(named: str, *, actor: Actor, by: Role | None, run: Runtime) -> Made:
    """A new link for a member of staff, by their id or address; the older one ends. Their password holds until then.

    Raises PersonUnknown, MoreThanYouHave.
    """
    async with run.db.transaction() as tx:
        person, _ = told_apart(await store.lock_staff(tx), named)
        # Whoever could choose a password for somebody above them would be above them.
        refuse_giving_more(checked_role(person.role), by)
        return await _link_for(tx, person, actor=actor, run=run)


async def look(token: str, *, run: Runtime) -> Link:
    """Whom a link is for. Raises LinkUnusable."""
    async with run.db.transaction() as tx:
        return _usable(await people_store.link(tx, _digest(token)), run.clock.now())


async def use(token: str, password: str, *, run: Runtime, request_id: str = "") -> Link:
    """Choose the password: the link ends, and so does every session of its person.

    Raises LinkUnusable, PasswordUnfit, SignInBusy.
    """
    # First, so that only who has a link costs us the hashing.
    await look(token, run=run)
    password_hash = await passwords.hashed(checked_password(password))
    failpoint("access.link.hashed")
    now = run.clock.now()
    async with run.db.transaction() as tx:
        link = _usable(await people_store.link(tx, _digest(token), lock=True), now)
        await store.set_password(tx, link.user_id, password_hash)
        await people_store.end_links(tx, link.user_id, now)
        ended = await store.end_sessions(tx, link.user_id)
        await audit.record(
            tx,
            at=now,
            actor=Actor(f"user:{link.user_id}", request_id),
            action="access.password_chosen",
            subject=f"user:{link.user_id}",
            link=str(link.id),
            sessions_ended=ended,
        )
    return link


async def _link_for(tx: Tx, person: Staff, *, actor: Actor, run: Runtime) -> Made:
    now, token = run.clock.now(), secret_token(32)
    purpose = "reset" if person.has_password else "invite"
    await people_store.end_links(tx, person.user_id, now)
    link_id = run.ids.uuid()
    await people_store.insert_link(
        tx,
        id=link_id,
        user_id=person.user_id,
        purpose=purpose,
        token_sha256=_digest(token),
        made_by=actor.name,
        created_at=now,
        expires_at=now + LIFE[purpose],
    )
    await audit.record(
        tx,
        at=now,
        actor=actor,
        action="access.link_made",
        subject=f"user:{person.user_id}",
        purpose=purpose,
        link=str(link_id),
    )
    return Made(f"{run.settings.url}{PATH}{token}", str(person.user_id), person.email, purpose, now + LIFE[purpose])


def _usable(link: Link | None, now: datetime) -> Link:
    if link is None or link.ended_at is not None or link.expires_at <= now or not link.is_staff:
        raise LinkUnusable
    return link


def _digest(token: str) -> bytes:
    return hashlib.sha256(token[:_TOKEN_CHARACTERS_MAX].encode(errors="surrogatepass")).digest()
