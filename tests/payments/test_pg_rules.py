"""What a PG takes of an order's name, and what it must be told of who buys (portone-facts §10.3, §10.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu.payments.channels.pg_rules import NAME_BYTES, buyer_needs, name_for

TEA = "제주 유기농 어린 보리차 티백 대용량 선물 세트"


@pytest.mark.parametrize(
    ("pg", "name", "told"),
    [
        ("INICIS_V2", "보리차", "보리차"),
        ("INICIS_V2", "가" * 13, "가" * 13),
        ("INICIS_V2", "가" * 14, "가" * 12 + "..."),
        ("INICIS_V2", TEA, "제주 유기농 어린 보리차 티..."),
        ("INICIS_V2", f"{TEA} 외 12건", "제주 유기농 어린 보... 외 12건"),
        ("KSNET", TEA, "제주 유기농 어린 보리차 티백 대용..."),
        ("TOSSPAYMENTS", f"{TEA} 외 12건", f"{TEA} 외 12건"),
        (None, TEA, "제주 유기농 어린 보리차 티..."),
        ("SOME_PG_OF_TOMORROW", TEA, TEA),
        # Cut where a word ends, what was between it and the next goes too.
        ("INICIS_V2", "Barley tea from Jeju in a large gift box", "Barley tea from Jeju in a large gift box"),
        ("INICIS_V2", "Barley tea from Jeju, in a large set for gifts", "Barley tea from Jeju, in a large set..."),
    ],
)
def test_a_name_is_cut_to_what_the_pg_takes(pg: str | None, name: str, told: str) -> None:
    assert name_for(pg, name) == told


@given(st.text(min_size=1, max_size=100), st.sampled_from([*NAME_BYTES, None, "TOSSPAYMENTS"]), st.integers(0, 49))
def test_no_name_is_too_long_or_empty_for_its_pg(name: str, pg: str | None, more: int) -> None:
    whole = name + (f" 외 {more}건" if more else "")
    told = name_for(pg, whole)
    assert told
    assert told == whole or len(told.encode()) <= NAME_BYTES.get(pg or "INICIS", 0)
    if more:
        assert told.endswith(f" 외 {more}건")


def test_who_buys_is_demanded_where_the_pg_needs_it() -> None:
    assert buyer_needs("INICIS_V2") == buyer_needs("WELCOME") == ("fullName", "phoneNumber", "email")
    assert buyer_needs("KSNET") == ("fullName",)
    assert buyer_needs("TOSSPAYMENTS") == buyer_needs("INICIS_JP") == buyer_needs(None) == ()
