"""The command line itself: quick, well-mannered, and one sentence for every mistake of the operator's."""

import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli.tools import Jangbu
from jangbu.cli.opening import is_unambiguous
from jangbu.wiring import Addresses
from kit import free_port

HEAVY = {
    "asyncpg",
    "pydantic",
    "pydantic_settings",
    "fastapi",
    "starlette",
    "aiohttp",
    "pgqueuer",
    "msgspec",
    "structlog",
}
HELP_MODULES_MAX = 400
"""378 today; typer and rich alone are 194. With asyncio, which takes a tenth of a second, it is 419."""
SAY_HOW_MANY = "print(len(sys.modules), file=sys.stderr)"


async def test_help_lists_every_command_and_each_has_its_own(bare: Jangbu) -> None:
    ran = await bare("--help")
    assert ran.code == 0
    for command in ("demo", "init", "serve", "worker", "sandbox", "doctor", "migrate", "payments", "webhooks", "books"):
        assert f" {command} " in ran.out
    for command in (["books", "balances"], ["webhooks", "test"], ["payments", "show"], ["keys", "create"]):
        helped = await bare(*command, "--help")
        assert helped.code == 0
        assert "--json" in helped.out


def test_nothing_heavy_is_imported_for_help() -> None:
    program = f"import sys, jangbu.cli; print(*({HEAVY!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_help_is_there_at_once() -> None:
    """By what it imports, which is what takes the time: a clock would measure how busy the machine is."""
    program = (
        f"import sys, jangbu.cli\nsys.argv = ['jangbu', '--help']\ntry: jangbu.cli.main()\nfinally: {SAY_HOW_MANY}"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(ran.stderr) < HELP_MODULES_MAX


async def test_the_version_is_said(bare: Jangbu) -> None:
    assert (await bare("--version")).out.startswith("jangbu 0.")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"JANGBU_MODE": "prod"}, "Setting JANGBU_MODE"),
        ({"JANGBU_PORT": "eighty"}, "Setting JANGBU_PORT"),
        ({"JANGBU_PORT": "99999"}, "a port is a number from 1 to 65535"),
        ({"JANGBU_MODE": "live"}, "is not set"),
        ({"PORTONE_V2_BASE_URL": "https://api.portone.io"}, "not on this machine"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "JANGBU_DATABASE_URL_REQUEST is not"),
        ({"DATABASE_URL": "nonsense", "JANGBU_DATABASE_URL_REQUEST": "nonsense"}, "is not a PostgreSQL address"),
        (
            {
                "DATABASE_URL": "postgresql://a@127.0.0.1:1/x",
                "JANGBU_DATABASE_URL_REQUEST": "postgresql://127.0.0.1:1/x",
            },
            "No database answers at 127.0.0.1:1/x",
        ),
        ({}, "`jangbu init` makes one"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_a_wrong_setting_is_one_sentence_and_exit_code_2(
    bare: Jangbu, environment: dict[str, str], said: str
) -> None:
    ran = await bare.given(**environment)("books", "verify")
    assert ran.code == 2
    assert ran.err.startswith("jangbu: ")
    assert said in ran.err
    assert ran.out == ""


async def test_a_command_that_looks_makes_no_database(bare: Jangbu, folder: Path) -> None:
    ran = await bare("books", "verify")
    assert str(folder) in ran.err, "who stands in another folder has to see it"
    assert list(folder.iterdir()) == []


async def test_a_wrong_password_is_one_sentence_without_the_password(jangbu: Jangbu, where: Addresses) -> None:
    wrong = where.system.replace(":", ":not-this-", 2).replace(":not-this-", ":", 1)
    ran = await jangbu.given(DATABASE_URL=wrong)("books", "verify")
    assert ran.code == 2
    assert "refused the user name or password" in ran.err
    assert "not-this-" not in ran.err


@pytest.mark.parametrize(
    ("address", "is_fine"),
    [
        ("postgresql://u:p@h:5432/d", True),
        ("postgresql://u:p%40w@h/d?sslmode=verify-full", True),
        ("postgresql://u:p@h1:5432,h2:5433/d", True),
        ("postgresql://u:p@[::1]:5432/d", True),
        ("postgresql:///d?host=/run/postgresql", True),
        ("postgresql://u:se@cret@h/d", False),
        ("postgresql://u:se/cret@h/d", False),
        ("postgresql://u:12/34@h/d", False),
        ("postgresql://u:se#cret@h/d", False),
        ("postgresql://u:p@h:port/d", False),
        ("postgresql://u:[@h/d", False),
    ],
)
def test_an_address_that_would_quote_its_password_is_refused(address: str, is_fine: bool) -> None:
    assert is_unambiguous(address) == is_fine


async def test_a_password_that_was_not_encoded_is_not_shown(jangbu: Jangbu) -> None:
    ran = await jangbu.given(DATABASE_URL="postgresql://jangbu_system:hid#den@127.0.0.1/jangbu")("books", "verify")
    assert ran.code == 2
    assert "percent-encoded" in ran.err
    assert "hid" not in ran.err


async def test_a_database_that_is_not_there(jangbu: Jangbu, where: Addresses) -> None:
    ran = await jangbu.given(DATABASE_URL=where.system.replace("/test_", "/no_such_"))("books", "verify")
    assert ran.code == 2
    assert "no such database" in ran.err


async def test_an_env_file_that_is_no_text(bare: Jangbu, folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff\xfe\x00")
    ran = await bare("books", "verify")
    assert ran.code == 2
    assert ".env in this folder cannot be read" in ran.err


async def test_a_taken_port_is_one_sentence(jangbu: Jangbu) -> None:
    pytest.importorskip("jangbu.access.guard", reason="serve needs access")
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = await jangbu("serve", "--port", str(taken.getsockname()[1]))
    assert ran.code == 2
    assert "cannot be used" in ran.err


async def test_wrong_usage_is_exit_code_2(jangbu: Jangbu) -> None:
    assert (await jangbu("books", "nonsense")).code == 2
    ran = await jangbu("books", "balances", "--at", "yesterday")
    assert ran.code == 2
    assert "is not a time" in ran.err


async def test_migrate_says_what_it_applied_and_may_run_again(jangbu: Jangbu) -> None:
    assert (await jangbu("migrate", "--json")).json == {"applied": []}
    ran = await jangbu.without("JANGBU_DATABASE_URL_OWNER")("migrate")
    assert ran.code == 2
    assert "JANGBU_DATABASE_URL_OWNER" in ran.err


def test_a_reader_that_leaves_early_sees_no_traceback(jangbu: Jangbu) -> None:
    ran = subprocess.run(
        ["sh", "-c", '"$0" -m jangbu.cli init --print-env-example | head -1', sys.executable],
        capture_output=True,
        text=True,
        cwd=jangbu.folder,
        env=jangbu.all_variables(),
        check=True,
    )
    assert ran.stdout.startswith("# Every setting")
    assert "Traceback" not in ran.stderr


def on_a_terminal(jangbu: Jangbu, *arguments: str, **environment: str) -> str:
    """What a person at a terminal sees."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "jangbu.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=jangbu.folder,
        env=jangbu.all_variables() | {"TERM": "xterm", "COLUMNS": "120"} | environment,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(ours)
    process.wait(60)
    return seen.decode()


def test_colours_are_for_terminals_and_no_color_is_heard(jangbu: Jangbu) -> None:
    assert "\x1b[32m" in on_a_terminal(jangbu, "books", "verify")
    assert "\x1b[32m" not in on_a_terminal(jangbu, "books", "verify", NO_COLOR="1")


async def test_a_script_with_a_mistake_keeps_the_sandbox_from_starting_and_says_where(bare: Jangbu) -> None:
    (bare.folder / "day.yaml").write_text("- fault: answer_lost\n- fault: slwo\n  seconds: 1\n", "utf-8")
    ran = await bare("sandbox", "--script", "day.yaml")
    assert ran.code != 0
    assert "line 2: no fault 'slwo'; did you mean slow?" in ran.err
    (bare.folder / "day.yaml").write_text("- fault: answer_lost\n  at: 2020-01-01T00:00:00Z\n", "utf-8")
    ran = await bare("sandbox", "--script", "day.yaml")
    assert ran.code != 0
    assert "line 1: " in ran.err
    assert " is past" in ran.err
    assert "cannot be read" in (await bare("sandbox", "--script", "none.yaml")).err


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--webhook-url", "localhost:3000"], "is no address for webhooks"),
        (["--state", "nowhere/world.json"], "its folder is not there"),
    ],
)
async def test_a_sandbox_that_would_lose_its_world_or_its_webhooks_does_not_start(
    bare: Jangbu, asked: list[str], told: str
) -> None:
    ran = await bare("sandbox", "--port", str(free_port()), *asked)
    assert (ran.code, told in ran.err) == (2, True), ran.err
    assert "Traceback" not in ran.err


async def test_a_taken_port_names_the_option_that_chooses_another(bare: Jangbu) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = await bare("sandbox", "--port", str(taken.getsockname()[1]))
    assert (ran.code, "another port with --port" in ran.err) == (2, True), ran.err
