import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel, Field

from jangbu.clock import ManualClock
from jangbu.money import AMOUNT_MINOR_MAX, Money
from jangbu.web.envelope import error, ok, to_json

NOON = datetime(2026, 8, 1, 3, 0, 0, 120_987, tzinfo=UTC)
CLOCK = ManualClock(NOON)


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Line:
    price: Money
    paid_at: datetime | None = None


class Wire(msgspec.Struct, rename="camel"):
    order_name: str
    left_out: str | msgspec.UnsetType = msgspec.UNSET


class Model(BaseModel):
    order_name: str = Field(alias="orderName")
    price: int


def test_an_answer_has_exactly_the_three_agreed_fields() -> None:
    response = ok({"id": 1}, message="완료", status=201, clock=CLOCK)
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.body) == {"data": {"id": 1}, "message": "완료", "timestamp": "2026-08-01T03:00:00.120Z"}
    assert "완료" in bytes(response.body).decode()


def test_an_error_has_exactly_the_agreed_fields_and_details_only_when_there_are_some() -> None:
    def body(details: Any = None) -> Any:
        return json.loads(error("X", "안 됩니다", status=409, request_id="r-1", clock=CLOCK, details=details).body)

    plain = {"code": "X", "message": "안 됩니다", "timestamp": "2026-08-01T03:00:00.120Z", "requestId": "r-1"}
    assert body() == {"error": plain}
    assert body([{"field": "a"}]) == {"error": plain | {"details": [{"field": "a"}]}}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Money(12_300, "KRW"), {"amount": 12_300, "currency": "KRW"}),
        (Money(-5, "USD"), {"amount": -5, "currency": "USD"}),
        (NOON.astimezone(timezone(timedelta(hours=9))), "2026-08-01T03:00:00.120Z"),
        (date(2026, 8, 1), "2026-08-01"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Colour.RED, "red"),
        (Line(Money(1, "KRW")), {"price": {"amount": 1, "currency": "KRW"}, "paid_at": None}),
        (Wire("모자"), {"orderName": "모자"}),
        (Model(orderName="모자", price=3), {"orderName": "모자", "price": 3}),
        ((True, None, [1, "a"]), [True, None, [1, "a"]]),
        (msgspec.Raw(b'{"rate":0.1}'), {"rate": 0.1}),
        (AMOUNT_MINOR_MAX, 2**53 - 1),
    ],
)
def test_each_kind_of_value_has_one_written_form(value: Any, written: Any) -> None:
    assert json.loads(to_json({"at": value})) == {"at": written}


@pytest.mark.parametrize(
    "value",
    [0.1, 1.0, float("nan"), Decimal("1.10"), 2**53, -(2**53), datetime(2026, 8, 1), {1: "a"}, {1, 2}, b"x", object()],  # noqa: DTZ001
)
def test_what_would_lie_or_be_rounded_on_the_wire_is_a_bug_wherever_it_hides(value: Any) -> None:
    with pytest.raises(AssertionError, match=r"\$\.lines\[1\]\.deep"):
        to_json({"lines": [{}, {"deep": value}]})


@given(some.integers(-AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX), some.text())
def test_every_amount_and_text_arrives_as_it_was_sent(amount: int, text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        return
    sent = to_json({"price": Money(amount, "KRW"), "text": text})
    assert json.loads(sent) == {"price": {"amount": amount, "currency": "KRW"}, "text": text}
