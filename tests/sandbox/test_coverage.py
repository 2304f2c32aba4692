"""docs/reference/sandbox.md claims what is so: no unread field is kept quiet, nothing PortOne has is left out."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.openapi import BESIDE_THE_PROJECT, FILE, Description
from jangbu.sandbox.app import operations
from jangbu.sandbox.core.faults import KINDS
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.coverage import FAMILIES, V2, rows
from jangbu.sandbox.gate import Call, Operation
from jangbu.sandbox.orders import ORDERS
from jangbu.sandbox.testing import Sandbox

TESTS = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]


@pytest.fixture(scope="module")
def description() -> Description:
    if BESIDE_THE_PROJECT is None:
        pytest.skip(f"no claim is compared with PortOne's description: there is no {FILE} beside the project")
    return Description(BESIDE_THE_PROJECT)


def test_every_operation_is_on_the_page_once() -> None:
    shown = [(row.method, row.path) for row in rows()]
    assert len(shown) == len(set(shown))
    assert {(operation.method, operation.path) for operation in operations.all} <= set(shown)
    for row in rows():
        assert (row.state == "not") == (row.name == "")
        assert (row.state == "supported") == (row.lacks == "")


def test_the_fact_shown_is_the_one_the_code_follows() -> None:
    facts = {(method, path): fact for method, path, fact in V2}
    for operation in operations.all:
        doc = operation.handler.__doc__ or ""
        cited = re.search(r"portone-facts (§[\d.]*\d)", doc)
        assert cited is None or cited[1] == facts[operation.method, operation.path], operation.name


def test_the_page_has_all_that_portone_has(description: Description) -> None:
    portones = description.operations()
    families = {path: number for path, number, _ in FAMILIES}
    for path, number in families.items():
        assert sum(each.startswith(path) for _, each in portones) == number
    alone = {each for each in portones if not each[1].startswith(tuple(families))}
    assert alone == {(method, path) for method, path, _ in V2}


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_is_ordered_by_a_test(name: str) -> None:
    assert any(f'"{name}"' in text for text in TESTS)


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_is_given_by_a_test(name: str) -> None:
    helpers = {
        "console-cancel": ".cancel_elsewhere(",
        "settle-cancel": ".end_cancellation(",
        "settle-payment": ".settle_payment(",
    }
    assert any(helpers.get(name, f".{name}(") in text or f'"{name}"' in text for text in TESTS)


@pytest.mark.parametrize("operation", operations.all, ids=lambda operation: operation.name)
async def test_a_field_that_is_not_read_is_named(
    description: Description, monkeypatch: pytest.MonkeyPatch, operation: Operation
) -> None:
    shapes: list[type[msgspec.Struct]] = []

    def stop_at_body(_: Call, shape: type[msgspec.Struct]) -> typing.NoReturn:
        shapes.append(shape)
        raise ApiError("INVALID_REQUEST", "Only what would be read was asked for.")

    monkeypatch.setattr(Call, "body", stop_at_body)
    await Sandbox().api(operation.method, re.sub(r"[{}]", "", operation.path), {})
    schema = description.body_of(operation.method, operation.path)
    assert bool(shapes) == (schema is not None), "PortOne reads a body here, or it does not"
    if schema is not None:
        unread = [name for name in _unread(description, schema, shapes[0]) if f"`{name}`" not in operation.lacks]
        assert unread == []


@pytest.mark.parametrize("operation", operations.all, ids=lambda operation: operation.name)
async def test_every_word_that_portone_takes_is_taken(
    description: Description, monkeypatch: pytest.MonkeyPatch, operation: Operation
) -> None:
    schema = description.body_of(operation.method, operation.path)
    if schema is None:
        return
    shapes: list[type[msgspec.Struct]] = []

    def stop_at_body(_: Call, shape: type[msgspec.Struct]) -> typing.NoReturn:
        shapes.append(shape)
        raise ApiError("INVALID_REQUEST", "Only what would be read was asked for.")

    monkeypatch.setattr(Call, "body", stop_at_body)
    await Sandbox().api(operation.method, re.sub(r"[{}]", "", operation.path), {})
    assert list(_words_refused(description, schema, shapes[0])) == []


def _words_refused(description: Description, schema: dict[str, Any], shape: type[msgspec.Struct]) -> Iterator[str]:
    read = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
    for name, each in description.fields_of(schema).items():
        inner = description.resolved(each)
        words = description.resolved(inner.get("items", inner)).get("enum", [])
        taken = read.get(name, str)
        for word in words:
            given = [word] if "items" in inner else word
            try:
                msgspec.convert(given, taken)
            except msgspec.ValidationError:
                yield f"{name}: {word}"
        if (struct := _struct_in(taken)) is not None:
            yield from _words_refused(description, each, struct)


def _unread(description: Description, schema: dict[str, Any], shape: type[msgspec.Struct]) -> Iterator[str]:
    read = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
    for name, each in description.fields_of(schema).items():
        if name not in read:
            yield name
        elif (inner := _struct_in(read[name])) is not None:
            yield from _unread(description, each, inner)


def _struct_in(type_: Any) -> type[msgspec.Struct] | None:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_
    found = (_struct_in(each) for each in typing.get_args(type_))
    return next((each for each in found if each is not None), None)
