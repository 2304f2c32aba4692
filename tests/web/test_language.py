import pytest
from hypothesis import given
from hypothesis import strategies as some

from jangbu.web.language import from_header


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr", "ko"),
        ("fr,en;q=0.5", "en"),
        ("*", "ko"),
        ("en;q=0", "ko"),
        ("en;q=0.5,ko;q=0.7", "ko"),
        ("en;q=0.75,ko;q=0.7", "en"),
        ("en ; q = 0.9", "en"),
        ("en;q=abc", "ko"),
        ("EN", "en"),
    ],
)
def test_korean_unless_english_is_liked_better(header: str, language: str) -> None:
    assert from_header(header) == language


@given(some.text(max_size=200))
def test_no_header_can_break_it(header: str) -> None:
    assert from_header(header) in ("ko", "en")
    assert from_header(f"en;q={header}") in ("ko", "en")
