"""The two shapes of a JSON answer (requirements E11) and the one encoder that writes them.

    {"data": …, "message": "…", "timestamp": "…"}
    {"error": {"code", "message", "timestamp", "requestId", "details"?}}

The encoder refuses what would lie on the wire: floats, Decimals, naive times, and integers a JSON reader would round.
"""

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel
from starlette.responses import JSONResponse

from jangbu.clock import Clock, rfc3339
from jangbu.money import AMOUNT_MINOR_MAX, Money

_encode = msgspec.json.Encoder().encode


class Answer(JSONResponse):
    """JSON by `to_json`; also FastAPI's default response class, so no route can answer a float by accident."""

    def render(self, content: Any) -> bytes:
        return to_json(content)


def ok(data: Any, *, message: str = "", status: int = 200, clock: Clock) -> JSONResponse:
    """The answer to a request that was carried out. `data` is anything `plain` takes."""
    return Answer({"data": data, "message": message, "timestamp": clock.now()}, status_code=status)


def error(
    code: str,
    message: str,
    *,
    status: int,
    request_id: str,
    clock: Clock,
    details: Any = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer to a request that was refused or that failed. Doors raise a Refusal rather than call this."""
    body: dict[str, Any] = {
        "code": code,
        "message": message,
        "timestamp": clock.now(),
        "requestId": request_id,
    }
    if details is not None:
        body["details"] = details
    return Answer({"error": body}, status_code=status, headers=dict(headers or {}))


def to_json(value: Any) -> bytes:
    """`value` as UTF-8 JSON: times in RFC 3339, UTC, milliseconds; Money as `{"amount": minor units, "currency"}`."""
    return _encode(plain(value))


def plain(value: Any, at: str = "$") -> Any:
    """`value` in terms of dict, list, str, int, bool and None.

    Takes Money, datetime, date, UUID, Enum, dataclasses, msgspec structs, pydantic models, mappings with text keys, and
    `msgspec.Raw` for JSON that goes out exactly as it came in. `at` names the place in the assertion's message.
    """
    match value:
        case None | bool() | msgspec.Raw():
            return value
        case Enum():
            return plain(value.value, at)
        case str():
            return str(value)
        case int():
            # 2^53 - 1 is the last integer every JSON reader holds exactly; the next ones would arrive changed.
            assert abs(value) <= AMOUNT_MINOR_MAX, f"{at}: {value} is too large for a JSON number; send it as text"
            return int(value)
        case float() | Decimal():
            raise AssertionError(f"{at}: {value!r} must not be answered; money is an integer in minor units")
        case Money():
            return {"amount": plain(value.amount_minor, at), "currency": value.currency}
        case datetime():
            assert value.tzinfo is not None, f"{at}: a time without a zone is not a time"
            return rfc3339(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case BaseModel():
            return plain(value.model_dump(by_alias=True), at)
        case msgspec.Struct():
            pairs = [(field.encode_name, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
            return {name: plain(item, f"{at}.{name}") for name, item in pairs if item is not msgspec.UNSET}
        case Mapping():
            for name in value:
                assert isinstance(name, str), f"{at}: a JSON name is text, not {name!r}"
            return {str(name): plain(item, f"{at}.{name}") for name, item in value.items()}
        case list() | tuple():
            return [plain(item, f"{at}[{index}]") for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name), f"{at}.{name}") for name in names}
    raise AssertionError(f"{at}: {type(value).__name__} has no JSON form here")
