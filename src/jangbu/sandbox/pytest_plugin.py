"""Fixtures for the tests of *other* projects: a PortOne of their own in each test. pytest finds them by itself.

pytest loads this wherever Jangbu is installed, so it imports nothing until a test asks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jangbu.sandbox.served import Served
    from jangbu.sandbox.testing import Sandbox

MARK = (
    "portone(seed=0, webhook_url=None, script=None, switches=None): how the test's PortOne begins; "
    "`script` is YAML, or the path of it beside the test's file; `switches` is a dict"
)
KNOWN = {"seed", "webhook_url", "script", "switches"}


def pytest_configure(config: pytest.Config) -> None:
    """The marker, for projects with --strict-markers."""
    config.addinivalue_line("markers", MARK)


@pytest.fixture
def portone_shop() -> Any:
    """The project's own ASGI app, which webhooks go to without a socket; override it in conftest.py. None: there is
    none.
    """
    return None


@pytest.fixture
def portone(request: pytest.FixtureRequest, portone_shop: Any) -> "Sandbox":
    """A PortOne in process, on a clock that stands still: its verbs are awaited, and equal tests have equal ids."""
    from jangbu.sandbox import control, control_settings, script
    from jangbu.sandbox.app import moments
    from jangbu.sandbox.in_process import InProcess
    from jangbu.sandbox.script_file import read
    from jangbu.sandbox.testing import Sandbox

    asked = _asked(request)
    shop = None if portone_shop is None else InProcess(portone_shop)

    async def deliver(url: str, headers: Any, body: bytes) -> Any:
        assert shop is not None, "without one there is no address to send to"
        return await shop.send("POST", url, headers, body)

    made = Sandbox(seed=asked.get("seed", 0), deliver=None if shop is None else deliver)
    if shop is not None and "webhook_url" in asked:
        control.configure(made.parts, control.Config(webhook_url=asked["webhook_url"]))
    if "switches" in asked:
        control_settings.set_switches(made.parts, asked["switches"])
    if "script" in asked:
        script.order(made.parts, read(asked["script"].encode(), moments()))
    return made


@pytest.fixture
def portone_server(request: pytest.FixtureRequest) -> Iterator["Served"]:
    """A PortOne with a `url`, on the real clock, for shops of any kind: its verbs are plain calls, and its webhooks
    go out by themselves.
    """
    from jangbu.sandbox.served import serving

    with serving(**_asked(request)) as served:
        yield served


def _asked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What `@pytest.mark.portone` says; the nearest mark counts."""
    mark = request.node.get_closest_marker("portone")
    if mark is None:
        return {}
    asked = {name: value for name, value in mark.kwargs.items() if value is not None}
    if mark.args or asked.keys() - KNOWN:
        raise pytest.UsageError(f"@pytest.mark.{MARK}")
    script = asked.get("script")
    if isinstance(script, Path) or (script is not None and "\n" not in script and script.endswith((".yaml", ".yml"))):
        asked["script"] = (request.path.parent / script).read_text("utf-8")
    return asked
