"""Staff: let in, given a role, let out."""

from uuid import UUID

from jangbu import audit
from jangbu.access import passwords, people_store, store
from jangbu.access.refusals import EmailTaken, LastSuperAdmin, PersonUnknown
from jangbu.access.rules import (
    Role,
    checked_email,
    checked_name,
    checked_password,
    checked_role,
    refuse_giving_more,
    role_of,
)
from jangbu.access.store import Staff
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.ids import secret_token
from jangbu.runtime import Runtime


async def create_admin(
    email: str, name: str, password: str, role: str = Role.SUPER_ADMIN, *, actor: Actor, run: Runtime
) -> UUID:
    """A new member of staff; their user id.

    Raises EmailMalformed, EmailTaken, NameMissing, PasswordUnfit, RoleUnknown.
    """
    wanted = checked_role(role)
    email, name = checked_email(email), checked_name(name)
    password_hash = await passwords.hashed(checked_password(password))
    async with run.db.transaction() as tx:
        return await _let_in(tx, email, name, password_hash, wanted, actor=actor, run=run)


async def create_first_admin(email: str, name: str, *, actor: Actor, run: Runtime) -> str | None:
    """A Super Admin with a password made here, which is shown now and never again; None when there is staff already.

    Safe to call from several programs at once: one of them makes the admin. Raises EmailMalformed, EmailTaken,
    NameMissing.
    """
    email, name = checked_email(email), checked_name(name)
    password = secret_token(15)
    password_hash = await passwords.hashed(password)
    async with run.db.transaction() as tx:
        if await store.lock_staff(tx):
            return None
        await _let_in(tx, email, name, password_hash, Role.SUPER_ADMIN, actor=actor, run=run)
    return password


async def list_staff(*, run: Runtime) -> list[Staff]:
    """Everybody who is or was staff."""
    async with run.db.transaction() as tx:
        return await store.staff(tx)


async def change_admin(
    named: str,
    *,
    role: str | None = None,
    is_active: bool | None = None,
    by: Role | None = None,
    actor: Actor,
    run: Runtime,
) -> Staff:
    """Give a member of staff, named by id or address, another role, or let them out or in again; what they were before.

    It holds from their next request on (reliability F114), and an open link of who is let out ends. `by` is the role of
    who does it; None is the operator at a terminal. Raises PersonUnknown, RoleUnknown, MoreThanYouHave, LastSuperAdmin.
    """
    wanted = None if role is None else checked_role(role)
    async with run.db.transaction() as tx:
        before, others = told_apart(await store.lock_staff(tx), named)
        for each in (role_of(before.role), wanted):
            if each is not None:
                refuse_giving_more(each, by)
        new_role = before.role if wanted is None else wanted.value
        new_active = before.is_active if is_active is None else is_active
        still_rules = new_active and role_of(new_role) is Role.SUPER_ADMIN
        if _rules(before) and not still_rules and not any(_rules(other) for other in others):
            raise LastSuperAdmin
        await store.set_admin(tx, before.user_id, role=new_role, is_active=new_active)
        if not new_active:
            await people_store.end_links(tx, before.user_id, run.clock.now())
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=actor,
            action="access.admin_changed",
            subject=f"user:{before.user_id}",
            before={"role": before.role, "active": before.is_active},
            after={"role": new_role, "active": new_active},
        )
    return before


async def sign_out_everywhere(named: str, *, by: Role | None = None, actor: Actor, run: Runtime) -> int:
    """End every session of a member of staff; how many. Raises PersonUnknown, MoreThanYouHave."""
    async with run.db.transaction() as tx:
        person, _ = told_apart(await store.lock_staff(tx), named)
        if (role := role_of(person.role)) is not None:
            refuse_giving_more(role, by)
        return await _end_sessions(tx, person, "access.sessions_ended", actor=actor, run=run)


async def reset_password(email: str, password: str, *, actor: Actor, run: Runtime) -> None:
    """Give a member of staff a new password and end all their sessions. Raises PasswordUnfit, PersonUnknown."""
    password_hash = await passwords.hashed(checked_password(password))
    async with run.db.transaction() as tx:
        person, _ = told_apart(await store.lock_staff(tx), email)
        await store.set_password(tx, person.user_id, password_hash)
        await _end_sessions(tx, person, "access.password_reset", actor=actor, run=run)


async def _end_sessions(tx: Tx, person: Staff, action: str, *, actor: Actor, run: Runtime) -> int:
    ended = await store.end_sessions(tx, person.user_id)
    await audit.record(
        tx,
        at=run.clock.now(),
        actor=actor,
        action=action,
        subject=f"user:{person.user_id}",
        sessions_ended=ended,
    )
    return ended


async def _let_in(tx: Tx, email: str, name: str, password_hash: str, role: Role, *, actor: Actor, run: Runtime) -> UUID:
    now, user_id = run.clock.now(), run.ids.uuid()
    made = await store.insert_user(tx, user_id=user_id, email=email, name=name, password_hash=password_hash, at=now)
    if not made:
        raise EmailTaken
    await store.insert_admin(tx, user_id, role.value, now)
    # The audit log is never shortened, so it names people by id and not by address (requirements X5).
    await audit.record(
        tx, at=now, actor=actor, action="access.admin_created", subject=f"user:{user_id}", role=role.value
    )
    return user_id


def told_apart(everybody: list[Staff], named: str) -> tuple[Staff, list[Staff]]:
    """The one with this id or address, and the others. Raises PersonUnknown."""
    wanted = named.strip().lower()
    found = [person for person in everybody if wanted in (person.email, str(person.user_id))]
    if not found:
        raise PersonUnknown
    return found[0], [person for person in everybody if person.user_id != found[0].user_id]


def _rules(person: Staff) -> bool:
    # Who was invited and has not come yet can let nobody in.
    can_come = person.is_active and person.status == "Active" and person.has_password
    return can_come and role_of(person.role) is Role.SUPER_ADMIN
