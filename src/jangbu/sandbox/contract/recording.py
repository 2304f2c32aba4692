"""What is kept of an answer: its status, the type of an error, and the shape of the body. Nobody's data.

What may be kept is listed, and all else is replaced by what it is: a text, a time, a number. So a field that PortOne
adds tomorrow gives nothing away.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from jangbu.sandbox.contract.steps import Step

KEPT = frozenset({"type", "status", "version", "currency", "trigger", "platformType"})
"""Fields whose values are words of PortOne's own. Two of them, `type` and `status`, tell the members of a union."""
WORD = re.compile(r"[A-Z][A-Za-z0-9_]{0,63}")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
ITEMS_MAX = 5
DEPTH_MAX = 20


class Answer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An answer as it is kept."""

    status: int
    content_type: str
    body: Any


class Exchange(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A step and what was answered; `skipped` says why nobody asked."""

    step: Step
    answer: Answer | None = None
    skipped: str = ""


class Recording(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The file. It holds requests with their blanks, and answers without their values."""

    recorded_at: str
    host: str
    with_test_payments: bool
    exchanges: list[Exchange]
    format: int = 1


def kept_of(status: int, headers: Mapping[str, str], raw: bytes) -> Answer:
    """What is kept of an answer."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        body = without_values(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = "<no JSON>"
    return Answer(status, content_type if content_type in ("application/json", "text/html") else "<other>", body)


def without_values(value: Any, name: str = "", depth: int = 0) -> Any:
    """The value's shape: every value that is not on the list is replaced by what it is."""
    if depth > DEPTH_MAX:
        return "<deeper>"
    match value:
        case dict():
            return {
                key if NAME.fullmatch(key) else "<name>": without_values(each, key, depth + 1)
                for key, each in value.items()
            }
        case list():
            return [without_values(each, name, depth + 1) for each in value[:ITEMS_MAX]]
        case str() if name in KEPT and WORD.fullmatch(value):
            return value
        case str():
            return "<time>" if TIME.fullmatch(value) else "<text>"
        case bool():
            return "<yes or no>"
        case int():
            return "<whole number>"
        case None:
            return None
    return "<number>"


def shape_of(body: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Each place in a kept body, and what is there. A member of a union is a place of its own: `items[]<PAID>.id`."""
    match body:
        case dict():
            told = body.get("status") or body.get("type")
            here = f"{at}<{told}>" if isinstance(told, str) and not told.startswith("<") else at
            yield here, "object"
            for name, each in body.items():
                yield from shape_of(each, f"{here}.{name}" if here else name)
        case list():
            yield at, "list"
            for each in body:
                yield from shape_of(each, f"{at}[]")
        case None:
            yield at, "null"
        case str() if not body.startswith("<"):
            yield at, "<text>"
        case _:
            yield at, str(body)
