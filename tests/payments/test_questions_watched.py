"""What people learn of PortOne's questions: an alert where nobody could answer, and a list of all of them."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from at_console import at_the_console
from jangbu.db import Query
from jangbu.errors import Refusal
from jangbu.payments.confirm import store as confirm_store
from jangbu.payments.confirm.pages import QUESTIONS
from jangbu.payments.confirm.question import OF_DOCTOR, Question, answer
from jangbu.payments.refusals import PaymentUnknown
from jangbu.payments.service.alerts import UNANSWERED_MANY
from jangbu.payments.service.initialize import Order, initialize
from jangbu.web.listing import ROWS
from kit import TESTER, House, until

ALERTS = Query(str, "SELECT kind || ' ' || (facts ->> 'count') FROM admin_alerts ORDER BY created_at")
KEPT = Query(int, "SELECT count(*) FROM payment_questions")


async def blocked(house: House, number: int, *, tries: int = 1) -> None:
    """A payment that PortOne asks about while whoever sells is broken."""

    async def broken(*_: Any, **__: Any) -> Refusal | None:
        raise RuntimeError("the stock cannot be read")

    made = Order(amount=11_000, currency="KRW", order_name="보리차", order_id=f"order-{number}")
    payment = await initialize(made, actor=TESTER, run=house.run, portone=house.wired.portone)
    async with house.run.db.transaction() as tx:
        before = await tx.one(KEPT)
    for each in range(tries):
        question = Question(f"wh_{number}_{each}", True, payment.provider_order_id, "tx", 11_000)
        assert await answer(question, run=house.run, portone=house.wired.portone, approves=broken) is not None

    async def is_kept() -> bool:
        async with house.run.db.transaction() as tx:
            return await tx.one(KEPT) == before + tries

    await until(is_kept, what="the answers in the table")


async def alerts(house: House) -> list[str]:
    async with house.run.db.transaction() as tx:
        return await tx.all(ALERTS)


async def test_payments_that_nobody_could_answer_for_call_a_person_once_an_hour(house: House) -> None:
    await blocked(house, 0)
    await house.portone.move(timedelta(hours=1))
    # One payer who tries again and again is one payment.
    await blocked(house, 1, tries=UNANSWERED_MANY)
    for number in range(2, UNANSWERED_MANY):
        await blocked(house, number)
    assert await alerts(house) == [], "one short of many: the first was more than an hour ago"
    for number in range(UNANSWERED_MANY, UNANSWERED_MANY + 2):
        await blocked(house, number)
    assert await alerts(house) == [f"questions_unanswered {UNANSWERED_MANY}"]
    await house.portone.move(timedelta(hours=1))
    for number in range(20, 20 + UNANSWERED_MANY):
        await blocked(house, number)
    assert len(await alerts(house)) == 2


async def test_what_we_ask_ourselves_is_answered_and_not_written_down(house: House) -> None:
    for question_id, kept in ((f"{OF_DOCTOR}1", 0), ("wh_1", 1)):
        question = Question(question_id, True, "of-nobody", "tx", 1)
        against = await answer(question, run=house.run, portone=house.wired.portone, approves=house.wired.approves)
        assert isinstance(against, PaymentUnknown)
        async with house.run.db.transaction() as tx:
            assert await tx.one(KEPT) == kept


async def test_all_questions_are_listed_by_answer_and_page_by_page(house: House) -> None:
    made = Order(amount=11_000, currency="KRW", order_name="보리차 두 병")
    payment = await initialize(made, actor=TESTER, run=house.run, portone=house.wired.portone)
    now = house.run.clock.now()
    async with house.run.db.transaction() as tx:
        for number in range(ROWS + 2):
            # Two in one moment, so that time alone would lose one at the end of the page.
            await confirm_store.keep(
                tx,
                row_id=UUID(int=number),
                question_id=f"wh_{number}",
                is_signed=True,
                payment_id=payment.id if number else None,
                portone_payment_id=payment.provider_order_id if number else "of-nobody",
                asked={},
                answer="yes" if number else "no",
                code="" if number else "PAYMENT_NOT_FOUND",
                took_ms=1_000 + number,
                asked_at=now + timedelta(seconds=number // 2),
                answered_at=now,
            )
    async with at_the_console(house) as desk:
        first = (await desk.get(f"{QUESTIONS}?lang=en")).text
        [older] = re.findall(r'href="([^"]*before=[^"]*)"', first)
        second = (await desk.get(f"{QUESTIONS}{older}&lang=en")).text
        took = re.findall(r"1,0\d\d ms", first) + re.findall(r"1,0\d\d ms", second)
        assert took == [f"1,{number:03} ms" for number in reversed(range(ROWS + 2))]
        assert f'href="/console/payments/{payment.id}"' in first and "None of ours" in second
        refused = (await desk.get(f"{QUESTIONS}?answer=no&lang=en")).text
        assert "PAYMENT_NOT_FOUND" in refused and "보리차" not in refused
        assert "Nothing was answered like this" in (await desk.get(f"{QUESTIONS}?answer=unknown&lang=en")).text
        assert "보리차" in (await desk.get(f"{QUESTIONS}?answer=maybe&before=x&lang=en")).text, "what is odd is ignored"
