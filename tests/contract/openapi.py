"""PortOne's own description of V2 as a judge of answers.

Small on purpose, and stricter than JSON Schema: a field that the description does not have is a problem too, as is
a status that the operation does not declare.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

FILE = Path("shared", "portone", "v2.openapi.json")
BESIDE_THE_PROJECT = next((above / FILE for above in Path(__file__).parents[3:] if (above / FILE).exists()), None)
"""None when there is none: PortOne's document is not ours to ship."""
METHODS = ("get", "post", "put", "patch", "delete")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class Description:
    def __init__(self, file: Path) -> None:
        self._whole = msgspec.json.decode(file.read_bytes())
        self._paths = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations)
            for path, operations in self._whole["paths"].items()
        ]

    def problems(self, method: str, target: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer; nothing for a path that the description lacks."""
        path = urlsplit(target).path
        # A literal path wins over one with a parameter: `/payments/x` is not in question, `/payments-by-cursor` is.
        found = [operations for pattern, operations in self._paths if pattern.fullmatch(path)]
        if not found or method.lower() not in found[0]:
            return []
        answers = found[0][method.lower()]["responses"]
        if str(status) not in answers:
            return [f"{method} {path}: {status} is not declared"]
        schema = answers[str(status)]["content"]["application/json"]["schema"]
        return list(self._wrong(schema, body, f"{method} {path} {status}"))

    def errors(self, method: str, path: str) -> dict[str, int]:
        """The error types that an operation declares, each with its status."""
        answers = self._whole["paths"][path][method.lower()]["responses"]
        schemas = self._whole["components"]["schemas"]
        found: dict[str, int] = {}
        for status, answer in answers.items():
            if status != "200":
                union = schemas[_named(answer["content"]["application/json"]["schema"])]
                for type_, ref in union["discriminator"]["mapping"].items():
                    found[type_] = schemas[ref.rpartition("/")[2]]["x-portone-status-code"]
        return found

    def values(self, name: str) -> list[str]:
        """Of an enumeration."""
        return list(self._whole["components"]["schemas"][name]["enum"])

    def operations(self) -> set[tuple[str, str]]:
        """Method and path of each."""
        paths = self._whole["paths"].items()
        return {(method.upper(), path) for path, methods in paths for method in methods if method in METHODS}

    def body_of(self, method: str, path: str) -> dict[str, Any] | None:
        """The schema of the body, or of `?requestBody=` where there is only that; None where there is neither."""
        operation = self._whole["paths"][path][method.lower()]
        in_query = [each for each in operation.get("parameters", []) if each["name"] == "requestBody"]
        body = operation.get("requestBody") or next((each for each in in_query if "content" in each), None)
        return dict(body["content"]["application/json"]["schema"]) if body is not None else None

    def query_of(self, method: str, path: str) -> list[str]:
        """The names of what is asked for in the query, but for `requestBody`."""
        parameters = self._whole["paths"][path][method.lower()].get("parameters", [])
        return [each["name"] for each in parameters if each["in"] == "query" and each["name"] != "requestBody"]

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a reference refers to."""
        while "$ref" in schema:
            schema = self._whole["components"]["schemas"][_named(schema)]
        return schema

    def fields_of(self, schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The fields of an object, or of each in a list."""
        while "$ref" in schema or "items" in schema:
            schema = self._whole["components"]["schemas"][_named(schema)] if "$ref" in schema else schema["items"]
        return dict(schema.get("properties", {}))

    def _wrong(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        while "$ref" in schema:
            schema = self._whole["components"]["schemas"][_named(schema)]
        if "oneOf" in schema:
            yield from self._wrong_of_all(schema, value, where)
        elif "enum" in schema:
            if value not in schema["enum"]:
                yield f"{where}: {value!r} is none of its values"
        elif schema.get("type") == "object":
            yield from self._wrong_object(schema, value, where)
        elif schema.get("type") == "array":
            if not isinstance(value, list):
                yield f"{where}: {value!r} is no list"
                return
            for number, each in enumerate(value):
                yield from self._wrong(schema["items"], each, f"{where}[{number}]")
        else:
            yield from _wrong_scalar(schema, value, where)

    def _wrong_of_all(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        discriminator = schema.get("discriminator")
        if discriminator is None:
            each = [list(self._wrong(member, value, where)) for member in schema["oneOf"]]
            if all(each):
                yield min(each, key=len)[0]
            return
        name = discriminator["propertyName"]
        ref = discriminator["mapping"].get(value.get(name)) if isinstance(value, dict) else None
        if ref is None:
            yield f"{where}: {name} of {value!r} is no member of the union"
        else:
            yield from self._wrong({"$ref": ref}, value, f"{where}<{value[name]}>")

    def _wrong_object(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no object"
            return
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where}: {name} is missing"
        for name, each in value.items():
            if name in known:
                yield from self._wrong(known[name], each, f"{where}.{name}")
            elif "additionalProperties" not in schema and known:
                yield f"{where}: {name} is unknown"


def _named(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"].rpartition("/")[2])


def _wrong_scalar(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    kinds = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
    kind = schema.get("type")
    if kind is None:
        return
    if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where}: {value!r} is no {kind}"
    elif schema.get("format") == "int64" and not -(2**63) <= value < 2**63:
        yield f"{where}: {value!r} is beyond 64 bits"
    elif schema.get("format") == "date-time" and not RFC_3339.fullmatch(value):
        yield f"{where}: {value!r} is no RFC 3339 time"
