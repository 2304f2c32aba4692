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
    "Until PortOne has its answer: `new`, `duplicate`, `refused`, or `failed` (it will come again).",
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
    "Jobs that ran here: `done`, or `failed` (to be tried again, or held).",
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
ATTEMPTS_AGE = _database("jangbu_attempts_oldest_seconds", (), "Age of the oldest of them; 0 when there is none.")
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
    "jangbu_payments_day", ("status",), "Payments made in the last 24 hours, by the status they have now."
)
PAYMENTS_DUE = _database("jangbu_payments_due", (), "Payments the sweeper has yet to ask PortOne about.")
PAYMENTS_REVIEW = _database("jangbu_payments_review", ("reason",), "Payments that wait for a person, by reason.")
EVENTS_HEAD = _database(
    "jangbu_events_head", (), "Transaction id of the newest event: what follows the feed can be held against it."
)
EVENTS_AGE = _database("jangbu_events_newest_seconds", (), "Age of the newest event.")

EVERY = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
