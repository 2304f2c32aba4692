"""Jobs: queued in your transaction, run by any worker, retried with backoff, taken over when a worker dies.

pgqueuer does the work (ADR 0006). A job takes ids, never objects; running it twice is running it once. The queue's own
time (leases, backoff) is database time and only ever holds run-now jobs: business due dates are `due_at` columns in our
tables that a schedule looks at with the injected clock (design §4.7).
"""

from jangbu.queue.kinds import Backoff, Handler, Job, Schedule, Tick
from jangbu.queue.waiting import (
    ENQUEUE_SQL,
    ENQUEUED_ONCE_SQL,
    HeldJob,
    arguments_of,
    enqueue,
    enqueue_behind,
    held,
    lanes,
    let_go,
    open_count,
    payload,
)
from jangbu.queue.waker import Waker
from jangbu.queue.worker import Worker

__all__ = [
    "ENQUEUED_ONCE_SQL",
    "ENQUEUE_SQL",
    "Backoff",
    "Handler",
    "HeldJob",
    "Job",
    "Schedule",
    "Tick",
    "Waker",
    "Worker",
    "arguments_of",
    "enqueue",
    "enqueue_behind",
    "held",
    "lanes",
    "let_go",
    "open_count",
    "payload",
]
