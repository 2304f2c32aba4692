"""Every metric there is, named and explained once; docs/reference/metrics.md is made from this page.

Units are in the names, ages and durations are seconds, and no label can take a value that somebody outside chooses.
Jobs have the label `task`, because `job` and `instance` are Prometheus's own.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "histogram", "gauge"]
Source = Literal["process", "database"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as Prometheus sees it. `source` says whether each process counts for itself or PostgreSQL knows."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    source: Source

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which its values are stored."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


def _process(name: str, kind: Kind, labels: tuple[str, ...], help_: str) -> Metric:
    return Metric(name, kind, labels, help_, "process")


def _database(name: str, labels: tuple[str, ...], help_: str) -> Metric:
    return Metric(name, "gauge", labels, help_, "database")


BUILD = _process("jangbu_build_info", "gauge", ("version", "mode"), "1, with the release and the mode it runs in.")
REQUESTS = _process(
    "jangbu_http_requests_total",
    "counter",
    ("route", "method", "status"),
    "Answers by route template; `(none)` where no route matched.",
)
REQUEST_SECONDS = _process(
    "jangbu_http_request_seconds", "histogram", ("route", "method"), "From the first byte of a request to the last."
)
WEBHOOK_SECONDS = _process(
    "jangbu_webhook_accept_seconds",
    "histogram",
    ("result",),
    "Until PortOne has its answer: `new`, `duplicate`, `refused`, `failed` (it will come again), or V1's `unknown`, "
    "which is about nothing of ours.",
)
CONFIRM_SECONDS = _process(
    "jangbu_confirm_answer_seconds",
    "histogram",
    ("answer",),
    "Until PortOne's question before an approval is answered: `yes`, `no`, `unknown` (a no: we could not tell in time),"
    " `refused` (not PortOne's), or `failed`.",
)
PORTONE_SECONDS = _process(
    "jangbu_portone_call_seconds",
    "histogram",
    ("operation", "outcome"),
    "Calls to PortOne: `done`, `refused`, or `unknown_…` with the reason.",
)
JOB_SECONDS = _process(
    "jangbu_job_seconds",
    "histogram",
    ("task", "outcome"),
    "Jobs that ran here: `done`, `failed` (to be tried again, or held), or `broken_off` (the worker had to stop;"
    " the next one does it again).",
)
DELIVERY_SECONDS = _process(
    "jangbu_delivery_seconds",
    "histogram",
    ("outcome",),
    "Tries to deliver an event to an endpoint of the merchant's, by what came of it.",
)
CONNECTIONS = _process(
    "jangbu_db_connections", "gauge", ("pool", "state"), "Connections of a pool that are `in_use` or `idle`."
)
CONNECTIONS_MAX = _process("jangbu_db_connections_max", "gauge", ("pool",), "How many connections a pool may have.")

STATE_UP = _database("jangbu_state_up", (), "1 when what follows could be read from PostgreSQL, 0 when it is missing.")
INVARIANT_ROWS = _database(
    "jangbu_invariant_rows",
    ("check", "scope"),
    "Rows that should not be, at the last run over what is `new` (each minute) and `all` there is (each night).",
)
INVARIANT_AGE = _database(
    "jangbu_invariant_age_seconds", ("check", "scope"), "Since the check was last asked to the end."
)
INVARIANT_FAILED = _database(
    "jangbu_invariant_failed", ("check", "scope"), "1 when the check's latest run did not come to an end."
)
SEAL_HEAD = _database("jangbu_seal_head", ("chain",), "Number of the last seal.")
SEAL_TAIL = _database("jangbu_seal_unsealed", ("chain",), "Rows that are committed and not sealed yet.")
SEAL_LAG = _database("jangbu_seal_lag_seconds", ("chain",), "Age of the oldest of them; 0 when there is none.")
ATTEMPTS = _database(
    "jangbu_attempts_open", ("operation", "state"), "Calls to PortOne whose outcome is not known: `sent` or `unknown`."
)
ATTEMPTS_AGE = _database(
    "jangbu_attempts_oldest_seconds", ("operation",), "Age of the oldest of them; 0 when there is none."
)
REFUNDS = _database(
    "jangbu_refunds_open",
    ("status",),
    "Refunds that are `WAITING` for a second person, `SENDING` to PortOne, or `REQUESTED` there and not yet done.",
)
REFUNDS_AGE = _database(
    "jangbu_refunds_oldest_seconds", ("status",), "Age of the oldest of them; 0 when there is none."
)
WEBHOOKS = _database(
    "jangbu_webhooks_open", ("status",), "Webhooks that wait: `received`, or `failed` and tried again."
)
WEBHOOKS_AGE = _database("jangbu_webhooks_oldest_seconds", (), "Age of the oldest of them; 0 when there is none.")
QUEUE = _database(
    "jangbu_queue_jobs",
    ("task", "state"),
    "Jobs that are `waiting`, `running`, or `held` for a person after they failed.",
)
QUEUE_AGE = _database("jangbu_queue_oldest_seconds", (), "How long the oldest job that could run has been waiting.")
SCHEDULE_OVERDUE = _database(
    "jangbu_schedule_overdue_seconds", ("task",), "How late a schedule is; above three minutes no worker is alive."
)
PAYMENTS = _database(
    "jangbu_payments_day",
    ("status",),
    "Payments made in the last 24 hours (the newest 100,000), by the status they have now.",
)
SWEEP_DUE = _database(
    "jangbu_sweep_due",
    ("kind",),
    "Each `payment` and `refund` whose time has come that the sweeper asks PortOne about it.",
)
PAYMENTS_REVIEW = _database("jangbu_payments_review", ("reason",), "Payments that wait for a person, by reason.")
EVENTS_HEAD = _database(
    "jangbu_events_head", (), "Number of the feed's newest event: what follows the feed can be held against it."
)
EVENTS_AGE = _database("jangbu_events_newest_seconds", (), "Age of the feed's newest event.")
EVENTS_WAITING = _database(
    "jangbu_events_unnumbered", (), "Committed events that are not in the feed yet; counted up to 10,000."
)
EVENTS_WAITING_AGE = _database(
    "jangbu_events_unnumbered_oldest_seconds", (), "Age of the oldest of them; 0 when there is none."
)
DELIVERIES = _database(
    "jangbu_deliveries_open",
    ("state",),
    "Events not delivered: `waiting` for their (next) try, `paused` while their endpoint is disabled, or"
    " `exhausted` and not tried again unless somebody replays them; counted up to 10,000 of each endpoint.",
)
DELIVERIES_OVERDUE = _database(
    "jangbu_deliveries_overdue_seconds", (), "How late the next try is that is latest; 0 when none is."
)
ENDPOINTS = _database(
    "jangbu_endpoints",
    ("state", "reason"),
    "The merchant's endpoints: `enabled`, or `disabled` `by_hand`, for `failing`, or as they said they are `gone`.",
)
ENDPOINTS_FAILING = _database(
    "jangbu_endpoints_failing_seconds",
    (),
    "How long the enabled endpoint that is worst off has only failed; after five days it is disabled.",
)

EVERY = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
