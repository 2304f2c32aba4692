"""A house whose events go to a merchant in process, as the outbox's tests have it."""

from collections.abc import AsyncIterator

import pytest

from jangbu.settings import Settings
from jangbu.wiring import Addresses
from kit import house_at
from outbox.merchant import Receiver, Shop


@pytest.fixture
async def shop(where: Addresses, settings: Settings) -> AsyncIterator[Shop]:
    """The house of this test and its merchant."""
    receiver = Receiver()
    async with house_at(where, settings, sender=receiver) as house:
        yield Shop(house, receiver)
