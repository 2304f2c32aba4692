"""Refunds of every kind are sound, and the checks that look at them name what is broken (reliability I09, I10, I13)."""

from datetime import timedelta

import pytest

from checks.conftest import Watched
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority, cancel, reject
from jangbu.payments.cancellations.service.settle import Outcome
from jangbu.payments.rules import Payment
from kit import TESTER

BOSS = Authority(TESTER)
CLERK = Authority(TESTER, limits={"KRW": 100})


async def give_back(watched: Watched, payment: Payment, amount: int | None = None, who: Authority = BOSS) -> Outcome:
    house = watched.house
    return await cancel(str(payment.id), Ask(amount=amount), who=who, run=house.run, portone=house.wired.portone)


async def test_refunds_of_every_kind_are_sound(watched: Watched) -> None:
    house, portone = watched.house, watched.house.portone
    await give_back(watched, await watched.paid())
    in_parts = await watched.paid()
    for part in (1_000, 2_000, None):
        await give_back(watched, in_parts, part)
    await give_back(watched, await watched.paid(), 500)
    await give_back(watched, await watched.paid(), who=CLERK)
    turned_down = await give_back(watched, await watched.paid(), who=CLERK)
    await reject(turned_down.cancellation.id, who=BOSS, run=house.run)
    done_elsewhere = await watched.paid()
    await portone.cancel_elsewhere(done_elsewhere.provider_order_id, amount=700)
    await house.hear()
    await house.work()
    slow, failed = await watched.paid(), await watched.paid()
    for payment in (slow, failed):
        portone.cancel_slowly(payment.provider_order_id)
        await give_back(watched, payment, 300)
    await portone.end_cancellation(failed.provider_order_id, succeeds=False)
    await house.hear()
    await house.work()
    portone.fault("answer_lost", operation="cancel_payment")
    await give_back(watched, await watched.paid(), 4_000)
    await watched.seal()
    statuses = await watched.intruder.fetch(
        "SELECT origin, status, count(*) FROM payment_cancellations GROUP BY origin, status ORDER BY origin, status"
    )
    assert [tuple(row) for row in statuses] == [
        ("elsewhere", "SUCCEEDED", 1),
        ("ours", "FAILED", 1),
        ("ours", "REJECTED", 1),
        ("ours", "REQUESTED", 1),
        ("ours", "SENDING", 1),
        ("ours", "SUCCEEDED", 5),
        ("ours", "WAITING", 1),
    ]
    assert await watched.broken() == {}
    assert await watched.broken(full=True) == {}


@pytest.mark.parametrize("status", ["SENDING", "REQUESTED", "SUCCEEDED"])
async def test_parts_that_are_together_more_than_was_taken_are_named(watched: Watched, status: str) -> None:
    payment = await watched.paid()
    await watched.break_(
        """
        INSERT INTO payment_cancellations
               (id, payment_id, origin, status, amount, currency, reason, requested_by, created_at, cancelled_at)
        SELECT gen_random_uuid(), $1, 'elsewhere', $2, part, 'KRW', 'x', 'x', now(),
               CASE WHEN $2 = 'SUCCEEDED' THEN now() END
          FROM unnest(ARRAY[11000, 1]) part
        """,
        payment.id,
        status,
    )
    named = await watched.broken()
    assert named["I09"] == [(f"payment:{payment.id}", "11001 of 11000 KRW is given back or about to be")]
    assert ("I10" in named) == (status == "SUCCEEDED"), "the payment does not know of it"


@pytest.mark.parametrize("change", ["status = 'FAILED', cancelled_at = NULL", "amount = amount - 1"])
async def test_a_refund_that_is_not_what_the_payment_says_is_named(watched: Watched, change: str) -> None:
    payment = await watched.paid()
    await give_back(watched, payment, 3_000)
    await watched.seal()
    assert await watched.broken() == {}
    await watched.break_(f"UPDATE payment_cancellations SET {change} WHERE payment_id = $1", payment.id)
    assert list(await watched.broken()) == ["I10"]


async def test_a_refund_nobody_asks_about_is_named_though_its_payment_is_asked_about(watched: Watched) -> None:
    house = watched.house
    payment = await watched.paid()
    house.portone.fault("answer_lost", operation="cancel_payment")
    outcome = await give_back(watched, payment, 4_000)
    await house.portone.move(timedelta(minutes=16))
    now = house.run.clock.now()
    await watched.seal()
    await watched.break_("UPDATE payment_cancellations SET due_at = $1 WHERE status = 'SENDING'", now)
    assert "I13" not in await watched.broken(), "the sweeper is about to ask"
    await watched.break_("UPDATE payments SET due_at = $1", now)
    await watched.break_(
        "UPDATE payment_cancellations SET due_at = $1 WHERE status = 'SENDING'", now - timedelta(minutes=16)
    )
    ((key, what),) = (await watched.broken())["I13"]
    assert key == f"attempt:{outcome.cancellation.id}"
    assert what.startswith("cancel of payment") and what.endswith("nobody asks")
