"""Requests that nobody should send: made from a schema, nearly right, with one or two things wrong.

Seeded, so that a request that broke something is made again by the same seed.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from random import Random
from typing import Any
from urllib.parse import quote

Schema = Mapping[str, Any]
Resolve = Callable[[Schema], Schema]
DEEP, LONG, NOT_UTF8 = "@@deep@@", "@@long@@", "@@not-utf8@@"
DEPTH = 3_000
ODDITIES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    0.5,
    1e300,
    float("nan"),
    float("inf"),
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    10**400,
    "",
    " ",
    "0",
    "-1",
    "1e9999",
    "NaN",
    "²",
    "１２３４",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\U0001f4b8" * 50,
    "\u202egnp",
    "가" * 300,
    "x" * 100_000,
    "../../etc",
    "a/b",
    "%2F",
    "%",
    "'; --",
    "<b>{{7*7}}</b>",
    "2026-02-30T00:00:00Z",
    "2026-08-01T00:00:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31",
    "0001-01-01",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"type": "PAID", "status": 1},
    DEEP,
    LONG,
    NOT_UTF8,
)
MONEY = (0, -1, 1, 10, 999, 1000, 1001, 11_000, 2**53, 2**63 - 1, 2**63, 10**30)
NOT_JSON = (
    b"",
    b" ",
    b"{",
    b"}",
    b"null",
    b"[]",
    b'"x"',
    b"1",
    b"{'a': 1}",
    b'{"a": 1,}',
    b'{"a": 1}{"b": 2}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"storeId": "\xff"}',
    b"\0",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"a=1&b[]=2&b[]=3&c[0][d]=4",
    b"a[b][c]=1&a=2",
    b"%",
    b"&&==&=",
)
PATHS = (
    "nobody",
    "%20",
    "%00",
    "a%2Fb",
    "..%2F..",
    "%",
    "%zz",
    "%FF%FE",
    "%ED%A0%80",
    "%EA%B2%B0%EC%A0%9C",
    "x" * 5_000,
    "%252F",
    "a+b",
    "a;b=c",
    "%F0%9F%92%B8",
    "null",
    "0",
    "-1",
    "~",
)
ELSEWHERE = ("", "a/b", "a/", ".", "..", "/")
"""Parts of a path that make another path of it."""
CONTENT_TYPES = (
    "application/json",
    "application/json; charset=euc-kr",
    "text/plain",
    "application/xml",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=euc-kr",
    "",
    "결제",
)
LONGEST = 4


class Maker:
    """Makes values of a schema; a field with a name that is at home here gets what is there under it."""

    def __init__(self, chance: Random, at_home: Mapping[str, Sequence[Any]]) -> None:
        self.chance = chance
        self.at_home = at_home

    def good(self, schema: Schema, resolve: Resolve, name: str = "", depth: int = 0) -> Any:
        """A value that the schema allows; of what may be left out, each is there at even odds."""
        schema = resolve(schema)
        if name in self.at_home and self.chance.random() < 0.9:
            return deepcopy(self.chance.choice(self.at_home[name]))
        for union in ("oneOf", "anyOf"):
            if union in schema:
                return self.good(self.chance.choice(schema[union]), resolve, name, depth + 1)
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, resolve, depth)
            case "array":
                few = range(self.chance.randint(0, 2 if depth < LONGEST else 0))
                return [self.good(schema.get("items", {}), resolve, name, depth + 1) for _ in few]
            case "integer":
                return self.chance.choice((1, 2, 3, 10, 100, 500, 1000))
            case "number":
                return self.chance.choice((1, 0.5, 1000, 10.25))
            case "boolean":
                return self.chance.random() < 0.5
            case "null":
                return None
            case "string":
                return self._text(schema)
        return self.chance.choice(("x", 1, {"a": [1]}))

    def _object(self, schema: Schema, resolve: Resolve, depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        return {
            name: self.good(each, resolve, name, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if name in required or (depth < LONGEST and self.chance.random() < 0.5)
        }

    def _text(self, schema: Schema) -> str:
        match schema.get("format"):
            case "date-time":
                return self.chance.choice(("2026-08-01T03:00:00Z", "2026-08-02T12:00:00+09:00", "2026-07-01T00:00:00Z"))
            case "date":
                return self.chance.choice(("2026-08-01", "2026-07-31"))
            case "decimal":
                return self.chance.choice(("1000", "0", "10.25"))
        return self.chance.choice(("x", "보리차", "1234567890", "SHINHAN", "KRW", "2026-08-01T03:00:00Z"))

    def spoil(self, value: Any) -> Any:
        """The same with one thing wrong, wherever it is."""
        places = list(_places(value))
        if not places or self.chance.random() < 0.05:
            return self.oddity("")
        holder, key = self.chance.choice(places)
        match self.chance.randrange(6):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[self.chance.choice(("somethingElse", "", "__proto__", "storeId", "status"))] = self.oddity("")
            case 2:
                holder[key] = [holder[key]]
            case 3:
                holder[key] = {str(key): holder[key]}
            case _:
                holder[key] = self.oddity(str(key), holder[key])
        return value

    def oddity(self, name: str, was: Any = None) -> Any:
        if isinstance(was, int) and not isinstance(was, bool) and self.chance.random() < 0.5:
            return self.chance.choice(MONEY)
        if name in self.at_home and self.chance.random() < 0.3:
            return deepcopy(self.chance.choice(self.at_home[name]))
        return deepcopy(self.chance.choice(ODDITIES))

    def path(self, template: str, *, leaves: bool = False) -> str:
        """With every `{name}` filled in, mostly by what is there; `leaves`: so that it is another path."""
        parts = []
        for part in template.split("/"):
            name = part.strip("{}")
            if part == name:
                parts.append(part)
            elif leaves:
                parts.append(self.chance.choice(ELSEWHERE))
            elif self.chance.random() < 0.85 and self.at_home.get(name):
                parts.append(quote(str(self.chance.choice(self.at_home[name])), safe=""))
            else:
                parts.append(self.chance.choice(PATHS))
        return "/".join(parts)


def written(value: Any) -> bytes:
    """JSON as it goes over the wire: what `json` cannot write is put in afterwards."""
    raw = json.dumps(value).encode()
    deep = b"[" * DEPTH + b"]" * DEPTH
    raw = raw.replace(f'"{DEEP}"'.encode(), deep).replace(f'"{LONG}"'.encode(), b"9" * 5_000)
    return raw.replace(NOT_UTF8.encode(), b"\xed\xa0\x80\xff")


def as_pairs(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A value as the fields of a form, in the manner of V1."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from as_pairs(each, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from as_pairs(each, f"{name}[]")
    else:
        text = value if isinstance(value, str) else json.dumps(value)
        yield name, text.replace(DEEP, "[]" * 50).encode(errors="replace").decode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every field and element: what holds it, and where."""
    at = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, each in at:
        yield value, key
        yield from _places(each)
