"""Payments at a later time: made on the sandbox's clock, in the order they fall due (portone-facts §3.3)."""

import heapq
from datetime import datetime, timedelta
from typing import Any

from jangbu.clock import rfc3339
from jangbu.sandbox.core import billing_keys, charges
from jangbu.sandbox.core.billing_records import Schedule
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Store
from jangbu.sandbox.core.state import State
from jangbu.sandbox.core.world import World

OPERATION = "run_schedule"
"""What a fault of a schedule's run is ordered for."""


def create(world: World, store: Store, wish: charges.Wish, time_to_pay: datetime, now: datetime) -> Schedule:
    """Plan one payment. Refuses as PortOne does (portone-facts §12)."""
    key = billing_keys.usable(world, store, wish.billing_key)
    if wish.channel_key is not None and wish.channel_key not in key.channel_keys:
        # No CHANNEL_NOT_FOUND, as of a charge: a schedule declares none (portone-facts §12)
        # [I: schedule_names_its_channel].
        raise ApiError("INVALID_REQUEST", "The billing key was not issued on this channel.")
    if time_to_pay < now and world.inferred.schedule_in_past_is_refused:
        raise ApiError("INVALID_REQUEST", "timeToPay is past.")
    if _is_paid_or_waiting(world, store, wish.payment_id):
        raise ApiError("ALREADY_PAID_OR_WAITING", "The payment is paid, or waits for money.")
    if wish.payment_id in world.state.scheduled_payments.get(store.id, {}):
        raise ApiError("PAYMENT_SCHEDULE_ALREADY_EXISTS", "The payment has a schedule already.")
    schedule = Schedule(
        id=str(world.ids.uuid()),
        number=len(world.state.schedules) + 1,
        store_id=store.id,
        payment_id=wish.payment_id,
        billing_key=key.id,
        order=wish.order,
        time_to_pay=time_to_pay,
        created_at=now,
        channel_key=wish.channel_key,
        installment_months=wish.installment_months,
        merchant_pays_interest=wish.merchant_pays_interest,
        uses_card_points=wish.uses_card_points,
        ip_address=wish.ip_address,
        starts_at=time_to_pay,
    )
    world.state.schedules[schedule.id] = schedule
    world.state.scheduled_payments.setdefault(store.id, {})[wish.payment_id] = schedule.id
    key.schedule_ids.append(schedule.id)
    world.on_schedule(schedule)
    return schedule


def find(world: World, store: Store, schedule_id: str) -> Schedule:
    """Refuses PAYMENT_SCHEDULE_NOT_FOUND."""
    schedule = world.state.schedules.get(schedule_id)
    if schedule is None or schedule.store_id != store.id:
        raise ApiError("PAYMENT_SCHEDULE_NOT_FOUND", "The schedule is not found.")
    return schedule


def revoke(
    world: World, store: Store, billing_key: str | None, schedule_ids: list[str] | None, now: datetime
) -> list[Schedule]:
    """All or nothing: those that are named, or all that wait of the key (portone-facts §3.3).

    Refuses when one is not there, is not the key's, was revoked, or has begun.
    """
    if billing_key is None and not schedule_ids:
        raise ApiError("INVALID_REQUEST", "billingKey or scheduleIds is required.")
    key = billing_keys.usable(world, store, billing_key) if billing_key is not None else None
    if schedule_ids:
        named = [find(world, store, each) for each in dict.fromkeys(schedule_ids)]
        if key is not None and any(each.billing_key != key.id for each in named):
            raise ApiError("PAYMENT_SCHEDULE_NOT_FOUND", "A schedule is not of this billing key.")
    else:
        assert key is not None, "one of the two is there"
        named = [world.state.schedules[each] for each in billing_keys.waiting(world, key)]
    for schedule in named:
        status = status_of(world, schedule)
        if status == "REVOKED":
            raise ApiError("PAYMENT_SCHEDULE_ALREADY_REVOKED", "A schedule is revoked already.")
        if status != "SCHEDULED":
            raise ApiError("PAYMENT_SCHEDULE_ALREADY_PROCESSED", "A schedule has begun already.")
    for schedule in named:
        schedule.revoked_at, schedule.starts_at = now, None
        _free_payment_id(world, schedule)
    return named


def move(world: World, schedule: Schedule, time_to_pay: datetime, now: datetime) -> None:
    """Another time for one that waits. Refuses one that was revoked or has begun, and a time that is past."""
    if time_to_pay < now and world.inferred.schedule_in_past_is_refused:
        raise ApiError("INVALID_REQUEST", "timeToPay is past.")
    status = status_of(world, schedule)
    if status == "REVOKED":
        raise ApiError("PAYMENT_SCHEDULE_ALREADY_REVOKED", "The schedule is revoked already.")
    if status != "SCHEDULED":
        raise ApiError("PAYMENT_SCHEDULE_ALREADY_PROCESSED", "The schedule has begun already.")
    schedule.time_to_pay = schedule.starts_at = time_to_pay
    world.on_schedule(schedule)


def forget(world: World, schedule: Schedule) -> None:
    """As if it had never been: another of the same request was refused."""
    schedule.starts_at = None
    _free_payment_id(world, schedule)
    world.state.billing_keys[schedule.store_id][schedule.billing_key].schedule_ids.remove(schedule.id)
    del world.state.schedules[schedule.id]


def status_of(world: World, schedule: Schedule) -> str:
    """What became of it: how it ended is what became of its attempt."""
    if schedule.revoked_at is not None:
        return "REVOKED"
    if schedule.started_at is None:
        return "SCHEDULED"
    if schedule.failed_at is not None:
        return "FAILED"
    if schedule.transaction_id is None:
        return "STARTED"
    attempt = world.attempt(schedule.transaction_id)
    assert attempt is not None, "schedules and attempts are one state"
    if attempt.paid_at is not None:
        return "SUCCEEDED"
    return "FAILED" if attempt.failed_at is not None else "PENDING"


def ended_at(world: World, schedule: Schedule) -> datetime | None:
    """When it was done: for PENDING, when the PG was asked (its schema requires a time)."""
    attempt = world.attempt(schedule.transaction_id) if schedule.transaction_id else None
    return (attempt.paid_at or attempt.failed_at or attempt.requested_at) if attempt is not None else schedule.failed_at


def schedule_json(world: World, schedule: Schedule) -> dict[str, Any]:
    """A member of the `PaymentSchedule` union (portone-facts §3.3)."""
    order, status = schedule.order, status_of(world, schedule)
    times = {
        "startedAt": schedule.started_at if status != "REVOKED" else None,
        "completedAt": ended_at(world, schedule),
        "revokedAt": schedule.revoked_at,
    }
    shown = {
        "status": status,
        "id": schedule.id,
        "merchantId": world.state.merchant_id,
        "storeId": schedule.store_id,
        "paymentId": schedule.payment_id,
        "billingKey": schedule.billing_key,
        "orderName": order.order_name,
        "isCulturalExpense": order.is_cultural_expense or False,
        "isEscrow": False,
        "customer": order.customer,
        "customData": order.custom_data or "",
        "totalAmount": order.total_minor,
        "taxFreeAmount": order.tax_free_minor,
        "vatAmount": order.vat_minor,
        "currency": order.currency,
        "installmentMonth": schedule.installment_months or None,
        "noticeUrls": order.notice_urls or None,
        "products": order.products,
        "createdAt": rfc3339(schedule.created_at),
        "timeToPay": rfc3339(schedule.time_to_pay),
        **{name: rfc3339(at) for name, at in times.items() if at is not None},
    }
    return {name: value for name, value in shown.items() if value is not None}


class Schedules:
    """The clock's agenda of schedules. What waits is data in the world, so it outlives a restart and a reset."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._state: State | None = None
        self._queue: list[tuple[datetime, int, Schedule]] = []
        world.on_schedule = self._accept

    def _accept(self, schedule: Schedule) -> None:
        if schedule.starts_at is not None:
            heapq.heappush(self._waiting(), (schedule.starts_at, schedule.number, schedule))

    def _waiting(self) -> list[tuple[datetime, int, Schedule]]:
        if self._state is not self._world.state:
            self._state = self._world.state
            rows = self._state.schedules.values()
            self._queue = [(row.starts_at, row.number, row) for row in rows if row.starts_at is not None]
            heapq.heapify(self._queue)
        while self._queue and self._queue[0][2].starts_at != self._queue[0][0]:
            # It was revoked or moved since it was put here.
            heapq.heappop(self._queue)
        return self._queue

    def next_due(self) -> datetime | None:
        queue = self._waiting()
        return queue[0][0] if queue else None

    async def run_due(self, now: datetime) -> None:
        while (queue := self._waiting()) and queue[0][0] <= now:
            self._run(heapq.heappop(queue)[2], now)

    def _run(self, schedule: Schedule, now: datetime) -> None:
        if schedule.started_at is None:
            schedule.started_at = now
            _free_payment_id(self._world, schedule)
            slow = self._faults.take(Kind.PG, OPERATION, schedule.payment_id, "schedule_waits")
            if slow is not None:
                schedule.starts_at = now + timedelta(seconds=slow.seconds)
                self._accept(schedule)
                return
        schedule.starts_at = None
        world, store = self._world, self._world.state.stores[schedule.store_id]
        wish = charges.Wish(
            schedule.payment_id,
            schedule.billing_key,
            schedule.order,
            schedule.channel_key,
            schedule.installment_months,
            schedule.merchant_pays_interest,
            schedule.uses_card_points,
            schedule.id,
            schedule.ip_address,
        )
        try:
            attempt = charges.charge(world, self._faults, store, wish, now)
        except ApiError as refusal:
            if refusal.body["type"] == "ALREADY_PAID":
                # Something else has paid meanwhile: nothing is charged, and there is nothing to tell.
                schedule.failed_at = now
                return
            # Whatever else stands against it, Transaction.Failed tells (portone-facts §3.3) [I: refused_schedule].
            attempt = charges.fail(world, store, wish, refusal, now)
        schedule.transaction_id = attempt.transaction_id


def _free_payment_id(world: World, schedule: Schedule) -> None:
    """The paymentId is free for another schedule."""
    world.state.scheduled_payments[schedule.store_id].pop(schedule.payment_id, None)


def _is_paid_or_waiting(world: World, store: Store, payment_id: str) -> bool:
    payment = world.payment(store.id, payment_id)
    attempts = payment.attempts if payment is not None else []
    return any(attempt.status not in ("READY", "FAILED") for attempt in attempts)
