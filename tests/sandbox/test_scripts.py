"""Scripts of faults and orders: what they do and when, and what is refused, with the line of it."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from jangbu.sandbox.app import moments, open_world, running
from jangbu.sandbox.core.clock import SandboxClock
from jangbu.sandbox.script_file import BadScript, read
from jangbu.sandbox.testing import START, Endpoint, Sandbox

HOWTO = Path(__file__).parents[2] / "docs/howto/develop-against-the-sandbox.md"


async def ordered(sandbox: Sandbox, script: str | bytes) -> tuple[int, Any]:
    raw = script.encode() if isinstance(script, str) else script
    status, _, answered = await sandbox.transport.send("POST", "/__sandbox__/script", {}, raw)
    return status, msgspec.json.decode(answered)


async def told(sandbox: Sandbox) -> dict[str, Any]:
    _, _, answered = await sandbox.transport.send("GET", "/__sandbox__/script")
    return msgspec.json.decode(answered)


def example() -> str:
    [script] = re.findall(r"```yaml\n(.*?)```", HOWTO.read_text("utf-8"), re.DOTALL)
    return script


async def test_the_howtos_day_happens_as_it_says(sandbox: Sandbox, shop: Endpoint) -> None:
    status, _ = await ordered(sandbox, example())
    assert status == 200
    with pytest.raises(ConnectionResetError):
        await sandbox.api("POST", "/payments/order-1/pre-register", {"totalAmount": 1000})
    assert sandbox.payment("order-1") is not None

    await sandbox.pay("order-2", payMethod="VIRTUAL_ACCOUNT", totalAmount=5000, method="virtual_account")
    await sandbox.move(timedelta(minutes=4, seconds=59))
    assert sandbox.captures("order-2") == []
    await sandbox.move(timedelta(seconds=1))
    assert sandbox.captures("order-2") == [5000]

    await sandbox.move(timedelta(minutes=5))
    await sandbox.pay("order-3")
    await sandbox.settle_webhooks()
    assert shop.types().count("Transaction.Paid") == 1
    await sandbox.move(timedelta(seconds=90))
    assert shop.types().count("Transaction.Paid") == 2

    await sandbox.move(timedelta(hours=1))
    assert sandbox.refunds("order-2") == [1000]
    assert "Transaction.PartialCancelled" not in shop.types()
    after = await told(sandbox)
    assert after["waiting"] == []
    assert [step["name"] for step in after["done"]] == ["answer_lost", "deposit", "webhook_late", "console-cancel"]
    assert all("refusal" not in step for step in after["done"])


def test_the_howtos_refusals_are_what_the_example_gets_with_those_typos() -> None:
    said = re.search(r"```text\n(line .*?)```", HOWTO.read_text("utf-8"), re.DOTALL)
    assert said is not None
    mistaken = example().replace("pre_register_payment", "pre_register_paymet").replace("amount:", "amout:")
    with pytest.raises(BadScript) as refused:
        read(mistaken.encode(), moments())
    assert str(refused.value).splitlines() == said[1].strip().splitlines()


@pytest.mark.parametrize(
    ("script", "line", "reason"),
    [
        ("- fault: anser_lost", 1, "no fault 'anser_lost'; did you mean answer_lost?"),
        ("- fault: answer_lost\n- fault: zzz", 2, "no fault 'zzz'; known: answer_lost,"),
        ("- fault: answer_lost\n  on: get_paymnet", 2, "did you mean get_payment"),
        ("- fault: answer_lost\n  tmies: 2", 2, "'tmies' is not known here; did you mean times?"),
        ("- fault: answer_lost\n  amount: 2", 2, "'amount' is not known here"),
        ("- fault: answer_lost\n\n  times: two", 3, "'times': Expected `int`, got `str`"),
        ("- fault: answer_lost\n  times: '2'", 2, "'times': Expected `int`, got `str`"),
        ("- fault: answer_lost\n  times: 1.5", 2, "'times': Expected `int`, got `float`"),
        ("- fault: answer_lost\n  times: 0", 1, "times must be at least 1"),
        ("- fault: answer_lost\n  times: [1]", 2, "'times': one value"),
        ("- fault: answer_lost\n  times: 1\n  times: 2", 3, "'times' is there twice"),
        ("- fault: slow", 1, "slow needs seconds"),
        ("- fault: pay_refused\n  reason: too_poor", 2, "no reason 'too_poor'; known: insufficient_funds"),
        ("- order: refuse\n  key: k\n  reason: lost_crad", 3, "no reason 'lost_crad'; did you mean lost_card?"),
        ("- order: settle-payment\n  payment: p\n  reason: lost_crad", 3, "no reason 'lost_crad'; did you mean"),
        ("- fault: slow\n  seconds: 1\n  at: 10m", 3, "'10m' is no time"),
        ("- fault: slow\n  seconds: 1\n  at: +10", 3, "'+10' is no time"),
        ("- fault: slow\n  seconds: 1\n  at: +999999d999999d", 3, "more than a century"),
        ("- fault: slow\n  seconds: 1000000000000", 1, "nor more than a century"),
        ("- fault: slow\n  seconds: 1\n  at: 2026-08-01T12:00:00", 3, "is no time"),
        ("- fault: slow\n  seconds: 1\n  at: 2020-08-01T12:00:00+09:00", 1, "is past"),
        ("- order: depost\n  payment: a", 1, "no order 'depost'; did you mean deposit?"),
        ("- order: deposit", 1, "says whose it is"),
        ("- order: deposit\n  payment: a\n  amount: all", 3, "'amount': Expected `int | null`, got `str`"),
        ("- order: deposit\n  payment: a\n  webhook: yes", 3, "'webhook': Expected `bool`, got `str`"),
        ("- order: console-cancel\n  payment: a\n  trigger: ME", 3, "'trigger': Invalid enum value 'ME'"),
        ("- order: escrow\n  payment: a", 1, "'status' is missing"),
        ("- order: wallet-delete\n  payment: a", 1, "no order 'wallet-delete'"),
        ("- order: deposit\n  key: a", 1, "no order 'deposit'; known: refuse, wallet-delete, wallet-update"),
        ("- fautl: slow", 1, "either `fault` or `order`; did you mean fault?"),
        ("- fault: slow\n  order: deposit", 1, "either `fault` or `order`"),
        ("- slow", 1, "a step is written"),
        ("fault: slow", 1, "a script is a list of steps"),
        ("", 1, "a script is a list of steps"),
        ("- fault: [", 1, "this is not YAML"),
        ("- fault: slow\n\tseconds: 1", 2, "this is not YAML"),
        ("- fault: not_reached\n- !!python/object/apply:os.system [ls]", 2, "a step is written"),
        ("[" * 5000, 1, "nested too deeply"),
        ("- fault: slow\n--- \n- fault: slow", 2, "this is not YAML"),
        (b"- fault: slow\n- fault: \xff", 2, "not UTF-8"),
        ("- fault: slow\x00", 1, "this is not YAML"),
        (b"#" * 1_000_001, 1, "at most 1000000 bytes"),
    ],
)
async def test_a_script_with_a_mistake_is_refused_with_its_line_and_orders_nothing(
    sandbox: Sandbox, script: str | bytes, line: int, reason: str
) -> None:
    status, body = await ordered(sandbox, script)
    assert status == 400
    assert body["problems"][0]["line"] == line, body
    assert reason in body["problems"][0]["reason"]
    assert body["error"].startswith(f"line {line}: ")
    assert await told(sandbox) == {"waiting": [], "done": []}
    assert sandbox.parts.faults.waiting == []


async def test_every_mistake_is_told_and_one_is_enough_to_order_nothing(sandbox: Sandbox) -> None:
    status, body = await ordered(
        sandbox, "- fault: slwo\n  tiems: 1\n- fault: answer_lost\n- order: dispute\n  at: soon\n"
    )
    assert status == 400
    assert [problem["line"] for problem in body["problems"]] == [1, 2, 4, 5]
    assert sandbox.parts.faults.waiting == []


async def test_numbers_that_are_ids_stay_ids(sandbox: Sandbox) -> None:
    await ordered(sandbox, "- fault: status_500\n  payment: 007\n- fault: status_429\n  payment: true\n")
    assert [fault.payment_id for fault in sandbox.parts.faults.waiting] == ["007", "true"]


async def test_an_order_that_cannot_be_done_says_so_and_the_next_is_done(sandbox: Sandbox) -> None:
    script = "- {order: deposit, payment: nobody, at: +1m}\n- {order: dispute, payment: ord-000001, at: +2m}\n"
    await ordered(sandbox, script)
    await sandbox.pay("ord-000001")
    await sandbox.move(timedelta(minutes=2))
    first, second = (await told(sandbox))["done"]
    assert (first["line"], first["refusal"]) == (1, "PAYMENT_NOT_FOUND: no payment nobody")
    assert second["line"] == 2
    assert "refusal" not in second
    assert len(sandbox.payment("ord-000001").attempts[0].disputes) == 1


async def test_an_order_without_a_payment_takes_the_first_that_comes_and_only_that(sandbox: Sandbox) -> None:
    await ordered(sandbox, "- {order: chargeback, on: get_payment, at: +1m}\n")
    for payment_id in ("ord-000001", "ord-000002"):
        await sandbox.pay(payment_id)
    await sandbox.move(timedelta(hours=1))
    for payment_id in ("ord-000002", "ord-000001", "ord-000002"):
        await sandbox.api("GET", f"/payments/{payment_id}")
    await sandbox.move(timedelta(hours=1))
    assert [sandbox.refunds(payment_id) for payment_id in ("ord-000001", "ord-000002")] == [[], [1000]]


async def test_an_order_for_one_payment_lets_the_others_pass(sandbox: Sandbox) -> None:
    await ordered(sandbox, "- {order: chargeback, payment: ord-000002, on: Transaction.Paid}\n")
    await sandbox.pay("ord-000001")
    await sandbox.move(timedelta(seconds=1))
    assert len((await told(sandbox))["waiting"]) == 1
    await sandbox.pay("ord-000002")
    await sandbox.move(timedelta(seconds=1))
    assert [sandbox.refunds(payment_id) for payment_id in ("ord-000001", "ord-000002")] == [[], [1000]]


async def test_a_wallet_may_delete_a_key_at_a_time(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    await ordered(sandbox, f"- {{order: wallet-delete, key: {key}, at: 2026-08-02T12:00:00+09:00}}\n")
    await sandbox.move(timedelta(hours=23, minutes=59))
    assert (await sandbox.charge("ord-000001", key))[0] == 200
    await sandbox.move(timedelta(minutes=1))
    assert (await sandbox.charge("ord-000002", key))[0] != 200


async def test_a_reset_forgets_the_script(sandbox: Sandbox) -> None:
    await ordered(sandbox, example())
    await sandbox.transport.send("POST", "/__sandbox__/reset")
    assert await told(sandbox) == {"waiting": [], "done": []}
    sandbox.fault("status_500")
    assert sandbox.world.state.faults == sandbox.parts.faults.waiting != []


async def test_what_waits_outlives_a_restart_and_a_script_given_again_begins_anew(tmp_path: Path) -> None:
    file, clock = tmp_path / "world.json", SandboxClock(frozen_at=START)
    steps = read(example().encode(), moments())
    async with running(state_file=file, seed=1, clock=clock, steps=steps):
        pass
    saved = open_world(SandboxClock(), state_file=file).state
    assert [fault.name for fault in saved.faults] == ["answer_lost"]
    assert [step.name for step in saved.script] == ["webhook_late", "deposit", "console-cancel"]
    async with running(state_file=file) as (_, parts):
        assert [fault.name for fault in parts.faults.waiting] == ["answer_lost"]
        assert len(parts.world.state.script) == 3
    async with running(state_file=file, steps=read(example().encode(), moments())) as (_, parts):
        assert [fault.name for fault in parts.faults.waiting] == ["answer_lost"]
        assert len(parts.world.state.script) == 3


async def test_a_served_sandbox_does_a_step_by_itself_when_its_time_comes() -> None:
    steps = read(b"- {order: deposit, payment: ord-000001, on: approve_payment}\n", moments())
    async with running(steps=steps) as (base, parts):
        body = {"paymentId": "ord-000001", "payMethod": "VIRTUAL_ACCOUNT"}
        async with aiohttp.ClientSession() as http, http.post(f"{base}/__sandbox__/pay", json=body) as response:
            assert response.status == 200
        async with asyncio.timeout(5):
            while not parts.world.state.script_done:
                await asyncio.sleep(0.01)
        payment = next(parts.world.payments())
        assert payment.current is not None
        assert payment.current.status == "PAID"
