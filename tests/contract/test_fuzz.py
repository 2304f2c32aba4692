"""Requests that nobody should send: each is answered as PortOne's description allows, and nothing goes wrong inside.

No exception, no status or error type that the operation does not declare; a refusal changes nothing, and neither does
reading; after all of it the books add up, the world can be written and read, and a good call works.
"""

import os
import zlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest

from contract import openapi, swagger
from contract.hostile import CONTENT_TYPES, NOT_JSON, Maker, Schema, as_pairs, written
from contract.stocked import check_books, remembered, stocked, stocked_v1
from jangbu import sandbox as names
from jangbu.sandbox.app import operations, v1_operations
from jangbu.sandbox.core.problems import STATUS_OF_TYPE
from jangbu.sandbox.gate import Call, Operation
from jangbu.sandbox.testing import Sandbox
from jangbu.sandbox.v1 import PREFIX
from jangbu.sandbox.v1 import gate as v1_gate

IN_CI = bool(os.environ.get("CI"))
REQUESTS = 300 if IN_CI else 80
SEEDS = (1, 2) if IN_CI else (1,)
DESCRIPTION = openapi.Description(openapi.BESIDE_THE_PROJECT) if openapi.BESIDE_THE_PROJECT else None
V1_DESCRIPTION = swagger.V1Description(swagger.BESIDE_THE_PROJECT) if swagger.BESIDE_THE_PROJECT else None
CREDENTIALS = ("", "PortOne", "PortOne ", "PortOne wrong", "Bearer wrong", "portone sandbox-api-secret", "결제", "\x7f")
KEEPS_A_CARD = {"v1_schedule"}
"""It registers the card first, and what is refused then is the schedule alone."""
TRIED_AT_THE_PG = "PG_PROVIDER"
"""The one refusal that may leave something behind: a failed attempt."""
QUERY = ("storeId", "amount", "channelKey", "pgTxId", "profileKey", "country", "currency", "reason", "skipWebhook")
"""What is asked for in the query, where no description says so."""
KEYS = (
    '"0123456789abcdef"',
    '"fedcba9876543210"',
    "0123456789abcdef",
    '"short"',
    '""',
    '"가나다라"',
    '"' + "x" * 300 + '"',
)


def test_the_answers_are_judged_by_portones_descriptions() -> None:
    if DESCRIPTION is None or V1_DESCRIPTION is None:
        pytest.skip(
            "hostile requests are judged by the sandbox's own shapes alone: PortOne's are not beside the project"
        )


class Shapes:
    """What each operation reads, learned from its own reading."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, gate: Any, method: str) -> None:
        self.seen: list[type[msgspec.Struct]] = []
        read = getattr(gate, method)

        def noted(call: Any, shape: type[msgspec.Struct]) -> Any:
            if shape not in self.seen:
                self.seen.append(shape)
            return read(call, shape)

        monkeypatch.setattr(gate, method, noted)

    def schemas(self) -> Iterator[tuple[Schema, Any]]:
        for shape in self.seen:
            whole = msgspec.json.schema(shape)
            yield whole, _within(whole.get("$defs", {}))


def _within(named: Mapping[str, Schema]) -> Any:
    def resolve(schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = named[schema["$ref"].rpartition("/")[2]]
        return schema

    return resolve


def seed_of(name: str, seed: int) -> int:
    """Its own for each operation, so that one can be run alone."""
    return zlib.crc32(f"{name} {seed}".encode())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("operation", operations.all, ids=lambda operation: operation.name)
async def test_v2_withstands(monkeypatch: pytest.MonkeyPatch, operation: Operation, seed: int) -> None:
    chance = Random(seed_of(operation.name, seed))  # noqa: S311 (it has to repeat)
    sandbox, home = await stocked(seed)
    shapes, maker = Shapes(monkeypatch, Call, "body"), Maker(chance, home)
    described = DESCRIPTION.body_of(operation.method, operation.path) if DESCRIPTION else None
    for body in (*NOT_JSON, *[None] * REQUESTS):
        known = list(shapes.schemas())
        if DESCRIPTION is not None and described is not None:
            known.append((described, DESCRIPTION.resolved))
        target, headers, raw = v2_request(maker, operation, known)
        if body is not None:
            # Each of these once, at every operation that reads a body.
            target, raw = maker.path(operation.path), body if known else b""
        before = remembered(sandbox.world)
        where = f"{operation.method} {target[:300]} {headers} {raw[:500]!r}"
        try:
            status, answered, said = await sandbox.transport.send(operation.method, target, headers, raw)
        except Exception as problem:
            raise AssertionError(f"it broke on {where}") from problem
        assert answered["content-type"] == "application/json", where
        judge_v2(operation, target, status, msgspec.json.decode(said), where)
        is_refused = status != 200 and TRIED_AT_THE_PG.encode() not in said
        if operation.method == "GET" or is_refused:
            assert remembered(sandbox.world) == before, where
    await check_after(sandbox)


def v2_request(
    maker: Maker, operation: Operation, known: list[tuple[Schema, Any]]
) -> tuple[str, dict[str, str], bytes]:
    """Target, headers and body: in each the next thing may be wrong."""
    chance = maker.chance
    target = maker.path(operation.path, leaves=chance.random() < 0.03)
    headers = {"authorization": f"PortOne {names.API_SECRET}", "content-type": "application/json"}
    if chance.random() < 0.05:
        headers["authorization"] = chance.choice(CREDENTIALS)
    if chance.random() < 0.05:
        headers["content-type"] = chance.choice(CONTENT_TYPES)
    if chance.random() < 0.1:
        headers["idempotency-key"] = chance.choice(KEYS)
    raw = b""
    if known:
        schema, resolve = chance.choice(known)
        body = maker.good(schema, resolve)
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            body = maker.spoil(body)
        raw = written(body) if chance.random() < 0.93 else chance.choice(NOT_JSON)
    query = {}
    if operation.method in ("GET", "DELETE") and raw and chance.random() < 0.5:
        query["requestBody"], raw = quote(raw[:20_000], safe=""), b""
    for name in DESCRIPTION.query_of(operation.method, operation.path) if DESCRIPTION else QUERY:
        if chance.random() < 0.7:
            value = chance.choice(home) if (home := maker.at_home.get(name)) and chance.random() < 0.8 else None
            query[name] = _in_a_query(value if value is not None else maker.oddity(name))
    separated = "&".join(f"{name}={value}" for name, value in query.items())
    return target + (f"?{separated}" if separated else ""), headers, raw


def _in_a_query(value: Any) -> str:
    return quote(str(value).encode(errors="replace")[:2_000], safe="")


def judge_v2(operation: Operation, target: str, status: int, body: Any, where: str) -> None:
    if status == 404 and body["type"] == "NOT_FOUND":
        return
    assert status == 200 or status == STATUS_OF_TYPE[body["type"]], f"{status} {body} to {where}"
    if DESCRIPTION is not None:
        assert DESCRIPTION.problems(operation.method, target, status, body) == [], where


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("operation", v1_operations, ids=lambda operation: operation.name)
async def test_v1_withstands(monkeypatch: pytest.MonkeyPatch, operation: v1_gate.Operation, seed: int) -> None:
    chance = Random(seed_of(operation.name, seed))  # noqa: S311 (it has to repeat)
    sandbox, home = await stocked_v1(seed)
    token = await sandbox.v1_token()
    shapes, maker = Shapes(monkeypatch, v1_gate.Call, "asked"), Maker(chance, home)
    for body in (*NOT_JSON, *[None] * REQUESTS):
        target, headers, raw = v1_request(maker, operation, list(shapes.schemas()), token)
        if body is not None:
            target, raw = PREFIX + maker.path(operation.path), body
        before = remembered(sandbox.world)
        where = f"{operation.method} {target[:300]} {headers} {raw[:500]!r}"
        try:
            status, answered, said = await sandbox.transport.send(operation.method, target, headers, raw)
        except Exception as problem:
            raise AssertionError(f"it broke on {where}") from problem
        assert answered["content-type"] == "application/json", where
        told = msgspec.json.decode(said)
        if status == 404 and told.get("type") == "NOT_FOUND":
            continue
        if V1_DESCRIPTION is not None:
            path = target.removeprefix(PREFIX)
            assert V1_DESCRIPTION.problems(operation.method, path, status, told) == [], where
        is_refused = told["code"] != 0 and not told["message"].startswith("[")
        if (operation.method == "GET" or is_refused) and operation.name not in KEEPS_A_CARD:
            assert remembered(sandbox.world) == before, f"{told} {where}"
    await check_after(sandbox)


def v1_request(
    maker: Maker, operation: v1_gate.Operation, known: list[tuple[Schema, Any]], token: str
) -> tuple[str, dict[str, str], bytes]:
    chance = maker.chance
    target = PREFIX + maker.path(operation.path, leaves=chance.random() < 0.03)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    if chance.random() < 0.05:
        headers["authorization"] = chance.choice(CREDENTIALS)
    body: Any = {}
    if known:
        body = maker.good(*chance.choice(known))
        for _ in range(chance.choice((0, 1, 1, 1, 2))):
            body = maker.spoil(body)
    form = urlencode(list(as_pairs(body)) if isinstance(body, dict) else [])[:50_000]
    if operation.method in ("GET", "DELETE") and chance.random() < 0.8:
        return f"{target}?{form}" if form else target, headers, b""
    if chance.random() < 0.05:
        return target, headers | {"content-type": chance.choice(CONTENT_TYPES)}, chance.choice(NOT_JSON)
    if chance.random() < 0.4:
        return target, headers | {"content-type": "application/x-www-form-urlencoded"}, form.encode()
    return target, headers, written(body)


async def check_after(sandbox: Sandbox) -> None:
    """Nothing that was taken in comes out wrong: not at once, not when its time comes, and a good call works."""
    check_books(sandbox.world)
    for _ in range(2):
        for path in ("/payments", "/billing-keys", "/payment-schedules", "/cash-receipts", "/identity-verifications"):
            wanted = {"filter": {"from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}}
            status, listed = await sandbox.api("GET", path, {**wanted, "page": {"size": 5_000}})
            assert status == 200, listed
            _judged("GET", path, status, listed)
        for path in ("/payments-by-cursor", "/payment-events-by-cursor"):
            status, listed = await sandbox.api("GET", path, {"size": 1_000})
            _judged("GET", path, status, listed)
            assert status == 200
        await sandbox.move(timedelta(days=400))
        check_books(sandbox.world)
    assert "code" not in await sandbox.pay("after-0001", totalAmount=1_100)
    status, answer = await sandbox.cancel("after-0001", 100)
    assert status == 200 and answer["cancellation"]["status"] == "SUCCEEDED"
    key = await sandbox.billing_key()
    assert (await sandbox.charge("after-0002", key))[0] == 200
    assert sandbox.captures("after-0001") == [1_100] and sandbox.refunds("after-0001") == [100]
    check_books(sandbox.world)


def _judged(method: str, path: str, status: int, body: Any) -> None:
    if DESCRIPTION is not None:
        assert DESCRIPTION.problems(method, path, status, body) == []
