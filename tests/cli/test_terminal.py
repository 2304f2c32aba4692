"""How commands speak: columns, times and what outsiders may not do to a terminal."""

from datetime import UTC, datetime

import pytest
import typer
from rich.cells import cell_len

from jangbu import terminal


def test_korean_letters_take_two_places(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.table(
        [terminal.Column("order"), terminal.Column("sum", right=True)], [("보리차 2병", "₩9"), ("tea", "₩12,000")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}
    assert lines[1].endswith("     ₩9")


def test_control_characters_and_newlines_are_drawn_and_not_obeyed() -> None:
    assert terminal.clean("a\x1b[2J\nb\x9b1m") == "a�[2J�b�1m"


@pytest.mark.parametrize(
    ("text", "end", "at"),
    [
        ("2026-08-01", False, datetime(2026, 7, 31, 15, tzinfo=UTC)),
        ("2026-08-01", True, datetime(2026, 8, 1, 15, tzinfo=UTC)),
        ("2026-08-01T09:00:00+09:00", False, datetime(2026, 8, 1, tzinfo=UTC)),
        ("2026-08-01T00:00:00Z", True, datetime(2026, 8, 1, tzinfo=UTC)),
    ],
)
def test_a_day_is_seouls_and_a_time_is_itself(text: str, end: bool, at: datetime) -> None:
    assert terminal.moment(text, end=end) == at


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-08-01T09:00:00", "", "9999-12-31"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        terminal.moment(text, end=True)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h"), (90_000, "25 h"), (200_000, "2 days")],
)
def test_spans_are_short(seconds: float, said: str) -> None:
    assert terminal.ago(seconds) == said


def test_json_writes_korean_as_it_is_and_times_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.document({"이름": "장부", "at": datetime(2026, 8, 1, tzinfo=UTC)})
    assert '"이름": "장부"' in (out := capsys.readouterr().out)
    assert "2026-08-01T00:00:00.000Z" in out


def test_json_refuses_what_has_no_form(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="bytes"):
        terminal.document({"x": b""})
