"""The second try of one refund: the same call under the same key, and whatever PortOne then says it gave (F36, F37)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import Ask, Cancellation, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, cancel
from jangbu.payments.cancellations.service.settle import resume
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.portone import PortOne
from jangbu.sandbox.in_process import InProcess
from kit import TESTER, House, books, settle

S = CancellationStatus


@dataclass
class Overheard:
    """The line to PortOne, and each cancel that went over it: its Idempotency-Key and its body."""

    line: InProcess
    cancels: list[tuple[str, bytes]] = field(default_factory=list)

    async def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        if target.partition("?")[0].endswith("/cancel"):
            self.cancels.append(((headers or {})["Idempotency-Key"], body))
        return await self.line.send(method, target, headers, body)


def over(line: Overheard, house: House) -> PortOne:
    settings = house.run.settings
    return PortOne(line, api_secret=settings.v2_api_secret, store_id=settings.portone_store_id)


async def paid(house: House) -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    return await find(str(payment.id), run=house.run)


async def asked_and_not_answered(house: House, payment: Payment, portone: PortOne, amount: int) -> Cancellation:
    house.portone.fault("not_reached", operation="cancel_payment")
    ask = Ask(amount=amount)
    outcome = await cancel(str(payment.id), ask, who=Authority(TESTER), run=house.run, portone=portone)
    assert outcome.cancellation.status is S.SENDING
    assert house.portone.refunds(payment.provider_order_id) == []
    return outcome.cancellation


async def known(house: House, payment: Payment) -> list[Cancellation]:
    async with house.run.db.transaction() as tx:
        return await cancellation_store.of_payment(tx, payment.id)


async def test_the_second_try_is_the_same_call_under_the_same_key(house: House) -> None:
    """F36: the first may still be on its way, and PortOne knows it again by nothing but its key."""
    line = Overheard(house.portone.transport)
    payment = await paid(house)
    one = await asked_and_not_answered(house, payment, over(line, house), 3_000)
    await resume(one.id, actor=TESTER, run=house.run, portone=over(line, house))
    (first_key, first), (second_key, second) = line.cancels
    assert first_key == second_key == f'"{one.id}"'
    assert first == second
    assert [row.status for row in await known(house, payment)] == [S.SUCCEEDED]
    assert house.portone.refunds(payment.provider_order_id) == [3_000]


@pytest.mark.parametrize("shown", [500, 900], ids=["less", "more"])
async def test_what_portone_gave_back_is_booked_whatever_we_asked_for(house: House, shown: int) -> None:
    """F37: our mark stands on another sum than ours. What left is what PortOne says; the books say the same."""
    payment = await paid(house)
    one = await asked_and_not_answered(house, payment, house.wired.portone, 700)
    status, answer = await house.portone.cancel(payment.provider_order_id, shown, reason=one.reason_sent)
    assert status == 200, answer
    await settle(house)
    [row] = await known(house, payment)
    assert (row.id, row.origin, row.status, row.amount) == (one.id, "ours", S.SUCCEEDED, shown)
    after = await find(str(payment.id), run=house.run)
    assert (after.status, after.cancelled_amount) == (Status.PARTIAL_CANCELLED, shown)
    assert after.cancellable_amount == 11_000 - shown
    assert house.portone.refunds(payment.provider_order_id) == [shown]
    found = await books(house)
    assert found.proof.holds, found.proof
    assert found.balances["assets:pg_receivable"] == 11_000 - shown
