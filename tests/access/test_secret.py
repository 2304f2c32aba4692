"""Where the secret that signs cookies comes from."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jangbu.access import secret
from jangbu.access.secret import FILE, refuse_without_secret, signing_secret
from jangbu.errors import SetupProblem
from jangbu.settings import Settings, load

GIVEN = "the-operators-own-secret-0123456789"


def settings(home: Path, **given: Any) -> Settings:
    return load(_env_file=None, JANGBU_HOME=home, **given)


def test_the_operators_secret_is_used_and_nothing_is_kept(tmp_path: Path) -> None:
    assert signing_secret(settings(tmp_path, BETTER_AUTH_SECRET=GIVEN)) == GIVEN
    assert list(tmp_path.iterdir()) == []


def test_with_the_embedded_database_one_is_made_and_stays(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    made = signing_secret(settings(home))
    secret._kept.cache_clear()
    assert signing_secret(settings(home)) == made
    assert len(made) >= 43
    assert [(path.name, path.stat().st_mode & 0o777) for path in home.iterdir()] == [(FILE, 0o600)]
    assert signing_secret(settings(tmp_path / "elsewhere")) != made


def test_programs_that_start_together_agree(tmp_path: Path) -> None:
    # Around the memory of this process: each thread stands for a program of its own.
    with ThreadPoolExecutor(16) as programs:
        made = set(programs.map(secret._kept.__wrapped__, [tmp_path / "home" / FILE] * 64))
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "home").iterdir()] == [FILE]


def test_a_database_of_ones_own_needs_a_secret_of_ones_own(tmp_path: Path) -> None:
    shared = settings(tmp_path, DATABASE_URL="postgresql://somewhere/else")
    for act in (signing_secret, refuse_without_secret):
        with pytest.raises(SetupProblem, match="BETTER_AUTH_SECRET"):
            act(shared)
    assert list(tmp_path.iterdir()) == []


def test_looking_whether_there_will_be_one_makes_none(tmp_path: Path) -> None:
    refuse_without_secret(settings(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damaged", ["", "\n", "short", "\x00"])
def test_a_damaged_secret_is_said_and_not_used(tmp_path: Path, damaged: str) -> None:
    (tmp_path / FILE).write_text(damaged)
    with pytest.raises(SetupProblem, match="Remove it"):
        signing_secret(settings(tmp_path))
