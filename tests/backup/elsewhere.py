"""Another database, to load a backup into."""

from dataclasses import dataclass
from pathlib import Path

from jangbu import backup
from jangbu.backup import Manifest
from jangbu.wiring import EXPECTATIONS, Addresses
from kit import House


@dataclass(frozen=True)
class Elsewhere:
    """An empty database."""

    addresses: Addresses

    async def load(self, house: House, folder: Path, *, jobs: int = 1) -> backup.Restored:
        return await backup.restore(
            folder, into=self.addresses.owner, clock=house.run.clock, expectations=EXPECTATIONS, jobs=jobs
        )


async def back_up(house: House, where: Addresses, folder: Path) -> Manifest:
    return await backup.make(folder, owner_dsn=where.owner, settings=house.run.settings, clock=house.run.clock)
