"""Bugs in what payers do beside paying: at checkout, in dispute, with receipts, parcels and V1."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jangbu.checkout import store as checkout_store
from jangbu.checkout.rules import Step
from jangbu.checkout.service import follow, prepare
from jangbu.payments import rules
from jangbu.payments.after import dispute_rules
from jangbu.payments.after.escrow_rules import COMPLETE
from jangbu.payments.after.service import escrow, receipt_record
from jangbu.payments.cancellations.service import settle as settle_cancel
from jangbu.payments.service import poll, record, verify
from jangbu.simulator import elders

Plant = Callable[[pytest.MonkeyPatch], None]
PLANTED: dict[str, Plant] = {}


def planted(plant: Plant) -> Plant:
    PLANTED[plant.__name__.replace("_", " ")] = plant
    return plant


@planted
def money_that_comes_when_a_session_is_over_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    true = follow.step_for

    def step_for(session: Any, payment: Any, *, now: Any) -> Any:
        step = true(session, payment, now=now)
        return Step.NOTHING if step is Step.DELIVER_LATE else step

    patch.setattr(follow, "step_for", step_for)


@planted
def a_session_that_is_over_keeps_its_stock(patch: pytest.MonkeyPatch) -> None:
    async def release(tx: Any, session_key: Any) -> None:
        return None

    patch.setattr(checkout_store, "release", release)


@planted
def each_window_of_a_session_is_a_payment_of_its_own(patch: pytest.MonkeyPatch) -> None:
    made = iter(range(10**9))
    true = prepare.initialize

    async def initialize(order: Any, **named: Any) -> Any:
        return await true(replace(order, order_id=f"{order.order_id}-{next(made)}"), **named)

    patch.setattr(prepare, "initialize", initialize)


@planted
def an_account_that_was_closed_is_a_sale(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_is_closed_unpaid", lambda _: False)


@planted
def a_refund_forgets_where_the_money_goes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle_cancel, "_account_of", lambda *_: None)


@planted
def what_was_cancelled_stays_sold(patch: pytest.MonkeyPatch) -> None:
    async def of_event(tx: Any, event_id: Any) -> None:
        return None

    patch.setattr(checkout_store, "of_event", of_event)


@planted
def an_account_that_is_over_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_nobody_paid", lambda *_: False)


@planted
def what_no_webhook_said_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    async def finds_nothing(**_: Any) -> int:
        return 0

    patch.setattr(poll, "poll", finds_nothing)


@planted
def money_in_dispute_is_held_for_each_dispute(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dispute_rules, "_free", lambda payment, _: payment.cancellable_amount)


@planted
def money_that_goes_back_stays_in_its_dispute(patch: pytest.MonkeyPatch) -> None:
    async def make_way(*_: Any, **__: Any) -> None:
        return None

    patch.setattr(record, "make_way", make_way)


@planted
def a_receipt_stays_when_its_money_goes_back(patch: pytest.MonkeyPatch) -> None:
    async def take_back(*_: Any) -> None:
        return None

    patch.setattr(receipt_record, "_take_back", take_back)


@planted
def a_lost_word_about_a_parcel_was_a_yes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(escrow, "is_told", lambda _, operation, __: operation != COMPLETE)


@planted
def an_imp_uid_is_good_for_every_order(patch: pytest.MonkeyPatch) -> None:
    async def verify_imp_uid(imp_uid: str, merchant_uid: str, **named: Any) -> Any:
        return await verify.verify(merchant_uid, **named)

    patch.setattr(elders, "verify_imp_uid", verify_imp_uid)
