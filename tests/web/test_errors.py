import json
from collections.abc import Callable
from string import Formatter
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from jangbu.web.problems import LIMITS, PROBLEMS_MAX, WORDS

GOOD = {"amount": 100, "currency": "KRW"}
HTML = {"accept": "text/html,application/xhtml+xml", "accept-language": "ko"}


def failure(response: httpx.Response) -> dict[str, Any]:
    body = response.json()
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() - {"details"} == {"code", "message", "timestamp", "requestId"}
    assert error["requestId"] == response.headers["x-request-id"]
    return error


async def test_an_answer_that_was_meant_is_in_the_envelope(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/orders", json=GOOD)
    assert response.json()["data"] == {"paid": {"amount": 100, "currency": "KRW"}}


async def test_a_refusal_keeps_its_code_and_speaks_the_callers_language(client: httpx.AsyncClient) -> None:
    korean = await client.get("/api/sold-out")
    english = await client.get("/api/sold-out", headers={"accept-language": "en-GB"})
    assert korean.status_code == english.status_code == 409
    assert failure(korean)["code"] == "TEST_STOCK_GONE"
    assert failure(korean)["message"] == "<b>모자</b> 재고가 없습니다."
    assert failure(english)["message"] == "<b>모자</b> is out of stock."


async def test_being_unavailable_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/away")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert failure(response)["code"] == "UNAVAILABLE"


async def test_every_bad_field_is_named_in_plain_words_and_no_value_is_repeated(client: httpx.AsyncClient) -> None:
    body = {
        "amount": "SECRET-1",
        "currency": "SECRET-2",
        "lines": [{"price": 1}, {"price": 0, "memo": "SECRET-3"}],
        "unknown": "SECRET-4",
        "<img src=SECRET-5>": 1,
    }
    response = await client.post("/api/orders", json=body, headers={"accept-language": "en"})
    assert response.status_code == 422
    error = failure(response)
    assert error["code"] == "INVALID_REQUEST"
    assert {each["field"]: each["problem"] for each in error["details"]} == {
        "amount": "must be a whole number.",
        "currency": "does not have the expected form.",
        "lines[1].price": "must be greater than 0.",
        "lines[1].memo": "must have at most 5 characters.",
        "unknown": "is not a known field.",
        "…": "is not a known field.",
    }
    assert "SECRET" not in response.text
    korean = failure(await client.post("/api/orders", json={"amount": 1}))
    assert korean["details"] == [{"field": "currency", "problem": "필수 항목입니다."}]


@pytest.mark.parametrize("kind", WORDS)
def test_the_words_for_a_problem_can_only_name_limits_of_our_own_schema(kind: str) -> None:
    ko, en = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in WORDS[kind])
    assert ko == en
    assert ko <= LIMITS


async def test_a_float_amount_is_refused_and_said_so(client: httpx.AsyncClient) -> None:
    for amount in ("100.0", "100.5", "1e2", "NaN"):
        response = await client.post(
            "/api/orders",
            content=f'{{"amount": {amount}, "currency": "KRW"}}',
            headers={"content-type": "application/json"},
        )
        assert response.status_code == 422, amount
        assert [each["field"] for each in failure(response)["details"]] == ["amount"]


async def test_a_bad_query_value_is_named_with_where_it_stood(client: httpx.AsyncClient) -> None:
    error = failure(await client.get("/api/orders?limit=many"))
    assert error["details"] == [{"field": "query.limit", "problem": "정수여야 합니다."}]


async def test_ten_thousand_bad_items_make_a_short_answer(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/orders", json=GOOD | {"lines": [{"price": 0}] * 10_000})
    assert len(failure(response)["details"]) == PROBLEMS_MAX


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"\xff\xfe{}", b'{"amount": 1,}', b"[" * 200_000],
    ids=["cut off", "empty", "not utf-8", "trailing comma", "nested beyond reason"],
)
async def test_what_is_not_json_is_told_so(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/api/orders", content=body, headers={"content-type": "application/json"})
    if body == b"":
        # No body at all is a missing body, which FastAPI does not tell apart from a missing field.
        assert response.status_code == 422
        assert failure(response)["details"] == [{"field": "body", "problem": "필수 항목입니다."}]
        return
    assert response.status_code == 400
    assert failure(response)["code"] == "MALFORMED_JSON"


async def test_json_sent_as_something_else_is_told_which_type_to_use(client: httpx.AsyncClient) -> None:
    response = await client.post("/api/orders", content=json.dumps(GOOD), headers={"content-type": "text/plain"})
    assert response.status_code == 422
    assert "application/json" in failure(response)["details"][0]["problem"]


async def test_an_unknown_address_and_an_unknown_method(client: httpx.AsyncClient) -> None:
    nowhere = await client.get("/api/nowhere", headers=HTML)
    assert nowhere.status_code == 404
    assert failure(nowhere)["code"] == "NOT_FOUND"
    wrong = await client.delete("/api/float")
    assert wrong.status_code == 405
    assert failure(wrong)["code"] == "METHOD_NOT_ALLOWED"
    assert "GET" in wrong.headers["allow"]


async def test_a_crash_tells_the_caller_an_id_and_the_log_everything(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        response = await client.get("/api/crash")
    assert response.status_code == 500
    error = failure(response)
    assert error["code"] == "INTERNAL_ERROR"
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text
    crash = next(line for line in logged if line["event"] == "request.crashed")
    assert crash["request_id"] == error["requestId"]
    assert "hunter2" in str(crash["exc_info"])
    assert crash["exc_info"].__traceback__ is not None


async def test_a_float_that_slips_into_an_answer_is_our_bug_and_never_leaves(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/float")
    assert response.status_code == 500
    assert failure(response)["code"] == "INTERNAL_ERROR"
    assert "0.1" not in response.text


async def test_an_answer_that_breaks_in_the_middle_breaks_the_connection(client: httpx.AsyncClient) -> None:
    with pytest.raises(RuntimeError, match="the other half"):
        await client.get("/api/half")


async def test_people_get_a_page_and_programs_get_json(client: httpx.AsyncClient) -> None:
    for path, status, heading in (
        ("/console/nowhere", 404, "찾을 수 없습니다"),
        ("/console/crash", 500, "오류가 발생했습니다"),
        ("/console/sold-out", 409, "처리할 수 없습니다"),
    ):
        page = await client.get(path, headers=HTML)
        assert page.status_code == status
        assert page.headers["content-type"].startswith("text/html")
        assert f"<h1>{heading}</h1>" in page.text
        assert page.headers["x-request-id"] in page.text
        assert "hunter2" not in page.text
        assert failure(await client.get(path))["code"]
    assert "&lt;b&gt;모자&lt;/b&gt; 재고가" in page.text


async def test_a_broken_error_page_still_leaves_an_answer(
    build: Callable[..., FastAPI], client_of: Callable[[FastAPI], Any]
) -> None:
    app = build()
    app.state.pages.environment.globals.pop("static")
    async with client_of(app) as client:
        response = await client.get("/console/nowhere", headers=HTML)
        assert response.status_code == 404
        assert failure(response)["code"] == "NOT_FOUND"
