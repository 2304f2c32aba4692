"""One sandbox over HTTP for each module of contract tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from contract.sdk import Portone
from jangbu.sandbox.app import running


@asynccontextmanager
async def serving(*, is_sync: bool = False) -> AsyncIterator[Portone]:
    async with running(seed=1) as (base, parts), aiohttp.ClientSession() as http:
        client = Portone(base, parts, http, is_sync=is_sync)
        yield client
        await client.close()


@pytest.fixture(scope="module", params=["async", "sync"])
async def portone(request: pytest.FixtureRequest) -> AsyncIterator[Portone]:
    """Each test of the Python SDK twice: with its coroutines, and with the calls that block."""
    async with serving(is_sync=request.param == "sync") as opened:
        yield opened


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Portone]:
    async with serving() as opened:
        yield opened
