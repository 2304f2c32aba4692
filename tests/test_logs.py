"""What programs log of a crash: where it happened, and nothing of what they held in their hands (reliability F127)."""

import subprocess
import sys

import pytest

CRASH = """
import structlog
from jangbu.logs import configure
from jangbu.settings import load

configure(load(_env_file=None, JANGBU_LOG_FORMAT={format!r}))

def handle(person, key):
    raise RuntimeError("the vault is jammed")

try:
    handle("".join(["canary", "-of-a-person"]), b"".join([b"canary", b"-of-a-key"]))
except RuntimeError:
    structlog.get_logger().exception("a request failed", secret="canary-of-a-field")
"""


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_crash_is_logged_without_what_was_in_its_variables(format_: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CRASH.format(format=format_)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "the vault is jammed" in ran.stderr
    assert "in handle" in ran.stderr
    for canary in ("canary-of-a-person", "canary-of-a-key", "canary-of-a-field"):
        assert canary not in ran.stderr
