"""A database nothing was ever done to."""

from collections.abc import AsyncIterator

import pytest

from jangbu import embedded
from jangbu.events import Type, declare
from jangbu.wiring import Addresses

declare(Type("test.happened", "시험", "A test.", {}, is_public=False))

_made = 0


@pytest.fixture
async def empty(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """This test's own database, without a single table."""
    global _made
    _made += 1
    name = f"empty_{_made}"
    await embedded.create_database(server, name)
    yield Addresses(*(server.dsn(role, name) for role in ("owner", "system", "request")))
    await embedded.drop_database(server, name)
