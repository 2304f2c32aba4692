"""The demo believes its own programs, and nobody else who happens to answer at their address."""

import os
import socket
from pathlib import Path

import pytest

from jangbu.demo.programs import Programs
from jangbu.errors import SetupProblem
from jangbu.ready import READY, VARIABLE, say_ready
from kit import free_port


async def test_another_who_answers_at_a_programs_address_is_not_taken_for_it(tmp_path: Path) -> None:
    from jangbu.sandbox.app import running

    port = free_port()
    programs = Programs(tmp_path / "logs", {"JANGBU_HOME": str(tmp_path)})
    async with running(port=port):
        with pytest.raises(SetupProblem, match=f"sandbox program ended at its start:\n.*Port {port}"):
            await programs.start("sandbox", "sandbox", f"--port={port}")
    try:
        await programs.start("sandbox", "sandbox", f"--port={port}")
        socket.create_connection(("127.0.0.1", port)).close()
    finally:
        await programs.stop()


@pytest.mark.parametrize("is_a_file", [True, False])
def test_a_program_says_that_it_is_ready_where_systemd_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_a_file: bool
) -> None:
    name = str(tmp_path / "ready") if is_a_file else f"@jangbu-{os.getpid()}"
    monkeypatch.setenv(VARIABLE, name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(name if is_a_file else name.replace("@", "\0"))
        ear.settimeout(1)
        say_ready()
        assert ear.recv(100) == READY
    say_ready()  # nobody listens any more
    monkeypatch.delenv(VARIABLE)
    say_ready()
