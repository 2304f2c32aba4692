"""Every way to pay, from the window to the books: with its webhooks told twice, out of order, late, or not at all."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from kit import TESTER, House, books, settle

ACCOUNT: dict[str, Any] = {"payMethod": "VIRTUAL_ACCOUNT"}
HOUR = timedelta(hours=1)


async def begun(house: House, amount: int = 11_000, currency: str = "KRW") -> str:
    """PortOne's id of a new payment of ours."""
    order = Order(amount=amount, currency=currency, order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    return payment.provider_order_id


async def ours(house: House, portone_id: str) -> Payment:
    return await find(portone_id, run=house.run)


def switch(house: House, **inferred: Any) -> None:
    """PortOne behaves in the other of the ways that its documents leave open."""
    world = house.portone.world
    world.inferred = replace(world.inferred, **inferred)


async def let_pass(house: House, by: timedelta, step: timedelta = 6 * HOUR) -> None:
    """Time passes, with sweeps on the way."""
    while by > timedelta():
        await house.move(min(step, by))
        by -= step


async def deaf(house: House) -> None:
    """No webhook arrives any more."""
    house.door.run = None


async def close_account(house: House, portone_id: str) -> None:
    status, said = await house.portone.api("POST", f"/payments/{portone_id}/virtual-account/close")
    assert status == 200, said


async def test_an_account_that_was_closed_before_anybody_paid_brings_no_money_into_the_books(house: House) -> None:
    """PortOne may call it CANCELLED, as it calls a payment that was paid and given back."""
    switch(house, closed_account_becomes="CANCELLED")
    portone_id = await begun(house)
    await house.portone.pay(portone_id, **ACCOUNT)
    await settle(house)
    assert (await ours(house, portone_id)).status is Status.VIRTUAL_ACCOUNT_ISSUED
    await close_account(house, portone_id)
    await settle(house)
    closed = await ours(house, portone_id)
    assert (closed.status, closed.paid_at, closed.review, closed.due_at) == (Status.ABANDONED, None, "", None)
    found = await books(house)
    assert found.proof.holds
    assert found.balances == {}
    assert "payment.paid" not in found.events
