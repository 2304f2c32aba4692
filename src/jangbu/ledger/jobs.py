"""What every worker does for the ledger each second."""

from jangbu.ledger import service
from jangbu.queue import Tick
from jangbu.runtime import Runtime


def ticks(run: Runtime) -> list[Tick]:
    """Seal what can be sealed. All workers try; a lock lets one at a time."""

    async def seal() -> None:
        await service.seal(db=run.db)

    return [Tick(1.0, seal)]
