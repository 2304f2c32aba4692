"""SQL of people's own affairs: their sessions, and the one-time links by which they choose a password."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class Link:
    """A link that somebody presented, with whom it is for."""

    id: UUID
    user_id: UUID
    purpose: str
    expires_at: datetime
    ended_at: datetime | None
    email: str
    name: str
    is_staff: bool


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A running session as its person sees it."""

    id: UUID
    created_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Own:
    """What a person may know of themselves."""

    email: str
    name: str
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class SessionCount:
    """How many sessions of a person run."""

    user_id: UUID
    running: int


_LINK = """
    SELECT l.id, l.user_id, l.purpose, l.expires_at, l.ended_at, u.email, u.name,
           (coalesce(a.is_active, false) AND u.status = 'Active') AS is_staff
      FROM staff_links l JOIN users u ON u.id = l.user_id LEFT JOIN admin a ON a.user_id = u.id
     WHERE l.token_sha256 = :token_sha256
"""
LINK = Query(Link, _LINK)
LOCK_LINK = Query(Link, f"{_LINK} FOR UPDATE OF l")
INSERT_LINK = Query(
    type(None),
    """
    INSERT INTO staff_links (id, user_id, purpose, token_sha256, made_by, created_at, expires_at)
    VALUES (:id, :user_id, :purpose, :token_sha256, :made_by, :created_at, :expires_at)
    """,
)
END_LINKS = Query(type(None), "UPDATE staff_links SET ended_at = :at WHERE user_id = :user_id AND ended_at IS NULL")
SESSIONS = Query(
    OwnSession,
    """
    SELECT id, created_at, expires_at, ip_address, user_agent FROM session
     WHERE user_id = :user_id AND expires_at > :now ORDER BY created_at DESC, id DESC
    """,
)
SESSION_COUNTS = Query(
    SessionCount,
    "SELECT user_id, count(*)::int AS running FROM session WHERE expires_at > :now GROUP BY user_id",
)
END_ONE = Query(type(None), "DELETE FROM session WHERE id = :id AND user_id = :user_id")
END_OTHERS = Query(type(None), "DELETE FROM session WHERE user_id = :user_id AND id <> :keep")
OWN = Query(Own, "SELECT email, name, password_hash FROM users WHERE id = :id")
LOCK_OWN = Query(Own, "SELECT email, name, password_hash FROM users WHERE id = :id FOR UPDATE")


async def link(tx: Tx, token_sha256: bytes, *, lock: bool = False) -> Link | None:
    """The link of a presented token, valid or not; with `lock`, held until the transaction ends."""
    return await tx.maybe(LOCK_LINK if lock else LINK, token_sha256=token_sha256)


async def insert_link(tx: Tx, **columns: Any) -> None:
    """Write a new link down. The person's older one must have ended."""
    await tx.run(INSERT_LINK, **columns)


async def end_links(tx: Tx, user_id: UUID, at: datetime) -> int:
    """Let nobody use a person's open link any more; how many there were."""
    return await tx.run(END_LINKS, user_id=user_id, at=at)


async def sessions(tx: Tx, user_id: UUID, now: datetime) -> list[OwnSession]:
    """A person's running sessions, the latest first."""
    return await tx.all(SESSIONS, user_id=user_id, now=now)


async def session_counts(tx: Tx, now: datetime) -> dict[UUID, int]:
    """How many sessions run, by person."""
    return {one.user_id: one.running for one in await tx.all(SESSION_COUNTS, now=now)}


async def end_one(tx: Tx, user_id: UUID, session_id: UUID) -> bool:
    """End one session of this person; False when they have no such."""
    return await tx.run(END_ONE, id=session_id, user_id=user_id) > 0


async def end_others(tx: Tx, user_id: UUID, keep: UUID) -> int:
    """End every session of a person but one; how many."""
    return await tx.run(END_OTHERS, user_id=user_id, keep=keep)


async def own(tx: Tx, user_id: UUID, *, lock: bool = False) -> Own | None:
    """What a person may know of themselves."""
    return await tx.maybe(LOCK_OWN if lock else OWN, id=user_id)
