"""The shop of each test."""

from collections.abc import AsyncIterator

import pytest

from kit import House

from .shop import Shop, nothing_is_broken


@pytest.fixture
async def shop(house: House) -> AsyncIterator[Shop]:
    """The shop of this test; afterwards every stock must add up."""
    yield Shop(house)
    await nothing_is_broken(house)
