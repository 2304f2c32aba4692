"""The demo's programs: the sandbox, the web program and a worker, each a process of its own, as in real life."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jangbu.embedded.server import leave_with_parent
from jangbu.errors import SetupProblem
from jangbu.ready import READY, VARIABLE

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 25


@dataclass(slots=True)
class Programs:
    """Processes started together and stopped together. Their output goes to `logs/<name>.log`."""

    logs: Path
    environment: Mapping[str, str]
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _files: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, name: str, *arguments: str) -> None:
        """Start `jangbu <arguments>` and wait until it says that it is ready.

        Raises SetupProblem, with the end of its log, when it ends or says nothing.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{name}.log"
        file = self._files.enter_context(path.open("ab"))
        with _ear() as (ear, address):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "jangbu.cli",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, **self.environment, VARIABLE: address},
                # Ctrl-C goes to us alone; we then stop the others in order.
                start_new_session=True,
                # And should we be killed, they go too, instead of keeping their ports for ever.
                preexec_fn=leave_with_parent(signal.SIGTERM),
            )
            self.running[name] = process
            said = asyncio.create_task(asyncio.get_running_loop().sock_recv(ear, len(READY)))
            ended = asyncio.create_task(process.wait())
            try:
                done, _ = await asyncio.wait(
                    (said, ended), timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                said.cancel()
                ended.cancel()
                await asyncio.wait((said, ended))
        if said not in done:
            problem = "ended at its start" if ended in done else f"was not ready within {START_TIMEOUT_S} s"
            raise SetupProblem(f"The demo's {name} program {problem}:\n{_end_of(path)}")

    async def stop(self) -> None:
        """Ask each to finish, the last started first; kill what does not. Idempotent."""
        for name in reversed(list(self.running)):
            process = self.running.pop(name)
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        await self._files.aclose()


@contextmanager
def _ear() -> Iterator[tuple[socket.socket, str]]:
    """Where a program says that it is ready, and the address to say it at. Systems allow it but a hundred bytes."""
    with (
        tempfile.TemporaryDirectory(prefix="jangbu-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
    ):
        address = f"{folder}/ready"
        ear.bind(address)
        ear.setblocking(False)
        yield ear, address


def _end_of(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
