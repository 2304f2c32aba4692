"""The judge itself: it must find what is wrong. That it is asked about every answer is tests/sandbox/conftest.py's."""

from typing import Any

import pytest

from contract.openapi import BESIDE_THE_PROJECT, FILE, Description
from jangbu.sandbox.testing import Sandbox


@pytest.fixture(scope="module")
def description() -> Description:
    if BESIDE_THE_PROJECT is None:
        pytest.skip(f"no answer is compared with PortOne's description: there is no {FILE} beside the project")
    return Description(BESIDE_THE_PROJECT)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, None),
        ({"status": "SANDBOX"}, "no member of the union"),
        ({"disputes": None}, "is no list"),
        ({"paidAt": "2026-08-01 03:00"}, "is no RFC 3339 time"),
        ({"currency": "WON"}, "is none of its values"),
        ({"amount": {"total": 1}}, "is missing"),
        ({"somethingElse": 1}, "is unknown"),
        ({"orderName": 1}, "is no string"),
    ],
)
async def test_the_judge_finds_what_is_wrong(
    description: Description, change: dict[str, Any], found: str | None
) -> None:
    sandbox = Sandbox()
    await sandbox.pay("ord-000001")
    status, payment = await sandbox.api("GET", "/payments/ord-000001")
    problems = description.problems("GET", "/payments/ord-000001?x=1", status, payment | change)
    assert (found is None) == (problems == [])
    assert found is None or found in problems[0]


def test_an_undeclared_status_and_an_unknown_error_are_wrong(description: Description) -> None:
    assert description.problems("POST", "/payments/x/cancel", 429, {"type": "x"})
    assert description.problems("POST", "/payments/x/cancel", 409, {"type": "ALREADY_PAID", "message": "x"})
    assert not description.problems("POST", "/payments/x/cancel", 409, {"type": "PAYMENT_NOT_PAID", "message": "x"})
