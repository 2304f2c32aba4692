"""docs/reference/sandbox.md names each parameter of PortOne's npm package for browsers that goes unread."""

import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from contract import node
from jangbu.sandbox.core.params import RequestPayment
from jangbu.sandbox.coverage import BROWSER
from jangbu.sandbox.window.identity_windows import RequestVerification
from jangbu.sandbox.window.issue_windows import RequestIssue

TAKES: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "requestPayment": ("PaymentRequest", RequestPayment),
    "requestIssueBillingKey": ("IssueBillingKeyRequest", RequestIssue),
    "requestIssueBillingKeyAndPay": ("IssueBillingKeyAndPayRequest", RequestIssue),
    "requestIdentityVerification": ("IdentityVerificationRequest", RequestVerification),
}
MISSING = {name: lacks for name, _, lacks, _ in BROWSER}


@pytest.fixture(scope="module")
async def fields() -> dict[str, dict[str, Any]]:
    return dict(await node.run("fields.mjs", [type_ for type_, _ in TAKES.values()]))


def unread(given: dict[str, Any], shape: type[msgspec.Struct]) -> Iterator[str]:
    read = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
    for name, inner in given.items():
        if name not in read:
            yield name
        elif inner is not None and (struct := struct_in(read[name])) is not None:
            yield from unread(inner, struct)


def struct_in(type_: Any) -> type[msgspec.Struct] | None:
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_
    return next((found for each in typing.get_args(type_) if (found := struct_in(each))), None)


@pytest.mark.parametrize("call", TAKES)
async def test_a_parameter_that_is_not_read_is_named(fields: dict[str, dict[str, Any]], call: str) -> None:
    type_, shape = TAKES[call]
    assert "storeId" in fields[type_], "the package's type was not found"
    assert [name for name in unread(fields[type_], shape) if f"`{name}`" not in MISSING[call]] == []


@pytest.mark.parametrize("call", TAKES)
async def test_what_is_named_as_missing_is_not_read(fields: dict[str, dict[str, Any]], call: str) -> None:
    type_, shape = TAKES[call]
    named = set(MISSING[call].split("`")[1::2])
    # A group is read, to be refused.
    assert named - set(unread(fields[type_], shape)) == {"channelGroupId"} & named
