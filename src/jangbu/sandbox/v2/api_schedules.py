"""PortOne's V2 operations on schedules (portone-facts §3.3)."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import schedules
from jangbu.sandbox.core.billing_records import Schedule
from jangbu.sandbox.core.inputs import ChargeInput
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.api_billing import TO_PG_OF_A_CHARGE, wish_of
from jangbu.sandbox.v2.listing import Page, aware, holds, paged, span

operations = Operations()
Status = Literal["SCHEDULED", "STARTED", "PENDING", "SUCCEEDED", "FAILED", "REVOKED"]
Sorts = Literal["CREATED_AT", "TIME_TO_PAY", "COMPLETED_AT", "STATUS_TIMESTAMP"]


class _Create(msgspec.Struct, rename="camel"):
    payment: ChargeInput
    time_to_pay: datetime


class _Sort(msgspec.Struct):
    by: Sorts | None = None
    order: Literal["DESC", "ASC"] | None = None


class _Filter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    store_id: str | None = None
    billing_key: str | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    status: list[Status] | None = None
    is_for_test: bool | None = None


class _List(msgspec.Struct):
    page: Page = msgspec.field(default_factory=Page)
    sort: _Sort = msgspec.field(default_factory=_Sort)
    filter: _Filter = msgspec.field(default_factory=_Filter)


class _Revoke(msgspec.Struct, rename="camel"):
    store_id: str | None = None
    billing_key: str | None = None
    schedule_ids: list[str] | None = None


@operations.add("POST", "/payments/{paymentId}/schedule", to_pg=TO_PG_OF_A_CHARGE)
async def create_payment_schedule(call: Call) -> dict[str, Any]:
    """portone-facts §3.3."""
    asked = call.body(_Create)
    store = call.store(asked.payment.store_id)
    time_to_pay = aware(asked.time_to_pay)
    wish = wish_of(call.world, asked.payment, call.path("paymentId"))
    schedule = schedules.create(call.world, store, wish, time_to_pay, call.now)
    return {"schedule": {"id": schedule.id}}


@operations.add("GET", "/payment-schedules/{paymentScheduleId}")
async def get_payment_schedule(call: Call) -> dict[str, Any]:
    """portone-facts §3.3."""
    store = call.store(call.query("storeId"))
    return schedules.schedule_json(call.world, schedules.find(call.world, store, call.path("paymentScheduleId")))


@operations.add("GET", "/payment-schedules")
async def get_payment_schedules(call: Call) -> dict[str, Any]:
    """portone-facts §3.3: without `from` and `until` the past 90 days, so nothing that is still to come."""
    asked = call.body(_List)
    wanted, world = asked.filter, call.world
    store = call.store(wanted.store_id)
    since, until = span(wanted.from_, wanted.until, call.now)
    rows = [
        row
        for row in world.state.schedules.values()
        if row.store_id == store.id and since <= row.time_to_pay <= until and _passes(call, wanted, row)
    ]
    by = asked.sort.by or "TIME_TO_PAY"
    rows.sort(key=lambda row: (_time_of(call, row, by), row.number), reverse=asked.sort.order != "ASC")
    return paged(rows, asked.page, lambda row: schedules.schedule_json(world, row))


@operations.add("DELETE", "/payment-schedules")
async def revoke_payment_schedules(call: Call) -> dict[str, Any]:
    """portone-facts §3.3."""
    asked = call.body(_Revoke)
    store = call.store(asked.store_id)
    revoked = schedules.revoke(call.world, store, asked.billing_key, asked.schedule_ids, call.now)
    return {"revokedScheduleIds": [each.id for each in revoked], "revokedAt": rfc3339(call.now)}


def _passes(call: Call, wanted: _Filter, row: Schedule) -> bool:
    state = call.world.state
    key = state.billing_keys[row.store_id][row.billing_key]
    # A saved world may hold a schedule that names no channel of ours.
    channel = state.channels.get(row.channel_key or "") or state.channels[key.channel_keys[0]]
    conditions = (
        (wanted.billing_key, wanted.billing_key == row.billing_key),
        (wanted.status, schedules.status_of(call.world, row) in (wanted.status or ())),
        (wanted.is_for_test, wanted.is_for_test == (channel.type == "TEST")),
    )
    return holds(conditions)


def _time_of(call: Call, row: Schedule, by: Sorts) -> datetime:
    match by:
        case "CREATED_AT":
            return row.created_at
        case "TIME_TO_PAY":
            return row.time_to_pay
        case "COMPLETED_AT":
            return schedules.ended_at(call.world, row) or row.time_to_pay
        case "STATUS_TIMESTAMP":
            # Since when it is what it is [I: schedule_status_time].
            return row.revoked_at or schedules.ended_at(call.world, row) or row.started_at or row.created_at
