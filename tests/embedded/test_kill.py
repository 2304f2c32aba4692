"""What `kill -9` cannot take away, whoever is killed and whenever."""

import asyncio
import json
import os
import signal
import sys

import asyncpg
import pytest

from jangbu.embedded import ensure, stop
from jangbu.embedded.account import server_account

pytestmark = pytest.mark.kill


async def test_a_killed_server_comes_back_for_who_is_connected(made, tools) -> None:
    with await ensure(made) as embedded:
        dsn = embedded.dsn("owner")
        await tools.remember(dsn, 1, 2)
        keeper, server = tools.pids(made)
        os.kill(server, signal.SIGKILL)
        await tools.until(lambda: not tools.is_alive(server), "the server died")
        await tools.until_read(dsn, 1, 2)
        assert embedded.dsn("owner") == dsn
        now = await tools.pids_once_ready(made)
        assert now[0] == keeper
        assert now[1] != server


async def test_a_killed_keeper_takes_its_server_along_and_a_living_program_brings_both_back(made, tools) -> None:
    with await ensure(made) as embedded:
        dsn = embedded.dsn("owner")
        await tools.remember(dsn, 1, 2)
        keeper, server = tools.pids(made)
        os.kill(keeper, signal.SIGKILL)
        await tools.until(lambda: not tools.is_alive(server), "the server left with its keeper")
        await tools.until_read(dsn, 1, 2)
        assert (await tools.pids_once_ready(made))[0] != keeper


async def test_a_killed_backend_is_not_noticed_by_new_connections(made, tools) -> None:
    """PostgreSQL throws everybody out after that, and recovers; the keeper need not do anything."""
    with await ensure(made) as embedded:
        await tools.remember(embedded.dsn("owner"), 5)
        connection = await asyncpg.connect(embedded.dsn("owner"))
        os.kill(await connection.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
        connection.terminate()
        await tools.until_read(embedded.dsn("owner"), 5)


async def test_a_killed_program_neither_stops_the_others_nor_keeps_the_server_alone(made, program, tools) -> None:
    victim, survivor = await program(made), await program(made)
    told = await victim.told()
    await survivor.told()
    await tools.remember(told["dsn"], 1)
    pids = tools.pids(made)
    await victim.kill()
    await tools.until_read(told["dsn"], 1)
    assert tools.pids(made) == pids
    await survivor.kill()
    await stop(made)  # Refused if a dead program still counted.
    assert not tools.is_alive(pids[1])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next keeper sees it off")
async def test_a_server_does_not_outlive_a_killed_keeper_even_if_nobody_comes(made, program, tools) -> None:
    last = await program(made)
    await last.told()
    keeper, server = tools.pids(made)
    await last.kill()
    os.kill(keeper, signal.SIGKILL)
    await tools.until(lambda: not tools.is_alive(server), "the server left with its keeper")


async def test_a_keeper_asked_to_end_lets_programs_finish_first(made, tools) -> None:
    """The machine goes down: everybody is told at once, and programs still have something to write."""
    embedded = await ensure(made)
    keeper, server = tools.pids(made)
    os.kill(keeper, signal.SIGTERM)
    await tools.remember(embedded.dsn("owner"), 1)
    await tools.until_read(embedded.dsn("owner"), 1)
    assert tools.pids(made) == (keeper, server), "it was the same server all the time"
    embedded.close()
    await tools.until_stopped(made)
    assert not tools.is_alive(server)


async def test_everything_killed_at_once_is_recovered_by_the_next_program(made, program, tools) -> None:
    victim = await program(made)
    told = await victim.told()
    await tools.remember(told["dsn"], *range(100))
    for pid in tools.pids(made):
        os.kill(pid, signal.SIGKILL)
    await victim.kill()
    with await ensure(made) as embedded:
        await tools.until_read(embedded.dsn("owner"), *range(100))


@pytest.mark.parametrize("sign", ["server.json", "pgdata.new/PG_VERSION", "pgdata/PG_VERSION"])
async def test_a_keeper_killed_during_the_first_start_leaves_nothing_half_made(home, program, tools, sign: str) -> None:
    """Before initdb, in the midst of it, while roles are made: the waiting program gets a whole server."""
    waiting = await program(home)
    await tools.until((home / sign).exists, f"the first start came to {sign}", pause_s=0.001)
    keeper = keeper_of(home)
    os.kill(keeper, signal.SIGKILL)
    told = await waiting.told()
    await tools.until(lambda: keeper_of(home) != keeper, "another keeper took over")
    with await ensure(home):
        await tools.remember(told["dsn"], 1)
        await tools.until_read(told["dsn"], 1)
    assert not (home / "pgdata.new").exists()
    await waiting.finish()


async def test_a_stale_process_number_of_somebody_else_does_not_keep_the_server_out(made, tools, program) -> None:
    """After a reboot the number in postmaster.pid may be another program's of the same user."""
    with await ensure(made) as embedded:
        await tools.remember(embedded.dsn("owner"), 1)
        left_behind = (made / "pgdata" / "postmaster.pid").read_text()
    await stop(made)
    account = server_account()
    innocent = await asyncio.create_subprocess_exec("sleep", "60", user=account.uid, group=account.gid)
    stale = made / "pgdata" / "postmaster.pid"
    stale.write_text("\n".join([str(innocent.pid), *left_behind.splitlines()[1:]]) + "\n")
    try:
        with await ensure(made) as embedded:
            await tools.until_read(embedded.dsn("owner"), 1)
        assert innocent.returncode is None
    finally:
        innocent.kill()
        await innocent.wait()


async def test_a_server_left_by_a_killed_keeper_is_found_without_the_right_to_trace(made, program) -> None:
    """Root in a container may not look into other users' processes, and must still see its own server."""
    if os.geteuid() != 0:
        pytest.skip("only root has a right to give up")
    with await ensure(made):
        look = (
            "import sys; from pathlib import Path; from jangbu.embedded import leftovers, account, home;"
            "print(len(leftovers.working_in(home.Home(Path(sys.argv[1])), account.server_account())))"
        )
        limited = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace")
        looked = await asyncio.create_subprocess_exec(
            *limited, sys.executable, "-c", look, str(made), stdout=asyncio.subprocess.PIPE
        )
        found, _ = await looked.communicate()
        assert int(found) >= 5  # The postmaster and its standing helpers.


def keeper_of(home) -> int:
    keeper: int = json.loads((home / "server.json").read_text())["keeper_pid"]
    return keeper
