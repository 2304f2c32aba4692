"""PostgreSQL's own pg_dump and pg_restore: which of those on this machine to use, and running them.

A password never stands on a command line, where every user of the machine can read it: it goes by the environment.
"""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from jangbu.embedded.binaries import SYSTEM_PLACES, installed_wheel
from jangbu.errors import SetupProblem

PROBE_TIMEOUT_S = 20
LAST_LINES = 8
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)[.\d]*)")
INHERITED = (
    "PATH",
    "HOME",
    "LD_LIBRARY_PATH",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
    "TMPDIR",
)
"""What the programs may see of our environment: nothing that could lead them to another database."""


@dataclass(frozen=True, slots=True)
class Tools:
    """One release of PostgreSQL's client programs."""

    bin_dir: Path
    version: str
    major: int

    def program(self, name: str) -> str:
        """The path of one of them."""
        return str(self.bin_dir / name)


def find(major: int) -> Tools:
    """The oldest release on this machine that can speak for PostgreSQL `major`: its own, else a newer one.

    Raises SetupProblem when there is none.
    """
    found = sorted(_on_this_machine(), key=lambda tools: tools.major)
    for tools in found:
        if tools.major >= major:
            return tools
    there = ", ".join(f"{tools.version} in {tools.bin_dir}" for tools in found) or "none"
    raise SetupProblem(
        f"The backup is PostgreSQL {major}'s, and its pg_dump and pg_restore must be of that release or a newer one; "
        f"found: {there}. Install them (on Debian: apt install postgresql-client-{major})."
    )


def _on_this_machine() -> Iterator[Tools]:
    wheel = installed_wheel()
    places = [] if wheel is None else [wheel.bin_dir]
    places += [place for pattern in SYSTEM_PLACES for place in Path("/").glob(pattern)]
    if (on_path := shutil.which("pg_dump")) is not None:
        places.append(Path(on_path).parent)
    for place in places:
        if (place / "pg_dump").exists() and (place / "pg_restore").exists():
            try:
                said = subprocess.run(  # noqa: S603 (our own argument list)
                    [place / "pg_dump", "--version"], capture_output=True, text=True, check=True,
                    timeout=PROBE_TIMEOUT_S,
                ).stdout  # fmt: skip
            except (OSError, subprocess.SubprocessError):
                continue
            if version := _VERSION.search(said):
                yield Tools(place, version[1], int(version[2]))


def without_password(dsn: str) -> tuple[str, str | None]:
    """The address as it may stand on a command line, and the password that it held."""
    parts = urlsplit(dsn)
    who, at, hosts = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    given = parse_qsl(parts.query, keep_blank_values=True)
    in_query = next((value for name, value in given if name == "password"), None)
    query = urlencode([pair for pair in given if pair[0] != "password"], quote_via=quote)
    # By hand: urlunsplit leaves the slashes out where no host is named.
    open_to_all = f"{parts.scheme}://{user}{at}{hosts}{parts.path}{'?' if query else ''}{query}"
    return open_to_all, unquote(password) if password else in_query


async def run(program: str, *arguments: str, dsn: str | None = None) -> str:
    """What the program said on stdout. Raises SetupProblem with its last words when it did not succeed."""
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | {"LC_ALL": "C.UTF-8"}
    if dsn is not None:
        address, password = without_password(dsn)
        arguments = (f"--dbname={address}", "--no-password", *arguments)
        # PGPASSWORD and PGPASSFILE stay as they are for an address that holds none.
        environment |= {"PGPASSWORD": password} if password else {}
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        words = "\n".join(err.decode(errors="replace").strip().splitlines()[-LAST_LINES:])
        raise SetupProblem(f"{Path(program).name} gave up (exit code {process.returncode}). Its last words:\n{words}")
    return out.decode(errors="replace")
