"""One stage for all plays of a test run: it is emptied before each."""

from collections.abc import AsyncIterator

import pytest

from jangbu import embedded
from jangbu.simulator.stage import Stage, opened
from kit import fresh_database
from superuser import database_of


@pytest.fixture(scope="session")
async def stage(server: embedded.Embedded) -> AsyncIterator[Stage]:
    async with fresh_database(server) as where, opened(where, server.dsn("superuser", database_of(where))) as made:
        yield made
