import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest

import jangbu
from jangbu.app import CATALOGUES
from jangbu.web.texts import TEXTS, Words, joined

SOURCE = Path(jangbu.__file__).parent
ALL = joined(TEXTS, *CATALOGUES)
WHOLE = re.compile(r"""\b(?:t|words|known_id|NavItem)\(\s*["']([a-z_]+(?:\.[A-Za-z_0-9]+)+)["'](?!\s*~)""")
FAMILY = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)*\.)["']\s*~|\bf["']([a-z_]+(?:\.[a-z_]+)*\.)\{""")
SAID_FAMILY = re.compile(r"""["']([a-z_]+(?:\.[a-z_]+)*\.)["']\s*~|\bt\(\s*f["']([a-z_]+(?:\.[a-z_]+)*\.)\{""")


def sources() -> dict[str, str]:
    """The console's code and templates: the sandbox speaks for itself."""
    files = [file for file in SOURCE.rglob("*") if file.suffix in (".html", ".py") and "sandbox" not in file.parts]
    return {str(file.relative_to(SOURCE)): file.read_text(encoding="utf-8") for file in files}


@pytest.mark.parametrize("key", ALL)
def test_both_languages_say_something_with_the_same_blanks(key: str) -> None:
    ko, en = ALL[key]
    assert bool(ko) == bool(en)
    blanks = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (ko, en)]
    assert blanks[0] == blanks[1]


def test_korean_is_korean_and_english_is_english() -> None:
    hangul = re.compile("[가-힣]")
    same_in_both = {"mode.sandbox", "mode.test"}
    for key, (ko, en) in ALL.items():
        if key not in same_in_both:
            assert not ko or hangul.search(ko), f"{key}: {ko!r} has no Korean in it"
            assert not hangul.search(en), f"{key}: {en!r} has Korean in it"


def test_every_key_that_is_named_exists() -> None:
    named = {(key, file) for file, text in sources().items() for key in WHOLE.findall(text)}
    assert len(named) > 50, "the pattern that looks for keys finds too few: has the way of naming them changed?"
    assert [(key, file) for key, file in named if key not in ALL] == []


def test_every_key_of_a_family_that_is_named_exists() -> None:
    families = {first or second for text in sources().values() for first, second in SAID_FAMILY.findall(text)}
    assert {"status.", "story.call.outcome.", "cancellation."} <= families
    for family in families:
        assert [key for key in ALL if key.startswith(family)], family


def test_no_words_are_left_that_nobody_says() -> None:
    text = "\n".join(sources().values())
    families = tuple(first or second for first, second in FAMILY.findall(text))
    spoken = [key for key in ALL if not key.startswith(families)]
    between_quotes = Counter(re.split("[\"']", text))
    # The catalogue itself names each key once.
    unsaid = [key for key in spoken if between_quotes[key] < 2]
    assert unsaid == []


def test_two_catalogues_may_not_define_the_same_key() -> None:
    with pytest.raises(AssertionError, match=r"app\.name"):
        joined(TEXTS, {"app.name": ("가", "a")})


@pytest.mark.parametrize(
    ("between", "ko", "en"),
    [
        (timedelta(milliseconds=999), "", ""),
        (timedelta(seconds=1), "1초 후", "1 s later"),
        (timedelta(seconds=180), "3분 후", "3 min later"),
        (timedelta(seconds=192), "3분 12초 후", "3 min 12 s later"),
        (timedelta(hours=5), "5시간 후", "5 h later"),
        (timedelta(hours=5, minutes=7, seconds=59), "5시간 7분 후", "5 h 7 min later"),
        (timedelta(days=14), "14일 후", "14 d later"),
        (timedelta(days=14, hours=2, minutes=59), "14일 2시간 후", "14 d 2 h later"),
    ],
)
def test_silences_are_told_in_two_units_at_most(between: timedelta, ko: str, en: str) -> None:
    assert Words("ko").lapse(between) == ko
    assert Words("en").lapse(between) == en


def test_a_day_is_the_one_in_seoul() -> None:
    late = datetime(2026, 7, 31, 15, 0, tzinfo=UTC)
    assert Words("ko").day(late) == "2026년 8월 1일 (토)"
    assert Words("en").day(late - timedelta(seconds=1)) == "Fri 31 Jul 2026"


def test_an_unknown_key_is_a_bug() -> None:
    with pytest.raises(KeyError):
        Words("ko")("no.such.key")
