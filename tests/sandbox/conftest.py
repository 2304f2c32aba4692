"""A merchant's webhook endpoint for the sandbox's own tests: answers what it is told to, remembers what it got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from jangbu.sandbox.testing import Sandbox


@dataclass
class Shop:
    """Called in place of a webhook URL. `answers` are used up in order, then it answers 200."""

    answers: list[int | Exception] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        self.got.append((headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer, {"content-type": "text/plain"}, b"ok"

    def types(self) -> list[str]:
        return [msgspec.json.decode(body)["type"] for _, body in self.got]

    def ids(self, type_: str) -> list[str]:
        return [headers["webhook-id"] for headers, body in self.got if msgspec.json.decode(body)["type"] == type_]


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def sandbox(shop: Shop) -> Sandbox:
    return Sandbox(deliver=shop)


async def payment_of(sandbox: Sandbox, payment_id: str) -> Any:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body
