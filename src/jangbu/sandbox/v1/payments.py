"""Finding V1's payments: each attempt is one, under its `imp_uid` (portone-facts §2.1, §6.3), which V2
shows as its transactionId, as it does the `merchant_uid` as the id [I: v1_in_v2].
"""

from collections.abc import Iterable
from typing import Any

from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt
from jangbu.sandbox.v1.fields import unix
from jangbu.sandbox.v1.gate import Call
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.v1.wire import payment_json, status_of

LIMIT, LIMIT_MAX = 20, 1000
SORTS = ("started", "paid", "updated")


def is_visible(call: Call, attempt: Attempt, *, with_tests: bool) -> bool:
    """Whether V1 tells this caller of it. Test channels' payments only where they are asked for (§6.3)."""
    if attempt.store_id != call.store.id:
        return False
    inferred = call.world.inferred
    if attempt.order.version == "V2" and not inferred.v1_sees_v2_payments:
        return False
    if attempt.order.tier != call.tier and inferred.v1_tiers_are_apart:
        return False
    return with_tests or call.world.channel_of(attempt).type == "LIVE"


def by_imp_uid(call: Call, imp_uid: str, *, with_tests: bool) -> Attempt:
    """Refuses PAYMENT_NOT_FOUND."""
    attempt = call.world.attempt(imp_uid)
    if attempt is None or not is_visible(call, attempt, with_tests=with_tests):
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    return attempt


def by_merchant_uid(call: Call, merchant_uid: str, *, with_tests: bool) -> list[Attempt]:
    """Every attempt of this merchant_uid, oldest first."""
    payment = call.world.payment(call.store.id, merchant_uid)
    attempts = payment.attempts if payment is not None else []
    return [attempt for attempt in attempts if is_visible(call, attempt, with_tests=with_tests)]


def with_status(call: Call, attempts: Iterable[Attempt], status: str | None) -> list[Attempt]:
    """Those of one status. Refuses a word that is none."""
    if status in (None, "", "all"):
        return list(attempts)
    if status not in ("ready", "paid", "cancelled", "failed"):
        raise V1Refusal(400, f"payment_status 값이 올바르지 않습니다. ({status})")
    return [attempt for attempt in attempts if status_of(call.world, attempt) == status]


def sorted_by(attempts: list[Attempt], sorting: str | None) -> list[Attempt]:
    """`-started` (the default, newest first), `started`, `-paid`, `paid`, `-updated`, `updated`."""
    name = (sorting or "-started").removeprefix("-")
    if name not in SORTS:
        raise V1Refusal(400, f"sorting 값이 올바르지 않습니다. ({sorting})")

    def at(attempt: Attempt) -> int:
        match name:
            case "paid":
                return unix(attempt.paid_at)
            case "updated":
                return unix(attempt.updated_at)
            case _:
                return unix(attempt.requested_at)

    # Within one second the order in which they were made counts, either way round.
    oldest_first = sorted(attempts, key=at)
    return oldest_first[::-1] if (sorting or "-").startswith("-") else oldest_first


def page_of(call: Call, attempts: list[Attempt], page: int | None, limit: int | None) -> dict[str, Any]:
    """`{total, previous, next, list}`: pages count from 1, and 0 is none (portone-facts §6.3)."""
    return paged([payment_json(call.world, each) for each in attempts], page, limit)


def paged(rows: list[dict[str, Any]], page: int | None, limit: int | None) -> dict[str, Any]:
    """One page of rows that are in order. Refuses a page or a limit that cannot be."""
    number, size = page if page is not None else 1, limit if limit is not None else LIMIT
    if number < 1 or not 1 <= size <= LIMIT_MAX:
        raise V1Refusal(400, "page 또는 limit 값이 올바르지 않습니다.")
    first = (number - 1) * size
    return {
        "total": len(rows),
        "previous": number - 1,
        "next": number + 1 if first + size < len(rows) else 0,
        "list": rows[first : first + size],
    }
