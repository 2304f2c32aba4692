"""deploy/ stays in step with the program: the commands, options, settings and statements that it names."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import typer
from starlette.applications import Starlette

from jangbu import setup
from jangbu.app import served_so
from jangbu.cli import cli
from jangbu.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
COMPOSE = (DEPLOY / "docker" / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text()
HOWTO = (ROOT / "docs" / "howto" / "deploy.md").read_text()
EVERY_FILE = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file()]

NAMES = {name for names in setup.names_of_settings().values() for name in names}
OF_COMPOSE = {
    "JANGBU_VERSION",
    "JANGBU_DB_ADMIN_PASSWORD",
    "JANGBU_DB_OWNER_PASSWORD",
    "JANGBU_DB_SYSTEM_PASSWORD",
    "JANGBU_DB_REQUEST_PASSWORD",
}
"""What compose puts into its own file; no program of ours reads it."""
DRAIN_AND_LEAVE_S = Settings.model_fields["drain_s"].default + 5
BINARY = "/opt/jangbu/current/.venv/bin/jangbu"


@pytest.mark.parametrize("path", [*EVERY_FILE, ROOT / "docs" / "howto" / "deploy.md"], ids=lambda path: path.name)
def test_every_setting_named_is_one_there_is(path: Path) -> None:
    named = set(re.findall(r"\b(?:JANGBU|PORTONE|DATABASE|BETTER_AUTH|SMTP|ALERT)_[A-Z0-9_]+\b", path.read_text()))
    assert named - NAMES <= OF_COMPOSE


def test_passwords_are_put_in_by_compose_and_stand_in_no_file() -> None:
    put_in = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))
    assert put_in == OF_COMPOSE
    for password in OF_COMPOSE - {"JANGBU_VERSION"}:
        bare = re.findall(rf"\$\{{{password}(?!:\?\}})", COMPOSE)
        assert bare == [], f"without {password} compose must refuse to start, not use an empty one"
        assert password in HOWTO


def commands_of_compose() -> list[list[str]]:
    return [
        [word.strip().strip('"') for word in words.split(",")]
        for words in re.findall(r"^ +command: \[(.*)\]$", COMPOSE, re.MULTILINE)
    ]


def commands_of_units() -> list[list[str]]:
    calls = re.compile(rf"{re.escape(BINARY)} ([^;'\n\\]*)")
    return [shlex.split(called) for unit in UNITS for called in calls.findall(unit.read_text())]


@pytest.mark.parametrize("words", [*commands_of_compose(), *commands_of_units()], ids=" ".join)
def test_every_command_is_one_there_is(words: list[str]) -> None:
    root = typer.main.get_command(cli)
    assert isinstance(root, click.Group) or hasattr(root, "commands")
    command = root.commands[words[0]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_there_are_commands_to_look_at() -> None:
    assert {words[0] for words in commands_of_compose()} == {"serve", "worker", "migrate"}
    assert {words[0] for words in commands_of_units()} == {"serve", "worker", "migrate", "backup"}


def test_whoever_stops_a_program_waits_until_it_has_drained() -> None:
    units = "".join(unit.read_text() for unit in UNITS)
    waits = [int(wait) for wait in re.findall(r"^TimeoutStopSec=(\d+)$", units, re.MULTILINE)]
    waits += [int(wait) for wait in re.findall(r"^ +stop_grace_period: (\d+)s$", COMPOSE, re.MULTILINE)]
    assert len(waits) == 4
    assert min(waits) >= DRAIN_AND_LEAVE_S


def test_only_what_migrates_and_backs_up_has_the_owners_login() -> None:
    assert {unit.name for unit in UNITS if "owner.env" in unit.read_text()} == {
        "jangbu-migrate.service",
        "jangbu-backup.service",
    }
    before, _, after = COMPOSE.partition("\n  migrate:\n")
    block = after.partition("\n\n")[0]
    assert "JANGBU_DATABASE_URL_OWNER" in block
    assert COMPOSE.count("JANGBU_DATABASE_URL_OWNER") == 1
    assert "jangbu_owner:" not in before


def test_the_logins_are_made_by_the_statements_that_init_prints() -> None:
    script = (DEPLOY / "docker" / "make-logins.sh").read_text()
    made = [line.removesuffix(";") for line in script.splitlines() if line.endswith(";")]
    statements = [
        re.sub(r"PASSWORD '.*'", "PASSWORD ", statement)
        for statement in setup.managed_server("db:5432").sql
        # The image's administrator is a superuser, who need not be in a role to give it a database.
        if "jangbu_owner TO CURRENT_USER" not in statement and "jangbu_owner FROM CURRENT_USER" not in statement
    ]
    assert [re.sub(r"PASSWORD .*", "PASSWORD ", line) for line in made] == statements


def test_units_are_understood_by_systemd(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine")
    for unit in UNITS:
        # Their program is not on this machine, nor their settings.
        text = unit.read_text().replace(BINARY, sys.executable).replace("EnvironmentFile=", "EnvironmentFile=-")
        (tmp_path / unit.name.replace("@.", "@8080.")).write_text(text)
    said = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    about_ours = [line for line in said.stderr.splitlines() if "jangbu" in line]
    assert (said.returncode, about_ours) == (0, [])


def test_every_unit_is_hardened_alike() -> None:
    hardened = {
        unit.name: [
            line for line in unit.read_text().splitlines() if re.match(r"(Protect|Private|Restrict|System)", line)
        ]
        for unit in UNITS
        if unit.suffix == ".service"
    }
    assert len({tuple(lines) for lines in hardened.values()}) == 1
    assert all("User=jangbu" in unit.read_text() for unit in UNITS if unit.suffix == ".service")


def test_the_image_is_built_with_the_uv_and_a_python_of_the_project() -> None:
    pinned = re.search(r"^UV_VERSION=(\S+)$", (ROOT / "scripts" / "bootstrap").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"uv=={pinned[1]}" in DOCKERFILE
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    for version in re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE):
        assert tuple(map(int, version.split("."))) >= tuple(map(int, needed.split(".")))


def test_the_image_has_all_that_the_program_needs(tmp_path: Path) -> None:
    """The steps of the Dockerfile without Docker: only what it copies, installed, and asked what it would migrate."""
    uv = ROOT / ".tools" / "bin" / "uv"
    if not uv.exists():
        pytest.skip("the environment was not made by scripts/bootstrap, so there is no uv to install with")
    let_in = set((DEPLOY / "docker" / "Dockerfile.dockerignore").read_text().splitlines())
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for name in line.split():
            assert f"!{name}" in let_in, f"{name} is copied, and .dockerignore keeps it out"
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tmp_path / name)  # type: ignore[operator]
    installed = tmp_path / "installed"
    sync = re.search(r"^RUN uv (sync .*) --python", DOCKERFILE, re.MULTILINE)
    assert sync is not None
    done = subprocess.run(
        [uv, *sync[1].split(), "--quiet", "--python", sys.executable],
        cwd=tmp_path,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(installed), "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tmp_path / "src")
    shutil.rmtree(tmp_path / "migrations")
    shutil.rmtree(tmp_path / "js")
    asked = (
        "import jangbu.app, jangbu.worker, jangbu.migrate as m; from jangbu.payments.story.telling import *; "
        "from importlib.resources import files; "
        "from jangbu.checkout.pages import package; "
        "there = [files('jangbu.web') / 'static' / 'console.css', package() / 'machine.js']; "
        "print(len(m.read_all()), all(one.is_file() for one in there))"
    )
    said = subprocess.run(
        [installed / "bin" / "python", "-I", "-c", asked], capture_output=True, text=True, timeout=60, check=False
    )
    count = len(list((ROOT / "migrations").glob("*.sql")))
    assert said.stdout.split() == [str(count), "True"], said.stderr
    version = subprocess.run([installed / "bin" / "jangbu", "--version"], capture_output=True, text=True, check=False)
    assert version.returncode == 0, version.stderr


@pytest.mark.parametrize(
    ("name", "line"), [("nginx.conf", r"keepalive_timeout (\d+)s;"), ("Caddyfile", r"keepalive (\d+)s")]
)
def test_a_proxy_lets_go_of_an_idle_connection_before_we_do(name: str, line: str) -> None:
    """Else a request is now and then written into a connection that we are closing, and nobody may send it again."""
    kept = re.search(line, (DEPLOY / name).read_text())
    assert kept and int(kept[1]) < served_so(Starlette(), drain_s=5).timeout_keep_alive
