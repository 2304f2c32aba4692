"""`jangbu demo` as a newcomer meets it: one command, a table that holds, plain words when something is in the way."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from kit import free_port

JANGBU = [sys.executable, "-m", "jangbu.cli"]


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("JANGBU_", "PORTONE_"))}
    return {**own, "JANGBU_HOME": str(home), "NO_COLOR": "1", "COLUMNS": "100", **more}


def test_once_plays_the_journey_and_proves_it_the_same_way_each_time(tmp_path: Path) -> None:
    tables = []
    for _ in range(2):
        ran = subprocess.run(
            [*JANGBU, "demo", "--once", "--seed", "7"],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "Every won accounted for." in ran.stdout
        assert "books unaltered: 95 entries, 95 sealed" in ran.stdout
        tables.append(re.sub(r"head \w+|\(\d+ s\)", "", ran.stdout))
    assert tables[0] == tables[1]
    assert not list(tmp_path.iterdir()), "--once leaves nothing behind"


def test_a_second_demo_in_the_folder_is_refused_and_ctrl_c_keeps_everything(tmp_path: Path) -> None:
    ports = {"JANGBU_PORT": str(free_port()), "JANGBU_SANDBOX_PORT": str(free_port())}
    log = tmp_path / "first.log"
    with log.open("w") as out:
        first = subprocess.Popen([*JANGBU, "demo"], env=environment(tmp_path, **ports), stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 120
        while "Now look around" not in log.read_text():
            assert first.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        second = subprocess.run(
            [*JANGBU, "demo"],
            env=environment(tmp_path, **ports),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 2
        assert "A demo already runs in" in second.stderr
        assert "Traceback" not in second.stderr
    finally:
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 0, log.read_text()
    again = subprocess.run(
        [*JANGBU, "books", "verify", "--json"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 0, again.stderr


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [*JANGBU, "demo"],
            env=environment(tmp_path, JANGBU_PORT=port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 2
    assert f"Port {port}" in ran.stderr
    assert "JANGBU_PORT" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) <= 3
