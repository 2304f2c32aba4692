"""Idempotency-Key (portone-facts §1.4), and its unstated parts both ways."""

import asyncio
from datetime import timedelta

import pytest

from jangbu.sandbox import saving
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Sandbox

KEY = {"idempotency-key": '"0123456789abcdef"'}
TARGET = "/payments/ord-000001/pre-register"


async def test_the_same_request_is_answered_again_and_not_done_again(sandbox: Sandbox) -> None:
    first = await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    await sandbox.pay("ord-000001")
    # Done again, it would be ALREADY_PAID.
    assert await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY) == first == (200, {})


async def test_a_key_is_forgotten_after_three_hours(sandbox: Sandbox) -> None:
    await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    await sandbox.pay("ord-000001")
    await sandbox.move(timedelta(hours=3) - timedelta(seconds=1))
    assert (await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY))[0] == 200
    await sandbox.move(timedelta(seconds=1))
    status, body = await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    assert (status, body["type"]) == (409, "ALREADY_PAID")


async def test_a_second_request_while_the_first_runs_is_outstanding(sandbox: Sandbox) -> None:
    """The slow first request has done its work; only its answer is missing."""
    during: list[tuple[int, dict]] = []

    async def meanwhile(seconds: float) -> None:
        during.append(await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY))

    sandbox.parts.pause = meanwhile
    sandbox.fault("slow", seconds=30)
    assert (await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY))[0] == 200
    [(status, body)] = during
    assert (status, body["type"]) == (409, "IDEMPOTENCY_OUTSTANDING_REQUEST")
    assert (await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY))[0] == 200


async def test_moving_the_clock_leaves_what_runs_outstanding(sandbox: Sandbox) -> None:
    """The slow cancel has given its money back; the same one again must not give back more."""
    during: list[tuple[int, dict]] = []

    async def meanwhile(seconds: float) -> None:
        status, _, _ = await sandbox.transport.send("POST", "/__sandbox__/clock", {}, b'{"move_s": 1}')
        assert status == 200
        during.append(await sandbox.cancel("ord-000001", 300, headers=KEY))

    await sandbox.pay("ord-000001")
    sandbox.parts.pause = meanwhile
    sandbox.fault("slow", operation="cancel_payment", seconds=30)
    first = await sandbox.cancel("ord-000001", 300, headers=KEY)
    [(status, body)] = during
    assert (status, body["type"]) == (409, "IDEMPOTENCY_OUTSTANDING_REQUEST")
    assert await sandbox.cancel("ord-000001", 300, headers=KEY) == first
    assert sandbox.refunds("ord-000001") == [300]


async def test_what_a_saved_sandbox_left_unfinished_may_be_done_in_the_next(sandbox: Sandbox) -> None:
    """Nobody works on it any more, so it would be outstanding for three hours."""
    kept: list[bytes] = []

    async def meanwhile(seconds: float) -> None:
        kept.append(saving.saved(sandbox.parts))

    sandbox.parts.pause = meanwhile
    sandbox.fault("slow", seconds=30)
    await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    saving.load(sandbox.parts, kept[0])
    assert (await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY))[0] == 200


@pytest.mark.parametrize("is_refused", [True, False])
async def test_a_key_reused_for_another_request_is_refused_or_replayed(is_refused: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(idempotency_reuse_is_refused=is_refused))
    await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    for target, body in (
        (TARGET, {"totalAmount": 2000}),
        (TARGET.replace("1/", "2/"), {"totalAmount": 1000}),
    ):
        status, answer = await sandbox.api("POST", target, body, headers=KEY)
        assert (status, answer.get("type")) == ((400, "INVALID_REQUEST") if is_refused else (200, None))
    payment = sandbox.payment("ord-000001")
    assert payment is not None
    assert payment.preregistration is not None
    assert payment.preregistration.total_minor == 1000
    assert sandbox.payment("ord-000002") is None


@pytest.mark.parametrize("is_refused", [True, False])
@pytest.mark.parametrize(
    "malformed",
    ["0123456789abcdef", '"short"', '"' + "x" * 257 + '"', '"0123456789abcdef', '"0123456789ab"cdef"'],
)
async def test_a_malformed_key_is_refused_or_ignored(is_refused: bool, malformed: str) -> None:
    sandbox = Sandbox(inferred=Inferred(idempotency_malformed_is_refused=is_refused))
    headers = {"idempotency-key": malformed}
    status, _ = await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=headers)
    assert status == (400 if is_refused else 200)
    assert sandbox.world.state.idempotency == {}


@pytest.mark.parametrize("replays", [True, False])
async def test_whether_a_refusal_is_replayed_is_a_switch(replays: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(idempotency_replays_errors=replays))
    await sandbox.pay("ord-000001")
    first = await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    assert first[0] == 409
    # The world changes so that doing it again would succeed.
    sandbox.world.state.payments.clear()
    second = await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    assert second == (first if replays else (200, {}))


async def test_a_get_ignores_the_key(sandbox: Sandbox) -> None:
    assert (await sandbox.api("GET", "/payments/ord-000001", headers=KEY))[0] == 404
    await sandbox.pay("ord-000001")
    assert (await sandbox.api("GET", "/payments/ord-000001", headers=KEY))[0] == 200


async def test_a_stranger_cannot_take_a_key(sandbox: Sandbox) -> None:
    status, _ = await sandbox.api("POST", TARGET, {"totalAmount": 1}, secret="wrong", headers=KEY)
    assert status == 401
    assert (await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY))[0] == 200


async def test_of_two_requests_at_once_one_acts(sandbox: Sandbox) -> None:
    both = await asyncio.gather(*(sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY) for _ in range(2)))
    assert sorted(status for status, _ in both) in ([200, 200], [200, 409])


@pytest.mark.parametrize("scope", ["secret", "store"])
async def test_whether_two_secrets_of_a_store_share_their_keys_is_a_switch(scope: str) -> None:
    sandbox = Sandbox(inferred=Inferred(idempotency_scope=scope))
    next(iter(sandbox.world.state.stores.values())).api_secrets.append("second-secret")
    await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=KEY)
    await sandbox.pay("ord-000001")
    status, _ = await sandbox.api("POST", TARGET, {"totalAmount": 1000}, secret="second-secret", headers=KEY)
    assert status == (200 if scope == "store" else 409)
