"""All SQL of access: users, admin, session, api_keys; and the reading of failed sign-ins from the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx

SIGN_IN_FAILED = "access.sign_in_failed"
SIGNED_IN = "access.signed_in"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One API key, without its secret."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    store_id: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """The key that a presented secret belongs to, valid or not."""

    id: UUID
    name: str
    key_sha256: bytes
    scopes: list[str]
    store_id: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """What signing in needs to know of a person."""

    id: UUID
    status: str
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it was made."""

    id: UUID
    token: str
    user_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionNow:
    """A running session with what its person is at this moment."""

    session_id: UUID
    user_id: UUID
    name: str
    status: str
    role: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that was ended."""

    id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class Staff:
    """One member of staff."""

    user_id: UUID
    email: str
    name: str
    role: str
    is_active: bool
    status: str
    created_at: datetime
    has_password: bool


_KEY_COLUMNS = "id, name, prefix, scopes, store_id, expires_at, revoked_at, last_used_at, created_at"

INSERT_KEY = Query(
    type(None),
    """
    INSERT INTO api_keys (id, name, prefix, key_sha256, scopes, store_id, expires_at, created_at)
    VALUES (:id, :name, :prefix, :key_sha256, :scopes, :store_id, :expires_at, :created_at)
    """,
)
PRESENTED_KEY = Query(
    PresentedKey,
    """
    SELECT id, name, key_sha256, scopes, store_id, expires_at, revoked_at, last_used_at FROM api_keys
     WHERE key_sha256 = :key_sha256
    """,
)
# SKIP LOCKED: of many requests that come with one key at the same moment, one notes it and nobody waits.
NOTE_KEY_USE = Query(
    UUID,
    """
    UPDATE api_keys SET last_used_at = :now
     WHERE id = (SELECT id FROM api_keys
                  WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :before) FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)
KEYS = Query(ApiKey, f"SELECT {_KEY_COLUMNS} FROM api_keys ORDER BY created_at, id")
KEYS_NAMED = Query(ApiKey, f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE id::text = :named OR prefix = :named FOR UPDATE")
REVOKE_KEY = Query(type(None), "UPDATE api_keys SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL")

INSERT_USER = Query(
    UUID,
    """
    INSERT INTO users (id, email, name, password_hash, created_at) VALUES (:id, :email, :name, :password_hash, :at)
    ON CONFLICT DO NOTHING RETURNING id
    """,
)
INSERT_ADMIN = Query(type(None), "INSERT INTO admin (user_id, role, created_at) VALUES (:user_id, :role, :at)")
SET_ADMIN = Query(
    type(None),
    "UPDATE admin SET role = :role, is_active = :is_active WHERE user_id = :user_id",
)
SET_PASSWORD = Query(type(None), "UPDATE users SET password_hash = :password_hash WHERE id = :id")
STAFF = Query(
    Staff,
    """
    SELECT u.id AS user_id, u.email, u.name, a.role, a.is_active, u.status, a.created_at,
           (u.password_hash IS NOT NULL OR u.external_id IS NOT NULL) AS has_password
      FROM admin a JOIN users u ON u.id = a.user_id ORDER BY a.id
    """,
)
# Every change of staff takes this lock, so that two Super Admins cannot demote each other at the same moment.
LOCK_STAFF = Query(type(None), "SELECT pg_advisory_xact_lock(hashtextextended('access.staff', 0))")
USER_BY_EMAIL = Query(User, "SELECT id, status, password_hash FROM users WHERE email = :email")

INSERT_SESSION = Query(
    Session,
    """
    INSERT INTO session (id, token, user_id, expires_at, ip_address, user_agent, created_at)
    VALUES (:id, :token, :user_id, :expires_at, :ip, :agent, :now) RETURNING id, token, user_id, expires_at
    """,
)
# Read on every request: whoever was signed out, made inactive or demoted is so at once (reliability F114).
SESSION_NOW = Query(
    SessionNow,
    """
    SELECT s.id AS session_id, u.id AS user_id, u.name, u.status, CASE WHEN a.is_active THEN a.role END AS role,
           s.created_at
      FROM session s JOIN users u ON u.id = s.user_id LEFT JOIN admin a ON a.user_id = u.id
     WHERE s.token = :token AND s.expires_at > :now
    """,
)
END_SESSION = Query(Ended, "DELETE FROM session WHERE token = :token RETURNING id, user_id")
END_SESSIONS = Query(type(None), "DELETE FROM session WHERE user_id = :user_id")
DROP_EXPIRED = Query(type(None), "DELETE FROM session WHERE user_id = :user_id AND expires_at <= :now")

TAKE_TURN = Query(type(None), "SELECT pg_advisory_xact_lock(hashtextextended(:subject, 0))")
FAILURES = Query(
    datetime,
    f"""
    SELECT at FROM audit_log WHERE subject = :subject AND action = '{SIGN_IN_FAILED}' AND at > :since
     ORDER BY id DESC LIMIT :most
    """,
)
# One statement whether or not there is such a person, so that it takes the same time.
KNOWN_ADDRESS = Query(
    bool,
    f"""
    SELECT EXISTS (
        SELECT FROM users u JOIN audit_log l ON l.subject = 'user:' || u.id
         WHERE u.email = :email AND l.action = '{SIGNED_IN}' AND l.at > :since AND l.facts->>'ip' = :ip
    )
    """,
)


async def insert_key(tx: Tx, key: ApiKey, *, key_sha256: bytes) -> None:
    """Write a new key down."""
    await tx.run(
        INSERT_KEY,
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        key_sha256=key_sha256,
        scopes=key.scopes,
        store_id=key.store_id,
        expires_at=key.expires_at,
        created_at=key.created_at,
    )


async def keys(tx: Tx) -> list[ApiKey]:
    """Every key there ever was."""
    return await tx.all(KEYS)


async def lock_keys_named(tx: Tx, named: str) -> list[ApiKey]:
    """The keys whose id or shown prefix is `named`, locked: normally one."""
    return await tx.all(KEYS_NAMED, named=named)


async def revoke_key(tx: Tx, key_id: UUID, at: datetime) -> None:
    """Revoke a key that is not revoked yet."""
    await tx.run(REVOKE_KEY, id=key_id, at=at)


async def insert_user(tx: Tx, *, user_id: UUID, email: str, name: str, password_hash: str | None, at: datetime) -> bool:
    """Write a new person down; False when the e-mail address is taken."""
    made = await tx.maybe(INSERT_USER, id=user_id, email=email, name=name, password_hash=password_hash, at=at)
    return made is not None


async def insert_admin(tx: Tx, user_id: UUID, role: str, at: datetime) -> None:
    """Make a person a member of staff."""
    await tx.run(INSERT_ADMIN, user_id=user_id, role=role, at=at)


async def set_admin(tx: Tx, user_id: UUID, *, role: str, is_active: bool) -> None:
    """Change what a member of staff is."""
    await tx.run(SET_ADMIN, user_id=user_id, role=role, is_active=is_active)


async def set_password(tx: Tx, user_id: UUID, password_hash: str) -> None:
    """Change a person's password."""
    await tx.run(SET_PASSWORD, id=user_id, password_hash=password_hash)


async def lock_staff(tx: Tx) -> list[Staff]:
    """All members of staff, with nobody else changing them until this transaction ends."""
    await tx.run(LOCK_STAFF)
    return await tx.all(STAFF)


async def staff(tx: Tx) -> list[Staff]:
    """All members of staff."""
    return await tx.all(STAFF)


async def user_by_email(tx: Tx, email: str) -> User | None:
    """The person with this address."""
    return await tx.maybe(USER_BY_EMAIL, email=email)


async def insert_session(tx: Tx, **columns: Any) -> Session:
    """Write a new session down."""
    return await tx.one(INSERT_SESSION, **columns)


async def end_session(tx: Tx, token: str) -> Ended | None:
    """End one session; None when there was none."""
    return await tx.maybe(END_SESSION, token=token)


async def end_sessions(tx: Tx, user_id: UUID) -> int:
    """End all of a person's sessions; how many."""
    return await tx.run(END_SESSIONS, user_id=user_id)


async def drop_expired(tx: Tx, user_id: UUID, now: datetime) -> None:
    """Clean up after a person's sessions that nobody can use any more."""
    await tx.run(DROP_EXPIRED, user_id=user_id, now=now)


async def take_turn(tx: Tx, subject: str) -> None:
    """Let nobody else conclude a sign-in under `subject` until this transaction ends."""
    await tx.run(TAKE_TURN, subject=f"access.sign_in:{subject}")


async def failures(tx: Tx, subject: str, *, since: datetime, most: int) -> list[datetime]:
    """When sign-ins under `subject` failed, the latest first."""
    return await tx.all(FAILURES, subject=subject, since=since, most=most)


async def is_known_address(tx: Tx, *, email: str, ip: str, since: datetime) -> bool:
    """Whether this person has signed in from this address since then."""
    return await tx.one(KNOWN_ADDRESS, email=email, ip=ip, since=since)
