"""What cannot work says so in a sentence or two: what happened, what it means, what to do."""

import asyncio
import os
from pathlib import Path

import pytest

from jangbu.embedded import ensure
from jangbu.embedded.home import Home
from jangbu.errors import SetupProblem


async def refused(home: Path) -> str:
    with pytest.raises(SetupProblem) as caught:
        (await ensure(home)).close()
    sentence = str(caught.value)
    assert "Traceback" not in sentence
    return sentence


async def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a letter")
    assert "is a file" in await refused(tmp_path / "home")
    assert (tmp_path / "home").read_text() == "a letter"


async def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    assert "cannot be made or read" in await refused(tmp_path / "letter" / "home")


async def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", 12345, 12345)
    sentence = await refused(tmp_path / "home")
    assert "belongs to another user (number 12345" in sentence
    assert "JANGBU_HOME" in sentence
    assert list((tmp_path / "home").iterdir()) == []


async def test_a_folder_that_everybody_may_write_to(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    assert "chmod o-w" in await refused(tmp_path / "home")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ('{"format": 1, "port": 54', "Expecting"),
        ("[]", "not a JSON object"),
        ('{"format": 99}', "format is 99"),
        ('{"format": 1}', "passwords"),
        ('{"format": 1, "passwords": {"postgres": "x"}}', "passwords are missing"),
        (b"\xff\xfe\x00", "decode"),
    ],
)
async def test_a_damaged_card(tmp_path: Path, text: str | bytes, why: str) -> None:
    home = Home(tmp_path / "home")
    home.folder.mkdir()
    home.card_path.write_bytes(text.encode() if isinstance(text, str) else text)
    sentence = await refused(home.folder)
    assert str(home.card_path) in sentence
    assert why in sentence
    assert "Put the file back from a copy" in sentence


async def test_data_without_a_card_and_a_card_without_data(made: Path) -> None:
    card = made / "server.json"
    kept = card.read_bytes()
    card.unlink()
    assert "the file with its passwords" in await refused(made)
    card.write_bytes(kept)
    (made / "pgdata").rename(made / "elsewhere")
    assert "that folder is gone" in await refused(made)
    assert not (made / "pgdata").exists()  # Empty books in place of the lost ones would be the worst answer.
    (made / "elsewhere").rename(made / "pgdata")
    (await ensure(made)).close()


async def test_data_of_another_release(made: Path) -> None:
    (made / "pgdata" / "PG_VERSION").write_text("13\n")
    sentence = await refused(made)
    assert "made by PostgreSQL 13" in sentence
    assert "Install PostgreSQL 13" in sentence
    (made / "pgdata" / "PG_VERSION").write_text("18, probably\n")
    assert "PG_VERSION is damaged" in await refused(made)


async def test_a_server_that_does_not_start_is_quoted_to_everybody_who_waits(made: Path) -> None:
    conf = made / "pgdata" / "postgresql.conf"
    conf.write_text(conf.read_text() + "\nshared_buffers = 'a lot'\n")
    sentences = await asyncio.gather(refused(made), refused(made))
    for sentence in sentences:
        assert "PostgreSQL did not start" in sentence
        assert "was left as it is" in sentence
        assert "shared_buffers" in sentence
        assert str(made / "postgres.log") in sentence


async def test_a_home_that_is_mended_starts_again(made: Path, tools) -> None:
    conf = made / "pgdata" / "postgresql.conf"
    kept = conf.read_text()
    conf.write_text(kept + "\nno_such_setting = on\n")
    assert "no_such_setting" in await refused(made)
    conf.write_text(kept)
    with await ensure(made) as embedded:
        await tools.remember(embedded.dsn("owner"), 1)
    assert not (made / "problem.txt").exists()


async def test_impatience_is_a_sentence_too(made: Path) -> None:
    with pytest.raises(SetupProblem, match="did not answer in time"):
        await ensure(made, timeout_s=0)
