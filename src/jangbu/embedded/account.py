"""Which account of the operating system the server runs under.

PostgreSQL refuses to run as root, so root steps down.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jangbu.errors import SetupProblem

UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as. `uid` and `gid` are None when that is whoever we are already."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """The supplementary groups to keep: none of root's."""
        return None if self.uid is None else []

    def own(self, path: Path) -> None:
        """Give `path` to this account. Raises SetupProblem where the file system does not allow it."""
        if self.uid is None or self.gid is None:
            return
        try:
            os.chown(path, self.uid, self.gid)
        except OSError as why:
            raise SetupProblem(
                f"{path} cannot be given to the user {self.name!r}, under whom PostgreSQL must run because "
                f"root may not ({why}). "
                "Run Jangbu as an ordinary user, or keep its folder on another disk."
            ) from why

    def refuse_nameless(self) -> None:
        """Raise SetupProblem when the account has only a number, as in a container run with `--user 1234`."""
        uid = os.geteuid() if self.uid is None else self.uid
        try:
            pwd.getpwuid(uid)
        except KeyError:
            raise SetupProblem(
                f"The user with number {uid} has no name on this machine, and PostgreSQL does not make a "
                "database "
                "for one without. Run Jangbu as a user that /etc/passwd knows, or set DATABASE_URL to a "
                "server of yours."
            ) from None

    def cannot_step_down(self) -> SetupProblem:
        """What to tell root in a container that took root's rights away."""
        return SetupProblem(
            f"PostgreSQL may not run as root, and root may not become the user {self.name!r} here. "
            "Run Jangbu as an ordinary user, or allow the container CAP_SETUID, CAP_SETGID and CAP_CHOWN."
        )

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Let the whole process act as this account within a block; for one thread and a few system calls.

        /proc tells a process's folder to that process's own user, and to root only with CAP_SYS_PTRACE, which
        root in a container does not have. Asking as the user itself needs nothing.
        """
        if self.uid is None or self.gid is None:
            yield
            return
        try:
            try:
                os.setegid(self.gid)
                os.seteuid(self.uid)
            except PermissionError as why:
                raise self.cannot_step_down() from why
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)


def server_account() -> Account:
    """Ourselves, or `nobody` when we are root. Raises SetupProblem when root has nobody to step down to."""
    if os.geteuid() != 0:
        return Account(name=str(os.geteuid()))
    try:
        nobody = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise SetupProblem(
            "PostgreSQL may not run as root, and this machine has no user 'nobody' to run it as. Run Jangbu "
            "as an ordinary user."
        ) from None
    return Account(name=UNPRIVILEGED, uid=nobody.pw_uid, gid=nobody.pw_gid)
