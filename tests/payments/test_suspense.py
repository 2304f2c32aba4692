"""Money that came, but not as asked: its sum and its accounts stay what they were when it was booked (ADR 0011)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jangbu import embedded
from jangbu.audit import Actor
from jangbu.errors import Refusal
from jangbu.payments.cancellations.rules import Ask, CancellationStatus
from jangbu.payments.cancellations.service.cancel import Authority, approve, cancel
from jangbu.payments.rules import Payment, Status, decide
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import _apply as apply
from jangbu.payments.service.sync import find
from jangbu.wiring import Addresses
from kit import TESTER, House, books
from superuser import superuser

from .told import NOW, payment, seen

MIGRATION = Path(__file__).parents[2] / "migrations" / "0013_suspense.sql"
LATER = NOW + timedelta(minutes=1)


async def mismatched(house: House, **answer: Any) -> Payment:
    """A payment of 11,000 won of which PortOne says `answer`."""
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    asked = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    return await apply(asked.id, seen("PAID", **({"store_id": asked.store_id} | answer)), actor=TESTER, run=house.run)


def test_what_was_booked_keeps_its_sum_and_its_channel_whatever_portone_says_later() -> None:
    first = decide(payment(), seen("PAID", total=500), live=False, now=NOW).payment
    later = decide(first, seen("PAID", total=600, attempt=2, at=LATER), live=False, now=LATER)
    assert (later.event, later.payment.review) == (None, "other_amount")
    assert (later.payment.suspense_amount, later.payment.suspense_currency) == (500, "KRW")
    assert later.payment.channel_key == first.channel_key == "channel-1"


@pytest.mark.parametrize("later", [{"is_live": True}, {"store_id": "store-2"}, {"currency": "XXX"}])
def test_a_later_reason_to_look_takes_nothing_out_of_suspense(later: dict[str, Any]) -> None:
    first = decide(payment(), seen("PAID", total=500), live=False, now=NOW).payment
    after = decide(first, seen("PAID", total=500, at=LATER, **later), live=False, now=LATER).payment
    assert after.review != first.review
    assert after.suspense == first.suspense
    again = decide(after, seen("PAID", total=500, at=LATER), live=False, now=LATER)
    assert again.event is None, "it was booked already"


async def test_put_right_it_is_a_sale_and_nothing_is_left_in_suspense(house: House) -> None:
    wrong = await mismatched(house, total=500)
    right = await apply(wrong.id, seen("PAID", store_id=wrong.store_id, at=LATER), actor=TESTER, run=house.run)
    assert (right.status, right.suspense) == (Status.PAID, None)
    assert (await books(house)).balances == {
        "assets:pg_receivable": 11_000,
        "income:sales": -10_000,
        "liabilities:suspense": 0,
        "liabilities:vat_payable": -1_000,
    }


async def test_a_refund_of_another_currency_that_was_put_right_while_it_waited_is_to_be_asked_for_anew(
    house: House,
) -> None:
    wrong = await mismatched(house, total=500, currency="USD")
    clerk = Authority(Actor("user:clerk"), limits={})
    asked = await cancel(str(wrong.id), Ask(), who=clerk, run=house.run, portone=house.wired.portone)
    assert (asked.cancellation.status, asked.cancellation.currency) == (CancellationStatus.WAITING, "USD")
    await apply(wrong.id, seen("PAID", store_id=wrong.store_id, at=LATER), actor=TESTER, run=house.run)
    with pytest.raises(Refusal, match="CANCEL_CURRENCY_DIFFERS"):
        await approve(asked.cancellation.id, who=Authority(TESTER), run=house.run, portone=house.wired.portone)


async def test_the_migration_finds_the_sums_of_older_payments_in_their_entries(
    house: House, server: embedded.Embedded, where: Addresses
) -> None:
    booked = await mismatched(house, total=500, currency="USD")
    not_ours = await mismatched(house, store_id="store-2", total=500)
    put_right = await mismatched(house, total=700)
    await apply(put_right.id, seen("PAID", store_id=put_right.store_id, at=LATER), actor=TESTER, run=house.run)
    text = MIGRATION.read_text()
    backfill = text[text.index("UPDATE payments p") : text.index(";", text.index("UPDATE payments p"))]
    async with superuser(server, where) as connection:
        await connection.execute("UPDATE payments SET suspense_amount = 0, suspense_currency = NULL")
        await connection.execute(backfill)
    found = [(await find(str(one.id), run=house.run)).suspense for one in (booked, not_ours, put_right)]
    assert found == [booked.suspense, None, None]
    assert booked.suspense is not None
