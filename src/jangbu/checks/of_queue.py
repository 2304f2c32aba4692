"""The invariants of the queue: no job was given up, and every schedule is being looked at."""

from collections.abc import Callable, Sequence

from jangbu.checks import Check, Sql
from jangbu.queue import Schedule


def of_queue(schedules: Callable[[], Sequence[Schedule]]) -> tuple[Check, ...]:
    """`schedules` are those of this release; rows that an older one left in the queue's table are nobody's."""
    return (
        Check(
            "I24",
            "모든 예약 작업이 제때 실행된다",
            "every schedule is on time",
            Sql(
                """
                SELECT 'schedule:' || s.job,
                       coalesce('should have run at ' || q.next_run, 'no worker of this release has taken it up')
                  FROM unnest(:crons::text[], :jobs::text[]) AS s (cron, job)
                  LEFT JOIN pgqueuer_schedules q ON q.expression = s.cron AND q.entrypoint = s.job
                 WHERE q.id IS NULL OR q.next_run < now() - interval '150 seconds'
                """,
                given=lambda: {
                    "crons": [schedule.cron for schedule in schedules()],
                    "jobs": [schedule.job for schedule in schedules()],
                },
            ),
        ),
        Check(
            "I26",
            "포기된 작업이 없다",
            "no job was given up",
            Sql(
                """
                SELECT 'job:' || id, entrypoint || ' failed ' || attempts + 1 || ' times and waits for a person'
                  FROM pgqueuer WHERE status = 'failed'
                """
            ),
        ),
    )
