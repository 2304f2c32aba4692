"""A ledger without payments: entries made by hand, under both roles, and the superuser who tampers with them."""

from collections.abc import AsyncIterator

import pytest

from jangbu.db import Database
from jangbu.wiring import Addresses
from superuser import opened


@pytest.fixture
async def db(where: Addresses) -> AsyncIterator[Database]:
    """The system role's pool."""
    async with opened(where.system, size_max=8) as database:
        yield database
