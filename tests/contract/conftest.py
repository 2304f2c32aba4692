"""One sandbox over HTTP for each module of contract tests."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from contract.sdk import Portone
from jangbu.sandbox.app import running


@pytest.fixture(scope="module")
async def portone() -> AsyncIterator[Portone]:
    async with running(seed=1) as (base, parts), aiohttp.ClientSession() as http:
        client = Portone(base, parts, http)
        yield client
        await client.close()
