"""All SQL of alerts and notices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.queue import HeldJob


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should know of. `told` is how many messages say so."""

    id: UUID
    kind: str
    severity: str
    key: str
    subject: str
    facts: dict[str, Any]
    created_at: datetime
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    acknowledged_name: str | None
    told: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one recipient by one channel."""

    id: UUID
    kind: str
    channel: str
    recipient: str
    language: str
    subject: str
    facts: dict[str, Any]
    alert_id: UUID | None
    dedupe_key: str
    message_id: str
    state: str
    attempts: int
    turn: int
    last_error: str
    created_at: datetime
    due_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not as it should be, in figures."""

    open_alerts: int
    critical: int
    untold: int
    failed: int
    given_up: int


INSERT_ALERT = Query(
    UUID,
    """
    INSERT INTO admin_alerts (id, kind, severity, key, subject, facts, created_at)
    VALUES (:id, :kind, :severity, :key, :subject, :facts, :at)
    ON CONFLICT (key) DO NOTHING RETURNING id
    """,
)
INSERT_NOTICE = Query(
    UUID,
    """
    INSERT INTO notices (id, kind, channel, recipient, language, subject, facts, alert_id, dedupe_key, message_id,
                         state, created_at, due_at)
    VALUES (:id, :kind, :channel, :recipient, :language, :subject, :facts, :alert_id, :dedupe_key, :message_id,
            'queued', :at, :at)
    ON CONFLICT (dedupe_key) DO NOTHING RETURNING id
    """,
)
_ALERT = """
    SELECT a.id, a.kind, a.severity, a.key, a.subject, a.facts, a.created_at, a.acknowledged_by, a.acknowledged_at,
           u.name AS acknowledged_name, (SELECT count(*) FROM notices n WHERE n.alert_id = a.id) AS told
      FROM admin_alerts a LEFT JOIN users u ON 'user:' || u.id = a.acknowledged_by
"""
_NOTICE = """
    id, kind, channel, recipient, language, subject, facts, alert_id, dedupe_key, message_id, state, attempts, turn,
    last_error, created_at, due_at, sent_at
"""
ALERTS = Query(
    Alert,
    f"""
    {_ALERT}
     WHERE :any_place::boolean
        OR (a.acknowledged_at IS NULL, a.created_at, a.id) < (:is_open::boolean, :at::timestamptz, :id::uuid)
     ORDER BY (a.acknowledged_at IS NULL) DESC, a.created_at DESC, a.id DESC LIMIT :most
    """,
)
# The oldest first, so that they are told in the order they happened.
UNTOLD = Query(
    Alert,
    f"""
    {_ALERT}
     WHERE a.acknowledged_at IS NULL AND NOT EXISTS (SELECT FROM notices n WHERE n.alert_id = a.id)
     ORDER BY a.created_at, a.id LIMIT :most
    """,
)
ACKNOWLEDGE = Query(
    str,
    """
    UPDATE admin_alerts SET acknowledged_by = :by, acknowledged_at = :at
     WHERE id = :id AND acknowledged_at IS NULL RETURNING subject
    """,
)
IS_ALERT = Query(UUID, "SELECT id FROM admin_alerts WHERE id = :id")

NOTICES = Query(
    Notice,
    f"""
    SELECT {_NOTICE} FROM notices
     WHERE (:state = '' OR state = :state)
       AND (:any_place::boolean OR (created_at, id) < (:at::timestamptz, :id::uuid))
     ORDER BY created_at DESC, id DESC LIMIT :most
    """,
)
NOTICE = Query(Notice, f"SELECT {_NOTICE} FROM notices WHERE id = :id")
LOCK = Query(Notice, f"SELECT {_NOTICE} FROM notices WHERE id = :id FOR UPDATE")
DUE = Query(UUID, "SELECT id FROM notices WHERE due_at <= :now ORDER BY due_at, id LIMIT :most")
BEGIN_TRY = Query(
    type(None),
    "UPDATE notices SET attempts = attempts + 1, turn = turn + 1, due_at = :until WHERE id = :id",
)
PUT_OFF = Query(
    type(None),
    "UPDATE notices SET state = :state, due_at = :until, last_error = :why WHERE id = :id",
)
SENT = Query(
    UUID,
    """
    UPDATE notices SET state = 'sent', sent_at = :at, due_at = NULL, last_error = ''
     WHERE id = :id AND state <> 'sent' RETURNING id
    """,
)
FAILED = Query(
    UUID,
    """
    UPDATE notices SET state = :state, due_at = :due_at, last_error = :why
     WHERE id = :id AND turn = :turn AND state IN ('queued', 'failed') RETURNING id
    """,
)
BEGIN_AGAIN = Query(
    type(None),
    """
    UPDATE notices SET state = 'queued', attempts = 0, turn = turn + 1, due_at = :at, last_error = '' WHERE id = :id
    """,
)
# pgqueuer's table is read here, never written. A parked job is never deleted while it is parked, and its id is not
# used again, so the alert's key says whether somebody was told.
PARKED = Query(
    HeldJob,
    """
    SELECT id, entrypoint, attempts, payload FROM pgqueuer p
     WHERE status = 'failed' AND NOT EXISTS (SELECT FROM admin_alerts a WHERE a.key = 'job:' || p.id || ':parked')
     ORDER BY id LIMIT :most
    """,
)
WAITING = Query(
    Waiting,
    """
    SELECT count(*) AS open_alerts, count(*) FILTER (WHERE severity = 'critical') AS critical,
           count(*) FILTER (WHERE NOT EXISTS (SELECT FROM notices n WHERE n.alert_id = a.id)) AS untold,
           (SELECT count(*) FROM notices WHERE state = 'failed') AS failed,
           (SELECT count(*) FROM notices WHERE state = 'given_up') AS given_up
      FROM admin_alerts a WHERE acknowledged_at IS NULL
    """,
)

_NOWHERE = UUID(int=0)


async def insert_alert(
    tx: Tx, *, alert_id: UUID, kind: str, severity: str, key: str, subject: str, facts: dict[str, Any], at: datetime
) -> bool:
    """Write an alert; False when its cause has one. Waits for a transaction that is just writing the same."""
    return (
        await tx.maybe(
            INSERT_ALERT, id=alert_id, kind=kind, severity=severity, key=key, subject=subject, facts=facts, at=at
        )
        is not None
    )


async def insert_notice(
    tx: Tx,
    *,
    notice_id: UUID,
    kind: str,
    channel: str,
    recipient: str,
    language: str,
    subject: str,
    facts: dict[str, Any],
    alert_id: UUID | None,
    dedupe_key: str,
    message_id: str,
    at: datetime,
) -> bool:
    """Write a message that is due at once; False when this one was written before."""
    return (
        await tx.maybe(
            INSERT_NOTICE,
            id=notice_id,
            kind=kind,
            channel=channel,
            recipient=recipient,
            language=language,
            subject=subject,
            facts=facts,
            alert_id=alert_id,
            dedupe_key=dedupe_key,
            message_id=message_id,
            at=at,
        )
        is not None
    )


async def alerts(tx: Tx, *, before: tuple[bool, datetime, UUID] | None, now: datetime, most: int) -> list[Alert]:
    """Alerts, the open ones first, then newest first."""
    is_open, at, alert_id = before or (True, now, _NOWHERE)
    return await tx.all(ALERTS, any_place=before is None, is_open=is_open, at=at, id=alert_id, most=most)


async def untold(tx: Tx, *, most: int) -> list[Alert]:
    """Open alerts that nobody was told of."""
    return await tx.all(UNTOLD, most=most)


async def acknowledge(tx: Tx, alert_id: UUID, *, by: str, at: datetime) -> str | None:
    """Note that somebody has taken an alert on; its subject, or None when it was taken or is not there."""
    return await tx.maybe(ACKNOWLEDGE, id=alert_id, by=by, at=at)


async def is_alert(tx: Tx, alert_id: UUID) -> bool:
    """Whether there is such an alert."""
    return await tx.maybe(IS_ALERT, id=alert_id) is not None


async def notices(
    tx: Tx, *, state: str, before: tuple[datetime, UUID] | None, now: datetime, most: int
) -> list[Notice]:
    """Messages of one state, or of all, newest first."""
    at, notice_id = before or (now, _NOWHERE)
    return await tx.all(NOTICES, state=state, any_place=before is None, at=at, id=notice_id, most=most)


async def find(tx: Tx, notice_id: UUID) -> Notice | None:
    """One message."""
    return await tx.maybe(NOTICE, id=notice_id)


async def lock(tx: Tx, notice_id: UUID) -> Notice | None:
    """One message, held until the transaction ends."""
    return await tx.maybe(LOCK, id=notice_id)


async def due(tx: Tx, *, now: datetime, most: int) -> list[UUID]:
    """Messages whose time has come."""
    return await tx.all(DUE, now=now, most=most)


async def begin_try(tx: Tx, notice_id: UUID, *, until: datetime) -> None:
    """Count a try before it is made, and keep others away until then."""
    await tx.run(BEGIN_TRY, id=notice_id, until=until)


async def put_off(tx: Tx, notice_id: UUID, *, state: str, until: datetime | None, why: str) -> None:
    """Leave a message untried."""
    await tx.run(PUT_OFF, id=notice_id, state=state, until=until, why=why)


async def sent(tx: Tx, notice_id: UUID, *, at: datetime) -> bool:
    """It was taken over. Holds under whichever turn it comes back; False when that was known."""
    return await tx.maybe(SENT, id=notice_id, at=at) is not None


async def failed(tx: Tx, notice_id: UUID, *, turn: int, state: str, due_at: datetime | None, why: str) -> bool:
    """It was not; False when another try has begun since, whose answer counts."""
    return await tx.maybe(FAILED, id=notice_id, turn=turn, state=state, due_at=due_at, why=why) is not None


async def begin_again(tx: Tx, notice_id: UUID, *, at: datetime) -> None:
    """All tries from the start."""
    await tx.run(BEGIN_AGAIN, id=notice_id, at=at)


async def parked(tx: Tx, *, most: int) -> list[HeldJob]:
    """Jobs that wait for a person who was not told."""
    return await tx.all(PARKED, most=most)


async def waiting(tx: Tx) -> Waiting:
    """What is not as it should be."""
    return await tx.one(WAITING)
