"""Escrow: a parcel is told once and corrected, a purchase confirmed, whatever is lost on the way (§2.10)."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from jangbu import embedded
from jangbu.errors import Refusal
from jangbu.failpoints import Crash, armed
from jangbu.payments import store
from jangbu.payments.after import escrow_rules
from jangbu.payments.after.refusals import EscrowInProgress, EscrowNeedsProducts, EscrowNotPossible, EscrowRefused
from jangbu.payments.after.service import escrow
from jangbu.payments.after.service.escrow import Told
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.portone.after import Parcel
from jangbu.settings import Settings
from kit import TESTER, House, fresh_database, house_at, settle

from .test_refund_doors import shop

PRODUCTS = [{"id": "tea", "name": "보리차", "amount": 5_500, "quantity": 2}]
ORDER = Order(amount=11_000, currency="KRW", order_name="보리차", is_escrow=True, products=PRODUCTS)


async def paid(house: House, **window: object) -> Payment:
    payment = await initialize(ORDER, actor=TESTER, run=house.run, portone=house.wired.portone)
    more = {"isEscrow": True, "products": payment.products} | window
    await house.portone.pay(payment.provider_order_id, method="transfer", payMethod="TRANSFER", **more)
    await house.hear()
    await house.work()
    return payment


def parcel(house: House, number: str = "123-456") -> Parcel:
    return Parcel("CJ", number, house.run.clock.now())


async def sends(house: House, payment: Payment, one: Parcel) -> Told:
    return await escrow.send(str(payment.id), one, actor=TESTER, run=house.run, portone=house.wired.portone)


async def completes(house: House, payment: Payment) -> Told:
    return await escrow.complete(str(payment.id), actor=TESTER, run=house.run, portone=house.wired.portone)


async def stands(house: House, payment: Payment) -> str:
    shown = escrow_rules.read((await find(str(payment.id), run=house.run)).portone)
    return "" if shown is None else shown.status


async def calls(house: House, payment: Payment) -> list[tuple[str, str]]:
    async with house.run.db.transaction() as tx:
        made = await store.attempts(tx, payment.id)
    return [(one.operation, one.state) for one in made if one.operation in escrow_rules.OPERATIONS]


async def test_a_parcel_is_told_corrected_and_the_purchase_confirmed(house: House) -> None:
    payment = await paid(house)
    assert await stands(house, payment) == "BEFORE_REGISTERED"
    with pytest.raises(EscrowNotPossible):
        await completes(house, payment)
    first = parcel(house)
    assert (await sends(house, payment, first)).escrow.invoice_number == "123-456"
    assert (await sends(house, payment, first)).is_done, "told again, nothing is asked again"
    corrected = await sends(house, payment, parcel(house, "789"))
    assert (corrected.escrow.status, corrected.escrow.invoice_number) == ("REGISTERED", "789")
    await house.portone.order("escrow", payment.provider_order_id, status="DELIVERED")
    assert (await completes(house, payment)).escrow.status == "CONFIRMED"
    assert (await completes(house, payment)).is_done
    with pytest.raises(EscrowNotPossible):
        await sends(house, payment, parcel(house, "later"))
    done = ("send_parcel", "correct_parcel", "complete_escrow")
    assert await calls(house, payment) == [(operation, "done") for operation in done]


async def test_what_is_not_in_escrow_has_no_parcel(house: House) -> None:
    bare = Order(amount=11_000, currency="KRW", order_name="보리차", is_escrow=True)
    with pytest.raises(EscrowNeedsProducts):
        await initialize(bare, actor=TESTER, run=house.run, portone=house.wired.portone)
    payment = await paid(house, isEscrow=False)
    with pytest.raises(EscrowNotPossible):
        await sends(house, payment, parcel(house))
    with pytest.raises(Refusal, match="no such payment"):
        await escrow.complete(
            str(payment.id), store_id="store-other", actor=TESTER, run=house.run, portone=house.wired.portone
        )


async def test_what_portone_refuses_is_said(house: House) -> None:
    payment = await paid(house)
    await sends(house, payment, parcel(house))
    # Nobody told us that the buyer sent it back: PortOne's answer to our look does.
    await house.portone.order("escrow", payment.provider_order_id, status="REJECTED")
    with pytest.raises(EscrowNotPossible):
        await completes(house, payment)
    house.portone.fault("status_502", operation="confirm_escrow", times=1)
    await house.portone.order("escrow", payment.provider_order_id, status="DELIVERED")
    with suppress(EscrowRefused):
        await completes(house, payment)
    assert await stands(house, payment) != "CONFIRMED"


@pytest.mark.parametrize("fault", ["answer_lost", "not_reached", "status_500"])
async def test_a_lost_answer_is_settled_by_looking(house: House, fault: str) -> None:
    payment = await paid(house)
    house.portone.fault(fault, operation="apply_escrow_logistics", times=1)
    house.portone.fault(fault, operation="confirm_escrow", times=1)
    one = parcel(house)
    assert not (await sends(house, payment, one)).is_done
    with pytest.raises(EscrowInProgress):
        await sends(house, payment, parcel(house, "other"))
    await settle(house)
    assert await stands(house, payment) == "REGISTERED"
    assert not (await completes(house, payment)).is_done
    await settle(house)
    assert await stands(house, payment) == "CONFIRMED"
    assert await calls(house, payment) == [("send_parcel", "done"), ("complete_escrow", "done")]


async def test_a_call_that_never_arrived_is_not_made_any_more_after_hours(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("not_reached", operation="apply_escrow_logistics", times=99)
    await sends(house, payment, parcel(house))
    for _ in range(4):
        await house.move(timedelta(hours=1))
    assert await calls(house, payment) == [("send_parcel", "refused")]
    assert await stands(house, payment) == "BEFORE_REGISTERED"


@pytest.mark.parametrize(
    "name",
    ["payment.escrow.intended", "payment.escrow.answered", "payment.escrow.before_commit", "payment.sync.answered"],
)
async def test_dying_anywhere_tells_the_parcel_once(server: embedded.Embedded, settings: Settings, name: str) -> None:
    async with fresh_database(server) as where:
        async with house_at(where, settings) as house:
            payment = await paid(house)
            one = parcel(house)
            with armed(name), pytest.raises(Crash):
                await sends(house, payment, one)
        async with house_at(where, settings, seed=1, after=house) as reborn:
            await settle(reborn)
            await sends(reborn, payment, one)
            assert await stands(reborn, payment) == "REGISTERED"
            assert await calls(reborn, payment) == [("send_parcel", "done")]


@pytest.mark.parametrize(
    "odd",
    [
        {"products": [PRODUCTS[0] | {"amount": 2**53}]},
        {"products": [PRODUCTS[0] | {"quantity": 2**63}]},
        {"storeId": "\ud800"},
    ],
    ids=["a price", "a quantity", "a store"],
)
async def test_what_no_answer_could_say_again_is_refused_before_it_is_written_down(
    house: House, odd: dict[str, Any]
) -> None:
    body = {"amount": 11_000, "orderName": "보리차", "orderId": "order-1", "isEscrow": True, "products": PRODUCTS}
    async with shop(house, "payments:create") as client:
        for sent, status in ((body | odd, 422), (body, 200)):
            answer = await client.post(
                "/api/portone/initialize", content=json.dumps(sent), headers={"content-type": "application/json"}
            )
            assert answer.status_code == status, answer.text
