"""The work: is a worker alive, and does anything wait for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from jangbu import audit, queue
from jangbu.db import Query
from jangbu.doctor import telling
from jangbu.doctor.findings import Finding, bad, good, look
from jangbu.inbox import store as inbox_store
from jangbu.ledger.store import CHAIN as LEDGER_CHAIN
from jangbu.notices import store as notice_store
from jangbu.payments import jobs as payment_jobs
from jangbu.payments import store as payment_store
from jangbu.payments.channels.service import pgs_of
from jangbu.payments.rules import CALL_A_PERSON_AFTER
from jangbu.runtime import Runtime
from jangbu.terminal import ago

WORKER_SILENT_S = 150
"""The most frequent schedule is a minute, and a worker that just started has not come round to it yet."""
JOB_WAITS_S = 60
TAIL_OLD = timedelta(seconds=60)
"""A healthy sealer's tail is a second old. Business time may be moved, so this is only said when a worker is alive."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The queue in figures; ages in seconds of database time."""

    waiting: int
    oldest_s: int
    running: int


@dataclass(frozen=True, slots=True)
class Review:
    """How many payments wait for a person, by the reason's stable word."""

    reason: str
    count: int


QUEUED = Query(
    Queued,
    """
    SELECT count(*) FILTER (WHERE status = 'queued') AS waiting,
           coalesce(extract(epoch FROM now() - min(execute_after)
                    FILTER (WHERE status = 'queued' AND execute_after <= now())), 0)::int AS oldest_s,
           count(*) FILTER (WHERE status = 'picked') AS running
      FROM pgqueuer WHERE status IN ('queued', 'picked')
    """,
)
# A worker that runs moves next_run ahead each time; overdue means that nobody does.
OVERDUE_S = Query(
    int,
    """
    SELECT extract(epoch FROM now() - next_run)::int FROM pgqueuer_schedules
     WHERE expression = :expression AND entrypoint = :entrypoint
    """,
)
REVIEWS = Query(
    Review,
    """
    SELECT review AS reason, count(*) AS count FROM payments
     WHERE review <> '' AND review <> 'returned' AND review_looked_at IS NULL
     GROUP BY review ORDER BY review
    """,
)
FAILED_WEBHOOKS = Query(int, "SELECT count(*) FROM webhook_logs WHERE status = 'failed'")


async def findings(run: Runtime) -> list[Finding]:
    """What waits, in one picture of the database."""
    now = run.clock.now()
    async with run.db.transaction(snapshot=True) as tx:
        queued = await tx.one(QUEUED)
        overdue_s: list[int | None] = []
        for schedule in payment_jobs.schedules(run):
            seconds = await tx.maybe(OVERDUE_S, expression=schedule.cron, entrypoint=schedule.job)
            overdue_s.append(seconds)
        held = await queue.held(tx)
        tails = {"ledger": await tx.one(LEDGER_CHAIN.tail), "audit log": await tx.one(audit.CHAIN.tail)}
        reviews = await tx.all(REVIEWS)
        stuck = await payment_store.stuck_attempts(tx, now - CALL_A_PERSON_AFTER)
        unheard = await notice_store.waiting(tx)
        pgs = await pgs_of(tx, run.settings.checkout_channels.values())
        open_webhooks, failed_webhooks = await inbox_store.open_count(tx), await tx.one(FAILED_WEBHOOKS)
    return [
        _worker(queued, overdue_s),
        _held(held),
        _sealed({name: (tail.rows, tail.oldest) for name, tail in tails.items()}, now),
        _reviews(reviews),
        _stuck(stuck, now),
        _webhooks(open_webhooks, failed_webhooks),
        *telling.waiting(unheard),
        *_checkout(run.settings.checkout_channels, pgs),
    ]


def _worker(queued: Queued, overdue_s: list[int | None]) -> Finding:
    known = [seconds for seconds in overdue_s if seconds is not None]
    waiting = f"{queued.waiting} jobs wait, {queued.running} run."
    start = "Start one: jangbu worker (or jangbu serve --with-worker)."
    if len(known) < len(overdue_s):
        return bad("worker", f"No worker of this release has run on this database yet. {waiting}", start)
    if known and max(known) > WORKER_SILENT_S:
        return bad("worker", f"No worker has been alive for {ago(max(known))}. {waiting}", start)
    if queued.oldest_s > JOB_WAITS_S:
        return look(
            "worker",
            f"A worker is alive, and the oldest job has waited for {ago(queued.oldest_s)}. {waiting}",
            "Start more workers, or see in their log what holds them up.",
        )
    return good("worker", f"Alive. {waiting}")


def _held(held: list[queue.HeldJob]) -> Finding:
    if held:
        kinds = sorted({job.entrypoint for job in held})
        return look(
            "held jobs",
            f"{len(held)} gave up after many tries and wait for a person: {', '.join(kinds)}.",
            "The worker's log says why each failed.",
        )
    return good("held jobs", "None.")


def _sealed(tails: dict[str, tuple[int, datetime | None]], now: datetime) -> Finding:
    old = {
        name: (rows, now - oldest)
        for name, (rows, oldest) in tails.items()
        if oldest is not None and now - oldest > TAIL_OLD
    }
    if old:
        said = "; ".join(
            f"{name}: {rows} rows, oldest for {ago(age.total_seconds())}" for name, (rows, age) in old.items()
        )
        return look(
            "seal",
            f"What was written is not sealed yet ({said}).",
            "A worker seals each second: start one, or look for a transaction that stays open for long.",
        )
    waiting = sum(rows for rows, _ in tails.values())
    return good("seal", "Everything is sealed." if not waiting else f"{waiting} rows wait for the next second's seal.")


def _reviews(reviews: list[Review]) -> Finding:
    if reviews:
        said = ", ".join(f"{review.count} {review.reason}" for review in reviews)
        return look("payments to look at", f"{said}.", "jangbu payments show <id>, or the console, tells their story.")
    return good("payments to look at", "None.")


def _stuck(stuck: list[payment_store.StuckAttempt], now: datetime) -> Finding:
    name = "calls without an outcome"
    if stuck:
        first = stuck[0]
        return look(
            name,
            f"{len(stuck)} calls to PortOne are open for more than {ago(CALL_A_PERSON_AFTER.total_seconds())}; "
            f"oldest: {first.operation} of {first.payment_id}, for {ago((now - first.started_at).total_seconds())}.",
            "Look the payment up in PortOne's console; jangbu payments show tells what we know.",
        )
    return good(name, "None older than six hours.")


def _webhooks(open_count: int, failed: int) -> Finding:
    name = "webhooks"
    if failed:
        return look(
            name, f"{failed} failed and will be tried again, or were held.", "jangbu webhooks list --status failed"
        )
    return good(name, f"{open_count} are being handled." if open_count else "All are handled.")


def _checkout(channels: Mapping[str, str], pgs: Mapping[str, str]) -> list[Finding]:
    """What a PG wants of names and buyers can be given to it only where it is known which it is."""
    if not channels:
        return []
    unknown = {method: key for method, key in channels.items() if key not in pgs}
    if not unknown:
        return [good("checkout", "The PG behind each way to pay is known.")]
    ways = ", ".join(f"{method} ({key})" for method, key in unknown.items())
    return [
        look(
            "checkout",
            f"Nobody knows yet which PG is behind {ways}: order names are cut there to what every PG takes, and payers "
            "are not asked for what theirs may need to know of them.",
            "Say so: jangbu channels describe KEY --name NAME --pg PG. By V2 its first payment shows it too.",
        )
    ]
