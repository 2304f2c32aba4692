"""PostgreSQL itself allows one open refund of ours for each payment, past the row lock and past Python (F35)."""

from itertools import product

import asyncpg
import pytest

from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.wiring import Addresses
from kit import TESTER, House

OPEN = ("WAITING", "SENDING", "REQUESTED")
INSERT = """
    INSERT INTO payment_cancellations (id, payment_id, origin, status, amount, currency, reason, requested_by, sent_at,
                                       cancelled_at, created_at)
    VALUES (gen_random_uuid(), $1, $2, $3, 100, 'KRW', '단순 변심', 'test', now(),
            CASE WHEN $3 = 'SUCCEEDED' THEN now() END, now())
"""


async def one_payment(house: House) -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    return await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)


@pytest.mark.parametrize("role", ["system", "request"])
async def test_a_second_open_refund_of_one_payment_is_refused_by_its_index(
    house: House, where: Addresses, role: str
) -> None:
    payment, other = await one_payment(house), await one_payment(house)
    connection = await asyncpg.connect(getattr(where, role))
    try:
        for first, second in product(OPEN, OPEN):
            undone = connection.transaction()
            await undone.start()
            await connection.execute(INSERT, payment.id, "ours", first)
            await connection.execute(INSERT, other.id, "ours", second)
            with pytest.raises(asyncpg.UniqueViolationError) as refused:
                await connection.execute(INSERT, payment.id, "ours", second)
            assert refused.value.constraint_name == "payment_cancellations_one_open", (first, second)
            await undone.rollback()
    finally:
        await connection.close()


async def test_what_is_over_or_was_made_elsewhere_stands_in_nobodys_way(house: House, where: Addresses) -> None:
    payment = await one_payment(house)
    connection = await asyncpg.connect(where.system)
    try:
        for status in ("SUCCEEDED", "FAILED", "REJECTED"):
            await connection.execute(INSERT, payment.id, "ours", status)
        for status in (*OPEN, "SUCCEEDED"):
            await connection.execute(INSERT, payment.id, "elsewhere", status)
        await connection.execute(INSERT, payment.id, "ours", "WAITING")
        count = await connection.fetchval("SELECT count(*) FROM payment_cancellations")
    finally:
        await connection.close()
    assert count == 8
