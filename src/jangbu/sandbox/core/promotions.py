"""Discounts that a promotion gives on cards of one company until its budget is spent (portone-facts §8, §10.11)."""

from datetime import datetime
from typing import Any

from jangbu.clock import rfc3339
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt, Order, Store
from jangbu.sandbox.core.small_records import Promotion
from jangbu.sandbox.core.world import World


def find(world: World, store: Store, promotion_id: str) -> Promotion:
    """Refuses PROMOTION_NOT_FOUND."""
    promotion = world.state.promotions.get(promotion_id)
    if promotion is None or promotion.store_id != store.id:
        raise ApiError("PROMOTION_NOT_FOUND", "The promotion is not found.")
    return promotion


def apply(world: World, store: Store, order: Order, method: dict[str, Any] | None, now: datetime) -> None:
    """Take the order's promotion off what the shopper pays; `method` is what they pay with.

    Refuses another method than the promotion's, and a discount above the whole. An unknown promotion, or one that is
    not in progress, is INVALID_REQUEST [I: promotion_not_in_progress].
    """
    if order.promotion_id is None:
        return
    promotion = world.state.promotions.get(order.promotion_id)
    if promotion is None or promotion.store_id != store.id or status_of(world, promotion, now) != "IN_PROGRESS":
        raise ApiError("INVALID_REQUEST", "promotionId: there is no such promotion in progress.")
    card = (method or {}).get("card", {})
    if card.get("issuer") != promotion.card_company or order.currency != promotion.currency:
        raise ApiError("PROMOTION_PAY_METHOD_DOES_NOT_MATCH", "The promotion is for another method.")
    discount = discount_of(world, promotion, order.total_minor)
    if discount > order.total_minor:
        raise ApiError("DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT", "The discount is more than the whole.")
    order.discount_minor = discount


def discount_of(world: World, promotion: Promotion, total_minor: int) -> int:
    """What the step that the sum has reached gives, within the promotion's limit and what is left of its budget."""
    reached = [
        step for step in sorted(promotion.steps, key=lambda step: step.amount_from) if step.amount_from <= total_minor
    ]
    if not reached:
        return 0
    step = reached[-1]
    discount = total_minor * step.value // 100 if step.scheme == "PERCENT" else step.value
    limits = [promotion.budget_minor - spent_of(world, promotion)]
    if promotion.max_discount_minor is not None:
        limits.append(promotion.max_discount_minor)
    return min(discount, *limits)


def spent_of(world: World, promotion: Promotion) -> int:
    """The discounts of what was paid, less those that a cancel has given back to the budget."""
    return sum(
        attempt.order.discount_minor
        for attempt in world.attempts()
        if attempt.order.promotion_id == promotion.id
        and attempt.paid_at is not None
        and not _is_back(promotion, attempt)
    )


def _is_back(promotion: Promotion, attempt: Attempt) -> bool:
    """The cancel that released the discount gave less back than it took off the order."""
    done = (each for each in attempt.cancellations if each.status == "SUCCEEDED")
    return promotion.recovers and any(each.refund_minor < each.total_minor for each in done)


def status_of(world: World, promotion: Promotion, now: datetime) -> str:
    """`PromotionStatus`; what a person did comes before what time and money did [I: promotion_status]."""
    if promotion.terminated_at is not None:
        return "TERMINATED"
    if now >= promotion.end_at:
        return "COMPLETED"
    if promotion.is_paused:
        return "PAUSED"
    if now < promotion.start_at:
        return "SCHEDULED"
    return "BUDGET_EXHAUSTED" if spent_of(world, promotion) >= promotion.budget_minor else "IN_PROGRESS"


def promotion_json(world: World, promotion: Promotion, now: datetime) -> dict[str, Any]:
    """The one member of the `Promotion` union."""
    shown = {
        "type": "CARD",
        "id": promotion.id,
        "storeId": promotion.store_id,
        "name": promotion.name,
        "discountPolicy": {
            "partitions": [
                {
                    "amountFrom": step.amount_from,
                    "scheme": {"type": step.scheme, step.scheme.lower(): step.value},
                }
                for step in promotion.steps
            ]
        },
        "totalBudget": promotion.budget_minor,
        "maxDiscountAmount": promotion.max_discount_minor,
        "spentAmount": spent_of(world, promotion),
        "currency": promotion.currency,
        "startAt": rfc3339(promotion.start_at),
        "endAt": rfc3339(promotion.end_at),
        "terminatedAt": rfc3339(promotion.terminated_at) if promotion.terminated_at else None,
        "cardCompany": promotion.card_company,
        "status": status_of(world, promotion, now),
        "createdAt": rfc3339(promotion.created_at),
        "recoverOption": {"type": "RECOVER" if promotion.recovers else "NO_RECOVER"},
    }
    return {name: value for name, value in shown.items() if value is not None}
