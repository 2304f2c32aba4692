"""V1's sub-stores: what is asked for under a `Tier`, or through `IMP.agency`, is of that one (portone-facts §6.1)."""

from typing import Any

import pytest

from jangbu.sandbox import LIVE_CHANNEL, STORE_ID
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox

ACCOUNT = {
    "name": "보리차",
    "amount": 1000,
    "channel_key": LIVE_CHANNEL,
    "vbank_code": "088",
    "vbank_due": 4_000_000_000,
}


def with_tiers(inferred: Inferred | None = None) -> Sandbox:
    sandbox = Sandbox(inferred=inferred)
    settings = sandbox.world.state.stores[STORE_ID].v1
    assert settings is not None
    settings.tiers = ["ABC", "XYZ"]
    return sandbox


async def made(sandbox: Sandbox) -> dict[str | None, set[str]]:
    """By tier, the merchant_uids of a window's payment and of an account that the server opened."""
    uids: dict[str | None, set[str]] = {}
    for tier in ("ABC", "XYZ", None):
        pair = {f"window-{tier}", f"server-{tier}"}
        await sandbox.v1_pay(f"window-{tier}", tier=tier)
        status, body = await sandbox.v1("POST", "/vbanks", ACCOUNT | {"merchant_uid": f"server-{tier}"}, tier=tier)
        assert (status, body["code"]) == (200, 0), body
        uids[tier] = pair
    return uids


async def listed(sandbox: Sandbox, tier: str | None) -> set[str]:
    _, body = await sandbox.v1("GET", "/payments/status/all", tier=tier)
    return {each["merchant_uid"] for each in body["response"]["list"]}


async def test_each_caller_sees_the_payments_of_its_own_tier() -> None:
    sandbox = with_tiers()
    for tier, uids in (await made(sandbox)).items():
        assert await listed(sandbox, tier) == uids


async def test_another_tiers_payment_is_not_found_nor_given_back() -> None:
    sandbox = with_tiers()
    imp_uid = await sandbox.v1_pay("window-ABC", tier="ABC")
    for tier in ("XYZ", None):
        status, _ = await sandbox.v1("GET", f"/payments/{imp_uid}", tier=tier)
        assert status == 404
        _, body = await sandbox.v1("POST", "/payments/cancel", {"imp_uid": imp_uid}, tier=tier)
        assert body["code"] != 0
    assert sandbox.refunds("window-ABC") == []
    _, body = await sandbox.v1("POST", "/payments/cancel", {"imp_uid": imp_uid}, tier="ABC")
    assert (body["code"], body["response"]["status"]) == (0, "cancelled")


async def test_that_tiers_are_apart_is_a_switch() -> None:
    sandbox = with_tiers(Inferred(v1_tiers_are_apart=False))
    every = {uid for uids in (await made(sandbox)).values() for uid in uids}
    assert await listed(sandbox, "ABC") == await listed(sandbox, None) == every


@pytest.mark.parametrize(
    ("code", "answer"), [("ABC", (200, {"tier_code": "ABC", "tier_name": "ABC"})), ("NON", (404, None))]
)
async def test_a_tier_is_looked_up_by_its_code(code: str, answer: tuple[int, Any]) -> None:
    status, body = await with_tiers().v1("GET", f"/tiers/{code}")
    assert (status, body["response"]) == answer


async def test_a_tier_that_is_none_may_do_nothing() -> None:
    sandbox = with_tiers()
    status, body = await sandbox.v1("GET", "/payments/status/all", tier="NON")
    assert (status, body["response"]) == (401, None)
    assert (await sandbox.v1_open("window-NON", tier="NON"))["error_code"] == "StoreNotFound"
