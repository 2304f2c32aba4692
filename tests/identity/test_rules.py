"""What PortOne's word makes of a verification, and how a person is shown without being shown."""

import pytest

from jangbu.identity.rules import Person, Seen, Status, decide, masked, word

PERSON = Person(name="김하늘", birth_date="1990-03-15", phone_number="01087654321", ci="ci", di="di", gender="FEMALE")


def seen(status: str, *, channel: str | None = "ours", live: bool = True, pg_code: str | None = None) -> Seen:
    return Seen(status, channel, live, PERSON if status == "VERIFIED" else None, pg_code)


@pytest.mark.parametrize(
    ("now", "answer", "needs_live", "becomes", "reason"),
    [
        ("started", seen("READY"), True, "started", ""),
        ("started", seen("FAILED", pg_code="P1"), True, "failed", "P1"),
        ("started", seen("FAILED"), True, "failed", "failed"),
        ("failed", seen("READY"), True, "started", ""),
        ("failed", seen("VERIFIED"), True, "verified", ""),
        ("started", seen("VERIFIED"), True, "verified", ""),
        ("started", seen("VERIFIED", live=False), False, "verified", ""),
        ("started", seen("VERIFIED", live=False), True, "mismatch", "test_channel"),
        ("started", seen("VERIFIED", channel="theirs"), False, "mismatch", "other_channel"),
        ("started", seen("VERIFIED", channel=None), False, "mismatch", "other_channel"),
        ("started", seen("UNHEARD_OF"), True, "started", ""),
        ("failed", seen("UNHEARD_OF"), True, "failed", ""),
    ],
)
def test_what_portone_says_decides(now: str, answer: Seen, needs_live: bool, becomes: str, reason: str) -> None:
    made = decide(Status(now), answer, channel_key="ours", needs_live=needs_live)
    assert (made.status, made.reason) == (becomes, reason)
    assert (made.person is not None) == (becomes == "verified")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("김하늘", "김*늘"),
        ("김솔", "김*"),
        ("남궁하늘", "남**늘"),
        ("김", "김"),
        ("John Smith", "J********h"),
        ("", ""),
    ],
)
def test_a_name_is_masked(name: str, shown: str) -> None:
    assert masked(Person(name=name)).name == shown


@pytest.mark.parametrize(
    ("number", "shown"), [("01087654321", "010-****-4321"), ("010-8765-4321", "010-****-4321"), ("123456", "****")]
)
def test_a_telephone_is_masked(number: str, shown: str) -> None:
    assert masked(Person(name="x", phone_number=number)).phone_number == shown


def test_a_mask_hides_what_tells_people_apart_for_machines() -> None:
    shown = masked(PERSON)
    assert (shown.ci, shown.di, shown.birth_date) == (None, None, "1990-**-**")


def test_a_pgs_code_is_kept_and_its_sentence_is_not() -> None:
    assert word("P-1.x_2") == "P-1.x_2"
    assert word("김하늘 없음!") == ""
    assert len(word("x" * 500)) == 100
    assert word(None) == ""
