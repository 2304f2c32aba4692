"""An empty database beside this test's own."""

from collections.abc import AsyncIterator

import pytest

from backup.elsewhere import Elsewhere
from jangbu import embedded
from jangbu.wiring import Addresses


@pytest.fixture
async def elsewhere(server: embedded.Embedded) -> AsyncIterator[Elsewhere]:
    name = "restored"
    await embedded.create_database(server, name)
    yield Elsewhere(Addresses(*(server.dsn(role, name) for role in ("owner", "system", "request"))))
    await embedded.drop_database(server, name)
