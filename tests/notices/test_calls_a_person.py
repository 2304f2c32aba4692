"""Who calls a person: payments that do not add up, calls without an answer, jobs that gave up. Each once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from jangbu import embedded
from jangbu.db import Query
from jangbu.notices import store
from jangbu.notices.rules import State
from jangbu.payments.cancellations.rules import Ask
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.rules import CALL_A_PERSON_AFTER, Payment
from jangbu.payments.service import seeing, sync
from jangbu.payments.service.alerts import tell_of_mismatch
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.verify import verify
from jangbu.queue import payload
from jangbu.settings import Settings, load
from jangbu.wiring import Addresses
from kit import TESTER, House, house_at, jobs_named, until
from notices.post_office import Mailbox
from superuser import tampering

TEA = Order(amount=11_000, currency="KRW", order_name="보리차 2병")
PARK = Query(
    int,
    """
    INSERT INTO pgqueuer (priority, entrypoint, payload, status, attempts)
    VALUES (0, :job, :payload, 'failed', 46) RETURNING id::int
    """,
)


@pytest.fixture
def settings(tmp_path: Path, mailbox: Mailbox) -> Settings:
    """A house that can mail."""
    return load(
        _env_file=None,
        JANGBU_HOME=tmp_path,
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=mailbox.port,
        EMAIL_FROM="books@shop.example",
        ALERT_EMAIL_RECIPIENTS="kim@shop.example",
    )


@pytest.fixture
async def house(where: Addresses, settings: Settings) -> AsyncIterator[House]:
    async with house_at(where, settings) as built:
        yield built


async def start(house: House) -> Payment:
    return await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)


async def alerts(house: House) -> list[store.Alert]:
    async with house.run.db.transaction() as tx:
        return await store.alerts(tx, before=None, now=house.run.clock.now(), most=99)


async def taken(house: House) -> Payment:
    """A payment that was paid, and of which PortOne told us."""
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    return payment


async def give_back(house: House, payment: Payment, limits: dict[str, int] | None = None, **ask: Any) -> None:
    who = Authority(TESTER, limits)
    await cancel(str(payment.id), Ask(reason="단순 변심", **ask), who=who, run=house.run, portone=house.wired.portone)


async def sweep(house: House) -> None:
    await jobs_named(house.wired, "notices.sweep")()
    await house.work()


async def test_a_mismatch_is_told_once_however_often_it_is_seen(house: House, mailbox: Mailbox) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    house.portone.fault("amount_changed", operation="get_payment", times=9)
    # People's requests find out as well as webhooks do; theirs is the narrower role.
    for run in (house.wired.request, house.run):
        await verify(payment.provider_order_id, actor=TESTER, run=run, portone=house.wired.portone)
    await house.hear()
    await house.work()
    (raised,) = await alerts(house)
    assert (raised.kind, raised.severity, raised.subject) == ("payment_mismatch", "critical", payment.subject)
    assert raised.facts["asked"] == "₩11,000" and raised.facts["review"] == "other_amount"
    (mail,) = mailbox.arrived
    assert "보리차 2병" in mail["Subject"]
    assert str(payment.id) in mail.get_body(("plain",)).get_content()


async def test_one_capture_of_one_mismatch_is_one_cause(house: House) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    answer = await house.wired.portone.get_payment(payment.provider_order_id)
    seen = seeing.seen(answer.value)  # type: ignore[union-attr]
    doubtful = replace(payment, review="other_amount")
    for look in (seen, seen, replace(seen, transaction_id="another")):
        async with house.run.db.transaction() as tx:
            await tell_of_mismatch(tx, doubtful, look, run=house.run)
    assert len(await alerts(house)) == 2


async def test_what_nobody_has_an_exponent_for_is_told_as_it_came(house: House) -> None:
    payment = await start(house)
    await house.portone.pay(payment.provider_order_id)
    answer = await house.wired.portone.get_payment(payment.provider_order_id)
    strange = replace(seeing.seen(answer.value), currency="XTS")  # type: ignore[union-attr]
    await sync._apply(payment.id, strange, actor=TESTER, run=house.run)
    (raised,) = await alerts(house)
    assert (raised.facts["paid"], raised.facts["review"]) == ("11000 XTS", "unhandled_currency")


async def test_a_call_without_an_answer_calls_a_person_after_six_hours_and_once(house: House, mailbox: Mailbox) -> None:
    house.portone.fault("not_reached", operation="pre_register_payment", times=1_000)
    with pytest.raises(PortOneUnclear):
        await start(house)
    await house.move(timedelta(hours=5, minutes=50))
    assert await alerts(house) == []
    for _ in range(3):
        await house.move(timedelta(minutes=20))
    (raised,) = await alerts(house)
    assert (raised.kind, raised.facts["operation"]) == ("outcome_unknown", "pre_register")
    (mail,) = mailbox.arrived
    assert "결제 금액 사전 등록" in mail.get_body(("plain",)).get_content()


async def test_a_refund_of_which_nobody_knows_the_outcome_names_the_refund(house: House) -> None:
    payment = await taken(house)
    for fault in ("not_reached", "answer_lost"):
        house.portone.fault(fault, operation="cancel_payment", times=1_000)
    house.portone.fault("status_500", operation="get_payment", times=1_000)
    await give_back(house, payment, amount=4_000)
    await house.move(CALL_A_PERSON_AFTER + timedelta(minutes=30))
    (raised,) = await alerts(house)
    assert (raised.kind, raised.facts["operation"], raised.facts["amount"]) == ("outcome_unknown", "cancel", "₩4,000")


OTHERWISE = Query(str, "UPDATE payments SET review = 'dispute_untold' RETURNING review")


async def test_a_refund_without_an_answer_is_told_of_a_payment_that_somebody_looks_at_anyway(house: House) -> None:
    payment = await taken(house)
    assert await house.run.db.statement(OTHERWISE) == "dispute_untold"
    house.portone.fault("not_reached", operation="cancel_payment", times=1_000)
    house.portone.fault("status_500", operation="get_payment", times=1_000)
    await give_back(house, payment, amount=4_000)
    for _ in range(2):
        await house.move(CALL_A_PERSON_AFTER)
    (raised,) = await alerts(house)
    assert (raised.kind, raised.facts["operation"], raised.facts["amount"]) == ("outcome_unknown", "cancel", "₩4,000")


async def test_a_refund_above_the_limit_tells_that_it_waits_for_a_second_person(house: House, mailbox: Mailbox) -> None:
    payment = await taken(house)
    await give_back(house, payment, limits={"KRW": 10_000}, request_key="once")
    await give_back(house, payment, limits={"KRW": 10_000}, request_key="once")
    await house.work()
    (raised,) = await alerts(house)
    assert raised.kind == "refund_waits_for_approval" and raised.facts["asked_by"] == TESTER.name
    assert "₩11,000" in str(mailbox.arrived[0]["Subject"]) and len(mailbox.arrived) == 1


async def test_a_refund_that_failed_at_the_pg_days_later_is_told(house: House) -> None:
    payment = await taken(house)
    house.portone.cancel_slowly(payment.provider_order_id)
    await give_back(house, payment)
    assert await alerts(house) == []
    await house.portone.end_cancellation(payment.provider_order_id, succeeds=False)
    await house.hear()
    await house.work()
    (raised,) = await alerts(house)
    assert (raised.kind, raised.facts["amount"]) == ("refund_failed", "₩11,000")


async def test_money_given_back_in_another_console_is_told_once(house: House) -> None:
    payment = await taken(house)
    await house.portone.cancel_elsewhere(payment.provider_order_id, amount=3_000)
    for _ in range(2):
        await house.hear()
        await house.work()
    await verify(payment.provider_order_id, actor=TESTER, run=house.run, portone=house.wired.portone)
    (raised,) = await alerts(house)
    assert (raised.kind, raised.facts["amount"]) == ("cancelled_elsewhere", "₩3,000")


async def test_a_refund_of_our_own_tells_nobody(house: House) -> None:
    await give_back(house, await taken(house))
    await house.hear()
    await house.work()
    assert await alerts(house) == []


async def test_a_broken_invariant_is_told_once_an_hour_while_it_lasts(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    async with tampering(server, where) as intruder:

        async def break_and_check() -> list[store.Alert]:
            await intruder.execute("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'x.y', 'failed')")
            await jobs_named(house.wired, "checks.new")()
            return [one for one in await alerts(house) if one.subject == "check:I26"]

        assert len(await break_and_check()) == 1
        assert len(await break_and_check()) == 1
        await house.portone.clock.move(timedelta(hours=1))
        newest, _ = await break_and_check()
    assert newest.kind == "invariant_broken" and newest.facts["found"].startswith("3: job:")


async def test_a_parked_webhook_and_a_parked_job_are_told_once(house: House, mailbox: Mailbox) -> None:
    arguments: dict[str, Any] = {"webhook_id": "msg_1"}
    await house.run.db.statement(PARK, job="inbox.handle", payload=payload(**arguments))
    job_id = await house.run.db.statement(PARK, job="payments.check", payload=payload(payment_id=str(uuid4())))
    for _ in range(3):
        await sweep(house)
    told = {one.kind: one.facts for one in await alerts(house)}
    assert told == {
        "webhook_parked": {"webhook_id": "msg_1", "attempts": 46},
        "job_parked": {"job": "payments.check", "job_id": job_id, "attempts": 46},
    }
    assert len(mailbox.arrived) == 2


async def test_a_real_worker_sends_what_a_request_wrote_down(house: House, mailbox: Mailbox) -> None:
    worker = house.wired.worker()
    working = asyncio.create_task(worker.run())
    try:
        payment = await start(house)
        await house.portone.pay(payment.provider_order_id)
        house.portone.fault("amount_changed", operation="get_payment", times=9)
        await verify(payment.provider_order_id, actor=TESTER, run=house.wired.request, portone=house.wired.portone)

        async def is_sent() -> bool:
            async with house.run.db.transaction() as tx:
                sent = await store.notices(tx, state=State.SENT, before=None, now=house.run.clock.now(), most=9)
            return len(sent) == 1

        await until(is_sent, what="the mail")
    finally:
        worker.stop()
        await working
    assert len(mailbox.arrived) == 1
