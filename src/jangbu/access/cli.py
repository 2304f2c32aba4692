"""What the command line does about keys and staff. The commands themselves are the program's."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from jangbu.access.rules import Role
from jangbu.access.service import keys, links, staff
from jangbu.access.store import ApiKey, Staff
from jangbu.audit import operator
from jangbu.runtime import Runtime


async def create_key(
    name: str,
    scopes: Iterable[str],
    *,
    store_id: str | None = None,
    expires_at: datetime | None = None,
    run: Runtime,
) -> str:
    """A new API key's secret: show it once. Raises NameMissing, ScopeUnknown, KeyExpiryPast."""
    _, secret = await keys.create_api_key(name, scopes, store_id, expires_at, actor=operator(), run=run)
    return secret


async def list_keys(*, run: Runtime) -> list[ApiKey]:
    """Every API key, revoked ones too, oldest first."""
    return await keys.list_api_keys(run=run)


async def revoke_key(named: str, *, run: Runtime) -> ApiKey:
    """Refuse a key from now on, by its id or shown prefix; what it was before. Raises KeyUnknown."""
    return await keys.revoke_api_key(named, actor=operator(), run=run)


async def create_admin(email: str, name: str, password: str, role: str = Role.SUPER_ADMIN, *, run: Runtime) -> UUID:
    """A new member of staff. Raises EmailMalformed, EmailTaken, NameMissing, PasswordUnfit, RoleUnknown."""
    return await staff.create_admin(email, name, password, role, actor=operator(), run=run)


async def invite(email: str, name: str, role: str, *, run: Runtime) -> links.Made:
    """A new member of staff without a password, and the link by which they choose one: show it once.

    Raises EmailMalformed, EmailTaken, NameMissing, RoleUnknown.
    """
    return await links.invite(email, name, role, actor=operator(), by=None, run=run)


async def link_for(named: str, *, run: Runtime) -> links.Made:
    """A new link for a member of staff, by their address or id; the older one ends. Raises PersonUnknown."""
    return await links.link_for(named, actor=operator(), by=None, run=run)


async def first_admin(email: str, name: str, *, run: Runtime) -> str | None:
    """The password of a first Super Admin, to show once; None when there is staff already."""
    return await staff.create_first_admin(email, name, actor=operator(), run=run)


async def list_staff(*, run: Runtime) -> list[Staff]:
    """Everybody who is or was staff."""
    return await staff.list_staff(run=run)


async def change_admin(email: str, *, role: str | None = None, is_active: bool | None = None, run: Runtime) -> Staff:
    """Another role, or out or in again; what they were before. Raises PersonUnknown, RoleUnknown, LastSuperAdmin."""
    return await staff.change_admin(email, role=role, is_active=is_active, actor=operator(), run=run)


async def reset_password(email: str, password: str, *, run: Runtime) -> None:
    """A new password for a member of staff; their sessions end. Raises PasswordUnfit, PersonUnknown."""
    await staff.reset_password(email, password, actor=operator(), run=run)
