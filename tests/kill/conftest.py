"""One PostgreSQL for all these tests, which they kill in turns."""

from collections.abc import AsyncIterator

import pytest

from kill import postgres as servers
from kill.postgres import Postgres


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    async with servers.running(tmp_path_factory.mktemp("killed")) as running:
        yield running
