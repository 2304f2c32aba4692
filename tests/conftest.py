"""Fixtures: a real PostgreSQL, a migrated database of one's own, a PortOne, and the house wired to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from hypothesis import HealthCheck
from playwright.async_api import expect

from jangbu import embedded
from jangbu.migrate import migrate
from jangbu.runtime import Runtime
from jangbu.settings import Settings, load
from jangbu.wiring import Addresses
from kit import TEMPLATE, House, fresh_database, house_at
from nursery import Nursery, nursery
from side_by_side import part_of
from throwaway import home_in_memory, make_light

PATIENCE_MS = 20_000
"""How long a browser test waits for what is to be seen. Whatever passes does not wait."""


def pytest_configure(config: pytest.Config) -> None:
    # As programs log (jangbu.logs): structlog's own choice paints every variable of every frame, for seconds.
    plainly = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plainly])
    part = part_of(config)
    if part is not None:
        config.pluginmanager.register(part, "side by side")
    # How fast the machine is today is no claim of ours: what is waited for may take its time.
    hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis.settings.load_profile("patient")
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[embedded.Embedded]:
    """The embedded PostgreSQL of this test run (of each of its processes), with a migrated template database."""
    home = await home_in_memory() or tmp_path_factory.mktemp("postgres")
    running = await embedded.ensure(home)
    await make_light(running)
    await embedded.create_database(running, TEMPLATE)
    await migrate(running.dsn("owner", TEMPLATE))
    yield running
    running.close()
    await embedded.remove(home)


@pytest.fixture(scope="session")
async def programs() -> AsyncIterator[Nursery]:
    """Where the command line is forked off, again and again: importing it takes longer than most of what it does."""
    async with nursery() as built:
        yield built


@pytest.fixture
async def where(server: embedded.Embedded) -> AsyncIterator[Addresses]:
    """This test's own database."""
    async with fresh_database(server) as addresses:
        yield addresses


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Sandbox mode, small pools, strangers not counted, nothing from the machine's environment or `.env`."""
    small = {"JANGBU_POOL_MIN": 1, "JANGBU_POOL_MAX": 8}
    return load(_env_file=None, **small, JANGBU_HOME=tmp_path, JANGBU_LIMIT_STRANGERS="off")


@pytest.fixture
async def house(where: Addresses, settings: Settings) -> AsyncIterator[House]:
    """The house of this test."""
    async with house_at(where, settings) as built:
        yield built


@pytest.fixture
def run(house: House) -> Runtime:
    """The runtime under the system role."""
    return house.wired.system


@pytest.fixture
def request_run(house: House) -> Runtime:
    """The runtime under the request role."""
    return house.wired.request
