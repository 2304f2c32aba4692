"""How workers learn that there is work."""

import asyncio

import structlog

from jangbu.db import Database, Query

log = structlog.get_logger()


class Waker:
    """Tells workers there is work, at most once per `quiet_s` and never inside a transaction of ours.

    NOTIFY takes a database-wide lock at commit, so it is coalesced and sent on its own. Losing one costs a worker's
    polling second, nothing more.
    """

    CHANNEL = "ch_pgqueuer"
    NOTIFY = Query(
        type(None),
        f"""
        SELECT pg_notify('{CHANNEL}', json_build_object('channel', '{CHANNEL}', 'operation', 'insert',
               'sent_at', now(), 'table', 'pgqueuer', 'type', 'table_changed_event')::text)
        """,
    )

    def __init__(self, db: Database, *, quiet_s: float = 0.05) -> None:
        self._db = db
        self._quiet_s = quiet_s
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Call after committing a job."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._notify())

    async def _notify(self) -> None:
        await asyncio.sleep(self._quiet_s)
        try:
            await self._db.statement(self.NOTIFY)
        except Exception as problem:  # noqa: BLE001 (workers poll anyway)
            log.debug("workers were not woken", problem=str(problem))
