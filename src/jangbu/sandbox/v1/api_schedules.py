"""V1: charging a card at a later time (portone-facts §6.5)."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import billing_keys, charges, schedules
from jangbu.sandbox.core.billing_records import BillingKey, Schedule
from jangbu.sandbox.core.bodies import major_of
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt
from jangbu.sandbox.v1 import payments
from jangbu.sandbox.v1.fields import OrderName, time_of, unix
from jangbu.sandbox.v1.gate import Call, Operations
from jangbu.sandbox.v1.keys import (
    TO_PG_OF_A_CHARGE,
    CardInput,
    ChargeInput,
    check_card,
    check_uid,
    key_of,
    registered,
    wish_of,
)
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.v1.wire import payment_json

operations = Operations()
WINDOW = timedelta(days=92)
"""Lists of schedules span three months at most."""


class _Row(ChargeInput, kw_only=True):
    schedule_at: int
    name: OrderName = ""


class _Schedule(CardInput, kw_only=True):
    customer_uid: str
    schedules: list[_Row]
    checking_amount: int | None = None


class _Unschedule(msgspec.Struct):
    customer_uid: str | None = None
    merchant_uid: list[str] | str = []


class _Move(msgspec.Struct):
    schedule_at: int


class _Page(msgspec.Struct):
    page: int | None = None
    limit: int | None = None
    include_sandbox: bool = False


class _Between(_Page):
    from_: int | None = msgspec.field(default=None, name="from")
    to: int | None = None
    schedule_status: Literal["scheduled", "executed", "revoked"] | None = msgspec.field(
        default=None, name="schedule-status"
    )


class _Listed(_Page):
    schedule_from: int | None = None
    schedule_to: int | None = None
    sorting: str | None = None
    schedule_status: Literal["scheduled", "executed", "revoked"] | None = None


@operations.add("GET", "/subscribe/customers/{customer_uid}/schedules", 400)
async def v1_get_customer_schedules(call: Call) -> Any:
    """portone-facts §6.5."""
    return _schedules_of_customer(call, call.asked(_Between))


@operations.add("GET", "/subscribe/payments/schedule/customers/{customer_uid}", 400)
async def v1_get_schedules_of_customer(call: Call) -> Any:
    """portone-facts §6.5."""
    return _schedules_of_customer(call, call.asked(_Between))


@operations.add(
    "POST",
    "/subscribe/payments/schedule",
    to_pg=f"{TO_PG_OF_A_CHARGE}, `cvc`",
)
async def v1_schedule(call: Call) -> list[dict[str, Any]]:
    """portone-facts §6.5: with a card it is registered first."""
    asked = call.asked(_Schedule)
    if not asked.schedules:
        raise V1Refusal(400, "schedules는 필수입니다.")
    key = _checked_card(call, asked)
    made: list[Schedule] = []
    try:
        for row in asked.schedules:
            wish = wish_of(call, key, row, asked.channel_key)
            made.append(schedules.create(call.world, call.store, wish, time_of(row.schedule_at), call.now))
    except (ApiError, V1Refusal):
        if call.world.inferred.v1_schedules_are_all_or_nothing:
            for schedule in made:
                schedules.forget(call.world, schedule)
        raise
    return [schedule_json(call, each) for each in made]


def _checked_card(call: Call, asked: _Schedule) -> BillingKey:
    """The customer's card, or the one that is keyed in: theirs once it passed the check that was asked for."""
    if asked.card_number is not None:
        check_uid(asked.customer_uid)
        fresh = key_of(call, asked.customer_uid, asked, {})
        check_card(call, fresh, asked.checking_amount)
        return registered(call, fresh)
    key = call.world.state.billing_keys.get(call.store.id, {}).get(asked.customer_uid)
    if key is None or key.status != "ISSUED":
        raise V1Refusal(200, "등록되지 않은 구매자입니다.")
    check_card(call, key, asked.checking_amount)
    return key


@operations.add("POST", "/subscribe/payments/unschedule")
async def v1_unschedule(call: Call) -> list[dict[str, Any]]:
    """portone-facts §6.5: one, many, or all of the customer; those that are named need no customer."""
    asked = call.asked(_Unschedule)
    named = [asked.merchant_uid] if isinstance(asked.merchant_uid, str) else asked.merchant_uid
    ids = [_schedule(call, merchant_uid).id for merchant_uid in named]
    revoked = schedules.revoke(call.world, call.store, asked.customer_uid, ids, call.now)
    if not revoked:
        raise V1Refusal(200, "취소할 예약결제 기록이 존재하지 않습니다.")
    return [schedule_json(call, each) for each in revoked]


@operations.add("GET", "/subscribe/payments/schedule", 400)
async def v1_list_schedules(call: Call) -> Any:
    """portone-facts §6.5: by the time of the schedule, three months at most."""
    asked = call.asked(_Listed)
    rows = [row for row in call.world.state.schedules.values() if row.store_id == call.store.id]
    return _page_of_schedules(
        call,
        rows,
        asked.schedule_from,
        asked.schedule_to,
        asked.schedule_status,
        asked.page,
        asked.limit,
        is_oldest_first=asked.sorting == "scheduled",
    )


@operations.add("GET", "/subscribe/payments/schedule/{merchant_uid}", 404)
async def v1_get_schedule(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    return schedule_json(call, _schedule(call, call.path("merchant_uid")))


@operations.add("PUT", "/subscribe/payments/schedule/{merchant_uid}", 400, 404)
async def v1_move_schedule(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: another time for one that waits."""
    schedule = _schedule(call, call.path("merchant_uid"))
    schedules.move(call.world, schedule, time_of(call.asked(_Move).schedule_at), call.now)
    return schedule_json(call, schedule)


@operations.add("POST", "/subscribe/payments/schedule/{merchant_uid}/reschedule", 400, 404)
async def v1_reschedule(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: one that failed or was revoked is planned again."""
    return _plan_again(call, time_of(call.asked(_Move).schedule_at), "FAILED", "REVOKED")


@operations.add("POST", "/subscribe/payments/schedule/{merchant_uid}/retry", 400, 404)
async def v1_retry_schedule(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: one that failed is tried again at once."""
    shown = _plan_again(call, call.now, "FAILED")
    await call.parts.clock.run_due()
    schedule = _schedule(call, shown["merchant_uid"])
    attempt = call.world.attempt(schedule.transaction_id or "")
    if attempt is None:
        raise V1Refusal(200, "재시도에 실패하였습니다.")
    return payment_json(call.world, attempt)


def _plan_again(call: Call, at: datetime, *allowed: str) -> dict[str, Any]:
    old = _schedule(call, call.path("merchant_uid"))
    if schedules.status_of(call.world, old) not in allowed:
        raise V1Refusal(400, "다시 예약할 수 없는 상태입니다.")
    key = billing_keys.usable(call.world, call.store, old.billing_key)
    wish = charges.Wish(
        old.payment_id,
        key.id,
        old.order,
        old.channel_key,
        old.installment_months,
        old.merchant_pays_interest,
        old.uses_card_points,
        ip_address=old.ip_address,
    )
    return schedule_json(call, schedules.create(call.world, call.store, wish, at, call.now))


def schedule_json(call: Call, schedule: Schedule) -> dict[str, Any]:
    """`schedule_status` and, once it was executed, `payment_status` (portone-facts §6.5)."""
    status = schedules.status_of(call.world, schedule)
    order, customer = schedule.order, schedule.order.customer
    attempt = call.world.attempt(schedule.transaction_id) if schedule.transaction_id else None
    failure = attempt.failure if attempt is not None else None
    executed = status in ("PENDING", "SUCCEEDED", "FAILED")
    return {
        "customer_uid": schedule.billing_key,
        "merchant_uid": schedule.payment_id,
        "imp_uid": schedule.transaction_id,
        "schedule_at": unix(schedule.time_to_pay),
        "executed_at": unix(schedule.started_at) if executed else 0,
        "revoked_at": unix(schedule.revoked_at),
        "amount": major_of(order.total_minor, order.currency),
        "currency": order.currency,
        "name": order.order_name,
        "buyer_name": customer.get("name"),
        "buyer_email": customer.get("email"),
        "buyer_tel": customer.get("phoneNumber"),
        "buyer_addr": customer.get("address", {}).get("oneLine"),
        "buyer_postcode": customer.get("zipcode"),
        "custom_data": order.custom_data,
        "schedule_status": "revoked" if status == "REVOKED" else "executed" if executed else "scheduled",
        "payment_status": _payment_status(status, attempt),
        "fail_reason": f"[{failure.pg_code}] {failure.reason}" if failure else None,
    }


def _payment_status(status: str, attempt: Attempt | None) -> str | None:
    if status == "FAILED":
        return "failed"
    if attempt is None or status == "PENDING":
        return None
    return "cancelled" if attempt.status == "CANCELLED" else "paid"


def _schedule(call: Call, merchant_uid: str) -> Schedule:
    """The latest of this merchant_uid. Refuses PAYMENT_SCHEDULE_NOT_FOUND."""
    for schedule in reversed(call.world.state.schedules.values()):
        if (schedule.store_id, schedule.payment_id) == (call.store.id, merchant_uid):
            return schedule
    raise ApiError("PAYMENT_SCHEDULE_NOT_FOUND", "The schedule is not found.")


def _schedules_of_customer(call: Call, asked: _Between) -> Any:
    key = billing_keys.find(call.world, call.store, call.path("customer_uid"))
    rows = [call.world.state.schedules[each] for each in key.schedule_ids]
    return _page_of_schedules(call, rows, asked.from_, asked.to, asked.schedule_status, asked.page, asked.limit)


def _page_of_schedules(
    call: Call,
    rows: list[Schedule],
    from_: int | None,
    to: int | None,
    status: str | None,
    page: int | None,
    limit: int | None,
    *,
    is_oldest_first: bool = False,
) -> list[dict[str, Any]] | dict[str, Any]:
    """The newest time first, unless it is sorted in the other way; `from` is in, `to` is not."""
    if from_ is None or to is None:
        raise V1Refusal(400, "조회 시작시각과 종료시각은 필수입니다.")
    since, until = time_of(from_), time_of(to)
    if not timedelta() <= until - since <= WINDOW:
        raise V1Refusal(400, "조회 기간은 최대 3개월입니다.")
    shown = [
        schedule_json(call, row)
        for row in sorted(rows, key=lambda row: (row.time_to_pay, row.number), reverse=not is_oldest_first)
        if since <= row.time_to_pay < until
    ]
    paged = payments.paged([row for row in shown if status in (None, row["schedule_status"])], page, limit)
    listed: list[dict[str, Any]] = paged["list"]
    return paged if call.world.inferred.v1_schedule_lists_are_pages else listed
