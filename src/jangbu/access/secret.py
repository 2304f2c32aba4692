"""The secret that signs session cookies: the operator's, or one we make and keep beside the embedded database."""

import os
from functools import lru_cache
from pathlib import Path

from jangbu.errors import SetupProblem
from jangbu.ids import secret_token
from jangbu.settings import Settings

FILE = "session_secret"
CHARACTERS_MIN = 32


def signing_secret(settings: Settings) -> str:
    """BETTER_AUTH_SECRET, else the kept one.

    Raises SetupProblem when there is neither: with a database of your own, several machines may serve it, and a secret
    that each made for itself would sign people out whenever another machine answers.
    """
    if settings.auth_secret is not None and (given := settings.auth_secret.get_secret_value()):
        return given
    if settings.database_url is not None:
        raise SetupProblem(
            "BETTER_AUTH_SECRET is not set, and it must be when DATABASE_URL is: it signs the session cookies. Set it "
            "to the main application's, or to a new one from `openssl rand -base64 32`, the same on every machine."
        )
    return _kept(settings.home.absolute() / FILE)


def refuse_without_secret(settings: Settings) -> None:
    """Raise SetupProblem when `signing_secret` would; make nothing."""
    if settings.database_url is not None:
        signing_secret(settings)


@lru_cache(maxsize=8)
def _kept(path: Path) -> str:
    if path.exists():
        return _read(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secret_token(6)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret_token(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        # Linking is all or nothing: of several programs that start at once one wins, and nobody reads half a secret.
        os.link(unfinished, path)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()
    return _read(path)


def _read(path: Path) -> str:
    secret = path.read_text(encoding="utf-8", errors="replace").strip()
    if len(secret) < CHARACTERS_MIN:
        raise SetupProblem(
            f"{path} signs the session cookies and is damaged or was cut short. Remove it: a new one is made, and "
            "everybody signs in again."
        )
    return secret
