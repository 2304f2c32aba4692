"""PortOne's own description of V1 as a judge of answers: Swagger 2.0, where every answer is an envelope.

As strict as the judge of V2: a field that the description does not have is a problem too, as is a status that the
operation does not declare. Null is any field's value here: V1 leaves nothing out.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

FILE = Path("shared", "portone", "v1.openapi.json")
BESIDE_THE_PROJECT = next((above / FILE for above in Path(__file__).parents[3:] if (above / FILE).exists()), None)
"""None when there is none: PortOne's document is not ours to ship."""
KINDS: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
WITHOUT_A_LAST_PART = ("/payments/find/{merchant_uid}", "/payments/findAll/{merchant_uid}")
"""The status at their end may be left out (portone-facts §6.3), which Swagger cannot say."""
METHODS = {"get", "post", "put", "patch", "delete"}
REQUIRED_BY_MISTAKE = {"PaymentPrepareAnnotation": {"total", "previous", "next"}, "VbankDepositAnnotation": {"reason"}}
"""Required, and not among its properties."""


class V1Description:
    def __init__(self, file: Path) -> None:
        self._whole = msgspec.json.decode(file.read_bytes())
        paths = dict(self._whole["paths"])
        self._named = paths
        paths |= {short: paths[f"{short}/{{payment_status}}"] for short in WITHOUT_A_LAST_PART}
        # A literal path wins over one with a parameter.
        ordered = sorted(paths.items(), key=lambda item: [part.startswith("{") for part in item[0].split("/")])
        self._paths = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), operations) for path, operations in ordered]

    def operations(self) -> set[tuple[str, str]]:
        """Method and path of each; of a search whose last part may be left out, both."""
        return {(method.upper(), path) for path, methods in self._named.items() for method in methods.keys() & METHODS}

    def fields_of(self, method: str, path: str) -> set[str]:
        """What an operation is asked with, beside its path: `name[]` and `name[field]` are `name`.

        A row of a list is asked with as well: its fields are `name.field`.
        """
        found = set()
        for each in self._named[path][method.lower()].get("parameters", []):
            if each["in"] == "path":
                continue
            name = each["name"].partition("[")[0]
            found.add(name)
            if name == "schedules":
                # A form cannot say what is in a list, so this is from the definition that it means.
                rows = self._whole["definitions"]["ScheduleAnnotation"]["properties"]
                found |= {f"{name}.{field}" for field in rows}
        return found

    def problems(self, method: str, target: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer, also that there is no such operation."""
        path = urlsplit(target).path
        found = [operations for pattern, operations in self._paths if pattern.fullmatch(path)]
        operation = next((each[method.lower()] for each in found if method.lower() in each), None)
        if operation is None:
            return [f"{method} {path}: there is no such operation"]
        where = f"{method} {path} {status}"
        # Every operation needs the token, though some forget to say so.
        if str(status) not in operation["responses"] and status != 401:
            return [f"{where}: is not declared"]
        if set(body) != {"code", "message", "response"}:
            return [f"{where}: is no envelope"]
        if (body["code"] == 0) != (body["message"] is None):
            return [f"{where}: code {body['code']} with the message {body['message']}"]
        schema = operation["responses"].get(str(status), {}).get("schema")
        if schema is None or body["code"] != 0:
            return [] if body["response"] is None else [f"{where}: a refusal with a response"]
        members = schema.get("properties")
        if members is not None and "code" not in members:
            # One of several envelopes.
            each = [list(self._wrong(member, body, where)) for member in members.values()]
            return [] if not all(each) else min(each, key=len)
        return list(self._wrong(schema, body, where))

    def _resolved(self, schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name = ""
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self._whole["definitions"][name]
        if "allOf" in schema:
            merged: dict[str, Any] = {"properties": {}, "required": []}
            for part in schema["allOf"]:
                _, whole = self._resolved(part)
                merged["properties"] |= whole.get("properties", {})
                merged["required"] += whole.get("required", [])
            schema = merged
        return name, schema

    def _wrong(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        name, schema = self._resolved(schema)
        if value is None:
            return
        if schema.get("type") == "array":
            if not isinstance(value, list):
                yield f"{where}: {value!r} is no list"
                return
            for number, each in enumerate(value):
                yield from self._wrong(schema["items"], each, f"{where}[{number}]")
        elif "properties" in schema:
            yield from self._wrong_object(name, schema, value, where)
        elif not isinstance(value, KINDS.get(kind := schema.get("type", ""), object)) or (
            isinstance(value, bool) and kind in ("integer", "number")
        ):
            yield f"{where}: {value!r} is no {kind}"

    def _wrong_object(self, name: str, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no object"
            return
        known = schema["properties"]
        for field in set(schema.get("required") or []) - REQUIRED_BY_MISTAKE.get(name, set()):
            if value.get(field) is None:
                yield f"{where}: {field} is missing"
        for field, each in value.items():
            if field in known:
                yield from self._wrong(known[field], each, f"{where}.{field}")
            else:
                yield f"{where}: {field} is unknown"
