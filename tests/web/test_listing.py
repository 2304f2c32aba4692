"""A page of a list: what fits, where its links lead, and what somebody typed into its address."""

from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.requests import Request

from jangbu.web.listing import ONE_MORE, ROWS, as_files, filled_in, fitting, one_of, switch


def asked(query: str = "") -> Request:
    return Request({"type": "http", "method": "GET", "path": "/list", "query_string": query.encode(), "headers": []})


def query_of(href: str | None) -> dict[str, list[str]]:
    assert href is not None
    return parse_qs(urlsplit(href).query)


@pytest.mark.parametrize("count", [0, ROWS, ONE_MORE])
def test_the_row_that_does_not_fit_is_only_a_link(count: int) -> None:
    rows, pager = fitting(asked("state=sent"), range(count), str)
    assert list(rows) == list(range(min(count, ROWS)))
    if count > ROWS:
        assert query_of(pager.older_href) == {"state": ["sent"], "before": [str(ROWS - 1)]}
    else:
        assert pager.older_href is None
    assert pager.newest_href is None


def test_further_on_there_is_a_way_back_and_what_was_said_once_stays_behind() -> None:
    _, pager = fitting(asked("state=sent&before=9&queued=3&lang=en"), range(ONE_MORE), str, queued=None)
    assert query_of(pager.newest_href) == {"state": ["sent"]}
    assert query_of(pager.older_href) == {"state": ["sent"], "before": [str(ROWS - 1)]}


def test_a_switch_begins_at_the_first_page_and_keeps_the_other_filters() -> None:
    everything, sent, failed = switch(asked("type=x&state=sent&before=9"), "state", ("sent", "failed"), str.upper)
    assert [(one.label, one.chosen) for one in (everything, sent, failed)] == [
        ("", False),
        ("SENT", True),
        ("FAILED", False),
    ]
    assert query_of(everything.href) == {"type": ["x"]}
    assert query_of(failed.href) == {"type": ["x"], "state": ["failed"]}


def test_what_is_none_of_the_values_is_nothing() -> None:
    assert one_of(asked("state='; --"), "state", ("sent",)) == ""
    assert [one.chosen for one in switch(asked("state=zz"), "state", ("sent",), str)] == [True, False]


def test_what_was_typed_fits_its_field_and_postgresql() -> None:
    assert filled_in(asked("q=%20a%00b" + "c" * 50), "q", most=5) == "abcc"


def test_a_file_is_of_what_the_page_shows() -> None:
    assert as_files("/list", {"q": "a b", "from": ""}) == (("Excel", "/list.xlsx?q=a+b"), ("CSV", "/list.csv?q=a+b"))
