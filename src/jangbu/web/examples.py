"""What each call of the API is asked and answered, as it really happened in a test (tests/web/test_api_examples.py)."""

import functools
import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).with_name("api_examples.json")


def with_examples(method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    """The description of one call with its request and answer, where they are kept."""
    found = _kept().get(f"{method.upper()} {path}")
    if found is None:
        return operation
    shown = {**operation, "responses": dict(operation.get("responses", {}))}
    if "request" in found and "requestBody" in operation:
        shape = operation["requestBody"]["content"]["application/json"]
        content = {"application/json": {**shape, "example": found["request"]}}
        shown["requestBody"] = {**operation["requestBody"], "content": content}
    status = str(found["status"])
    before = shown["responses"].get(status, {"description": "It was done."})
    shown["responses"][status] = {**before, "content": {"application/json": {"example": found["answer"]}}}
    return shown


@functools.cache
def _kept() -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return kept
