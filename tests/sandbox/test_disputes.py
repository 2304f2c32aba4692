"""Disputes, and cancels of what a promotion made cheaper (portone-facts §2.2, §2.8, §10.11)."""

from datetime import timedelta
from typing import Any

import pytest

from jangbu.sandbox.testing import Endpoint, Sandbox


async def get(sandbox: Sandbox) -> dict:
    status, body = await sandbox.api("GET", "/payments/ord-000001")
    assert status == 200, body
    return body


async def test_a_dispute_is_opened_and_resolved_months_later(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001")
    changed_at = (await get(sandbox))["statusChangedAt"]
    await sandbox.move(timedelta(days=60))
    await sandbox.order("dispute", "ord-000001", reason="가품입니다.")
    [dispute] = (await get(sandbox))["disputes"]
    assert (dispute["status"], dispute["reason"]) == ("UNRESOLVED", "가품입니다.")
    assert dispute["createdAt"] == "2026-09-30T03:00:00.000Z"
    await sandbox.move(timedelta(days=30))
    assert await sandbox.order("resolve-dispute", "ord-000001") == {"open": 0}
    payment = await get(sandbox)
    assert payment["disputes"] == [{**dispute, "status": "RESOLVED", "resolvedAt": "2026-10-30T03:00:00.000Z"}]
    assert (payment["status"], payment["statusChangedAt"]) == ("PAID", changed_at)
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ["Transaction.DisputeCreated", "Transaction.DisputeResolved"]
    assert shop.body(-1)["data"].keys() == {"storeId", "paymentId", "transactionId"}
    triggers = [each.get("trigger") for each in (await get(sandbox))["webhooks"]]
    assert triggers[2:] == ["DISPUTE_CREATED", "DISPUTE_RESOLVED"]
    assert sandbox.refunds("ord-000001") == []


async def test_a_lost_dispute_is_a_chargeback_beside_it(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.order("dispute", "ord-000001")
    await sandbox.chargeback("ord-000001")
    await sandbox.order("resolve-dispute", "ord-000001")
    payment = await get(sandbox)
    assert (payment["status"], "disputes" in payment) == ("CANCELLED", False)
    await sandbox.settle_webhooks()
    assert shop.types()[2:] == ["Transaction.DisputeCreated", "Transaction.Cancelled", "Transaction.DisputeResolved"]


async def test_only_what_was_paid_is_disputed_and_only_what_is_open_resolved(sandbox: Sandbox) -> None:
    await sandbox.open("ord-000001")
    with pytest.raises(Exception, match="never paid"):
        await sandbox.order("dispute", "ord-000001")
    await sandbox.pay("ord-000001")
    with pytest.raises(Exception, match="no open dispute"):
        await sandbox.order("resolve-dispute", "ord-000001")


async def test_the_old_webhook_has_no_word_for_a_dispute(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    for store in sandbox.world.state.stores.values():
        store.webhooks["TEST"].version = "2024-01-01"
    await sandbox.order("dispute", "ord-000001")
    await sandbox.settle_webhooks()
    assert len(shop.got) == 2


async def pay_with_promotion(sandbox: Sandbox) -> None:
    """An order of 10,000 won that 3,000 were taken off."""
    opened = await sandbox.open("ord-000001", totalAmount=10_000)
    sandbox.payment("ord-000001").current.order.discount_minor = 3_000
    await sandbox.decide(opened["txId"], "approve")
    amount = (await get(sandbox))["amount"]
    assert (amount["total"], amount["discount"], amount["paid"]) == (10_000, 3_000, 7_000)
    assert sandbox.captures("ord-000001") == [7_000]


@pytest.mark.parametrize(
    ("option", "amounts", "refunds"),
    [
        ("RELEASE", [4_000, 6_000], [1_000, 6_000]),
        ("RETAIN", [4_000, 6_000], [4_000, 3_000]),
        (None, [10_000], [7_000]),
        ("RETAIN", [10_000], [7_000]),
    ],
)
async def test_cancels_count_in_order_amounts_and_give_back_what_was_paid(
    sandbox: Sandbox, option: str | None, amounts: list[int], refunds: list[int]
) -> None:
    await pay_with_promotion(sandbox)
    more: dict[str, Any] = {"promotionDiscountRetainOption": option} if option else {}
    for amount in amounts:
        assert (await sandbox.cancel("ord-000001", amount, **more))[0] == 200
    assert sandbox.refunds("ord-000001") == refunds
    assert sum(refunds) == 7_000
    payment = await get(sandbox)
    assert (payment["status"], payment["amount"]["cancelled"]) == ("CANCELLED", 10_000)


async def test_a_cancel_that_would_give_back_less_than_nothing_is_refused(sandbox: Sandbox) -> None:
    await pay_with_promotion(sandbox)
    status, answer = await sandbox.cancel("ord-000001", 2_999)
    assert (status, answer["type"]) == (400, "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT")
    assert (await sandbox.cancel("ord-000001", 3_000))[0] == 200
    assert sandbox.refunds("ord-000001") == [0]
    # The discount is gone now: what remains goes back as it is.
    assert (await sandbox.cancel("ord-000001", 1))[0] == 200


async def test_a_chargeback_keeps_to_the_option_of_the_cancels_before(sandbox: Sandbox) -> None:
    await pay_with_promotion(sandbox)
    await sandbox.cancel("ord-000001", 1_000, promotionDiscountRetainOption="RETAIN")
    await sandbox.chargeback("ord-000001")
    assert sandbox.refunds("ord-000001") == [1_000, 6_000]


async def test_the_retain_option_stays_what_it_was(sandbox: Sandbox) -> None:
    await pay_with_promotion(sandbox)
    await sandbox.cancel("ord-000001", 1_000, promotionDiscountRetainOption="RETAIN")
    status, answer = await sandbox.cancel("ord-000001", 4_000)
    assert (status, answer["type"]) == (400, "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED")
