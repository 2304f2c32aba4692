"""The demo's programs: the sandbox, the web program and a worker, each a process of its own, as in real life."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from jangbu.embedded.server import leave_with_parent
from jangbu.errors import SetupProblem

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 25
LOOK_AGAIN_S = 0.05


@dataclass(slots=True)
class Programs:
    """Processes started together and stopped together. Their output goes to `logs/<name>.log`."""

    logs: Path
    environment: Mapping[str, str]
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _files: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, name: str, *arguments: str, healthy_at: str = "") -> None:
        """Start `jangbu <arguments>` and wait until `healthy_at` answers 200.

        Raises SetupProblem, with the end of its log, when it ends or does not answer.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        path = self.logs / f"{name}.log"
        file = self._files.enter_context(path.open("ab"))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jangbu.cli",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, **self.environment},
            # Ctrl-C goes to us alone; we then stop the others in order.
            start_new_session=True,
            # And should we be killed, they go too, instead of keeping their ports for ever.
            preexec_fn=leave_with_parent(signal.SIGTERM),
        )
        self.running[name] = process
        if healthy_at:
            await self._until_healthy(name, process, healthy_at, path)

    async def _until_healthy(self, name: str, process: asyncio.subprocess.Process, url: str, log: Path) -> None:
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
            while True:
                if process.returncode is not None:
                    raise SetupProblem(f"The demo's {name} program ended at its start:\n{_end_of(log)}")
                try:
                    async with http.get(url) as answer:
                        if answer.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                if asyncio.get_running_loop().time() > deadline:
                    raise SetupProblem(
                        f"The demo's {name} program did not answer within {START_TIMEOUT_S} s:\n{_end_of(log)}"
                    )
                await asyncio.sleep(LOOK_AGAIN_S)

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


def _end_of(log: Path, lines: int = 12) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
