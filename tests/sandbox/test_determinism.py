"""The same seed and script give the same bytes; a saved world goes on where it was."""

from datetime import timedelta

import pytest

from jangbu.sandbox.core.world import World
from jangbu.sandbox.testing import Endpoint, Sandbox


async def script(seed: int) -> bytes:
    """A bit of everything, with retries, faults and time."""
    shop = Endpoint([200, 500, OSError("refused"), 200, 503])
    sandbox = Sandbox(seed=seed, deliver=shop)
    sandbox.fault("webhook_twice", payment_id="ord-000002")
    sandbox.fault("webhook_late", payment_id="ord-000003", seconds=90)
    for number in range(1, 6):
        await sandbox.pre_register(f"ord-{number:06d}", 1000 * number)
        if number % 2:
            await sandbox.pay(f"ord-{number:06d}")
        else:
            await sandbox.decline(f"ord-{number:06d}", "pg_busy")
            await sandbox.pay(f"ord-{number:06d}", method="kakaopay")
        await sandbox.settle_webhooks()
        await sandbox.move(timedelta(minutes=7))
    await sandbox.pay("account-1", payMethod="VIRTUAL_ACCOUNT")
    await sandbox.deposit("account-1", known_after_s=60)
    await sandbox.pay("paypal-01", payMethod="PAYPAL")
    sandbox.fault("cancel_waits", payment_id="ord-000003")
    for number in (1, 2, 3):
        await sandbox.cancel(f"ord-{number:06d}", 500)
    await sandbox.cancel_elsewhere("ord-000004", 500, known_after_s=60)
    await sandbox.move(timedelta(hours=1))
    sandbox.fault("answer_lost")
    with pytest.raises(ConnectionResetError):
        await sandbox.api("GET", "/payments")
    await sandbox.settle_webhooks(with_retries=True)
    await sandbox.api("GET", "/payments", {"page": {"size": 100}})
    return sandbox.log()


async def test_two_runs_of_one_seed_are_equal_to_the_byte_and_another_seed_is_not() -> None:
    first = await script(7)
    assert first == await script(7)
    assert first != await script(8)


async def test_a_world_written_and_read_is_the_same_world_in_its_next_life() -> None:
    shop = Endpoint([200, 500])
    sandbox = Sandbox(deliver=shop)
    await sandbox.pay("ord-000001")
    await sandbox.clock.run_due()
    await sandbox.api("POST", "/login/api-secret", {"apiSecret": "sandbox-api-secret"})

    written = sandbox.world.to_json()
    read = World.from_json(written, sandbox.clock)
    assert read.state.lives == sandbox.world.state.lives + 1
    read.state.lives -= 1
    assert read.to_json() == written


async def test_the_next_life_hands_out_no_id_of_the_one_before() -> None:
    sandbox = Sandbox(seed=3)
    reborn = World.from_json(sandbox.world.to_json(), sandbox.clock)
    before = {sandbox.world.ids.uuid() for _ in range(100)}
    assert before.isdisjoint(reborn.ids.uuid() for _ in range(100))
