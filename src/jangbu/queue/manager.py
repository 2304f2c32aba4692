"""Where we differ with pgqueuer: what becomes of a job whose worker stops, or whose database goes away."""

from datetime import timedelta

import structlog
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.buffers import JobStatusLogBuffer
from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS

from jangbu.db import Query

log = structlog.get_logger()

GIVE_BACK = Query(
    type(None),
    """
    UPDATE pgqueuer SET status = 'queued', queue_manager_id = NULL, execute_after = now(), updated = now()
     WHERE id = ANY(:ids::bigint[]) AND status = 'picked'
    """,
)


class _RetryNotNoted(Exception):  # noqa: N818 (it never leaves this module)
    """That a job is to be tried again could not be written down."""


class OurQueries(Queries):
    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        """Write down how jobs ended; one that we broke off has not ended.

        pgqueuer takes a cancelled task for a cancelled job, and would remove it from the queue.
        """
        broken_off = [job.id for job, status, _ in job_status if status == "canceled"]
        if broken_off:
            log.warning("jobs were broken off and wait for the next worker", ids=broken_off)
            await self.driver.execute(GIVE_BACK.sql, broken_off)
        ended = [one for one in job_status if one[1] != "canceled"]
        if ended:
            await super().log_jobs(ended)

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        try:
            await super().retry_job(job, delay, traceback_record)
        except Exception as problem:
            raise _RetryNotNoted from problem


class OurManager(QueueManager):
    """pgqueuer's manager, which parks a job whose retry it could not write down; we let it be taken over instead.

    That write fails when the database goes away for a moment, which is when many jobs fail at once: each would be
    parked at its first try. Left as it is, its heartbeat stops, and the next worker that looks takes it over.
    """

    async def log_failure(
        self, job: Job, executor: AbstractEntrypointExecutor, exc: Exception, jbuff: JobStatusLogBuffer
    ) -> None:
        if isinstance(exc, _RetryNotNoted):
            log.warning("a retry could not be noted; the job will be taken over", job=job.entrypoint, id=job.id)
            return
        await super().log_failure(job, executor, exc, jbuff)
