"""What came of a call to PortOne, written down beside the intent (design §4.1)."""

from typing import Any
from uuid import UUID

from jangbu.payments import store
from jangbu.runtime import Runtime


async def note(attempt_id: UUID, state: str, said: dict[str, Any], *, run: Runtime) -> None:
    """Write down that a call is `done`, `refused` or `unknown`, with what was said (`Refused.said`, `Unknown.said`).

    For whoever has nothing else to write. Once the outcome is known, another changes nothing.
    """
    async with run.db.transaction() as tx:
        await store.finish_attempt(tx, attempt_id, state=state, outcome=said, at=run.clock.now())
