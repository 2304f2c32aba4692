"""Builds everything once and introduces the capabilities to each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from jangbu import audit, events, installation
from jangbu.access import jobs as access_jobs
from jangbu.access import payer_store
from jangbu.checkout import checks as checkout_checks
from jangbu.checkout import jobs as checkout_jobs
from jangbu.checkout import store as checkout_store
from jangbu.checkout.service.approve import approve
from jangbu.checks import Check, Found
from jangbu.checks import jobs as check_jobs
from jangbu.checks.of_queue import of_queue
from jangbu.clock import Clock, SystemClock
from jangbu.db import Database, Query, Tx
from jangbu.errors import SetupProblem
from jangbu.identity import jobs as identity_jobs
from jangbu.identity import store as identity_store
from jangbu.ids import Ids
from jangbu.inbox import checks as inbox_checks
from jangbu.inbox import jobs as inbox_jobs
from jangbu.inbox.service import Handled
from jangbu.inbox.unsigned import Knows
from jangbu.keeping import Kept
from jangbu.ledger import checks as ledger_checks
from jangbu.ledger import jobs as ledger_jobs
from jangbu.ledger import opening
from jangbu.ledger.service import Expectation
from jangbu.ledger.store import CHAIN as LEDGER_CHAIN
from jangbu.metrics import Metrics
from jangbu.metrics.state import State
from jangbu.notices import jobs as notice_jobs
from jangbu.notices.rules import Facts, InvariantBroken, WebhookParked
from jangbu.notices.service.telling import alert
from jangbu.outbox import checks as outbox_checks
from jangbu.outbox import jobs as outbox_jobs
from jangbu.outbox import store as outbox_store
from jangbu.outbox.egress import policy_of
from jangbu.outbox.sender import HttpSender, Observed, Sender
from jangbu.payments import checks as payment_checks
from jangbu.payments import jobs as payment_jobs
from jangbu.payments import store as payment_store
from jangbu.payments.after import receipt_store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.confirm.service import Approves
from jangbu.payments.service.sync import is_of_v1, told
from jangbu.portone import Notification, PortOne, from_settings, parse_secret
from jangbu.queue import HeldJob, Job, Schedule, Tick, Waker, Worker, arguments_of
from jangbu.runtime import Runtime, follow_sandbox_clock
from jangbu.settings import Settings

if TYPE_CHECKING:
    from jangbu.portone import Transport

EXPECTATIONS = (
    Expectation("payments", "payment:", payment_store.EXPECTED_ENTRY_KEYS),
    Expectation("opening", "opening:", opening.EXPECTED_KEYS),
)
"""What `books verify` holds the ledger against: each capability's own word for the entries there must be."""

ENCRYPTED: tuple[Kept, ...] = (
    outbox_store.ENCRYPTED,
    identity_store.ENCRYPTED,
    cancellation_store.ENCRYPTED,
    checkout_store.ENCRYPTED,
    payer_store.ENCRYPTED,
    receipt_store.ENCRYPTED,
)
"""Every column that the vault encrypts; `jangbu secrets` looks after them."""

CHAINS = {"ledger": LEDGER_CHAIN, "audit": audit.CHAIN}
"""The sealed tables, by the name they have in metrics."""


def invariants(run: Runtime) -> tuple[Check, ...]:
    """What must always hold, of every capability; the checks' job and `doctor --deep` ask them."""
    return (
        *ledger_checks.INVARIANTS,
        ledger_checks.complete(EXPECTATIONS),
        *payment_checks.INVARIANTS,
        *checkout_checks.INVARIANTS,
        *inbox_checks.INVARIANTS,
        *outbox_checks.INVARIANTS,
        *events.INVARIANTS,
        *audit.INVARIANTS,
        *of_queue(lambda: schedules(run)),
    )


def schedules(run: Runtime) -> list[Schedule]:
    """What is queued by the clock."""
    return [
        *payment_jobs.schedules(run),
        *checkout_jobs.SCHEDULES,
        *notice_jobs.schedules(),
        *identity_jobs.schedules(),
        *access_jobs.SCHEDULES,
        *check_jobs.SCHEDULES,
    ]


TOO_POWERFUL = Query(
    str,
    """
    SELECT rolname::text FROM pg_roles
     WHERE rolname = current_user
       AND (rolsuper OR rolbypassrls
            OR pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = to_regclass('schema_migrations')),
                           'USAGE'))
    """,
)
"""This connection's login, if append-only tables and row-level security would not hold for it (design §5)."""


PEOPLE_WAIT_S = 3
"""How long a person's request waits for a connection. A shop that hears 503 soon can try again; one that hears nothing
for long gives up, and the queue behind it grows (reliability F93)."""
WEBHOOK_CONNECTIONS_MAX = 4


@dataclass(frozen=True, slots=True)
class Addresses:
    """The one database under its three logins (design §5)."""

    owner: str
    system: str
    request: str


@dataclass(frozen=True, slots=True)
class Wired:
    """Everything, built. `system` works for PortOne and the workers, `request` for people.

    `webhooks` is `system` with connections of its own, so that what PortOne tells us is written down however busy
    everything else is.
    """

    settings: Settings
    system: Runtime
    webhooks: Runtime
    request: Runtime
    portone: PortOne
    approves: Approves
    sender: Sender
    jobs: list[Job]
    schedules: list[Schedule]
    ticks: list[Tick]
    checks: tuple[Check, ...]
    metrics: Metrics

    def worker(self) -> Worker:
        """A worker that runs all of it."""
        return Worker(
            self.system.db,
            jobs=self.jobs,
            schedules=self.schedules,
            ticks=self.ticks,
            before_job=lambda: follow_sandbox_clock(self.system),
            heartbeat_timeout=timedelta(seconds=self.settings.job_lease_s),
            observe=self.metrics.job,
            drain_s=self.settings.drain_s,
        )

    def state(self) -> State:
        """What the metrics say that only PostgreSQL knows."""
        return State(
            self.system,
            jobs=[job.name for job in self.jobs],
            schedules=self.schedules,
            chains=CHAINS,
            checks=[check.id for check in self.checks],
        )


@asynccontextmanager
async def addresses(settings: Settings) -> AsyncIterator[Addresses]:
    """Where the database is: what DATABASE_URL says, else an embedded one that is kept running meanwhile."""
    if settings.database_url is None:
        # Imported late: a program that is given a database never needs the launcher.
        from jangbu.embedded import ensure

        embedded = await ensure(settings.home)
        try:
            yield Addresses(*(embedded.dsn(role) for role in ("owner", "system", "request")))
        finally:
            embedded.close()
        return
    system = settings.database_url.get_secret_value()
    if settings.database_url_request is None:
        raise SetupProblem(
            "DATABASE_URL is set but JANGBU_DATABASE_URL_REQUEST is not. People's requests need their own login, "
            "jangbu_request. `jangbu init --print-sql` prints the statements that make it and the lines for .env."
        )
    owner = settings.database_url_owner
    yield Addresses(
        owner="" if owner is None else owner.get_secret_value(),
        system=system,
        request=settings.database_url_request.get_secret_value(),
    )


@asynccontextmanager
async def build(
    settings: Settings,
    where: Addresses,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    transport: "Transport | None" = None,
    sender: Sender | None = None,
    takes_webhooks: bool = True,
) -> AsyncIterator[Wired]:
    """The whole house, opened; closed again at the end. Tests hand in their clock, ids, transport and sender.

    A program that `takes_webhooks` keeps connections for nothing else.
    """
    for secret in settings.webhook_secrets:
        parse_secret(secret)
    clock = clock or SystemClock()
    ids = ids or Ids(clock)
    metrics = Metrics(mode=settings.mode)
    async with AsyncExitStack() as stack:
        system_db = await _opened(stack, settings, where.system, "system")
        request_db = await _opened(
            stack, settings, where.request, "request", acquire_timeout_s=PEOPLE_WAIT_S, sighted=True
        )
        webhook_db = (
            await _opened(stack, settings, where.system, "webhooks", most=WEBHOOK_CONNECTIONS_MAX)
            if takes_webhooks
            else system_db
        )
        await installation.enter(system_db, settings)
        portone = await stack.enter_async_context(from_settings(settings, transport, observe=metrics.portone_call))
        if sender is None:
            sender = await stack.enter_async_context(HttpSender(policy_of(settings.egress_allow, mode=settings.mode)))
        system = Runtime(settings=settings, db=system_db, clock=clock, ids=ids, waker=Waker(system_db))
        for db in {system_db, request_db, webhook_db}:
            metrics.watch_pool(db.name, db.pool_state)
        sender = Observed(sender, metrics.delivery)
        wired = wire(system, replace(system, db=request_db), portone, sender, metrics=metrics)
        yield replace(wired, webhooks=replace(system, db=webhook_db))


def wire(
    system: Runtime, request: Runtime, portone: PortOne, sender: Sender, *, metrics: Metrics | None = None
) -> Wired:
    """Who does what when: handlers, subscribers, jobs, schedules, alarms."""

    async def on_notification(notification: Notification) -> Handled | None:
        """A webhook is a hint: whatever it says of a payment, PortOne is asked what is true (design §4.2)."""
        if notification.payment_id is None:
            return None
        payment = await told(notification.payment_id, run=system, portone=portone)
        return None if payment is None else Handled(payment.id, payment.status.value)

    async def on_broken(tx: Tx, check: Check, found: Found) -> None:
        """Once an hour for each check, however its rows change meanwhile: the page shows what there is now."""
        facts = InvariantBroken(f"{check.id} {check.en}", f"{found.count}: {found.rows[0].key}: {found.rows[0].what}")
        hour = system.clock.now().strftime("%Y-%m-%dT%H")
        await alert(tx, facts, key=f"check:{check.id}:{hour}", subject=f"check:{check.id}", run=system)

    checkout_jobs.subscribe()
    checks = invariants(system)
    return Wired(
        settings=system.settings,
        system=system,
        webhooks=system,
        request=request,
        portone=portone,
        approves=approve,
        sender=sender,
        jobs=[
            *inbox_jobs.jobs(system, on_notification),
            *payment_jobs.jobs(system, portone),
            *checkout_jobs.jobs(system, portone),
            *outbox_jobs.jobs(system, sender),
            *notice_jobs.jobs(system, what_it_means),
            *identity_jobs.jobs(system),
            *access_jobs.jobs(system),
            *check_jobs.jobs(system, checks, on_broken),
        ],
        schedules=schedules(system),
        ticks=[*ledger_jobs.ticks(system), *outbox_jobs.ticks(system)],
        checks=checks,
        metrics=metrics or Metrics(mode=system.settings.mode),
    )


def v1_payments(run: Runtime) -> Knows:
    """What tells the inbox whether an unsigned webhook is about a payment of ours."""
    return partial(is_of_v1, run=run)


def what_it_means(parked: HeldJob) -> Facts | None:
    """What a person is told of a job that was parked, where it is more than a job (notices.service.watch)."""
    if parked.entrypoint in {inbox_jobs.HANDLE, inbox_jobs.HANDLE_AGAIN}:
        return WebhookParked(str(arguments_of(parked)["webhook_id"]), parked.attempts)
    return None


async def _opened(
    stack: AsyncExitStack,
    settings: Settings,
    dsn: str,
    name: str,
    *,
    acquire_timeout_s: float = 10,
    most: int | None = None,
    sighted: bool = False,
) -> Database:
    db = await Database(
        dsn,
        name=name,
        size_min=1 if most else settings.pool_min,
        size_max=most or settings.pool_max,
        acquire_timeout_s=acquire_timeout_s,
        sighted=sighted,
    ).open()
    stack.push_async_callback(db.close)
    if login := await db.statement(TOO_POWERFUL):
        raise SetupProblem(
            f"The database login {login} could alter the ledger: it is a superuser, has BYPASSRLS, or owns the tables. "
            "Programs run as jangbu_system and jangbu_request; `jangbu init --print-sql` shows how they are made."
        )
    return db
