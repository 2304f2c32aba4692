"""The API's description in OpenAPI 3.0, split by audience.

FastAPI writes 3.1; the Swagger UI we ship (4.15, in a wheel, so that the docs need no internet) reads 3.0. What differs
is little and mechanical. `/api/openapi.json` shows what everybody may call, the admin description what staff may.
"""

from collections.abc import Iterable
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from jangbu.access.guard import rules_of
from jangbu.access.rules import Rule
from jangbu.web.examples import with_examples

Audience = Literal["public", "admin"]

ADMIN_TAG = "admin"
"""Routes with this tag stand in /admin-docs, and in /api-docs only if tagged `public` as well. All others under /api/
stand in /api-docs."""
PUBLIC_TAG = "public"

ABOUT = """\
**Who calls.** Send a key as `Authorization: Bearer jbk_…`. `jangbu keys create shop --scope payments:create`
makes one (more scopes: repeat `--scope`), as does the console under API 키. Each call says which scope it needs.
*Authorize* tries a key out on this page. A key belongs on your server and never into a browser.

**Money** is a whole number in the smallest unit of its currency: `10000` is ₩10,000, `1999` with `USD` is
$19.99.
**Times** are RFC 3339 in UTC; a day without a time is a day in Korea.

**Answers** are `{"data": …}`. Whatever goes wrong is `{"error": {"code", "message", "requestId"}}`, with
`details` where a field is at fault. Go by `code`, which stays; `message` is for people, in Korean, or in
English with `Accept-Language: en`.

**Twice is once.** Where a call takes an `Idempotency-Key`, the same key with the same body is the same payment
or refund. Send one whenever money moves, and after a lost answer send the same again.
"""
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_ERROR_SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "title": "Error",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "timestamp", "requestId"],
                "properties": {
                    "code": {"type": "string", "example": "INVALID_REQUEST"},
                    "message": {"type": "string"},
                    "timestamp": {"type": "string", "format": "date-time"},
                    "requestId": {"type": "string"},
                    "details": {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}},
                },
            }
        },
    },
    "Problem": {
        "type": "object",
        "title": "Problem",
        "required": ["field", "problem"],
        "properties": {
            "field": {"type": "string", "example": "items[0].amount"},
            "problem": {"type": "string"},
        },
    },
}


def description(app: FastAPI, audience: Audience) -> dict[str, Any]:
    """What `audience` may call, as an OpenAPI 3.0.3 document with no schema that nothing uses."""
    whole = get_openapi(title=app.title, version=app.version, routes=app.routes)
    whole = _with_our_errors(whole)
    rules = rules_of(app)
    paths: dict[str, Any] = {}
    for path, item in whole.get("paths", {}).items():
        kept = {
            key: with_examples(key, path, _with_rule(value, rules.get((key.upper(), path))))
            if key in _METHODS
            else value
            for key, value in item.items()
            if key not in _METHODS or _is_for(path, value, audience)
        }
        if kept.keys() & _METHODS:
            paths[path] = kept
    document = {**whole, "openapi": "3.0.3", "info": whole["info"] | {"description": ABOUT}, "paths": paths}
    components = dict(whole.get("components", {}))
    schemas = components.get("schemas", {})
    used = _reachable(paths, schemas)
    components["schemas"] = {name: schema for name, schema in schemas.items() if name in used}
    document["components"] = components
    older: dict[str, Any] = _older(document)
    return older


def _is_for(path: str, operation: dict[str, Any], audience: Audience) -> bool:
    tags = operation.get("tags", ())
    if audience == "admin":
        return ADMIN_TAG in tags
    # Outside /api/ are pages for people, which are no part of the API unless they say so.
    return PUBLIC_TAG in tags or (ADMIN_TAG not in tags and path.startswith("/api/"))


def _with_rule(operation: dict[str, Any], rule: Rule | None) -> dict[str, Any]:
    """Who may call it, below what it does."""
    told = operation.get("description", "")
    return operation if rule is None else operation | {"description": f"{told}\n\n**Who may:** {rule}.".strip()}


def _with_our_errors(document: dict[str, Any]) -> dict[str, Any]:
    """FastAPI describes its own 422; ours is the envelope."""
    for item in document.get("paths", {}).values():
        for method in item.keys() & _METHODS:
            invalid = item[method].get("responses", {}).get("422")
            if invalid is not None:
                invalid["description"] = "INVALID_REQUEST"
                invalid["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in _ERROR_SCHEMAS.items():
        assert name not in schemas, f"{name} is the error envelope's name; call the model something else"
        schemas[name] = schema
    return document


def _reachable(start: Any, schemas: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(_references(start))
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas:
            found.add(name)
            waiting.extend(_references(schemas[name]))
    return found


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            yield target.rpartition("/")[2]
        # A discriminator names schemas by bare address.
        for mapped in (node.get("discriminator") or {}).get("mapping", {}).values():
            yield mapped.rpartition("/")[2]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _older(node: Any) -> Any:
    """A 3.1 description in the words of 3.0: null, const, exclusive limits, examples."""
    if isinstance(node, list):
        return [_older(each) for each in node]
    if not isinstance(node, dict):
        return node
    older = {name: _older_part(name, value) for name, value in node.items()}
    for choice in ("anyOf", "oneOf"):
        options = older.get(choice)
        if isinstance(options, list) and {"type": "null"} in options:
            options = [option for option in options if option != {"type": "null"}]
            older["nullable"] = True
            if len(options) == 1:
                del older[choice]
                # A $ref hides its siblings in 3.0, so it goes into a list of one.
                older |= {"allOf": options} if "$ref" in options[0] else options[0]
            else:
                older[choice] = options
    if "const" in older:
        older["enum"] = [older.pop("const")]
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if type(older.get(exclusive)) in (int, float):
            older[limit] = older[exclusive]
            older[exclusive] = True
    if isinstance(older.get("examples"), list):
        examples = older.pop("examples")
        if examples:
            older["example"] = examples[0]
    if "contentMediaType" in older:
        del older["contentMediaType"]
        older["format"] = "binary"
    return older


def _older_part(name: str, value: Any) -> Any:
    if name == "properties" and isinstance(value, dict):
        # These names are fields of somebody's model: one called "const" or "examples" is not a keyword.
        return {field: _older(schema) for field, schema in value.items()}
    return value if name in ("default", "enum", "example") else _older(value)
