"""`jangbu init`, `.env.example`, and the SQL for a server of one's own."""

import stat
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest

from cli.tools import Jangbu
from jangbu import embedded, setup
from jangbu.embedded.home import Home
from jangbu.settings import Settings, load

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"


def names_in(text: str) -> list[str]:
    return [line.removeprefix("#").partition("=")[0] for line in text.splitlines() if "=" in line and line[:2] != "# "]


def test_env_example_is_as_the_settings_are() -> None:
    assert EXAMPLE.read_text(encoding="utf-8") == setup.env_example(), (
        "run: .venv/bin/jangbu init --print-env-example > .env.example"
    )


def test_env_example_has_every_setting_and_every_name_of_the_sources_once() -> None:
    listed = names_in(EXAMPLE.read_text(encoding="utf-8"))
    assert len(listed) == len(set(listed))
    for field in Settings.model_fields.values():
        for name in field.validation_alias.choices:  # type: ignore[union-attr]
            assert name in listed, f"{name} is read and not in .env.example"
    assert set(setup.SOURCE_NAMES) <= set(listed)


def test_every_name_in_env_example_has_a_line_about_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if line.startswith("#") and not line.startswith("# "):
            assert before.startswith("# "), line


def test_a_copy_of_env_example_changes_nothing(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load(_env_file=copy) == load(_env_file=None)


def test_no_secret_stands_in_env_example() -> None:
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        name, _, value = line.removeprefix("#").partition("=")
        if any(word in name for word in ("SECRET", "PASS", "KEY", "DATABASE_URL")) and not line.startswith("# "):
            assert value == "", line


def test_an_env_file_is_written_for_its_owner_only_and_never_again(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert setup.write_env(path, {"JANGBU_MODE": "sandbox"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert setup.names_in(path) >= {"JANGBU_MODE"}
    before = path.read_text()
    assert not setup.write_env(path, {"JANGBU_MODE": "live"})
    assert path.read_text() == before
    assert load(_env_file=path).mode == "sandbox"


async def test_print_sql_prints_and_runs_nothing(bare: Jangbu, folder: Path) -> None:
    ran = await bare("init", "--print-sql", "--server", "db.example.com:5432")
    assert ran.code == 0
    assert list(folder.iterdir()) == []
    for name in setup.LOGINS:
        assert f"--   {name}=postgresql://" in ran.out
    assert ran.out.count("NOSUPERUSER NOBYPASSRLS") == 3
    assert "@db.example.com:5432/jangbu?sslmode=verify-full" in ran.out
    again = await bare("init", "--print-sql", "--json")
    assert set(again.json["env"]) == set(setup.LOGINS)
    assert again.json["env"]["DATABASE_URL"].split(":")[2] not in ran.out, "passwords are fresh each time"


@pytest.fixture
async def administrator(server: embedded.Embedded) -> asyncpg.Connection:
    """A managed server's administrator: may make roles and databases, and is no superuser."""
    superuser = await asyncpg.connect(server.dsn("superuser", "postgres"))
    await superuser.execute("CREATE ROLE manager LOGIN CREATEROLE CREATEDB PASSWORD 'x'")
    await superuser.execute("GRANT CONNECT ON DATABASE postgres TO manager")
    manager = await asyncpg.connect(server.dsn("superuser", "postgres").replace(_user(server), "manager:x"))
    yield manager
    await manager.close()
    await superuser.execute("DROP DATABASE IF EXISTS elsewhere WITH (FORCE)")
    for role in ("elsewhere_system", "elsewhere_request", "elsewhere_owner"):
        await superuser.execute(f"DROP ROLE IF EXISTS {role}")
    await superuser.execute("DROP OWNED BY manager")
    await superuser.execute("DROP ROLE manager")
    await superuser.close()


def _user(server: embedded.Embedded) -> str:
    return server.dsn("superuser", "postgres").split("//")[1].split("@")[0]


async def test_the_sql_works_for_an_administrator_who_is_no_superuser(
    administrator: asyncpg.Connection, server: embedded.Embedded
) -> None:
    statements = setup.managed_server(f"127.0.0.1:{server.port}")
    for statement in statements.sql:
        # The roles of that name are there already: the embedded server's own.
        await administrator.execute(statement.replace("jangbu", "elsewhere"))
    for name, login in setup.LOGINS.items():
        connection = await asyncpg.connect(statements.env[name].replace("jangbu", "elsewhere"))
        row = await connection.fetchrow(
            "SELECT current_user::text AS login, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles "
            "WHERE rolname = current_user"
        )
        assert tuple(row) == (login.replace("jangbu", "elsewhere"), False, False, False, False)
        may_create = await connection.fetchval("SELECT has_schema_privilege('public', 'CREATE')")
        assert may_create == (login == "jangbu_owner")
        assert not await connection.fetchval("SELECT pg_has_role('manager', 'elsewhere_owner', 'USAGE')"), (
            "the administrator does not stay in the owner's role"
        )
        await connection.close()


async def test_init_makes_everything_once(bare: Jangbu, folder: Path) -> None:
    pytest.importorskip("jangbu.access.cli", reason="needs access")
    try:
        first = await bare("init", "--json")
        assert first.code == 0, first.err
        made = first.json
        assert made["env"]["written"] is True
        assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
        assert made["applied"][0] == "0001_roles_and_helpers"
        assert made["admin"]["password"]
        assert made["api_key"]["secret"].startswith("jbk_")
        again = (await bare("init", "--json")).json
        assert again["env"] == {"path": ".env", "written": False, "missing": {}}
        assert (again["applied"], again["admin"]["password"], again["api_key"]["secret"]) == ([], None, None)
        text = await bare("init")
        assert made["admin"]["password"] not in text.out
        keys = (await bare("keys", "list", "--json")).json["keys"]
        assert [(key["name"], sorted(key["scopes"])) for key in keys] == [("first", sorted(setup.FIRST_SCOPES))]
        assert (await bare("books", "verify")).code == 0
    finally:
        if Home.at(folder / ".jangbu").was_used():
            await embedded.remove(folder / ".jangbu")


async def test_init_leaves_a_given_env_alone_and_shows_what_it_would_add(bare: Jangbu, folder: Path) -> None:
    pytest.importorskip("jangbu.access.cli", reason="needs access")
    (folder / ".env").write_text("JANGBU_POOL_MAX=4\n")
    try:
        ran = await bare("init")
        assert ran.code == 0, ran.err
        assert (folder / ".env").read_text() == "JANGBU_POOL_MAX=4\n"
        assert "JANGBU_MODE=sandbox" in ran.out
    finally:
        await embedded.remove(folder / ".jangbu")
