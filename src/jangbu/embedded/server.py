"""Makes, starts and stops one PostgreSQL in a home. Plain and synchronous: only the keeper uses it.

The server listens on 127.0.0.1 alone, asks for passwords (scram-sha-256), checks its pages, and keeps fsync
on.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jangbu.embedded.account import Account
from jangbu.embedded.binaries import Binaries
from jangbu.embedded.home import HOST, LOGINS, Home, last_lines, sync_folder
from jangbu.embedded.leftovers import postmaster_of
from jangbu.errors import SetupProblem

STARTS_MAX = 4
"""How many ports to try: one can be taken between our look and the server's own."""
RECOVERY_TIMEOUT_S = 600
STOP_TIMEOUT_S = 60
LOG_BYTES_MAX = 20_000_000
LOOK_AGAIN_S = 0.01
PR_SET_PDEATHSIG = 1

SETTINGS = (
    f"listen_addresses={HOST}",
    "unix_socket_directories=",
    "max_connections=200",
    "log_line_prefix=%m [%p] %q%u@%d ",
    "log_timezone=UTC",
    "timezone=UTC",
)
"""Given on the command line, where nothing in the data folder can undo them. fsync keeps its default, on."""


def major_of(home: Home) -> int | None:
    """The PostgreSQL release that made this home's database; None when there is none yet."""
    try:
        return int((home.pgdata / "PG_VERSION").read_text().strip())
    except FileNotFoundError:
        return None
    except ValueError:
        raise SetupProblem(
            f"{home.pgdata / 'PG_VERSION'} is damaged, so this is not a whole PostgreSQL database. "
            f"Restore {home.pgdata} from a backup; or, to begin with empty books, move {home.folder} away."
        ) from None


def initialise(home: Home, binaries: Binaries, account: Account, superuser_password: str) -> None:
    """Make an empty database. It gets its final name when whole, so what has the name can be started."""
    account.refuse_nameless()
    shutil.rmtree(home.unfinished_pgdata, ignore_errors=True)
    home.unfinished_pgdata.mkdir(mode=0o700)
    account.own(home.unfinished_pgdata)
    with (
        tempfile.NamedTemporaryFile("w", dir=home.folder, prefix=".initdb-") as password_file,
        _reachable(home.unfinished_pgdata, account) as (pgdata, pgdata_fds),
    ):
        password_file.write(superuser_password + "\n")
        password_file.flush()
        account.own(Path(password_file.name))
        with _reachable(Path(password_file.name), account) as (password, password_fds):
            done = subprocess.run(  # noqa: S603 (our own argument list)
                [
                    binaries.program("initdb"),
                    f"--pgdata={pgdata}",
                    f"--username={LOGINS['superuser']}",
                    f"--pwfile={password}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *_locale(binaries),
                    "--data-checksums",
                    "--no-instructions",
                ],
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                pass_fds=(*pgdata_fds, *password_fds),
                preexec_fn=leave_with_parent(signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
                cwd="/",
                env=_environment(),
            )
    if done.returncode != 0:
        shutil.rmtree(home.unfinished_pgdata, ignore_errors=True)
        ending = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise SetupProblem(
            f"PostgreSQL could not make a database in {home.folder}, and nothing was kept of it. Is the "
            "disk full, or the folder on "
            f"a disk that does not know owners? Its last words:\n{ending}"
        )
    home.unfinished_pgdata.rename(home.pgdata)
    sync_folder(home.folder)


class Server:
    """A running PostgreSQL, our child. It leaves when we die, however we die (on Linux)."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it in good order: clients are cut off, memory is written out. Does nothing when it is gone."""
        for ask in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if not self.is_running():
                return
            self._process.send_signal(ask)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                continue


def start(home: Home, binaries: Binaries, account: Account, wanted_port: int) -> Server:
    """Start the server, on `wanted_port` if that is free, and return once it accepts connections.

    Raises SetupProblem with the server's last words when it does not start.
    """
    _rotate(home.postgres_log)
    port = wanted_port if wanted_port and _is_free(wanted_port) else _free_port()
    for _ in range(STARTS_MAX):
        said_before = home.postgres_log.stat().st_size if home.postgres_log.exists() else 0
        server = Server(_spawn(home, binaries, account, port), port)
        try:
            if _becomes_ready(home, server):
                return server
        except BaseException:
            server.stop()
            raise
        words = last_lines(home.postgres_log, since=said_before)
        if "could not create any TCP/IP sockets" not in words:
            raise SetupProblem(
                f"PostgreSQL did not start; the data in {home.pgdata} was left as it is. If the words below "
                "do not say what to do, "
                f"read {home.postgres_log}:\n{words}"
            )
        port = _free_port()
    raise SetupProblem(
        f"No free port was found on {HOST} for PostgreSQL in {STARTS_MAX} tries. Close programs that you do "
        "not need, and start again."
    )


def _spawn(home: Home, binaries: Binaries, account: Account, port: int) -> subprocess.Popen[bytes]:
    settings = [f"-c{setting}" for setting in (*SETTINGS, f"port={port}")]
    with home.postgres_log.open("ab") as log, _reachable(home.pgdata, account) as (pgdata, fds):
        return subprocess.Popen(  # noqa: S603 (our own argument list)
            [binaries.program("postgres"), "-D", pgdata, *settings],
            user=account.uid,
            group=account.gid,
            extra_groups=account.groups,
            pass_fds=fds,
            preexec_fn=leave_with_parent(signal.SIGINT),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            # A session of its own: Ctrl-C in a terminal is for the programs, which let go of the server in
            # their own time.
            start_new_session=True,
            env=_environment(),
        )


def _becomes_ready(home: Home, server: Server) -> bool:
    """Wait for the server's own word that it accepts connections. False when it ended instead."""
    deadline = time.monotonic() + RECOVERY_TIMEOUT_S
    while server.is_running():
        if postmaster_of(home.pgdata) == (server.pid, "ready"):
            return True
        if time.monotonic() > deadline:
            raise SetupProblem(
                f"PostgreSQL was still not ready after {RECOVERY_TIMEOUT_S} s. It may be repairing itself "
                f"after a crash: see {home.postgres_log}."
            )
        time.sleep(LOOK_AGAIN_S)
    return False


@contextmanager
def _reachable(path: Path, account: Account) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A name for `path` that the account can open, and the descriptors a child must inherit for it to work.

    A home under /root or in a temporary folder of mode 700 cannot be reached by `nobody`, and opening up
    other people's folders is not ours to do. So root opens it and hands it down: /proc/self/fd leads to the
    very file, past the folders above it. PostgreSQL enters its data folder once and uses relative names from
    there; what it does open by full name later (its settings, on reload) goes through the descriptor, which
    every process it forks inherits.
    """
    if account.uid is None or not Path("/proc/self/fd").is_dir():
        yield str(path), ()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def leave_with_parent(farewell: signal.Signals) -> Callable[[], None] | None:
    """What a child does just before it becomes its program: order a `farewell` for when we die. Linux only.

    It must come after the change of user, which would clear it; subprocess sees to that order. Elsewhere the
    next keeper sees off what was left (leftovers.py).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    keeper = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, int(farewell), 0, 0, 0)
        if os.getppid() != keeper:  # We died between fork and here, so the kernel will never tell.
            os._exit(1)

    return ask


def _locale(binaries: Binaries) -> tuple[str, ...]:
    """The same sorting and upper-casing on every machine, whichever locales it has.

    By code point, which for Hangul is the order of the dictionary.
    """
    if binaries.major >= 17:
        return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    return ("--locale=C",)


def _environment() -> dict[str, str]:
    """Nothing of the program that happened to start us: its PGPORT, PGDATA or locale would leak in."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _rotate(log: Path) -> None:
    """Keep one old log, so that it cannot fill the disk over the years."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as knock:
        # As PostgreSQL does: a port whose last connections are still fading away is free.
        knock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            knock.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as any_port:
        any_port.bind((HOST, 0))
        port: int = any_port.getsockname()[1]
        return port
