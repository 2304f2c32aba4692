"""The real command line as a process of its own, on a database of this test's own."""

from pathlib import Path

import pytest

from cli.tools import Jangbu
from jangbu.wiring import Addresses
from kit import free_port
from nursery import Nursery


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands are run: no .env, no database."""
    made = tmp_path / "shop"
    made.mkdir()
    return made


@pytest.fixture
def bare(folder: Path, programs: Nursery) -> Jangbu:
    """Nothing set up at all."""
    return Jangbu(folder, programs, {"JANGBU_SANDBOX_PORT": str(free_port()), "JANGBU_PORT": str(free_port())})


@pytest.fixture
def jangbu(bare: Jangbu, where: Addresses) -> Jangbu:
    """Set up on this test's migrated database, in sandbox mode."""
    return bare.given(
        DATABASE_URL=where.system,
        JANGBU_DATABASE_URL_REQUEST=where.request,
        JANGBU_DATABASE_URL_OWNER=where.owner,
    )
