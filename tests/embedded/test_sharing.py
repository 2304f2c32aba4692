"""One server for however many programs, from nothing, until the last has gone."""

import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from jangbu.embedded import Embedded, ensure, remove, stop
from jangbu.embedded.home import Home
from jangbu.errors import SetupProblem


async def test_starts_from_nothing_with_durable_settings(shared: Embedded) -> None:
    connection = await asyncpg.connect(shared.dsn("superuser"))
    settings = {
        name: await connection.fetchval(f"SHOW {name}")
        for name in (
            "fsync",
            "full_page_writes",
            "synchronous_commit",
            "data_checksums",
            "listen_addresses",
            "unix_socket_directories",
            "server_encoding",
            "timezone",
        )
    }
    await connection.close()
    assert settings == {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "server_encoding": "UTF8",
        "timezone": "UTC",
    }
    assert int(shared.version.split(".")[0]) >= 15
    assert {"psql", "pg_dump", "pgbench"} <= {path.name for path in shared.bin_dir.iterdir()}


async def test_asks_for_the_password(shared: Embedded) -> None:
    password = shared.dsn("owner").split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(shared.dsn("owner").replace(password, "guess"))


async def test_every_local_line_of_access_asks_for_scram(shared: Embedded) -> None:
    connection = await asyncpg.connect(shared.dsn("superuser"))
    methods = await connection.fetch("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
    await connection.close()
    assert [row["auth_method"] for row in methods] == ["scram-sha-256"]


async def test_settings_can_be_reloaded_though_the_folder_cannot_be_reached_by_name(shared: Embedded) -> None:
    """As root the server knows its folder by a descriptor only; every process must read through it."""
    connection = await asyncpg.connect(shared.dsn("superuser"))
    await connection.execute("ALTER SYSTEM SET work_mem = '7MB'")
    await connection.execute("SELECT pg_reload_conf()")
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval("SHOW work_mem") != "7MB":
                await asyncio.sleep(0.01)
        other = await asyncpg.connect(shared.dsn("superuser"))
        assert await other.fetchval("SHOW work_mem") == "7MB"
        await other.close()
    finally:
        await connection.execute("ALTER SYSTEM RESET work_mem")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()


async def test_programs_share_one_server_and_the_last_stops_it(made, program, tools) -> None:
    first = await program(made)
    told = await first.told()
    keeper, server = tools.pids(made)
    second = await program(made)
    assert (await second.told())["port"] == told["port"]
    assert tools.pids(made) == (keeper, server)
    await tools.remember(told["dsn"], 1)

    await first.finish()
    await tools.until_read(told["dsn"], 1)
    assert tools.pids(made) == (keeper, server)
    await second.finish()
    await tools.until_stopped(made)
    # It lets go of its lock by its death, which is over a moment later.
    await tools.until(lambda: not tools.is_alive(keeper), "the keeper ended")
    assert not tools.is_alive(server)


async def test_ten_programs_at_once_get_one_server(home, program, tools) -> None:
    programs = await asyncio.gather(*(program(home) for _ in range(10)))
    told = await asyncio.gather(*(one.told() for one in programs))
    assert len({one["dsn"] for one in told}) == 1
    assert (home / "keeper.log").read_text().count(" answers on port ") == 1
    await asyncio.gather(*(one.finish() for one in programs))


async def test_a_restart_keeps_rows_and_port_or_moves_from_a_taken_port(made, tools) -> None:
    with await ensure(made) as embedded:
        port = embedded.port
        await tools.remember(embedded.dsn("owner"), 7)
    await stop(made)
    with await ensure(made) as embedded:
        assert embedded.port == port
    await stop(made)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with await ensure(made) as embedded:
            assert embedded.port != port
            await tools.until_read(embedded.dsn("owner"), 7)


async def test_arriving_while_the_server_leaves_gets_a_running_one(made, tools) -> None:
    """The window between 'nobody is here' and 'stopped', entered again and again."""
    embedded = await ensure(made)
    await tools.remember(embedded.dsn("owner"), 1)
    for turn in range(6):
        embedded.close()
        leaving = asyncio.create_task(stop(made))
        await asyncio.sleep(turn * 0.05)
        embedded = await ensure(made)
        (outcome,) = await asyncio.gather(leaving, return_exceptions=True)
        # Either we came too late for the old server, or we were there first and the stop was refused.
        assert outcome is None or "still uses" in str(outcome)
        await tools.until_read(embedded.dsn("owner"), 1)
    embedded.close()


async def test_closing_twice_is_closing_once(made) -> None:
    embedded = await ensure(made)
    other = await ensure(made)
    embedded.close()
    embedded.close()
    with pytest.raises(SetupProblem, match="Another program still uses"):
        await stop(made)
    other.close()


async def test_keeps_its_files_to_itself_and_everything_else_as_it_was(home: Path) -> None:
    home.parent.mkdir(parents=True)
    outside = [home.parent, *home.parent.parents]
    before = [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in outside]
    embedded = await ensure(home)
    assert before == [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in outside]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "pgdata").stat().st_mode) == 0o700
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir() if path.is_file()}
    assert files == dict.fromkeys(("server.json", "in-use.lock", "keeper.lock", "keeper.log", "postgres.log"), 0o600)
    for log in ("keeper.log", "postgres.log"):
        text = (home / log).read_text()
        card = Home(home).read_card()
        assert card is not None
        assert not any(password in text for password in card.passwords.values())
    embedded.close()


async def test_remove_leaves_nothing_and_spares_what_was_never_a_home(home: Path, tmp_path: Path) -> None:
    embedded = await ensure(home)
    with pytest.raises(SetupProblem, match="Another program still uses"):
        await remove(home)
    embedded.close()
    await remove(home)
    assert not home.exists()
    await remove(home)

    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one").write_text("dear")
    await remove(tmp_path / "letters")
    assert (tmp_path / "letters" / "one").read_text() == "dear"


@pytest.fixture
def elsewhere(made: Path) -> Iterator[Path]:
    here = Path.cwd()
    os.chdir(made.parent)
    yield made
    os.chdir(here)


async def test_a_relative_home_stays_where_it_was_when_the_program_moves(elsewhere: Path) -> None:
    with await ensure(Path(elsewhere.name)) as embedded:
        os.chdir("/")
        assert embedded.home == elsewhere
        assert embedded.port
