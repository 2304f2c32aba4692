"""The JavaScript package without a browser: its own tests, its types, what it is built to, and that it says what the
hosted page says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .js_package import installed, script


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[Path]:
    async with installed() as opened:
        yield opened


async def test_its_own_tests_pass(home: Path) -> None:
    told = await script(home, "test")
    passed = int(told.split("# pass ")[1].split()[0])
    assert passed > 25 and "# fail 0" in told


async def test_its_types_are_those_of_its_code(home: Path) -> None:
    assert await script(home, "check") == ""
