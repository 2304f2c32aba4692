"""docs/reference/sandbox.md says what becomes of each parameter of the browser SDKs, and it does."""

import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from contract import node
from contract.openapi import BESIDE_THE_PROJECT
from jangbu.sandbox.coverage_browser import FUNCTIONS, V1_FUNCTIONS, V1_PARAMETERS, listed
from jangbu.sandbox.window import pages

DESCRIBED = BESIDE_THE_PROJECT.with_name("browser-sdk.yml") if BESIDE_THE_PROJECT else Path("none")
SCRIPTS = "".join(file.read_text() for file in (pages.HERE / "scripts").iterdir())


@pytest.fixture(scope="module")
async def packaged() -> dict[str, dict[str, Any]]:
    """By type, of PortOne's npm package."""
    return dict(await node.run("fields.mjs", [function.request for function in FUNCTIONS.values()]))


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """PortOne's own description of both."""
    if not DESCRIBED.exists():
        pytest.skip("NO DESCRIPTION OF THE BROWSER SDK AT HAND: it was not compared with")
    return dict(yaml.safe_load(DESCRIBED.read_text()))


def dotted(fields: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, inner in fields.items():
        yield from dotted(inner, f"{above}{name}.") if inner else (f"{above}{name}",)


def leaves(whole: dict[str, Any], node_: Any, path: str) -> Iterator[str]:
    """The parameters below `node_`; objects, choices of objects and lists of them are gone into."""
    while "$ref" in node_:
        at: Any = whole
        for part in node_["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        node_ = at
    if node_["type"] == "array":
        yield from (leaf if leaf != f"{path}[]" else path for leaf in leaves(whole, node_["items"], f"{path}[]"))
        return
    inner = node_.get("properties") or {}
    if path == "bypass":
        # It is the PG's, whatever is in it.
        inner = {}
    if node_["type"] in ("union", "intersection"):
        for each in node_["types"]:
            yield from leaves(whole, each, path)
        return
    if not inner:
        yield path
    for name, below in inner.items():
        yield from leaves(whole, below, f"{path}.{name}" if path else name)


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_every_parameter_of_the_package_is_in_the_table(
    packaged: dict[str, dict[str, Any]], function: str
) -> None:
    names = set(dotted(packaged[FUNCTIONS[function].request]))
    assert "storeId" in names, "the package's type was not found"
    # The package's compiler does not go into lists and choices.
    known = {above for name in listed(function) for above in parents(name)}
    assert names - known == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_parameter_of_the_description_is_in_the_table(described: dict[str, Any], function: str) -> None:
    request = described["resources"]["request"][FUNCTIONS[function].request]
    names = set(leaves(described, request, ""))
    assert "storeId" in names, "the type was not found"
    assert names - listed(function).keys() == set()


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_nothing_is_in_the_table_that_portone_does_not_have(
    packaged: dict[str, dict[str, Any]], described: dict[str, Any], function: str
) -> None:
    request = described["resources"]["request"][FUNCTIONS[function].request]
    theirs = set(leaves(described, request, "")) | set(dotted(packaged[FUNCTIONS[function].request]))
    assert {name for name in listed(function) if not theirs & set(parents(name))} == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_said_of_a_parameter_is_so(function: str) -> None:
    shape = FUNCTIONS[function].reads
    for name, row in listed(function).items():
        match row.fate:
            case "used" | "told":
                assert is_read(shape, name), f"{name} is {row.fate}, and nothing reads it"
            case "script":
                assert name.rpartition(".")[2] in SCRIPTS, f"no script reads {name}"
            case "to the PG":
                assert not is_read(shape, name), f"{name} is read: what for?"
            case "nothing":
                assert row.how, f"{name}: why does it do nothing?"


@pytest.mark.parametrize("function", V1_FUNCTIONS)
def test_what_is_said_of_v1s_parameters_is_so_and_nothing_else_is_read(function: str) -> None:
    shape, known = V1_FUNCTIONS[function].reads, listed(function, V1_PARAMETERS)
    for name, row in known.items():
        assert is_read(shape, name) is (row.fate in ("used", "told")), name
    read = {leaf for field in msgspec.structs.fields(shape) for leaf in read_in(field.encode_name, field.type)}
    # What IMP.init, IMP.agency and IMP.loadUI add is no parameter.
    assert read - {name.replace("[]", "") for name in known} == {"imp", "tier", "in_page"} & read


def read_in(name: str, type_: Any) -> Iterator[str]:
    inner = struct_in(type_)
    if inner is None:
        yield name
        return
    for field in msgspec.structs.fields(inner):
        yield from read_in(f"{name}.{field.encode_name}", field.type)


def parents(name: str) -> Iterator[str]:
    """The name itself, and what it is in."""
    parts = name.replace("[]", "").split(".")
    yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


def is_read(shape: Any, name: str) -> bool:
    """Whether the struct has a field for it, as deep as structs go."""
    first, _, rest = name.replace("[]", "").partition(".")
    field = next((each for each in msgspec.structs.fields(shape) if each.encode_name == first), None)
    if field is None:
        return False
    inner = struct_in(field.type)
    return inner is None or not rest or is_read(inner, rest)


def struct_in(type_: Any) -> type[msgspec.Struct] | None:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_
    return next((found for each in typing.get_args(type_) if (found := struct_in(each))), None)
