"""The script that makes the logins in compose's PostgreSQL, run on a real one."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from jangbu import embedded
from jangbu.embedded.binaries import installed_wheel

SCRIPT = Path(__file__).parents[2] / "deploy" / "docker" / "make-logins.sh"
PASSWORDS = {"owner": "o'wner$ 1", "system": 'sys"tem\\', "request": "re:quest`id`"}


@pytest.fixture
async def administrator(server: embedded.Embedded) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.dsn("superuser", "postgres"))
    yield connection
    await connection.execute("DROP DATABASE IF EXISTS contained WITH (FORCE)")
    for login in PASSWORDS:
        await connection.execute(f"DROP ROLE IF EXISTS contained_{login}")
    await connection.close()


async def test_each_login_gets_its_password_and_the_database(
    server: embedded.Embedded, administrator: asyncpg.Connection, tmp_path: Path
) -> None:
    wheel = installed_wheel()
    if wheel is None or not (wheel.bin_dir / "psql").exists():
        pytest.skip("there is no psql on this machine to run the script with")
    # The roles of that name are there already: the embedded server's own.
    script = tmp_path / "make-logins.sh"
    script.write_text(SCRIPT.read_text().replace("jangbu", "contained"))
    address = urlsplit(server.dsn("superuser", "postgres"))
    process = await asyncio.create_subprocess_exec(
        "sh",
        str(script),
        env={
            **{f"JANGBU_DB_{login.upper()}_PASSWORD": password for login, password in PASSWORDS.items()},
            "PATH": f"{wheel.bin_dir}:{os.environ['PATH']}",
            "PGHOST": str(address.hostname),
            "PGPORT": str(address.port),
            "PGPASSWORD": str(address.password),
            "POSTGRES_USER": str(address.username),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert (process.returncode, said.decode()) == (0, "")
    for login, password in PASSWORDS.items():
        connection = await asyncpg.connect(
            host=address.hostname,
            port=address.port,
            user=f"contained_{login}",
            password=password,
            database="contained",
            ssl=False,
        )
        assert await connection.fetchval("SELECT has_schema_privilege('public', 'CREATE')") == (login == "owner")
        await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=address.hostname, port=address.port, user="contained_owner", password="no", database="contained"
        )


async def test_without_a_password_nothing_is_made(administrator: asyncpg.Connection, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", str(SCRIPT), env={"PATH": os.environ["PATH"], "JANGBU_DB_OWNER_PASSWORD": "x"},
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() != 0
