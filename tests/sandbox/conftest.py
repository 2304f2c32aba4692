"""A fresh sandbox in process, and a merchant's endpoint that its webhooks go to."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contract.openapi import BESIDE_THE_PROJECT, Description
from contract.swagger import BESIDE_THE_PROJECT as V1_BESIDE_THE_PROJECT
from contract.swagger import V1Description
from jangbu.sandbox.console.acts import Desk
from jangbu.sandbox.console.frame import payment_link
from jangbu.sandbox.console.pages import render
from jangbu.sandbox.console.words import WORDS
from jangbu.sandbox.core.faults import KINDS, Kind
from jangbu.sandbox.testing import Endpoint, Sandbox
from sandbox.forms import HOME, ORIGIN

DESCRIPTION = Description(BESIDE_THE_PROJECT) if BESIDE_THE_PROJECT else None
V1_DESCRIPTION = V1Description(V1_BESIDE_THE_PROJECT) if V1_BESIDE_THE_PROJECT else None
NOT_DESCRIBED = {"IDEMPOTENCY_OUTSTANDING_REQUEST"}
"""Documented on another page of PortOne's, and in no schema (portone-facts §1.4)."""


@pytest.fixture
def shop() -> Endpoint:
    return Endpoint()


@pytest.fixture
def sandbox(shop: Endpoint) -> Iterator[Sandbox]:
    """Whatever a test makes of its world, the console can show it."""
    made = Sandbox(deliver=shop)
    yield made
    pages = [HOME, *(f"{HOME}console/{name}" for name in ("keys", "identity", "webhooks"))]
    pages += [payment_link(each.id) for each in list(made.world.payments())[-2:]]
    pages += [f"{HOME}console/webhook?number={each.number}" for each in made.world.state.deliveries[-2:]]
    for page in pages:
        status, _ = render(Desk(made.parts), page, WORDS["ko"], ORIGIN)
        assert status == 200, page


@pytest.fixture(autouse=True)
def as_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer that no ordered fault has bent is as PortOne's own description says."""
    api = Sandbox.api

    async def judged(sandbox: Sandbox, method: str, target: str, *args: Any, **more: Any) -> tuple[int, Any]:
        bent = any(KINDS[fault.name][0] in (Kind.CALL, Kind.ANSWER) for fault in sandbox.parts.faults.waiting)
        status, body = await api(sandbox, method, target, *args, **more)
        is_described = not isinstance(body, Mapping) or body.get("type") not in NOT_DESCRIBED
        if DESCRIPTION is not None and not bent and is_described:
            assert DESCRIPTION.problems(method, target, status, body) == []
        return status, body

    monkeypatch.setattr(Sandbox, "api", judged)
    v1 = Sandbox.v1

    async def v1_judged(sandbox: Sandbox, method: str, path: str, *args: Any, **more: Any) -> tuple[int, Any]:
        bent = any(KINDS[fault.name][0] is Kind.CALL for fault in sandbox.parts.faults.waiting)
        status, body = await v1(sandbox, method, path, *args, **more)
        if V1_DESCRIPTION is not None and not bent and not sandbox.world.inferred.v1_schedule_lists_are_pages:
            assert V1_DESCRIPTION.problems(method, path, status, body) == []
        return status, body

    monkeypatch.setattr(Sandbox, "v1", v1_judged)
