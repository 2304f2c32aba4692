"""A process that has imported everything and forks programs off: they are up in a fifth of the time and of the work.

What is forked is a program like any other, with a session, an environment and a log of its own; `kill -9` meets it
alone. On stdin come orders, one JSON object a line; on stdout go `{"pid": …}` and, when it ended, `{"pid", "code"}`.
"""

import asyncio
import json
import os
import runpy
import selectors
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

LINE_BYTES_MAX = 2**20
NOTHING = Path(os.devnull)
HOW_OPENED = (os.O_RDONLY, *2 * (os.O_WRONLY | os.O_APPEND | os.O_CREAT,))


@dataclass
class Life:
    """One run of a program. `ended` holds its return code, -9 after a kill."""

    pid: int
    ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def is_over(self) -> bool:
        return self.ended.done()

    def signal(self, sign: signal.Signals) -> None:
        """Nothing when it is just dead."""
        if not self.is_over:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sign)


class Nursery:
    """Our end of it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._born: asyncio.Queue[Life] = asyncio.Queue()
        self._lives: dict[int, Life] = {}
        self._one_at_a_time = asyncio.Lock()

    async def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        folder: Path | None = None,
        hears: Path = NOTHING,
        says: Path | None = None,
    ) -> Life:
        """Start `python …` as a process of its own, in `folder`; what it says goes to `says`, or to its log too."""
        async with self._one_at_a_time:
            assert self._process.stdin is not None
            order = {
                "argv": list(argv),
                "environment": dict(environment),
                "folder": str(folder or "."),
                "files": [str(hears), str(says or log), str(log)],
            }
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            await self._process.stdin.drain()
            # Not by its number: a short life is over before we look.
            return await self._born.get()

    async def listen(self) -> None:
        """Take note of births and deaths."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "code" in said:
                self._lives.pop(said["pid"]).ended.set_result(said["code"])
            else:
                self._lives[said["pid"]] = born = Life(said["pid"])
                self._born.put_nowait(born)


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """A nursery; whoever still lives at the end of the block dies with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    built = Nursery(process)
    listening = asyncio.create_task(built.listen())
    try:
        yield built
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening


def serve() -> None:
    """The other end, until stdin ends."""
    # What a web program or a worker imports, and then each of them for itself would.
    import jangbu.app
    import jangbu.cli
    import jangbu.sandbox.app
    import jangbu.worker  # noqa: F401

    orders = sys.stdin.buffer.raw  # type: ignore[attr-defined]
    woken, waking = os.pipe()
    for end in (woken, waking):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    watched = selectors.DefaultSelector()
    for source in (orders.fileno(), woken):
        watched.register(source, selectors.EVENT_READ)
    unread = b""
    while True:
        for key, _ in watched.select():
            if key.fd == woken:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
                continue
            got = os.read(orders.fileno(), LINE_BYTES_MAX)
            if not got:
                return
            unread += got
            while b"\n" in unread:
                line, _, unread = unread.partition(b"\n")
                _say(pid=_forked(json.loads(line)))
        with suppress(ChildProcessError):
            while (dead := os.waitpid(-1, os.WNOHANG))[0]:
                _say(pid=dead[0], code=os.waitstatus_to_exitcode(dead[1]))


def _say(**facts: int) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _forked(order: Mapping[str, Any]) -> int:
    from jangbu.embedded.server import leave_with_parent

    leave = leave_with_parent(signal.SIGKILL)
    pid = os.fork()
    if pid == 0:
        if leave is not None:
            leave()
        _be(order)
    return pid


def _be(order: Mapping[str, Any]) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for number, (name, how) in enumerate(zip(order["files"], HOW_OPENED, strict=True)):
            os.dup2(os.open(name, how, 0o644), number)
        os.closerange(3, 256)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        argv = order["argv"]
        if argv[0] == "-m":
            sys.argv = argv[1:]
            runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = argv
            runpy.run_path(argv[0], run_name="__main__")
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:  # noqa: BLE001 (as Python itself ends)
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
