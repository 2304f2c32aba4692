"""The folder of an embedded database: its files, its locks, and the card that says how to reach it.

<home>/server.json     0600: port, passwords, process ids. Written by the keeper, read by programs.
<home>/in-use.lock     every program holds it shared; when nobody does, the server may stop.
<home>/keeper.lock     the one keeper holds it alone.
<home>/pgdata          the database. pgdata.new is one that initdb has not finished; it is never started.
<home>/postgres.log, keeper.log
<home>/problem.txt     why the last keeper gave up, for the program that waits.
<home>/hurry           somebody waits for the server to stop: the keeper drops its grace.
"""

import fcntl
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, Self

from jangbu.errors import SetupProblem
from jangbu.ids import secret_token

Role = Literal["owner", "system", "request", "superuser"]

LOGINS: Mapping[Role, str] = MappingProxyType(
    {
        "owner": "jangbu_owner",
        "system": "jangbu_system",
        "request": "jangbu_request",
        "superuser": "postgres",
    }
)
DATABASE = "jangbu"
HOST = "127.0.0.1"
CARD_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Card:
    """What server.json holds. `port` is 0 and the ids are None until the server has run once."""

    passwords: Mapping[str, str]
    port: int = 0
    provisioned: bool = False
    """The roles and the database exist. Until then a start finishes what an interrupted first start left."""
    ready: bool = False
    """The keeper saw the server accept connections. Stale after a kill: only a connection proves it."""
    version: str = ""
    bin_dir: str = ""
    keeper_pid: int | None = None
    postgres_pid: int | None = None
    format: int = CARD_FORMAT

    @classmethod
    def new(cls) -> Self:
        """A card with fresh passwords for a server that does not exist yet."""
        return cls(passwords={login: secret_token() for login in LOGINS.values()})

    def dsn(self, role: Role, database: str = DATABASE) -> str:
        """An address that asyncpg, psql and pgbench all understand. The passwords are URL-safe."""
        login = LOGINS[role]
        return f"postgresql://{login}:{self.passwords[login]}@{HOST}:{self.port}/{database}?sslmode=disable"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one embedded database."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Self:
        """The home in `folder`, whatever the current folder becomes later."""
        return cls(folder.absolute())

    def was_used(self) -> bool:
        """True when a program has ever joined here: only then the folder is ours to delete."""
        return self.in_use_lock.exists()

    @property
    def pgdata(self) -> Path:
        return self.folder / "pgdata"

    @property
    def unfinished_pgdata(self) -> Path:
        return self.folder / "pgdata.new"

    @property
    def card_path(self) -> Path:
        return self.folder / "server.json"

    @property
    def in_use_lock(self) -> Path:
        return self.folder / "in-use.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.folder / "keeper.lock"

    @property
    def postgres_log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def keeper_log(self) -> Path:
        return self.folder / "keeper.log"

    @property
    def problem_path(self) -> Path:
        return self.folder / "problem.txt"

    @property
    def hurry_path(self) -> Path:
        return self.folder / "hurry"

    def prepare(self) -> None:
        """Make the folder if need be; refuse (SetupProblem) one that is not ours."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.folder.stat()
        except FileExistsError:
            raise SetupProblem(
                f"{self.folder} is a file, and Jangbu keeps its database in a folder. Name another one in JANGBU_HOME."
            ) from None
        except OSError as why:
            raise SetupProblem(
                f"The folder {self.folder} for the database cannot be made or read ({why.strerror}). "
                "Name one that you may write to in JANGBU_HOME."
            ) from why
        if found.st_uid != os.geteuid():
            raise SetupProblem(
                f"The folder {self.folder} belongs to another user (number {found.st_uid}; you are "
                f"{os.geteuid()}). "
                "Run Jangbu as that user, or name a folder of your own in JANGBU_HOME."
            )
        if found.st_mode & stat.S_IWOTH:
            raise SetupProblem(
                f"Everybody may write to the folder {self.folder}, so nothing kept there could be trusted. "
                f"Run `chmod o-w {self.folder}`, or name another folder in JANGBU_HOME."
            )
        self.check()

    def check(self) -> Card | None:
        """The card, or None for a home never used. Raises SetupProblem when card and data disagree."""
        card = self.read_card()
        if card is None and self.pgdata.exists():
            raise SetupProblem(
                f"{self.pgdata} holds a database, but the file with its passwords, {self.card_path}, is "
                "gone. "
                f"Put {self.card_path.name} back from a copy; or, to begin with empty books, move "
                f"{self.pgdata} away."
            )
        if card is not None and card.provisioned and not self.pgdata.exists():
            # The disk may simply not be mounted: quietly beginning with empty books would be the worst
            # answer.
            raise SetupProblem(
                f"{self.card_path} describes a database that should be in {self.pgdata}, and that folder is "
                "gone. "
                f"Put it back; or, to begin with empty books, remove {self.card_path}."
            )
        return card

    def read_card(self) -> Card | None:
        """The card, or None when there is none. Raises SetupProblem when it cannot be understood."""
        try:
            written = json.loads(self.card_path.read_bytes())
            return _card_from(written)
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as why:
            raise SetupProblem(
                f"{self.card_path} cannot be read ({why}), and without its passwords the database beside it "
                "stays shut. "
                f"Put the file back from a copy; or, to begin with empty books, move {self.folder} away."
            ) from why

    def write_card(self, card: Card) -> None:
        """Replace the card in one step: a reader sees the old one or the new one, also after a power cut."""
        unfinished = self.card_path.with_suffix(".json.new")
        unfinished.unlink(missing_ok=True)
        text = json.dumps(asdict(replace(card, passwords=dict(card.passwords))), indent=2)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.card_path)
        sync_folder(self.folder)

    def join(self) -> int | None:
        """A program's shared lock, an open descriptor; None while a leaving keeper holds it: try again."""
        descriptor = _open_lock(self.in_use_lock)
        if _lock(descriptor, fcntl.LOCK_SH) and _is_still(descriptor, self.in_use_lock):
            return descriptor
        os.close(descriptor)
        return None

    def become_keeper(self) -> int | None:
        """The keeper's lock, as an open descriptor; None when a keeper lives. Who gets it must start one.

        The lock belongs to the open file, not to the process: handed down as a descriptor it passes to the
        new keeper without ever being free, so no two programs can start one each.
        """
        descriptor = _open_lock(self.keeper_lock)
        if _lock(descriptor, fcntl.LOCK_EX) and _is_still(descriptor, self.keeper_lock):
            return descriptor
        os.close(descriptor)
        return None

    def is_in_use(self) -> bool:
        """True when a program holds the in-use lock. Wrong while the keeper looks, for an instant."""
        descriptor = _open_lock(self.in_use_lock)
        try:
            # Alone: nobody has it. Not even shared: the keeper has it, to leave.
            return not _lock(descriptor, fcntl.LOCK_EX) and _lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def ask_to_hurry(self) -> None:
        """Ask the keeper to leave as soon as nobody uses the server.

        A file, not a signal: between two keepers the card names a process that is gone, and its number may be
        another's.
        """
        self.hurry_path.touch(mode=0o600)

    def write_problem(self, sentence: str) -> None:
        """Leave word for the programs that wait: the keeper gave up, and why."""
        self.problem_path.write_text(sentence, encoding="utf-8")

    def take_problem(self) -> str | None:
        """What the last keeper gave up over, if it did. Forgotten once read, under the keeper's lock."""
        try:
            sentence = self.problem_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        self.problem_path.unlink(missing_ok=True)
        return sentence


def open_in_use_lock(home: Home) -> int:
    """The in-use lock without holding it: what the keeper polls."""
    return _open_lock(home.in_use_lock)


def take_alone(descriptor: int) -> bool:
    """Take the lock exclusively if nobody holds it, at once. True when taken."""
    return _lock(descriptor, fcntl.LOCK_EX)


def let_go(descriptor: int) -> None:
    """Release the lock and keep the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def open_log(path: Path) -> BinaryIO:
    """Open a log for adding to it, readable by us alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def last_lines(path: Path, *, since: int = 0, lines: int = 8) -> str:
    """The end of a log, from byte `since` on, for a person to read."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(since, end - 16_384))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _card_from(written: Any) -> Card:
    if not isinstance(written, dict):
        raise ValueError("it is not a JSON object")
    if written.get("format") != CARD_FORMAT:
        raise ValueError(f"its format is {written.get('format')!r} and this Jangbu knows {CARD_FORMAT}")
    if "passwords" not in written:
        raise ValueError("passwords are missing")
    known = {field.name for field in fields(Card)}
    card = Card(**{name: value for name, value in written.items() if name in known})
    logins = set(LOGINS.values())
    if not isinstance(card.passwords, dict) or not logins <= card.passwords.keys():
        raise ValueError("passwords are missing")
    if not all(isinstance(password, str) and password for password in card.passwords.values()):
        raise ValueError("a password is not text")
    if not isinstance(card.port, int) or not 0 <= card.port <= 65_535:
        raise ValueError("its port is not a port")
    return card


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    """False when the folder was removed after we opened the file: then the lock we hold guards nothing."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
