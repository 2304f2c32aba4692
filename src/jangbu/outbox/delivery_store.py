"""All SQL of deliveries: owed, claimed, tried, sent again."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Database, Query, Tx

# One statement, so that no delivery is written without the position and no position moves without its deliveries.
FAN_OUT = Query(
    int,
    """
    WITH behind AS (
        SELECT id, position, types, store_id, least(position + :most, :head) AS upto FROM webhook_endpoints
         WHERE state = 'enabled' AND position < :head ORDER BY id FOR UPDATE SKIP LOCKED
    ), owed AS (
        INSERT INTO webhook_deliveries (endpoint_id, seq, state, due_at, created_at)
        SELECT b.id, f.seq, 'pending', :now, :now
          FROM behind b JOIN outbox_feed f ON f.seq > b.position AND f.seq <= b.upto
         WHERE (b.types = '{}' OR f.type = ANY(b.types) OR f.type = 'webhook_endpoint.test')
           AND (b.store_id = '' OR b.store_id = f.store_id)
           AND (f.type <> 'webhook_endpoint.test' OR f.subject = 'webhook_endpoint:' || b.id)
        ON CONFLICT DO NOTHING
    ), moved AS (
        UPDATE webhook_endpoints e SET position = b.upto FROM behind b WHERE e.id = b.id RETURNING e.id
    )
    SELECT count(*) FROM moved
    """,
)
WITH_WORK = Query(
    UUID,
    """
    SELECT p.id FROM webhook_endpoints p
     WHERE p.state = 'enabled' AND EXISTS (
         SELECT FROM webhook_deliveries d WHERE d.endpoint_id = p.id AND d.state = 'pending' AND d.due_at <= :now)
     ORDER BY p.id
    """,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this worker is to make now. `tries` counts the ones before."""

    seq: int
    tries: int
    turn: int


# Pushing due_at ahead is the lease: if this worker dies, the delivery comes round again.
CLAIM = Query(
    Claim,
    """
    UPDATE webhook_deliveries SET due_at = :until, turn = turn + 1
     WHERE endpoint_id = :endpoint_id AND state = 'pending' AND seq IN (
         SELECT seq FROM webhook_deliveries
          WHERE endpoint_id = :endpoint_id AND state = 'pending' AND due_at <= :now
          ORDER BY due_at, seq LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING seq, tries, turn
    """,
)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a claim, and what follows from it."""

    endpoint_id: UUID
    seq: int
    turn: int
    started_at: datetime
    took_ms: int
    outcome: str
    status: int | None
    answer: str
    state: str
    due_at: datetime | None
    now: datetime


# The hot path, as one statement: what was tried is always logged, and decides only while the claim is still ours.
_RECORD = """
    WITH logged AS (
        INSERT INTO webhook_delivery_attempts (endpoint_id, seq, started_at, took_ms, outcome, status, answer)
        VALUES (:endpoint_id, :seq, :started_at, :took_ms, :outcome, :status, :answer)
    ), decided AS (
        UPDATE webhook_deliveries
           SET state = :state, due_at = :due_at, tries = tries + 1, tried_at = :started_at, last_outcome = :outcome,
               last_status = :status, delivered_at = CASE WHEN :state = 'delivered' THEN :now::timestamptz END
         WHERE endpoint_id = :endpoint_id AND seq = :seq AND turn = :turn AND state = 'pending'
        RETURNING seq
    )
"""
RECORD = Query(bool, f"{_RECORD} SELECT count(*) = 1 FROM decided")
RECORD_ALONE = Query(
    bool,
    f"{_RECORD} SELECT EXISTS (SELECT FROM webhook_endpoints WHERE id = :endpoint_id AND failing_since IS NOT NULL)",
)

# Begin again what never arrived since the endpoint went bad, and what is still waiting for its next try.
RESUME = Query(
    type(None),
    """
    UPDATE webhook_deliveries SET state = 'pending', due_at = :now, tries = 0, turn = turn + 1
     WHERE endpoint_id = :endpoint_id AND (state = 'pending' OR (state = 'exhausted' AND tried_at >= :since))
    """,
)
CANCEL_PENDING = Query(
    type(None),
    "UPDATE webhook_deliveries SET state = 'cancelled', due_at = NULL WHERE endpoint_id = :id AND state = 'pending'",
)
_AGAIN = """
    ON CONFLICT (endpoint_id, seq) DO UPDATE
       SET state = 'pending', due_at = excluded.due_at, tries = 0, turn = webhook_deliveries.turn + 1,
           replays = webhook_deliveries.replays + 1, delivered_at = NULL
"""
REPLAY_ONE = Query(
    type(None),
    f"""
    INSERT INTO webhook_deliveries (endpoint_id, seq, state, due_at, created_at)
    VALUES (:endpoint_id, :seq, 'pending', :now, :now) {_AGAIN}
    """,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time at one endpoint; `undelivered` leaves out what it has received."""

    endpoint_id: UUID
    since: datetime
    until: datetime
    undelivered: bool


# What the endpoint wants of a stretch of time.
_WANTED = """
      FROM webhook_endpoints p JOIN outbox_feed f ON f.happened_at >= :since AND f.happened_at < :until
      LEFT JOIN webhook_deliveries d ON d.endpoint_id = p.id AND d.seq = f.seq
     WHERE p.id = :endpoint_id AND f.seq <= p.position AND f.type <> 'webhook_endpoint.test'
       AND (p.types = '{}' OR f.type = ANY(p.types)) AND (p.store_id = '' OR p.store_id = f.store_id)
       AND (NOT :undelivered OR d.state IS DISTINCT FROM 'delivered')
"""
REPLAY_COUNT = Query(int, f"SELECT count(*) {_WANTED}")
REPLAY_SPAN = Query(
    type(None),
    f"""
    INSERT INTO webhook_deliveries (endpoint_id, seq, state, due_at, created_at)
    SELECT p.id, f.seq, 'pending', :now, :now {_WANTED} {_AGAIN}
    """,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event owed to one endpoint, and how far it got."""

    endpoint_id: UUID
    seq: int
    event_id: UUID
    type: str
    subject: str
    state: str
    tries: int
    replays: int
    due_at: datetime | None
    tried_at: datetime | None
    delivered_at: datetime | None
    last_outcome: str
    last_status: int | None
    created_at: datetime


_DELIVERY = """
    SELECT d.endpoint_id, d.seq, f.event_id, f.type, f.subject, d.state, d.tries, d.replays, d.due_at, d.tried_at,
           d.delivered_at, d.last_outcome, d.last_status, d.created_at
      FROM webhook_deliveries d JOIN outbox_feed f ON f.seq = d.seq
"""
DELIVERIES = Query(
    Delivery,
    f"""
    {_DELIVERY}
     WHERE d.endpoint_id = :endpoint_id AND d.seq < :before AND (:state = '' OR d.state = :state)
     ORDER BY d.seq DESC LIMIT :most
    """,
)
DELIVERY = Query(Delivery, f"{_DELIVERY} WHERE d.endpoint_id = :endpoint_id AND d.seq = :seq")
DELIVERIES_OF_EVENT = Query(Delivery, f"{_DELIVERY} WHERE d.seq = :seq ORDER BY d.created_at, d.endpoint_id")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try."""

    id: int
    started_at: datetime
    took_ms: int
    outcome: str
    status: int | None
    answer: str


ATTEMPTS = Query(
    Attempt,
    """
    SELECT id, started_at, took_ms, outcome, status, answer FROM webhook_delivery_attempts
     WHERE endpoint_id = :endpoint_id AND seq = :seq ORDER BY id DESC LIMIT :most
    """,
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many deliveries of an endpoint are in a state that asks for a look, and since when."""

    endpoint_id: UUID
    pending: int
    exhausted: int
    oldest: datetime | None


BACKLOG = Query(
    Backlog,
    """
    SELECT endpoint_id, count(*) FILTER (WHERE state = 'pending') AS pending,
           count(*) FILTER (WHERE state = 'exhausted') AS exhausted,
           min(created_at) FILTER (WHERE state = 'pending') AS oldest
      FROM webhook_deliveries WHERE state IN ('pending', 'exhausted') GROUP BY endpoint_id
    """,
)


async def fan_out(tx: Tx, *, head: int, most: int, now: datetime) -> int:
    """Write the deliveries of what each enabled endpoint has not seen; how many endpoints moved on."""
    return await tx.one(FAN_OUT, head=head, most=most, now=now)


async def with_work(tx: Tx, now: datetime) -> list[UUID]:
    """Enabled endpoints that have a delivery due."""
    return await tx.all(WITH_WORK, now=now)


async def claim(tx: Tx, endpoint_id: UUID, *, now: datetime, until: datetime, most: int) -> list[Claim]:
    """Take deliveries that are due, oldest first, leased until `until`."""
    found = await tx.all(CLAIM, endpoint_id=endpoint_id, now=now, until=until, most=most)
    return sorted(found, key=lambda one: one.seq)


async def record(tx: Tx, result: Result) -> bool:
    """Log a try and let it decide; False when the claim had passed to somebody else meanwhile."""
    return await tx.one(RECORD, **asdict(result))


async def record_alone(db: Database, result: Result) -> bool:
    """The same as a transaction of its own: what nearly every delivery is. Whether the endpoint is noted as failing."""
    return await db.statement(RECORD_ALONE, **asdict(result)) is True


async def resume(tx: Tx, endpoint_id: UUID, *, since: datetime, now: datetime) -> None:
    """Begin again what did not arrive since `since`."""
    await tx.run(RESUME, endpoint_id=endpoint_id, since=since, now=now)


async def cancel_pending(tx: Tx, endpoint_id: UUID) -> None:
    """Send nothing more of what waits."""
    await tx.run(CANCEL_PENDING, id=endpoint_id)


async def replay_one(tx: Tx, endpoint_id: UUID, seq: int, now: datetime) -> None:
    """Send one event once more, whatever became of it before."""
    await tx.run(REPLAY_ONE, endpoint_id=endpoint_id, seq=seq, now=now)


async def replay_count(tx: Tx, span: Span) -> int:
    """How many events `replay_span` would send."""
    return await tx.one(REPLAY_COUNT, **asdict(span))


async def replay_span(tx: Tx, span: Span, now: datetime) -> int:
    """Send once more what the endpoint wants of a stretch of time; how many."""
    return await tx.run(REPLAY_SPAN, **asdict(span), now=now)


async def deliveries(tx: Tx, endpoint_id: UUID, *, before: int, state: str, most: int) -> list[Delivery]:
    """An endpoint's deliveries below a number, latest first, all or of one state."""
    return await tx.all(DELIVERIES, endpoint_id=endpoint_id, before=before, state=state, most=most)


async def delivery(tx: Tx, endpoint_id: UUID, seq: int) -> Delivery | None:
    """One delivery."""
    return await tx.maybe(DELIVERY, endpoint_id=endpoint_id, seq=seq)


async def deliveries_of(tx: Tx, seq: int) -> list[Delivery]:
    """Every delivery of one event."""
    return await tx.all(DELIVERIES_OF_EVENT, seq=seq)


async def attempts(tx: Tx, endpoint_id: UUID, seq: int, *, most: int = 50) -> list[Attempt]:
    """The tries of one delivery, the latest first."""
    return await tx.all(ATTEMPTS, endpoint_id=endpoint_id, seq=seq, most=most)


async def backlog(tx: Tx) -> dict[UUID, Backlog]:
    """What waits and what was given up, by endpoint."""
    return {line.endpoint_id: line for line in await tx.all(BACKLOG)}
