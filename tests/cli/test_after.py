"""`jangbu payments …` about receipts, escrow and disputes: the same use cases as the console's, from a terminal."""

from cli.tools import Jangbu, serving
from jangbu.payments.after.service.disputes import disputes_of
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from kit import TESTER, House, books, settle

NUMBER = "010-1234-9876"
PRODUCTS = [{"id": "tea", "name": "보리차", "amount": 11_000, "quantity": 1}]


async def paid(house: House, order_id: str, *, is_escrow: bool = False, **window: object) -> Payment:
    order = Order(
        amount=11_000,
        currency="KRW",
        order_name="보리차",
        order_id=order_id,
        is_escrow=is_escrow,
        products=PRODUCTS if is_escrow else None,
    )
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id, **window)
    await settle(house)
    return await find(str(payment.id), run=house.run)


async def test_receipts_and_escrow_are_seen_to_from_a_terminal(jangbu: Jangbu, house: House) -> None:
    transfer = {"method": "transfer", "payMethod": "TRANSFER"}
    tea = str((await paid(house, "1", **transfer)).id)
    goods = str((await paid(house, "2", is_escrow=True, isEscrow=True, products=PRODUCTS, **transfer)).id)
    async with serving(house.portone.app) as url:
        here = jangbu.given(PORTONE_V2_BASE_URL=url)
        assert (await here("payments", "issue-receipt", tea)).code == 2, "nobody is here to be asked"
        unfit = await here("payments", "issue-receipt", tea, "--number", "-", stdin="12")
        assert (unfit.code, "[RECEIPT_NUMBER_UNFIT]" in unfit.err) == (1, True)
        issued = await here("payments", "issue-receipt", tea, "--number", "-", "--json", stdin=NUMBER + "\n")
        assert issued.code == 0, issued.err
        receipt = issued.json["receipt"]
        assert (receipt["status"], receipt["type"], receipt["number"][-4:]) == ("ISSUED", "PERSONAL", "9876")
        assert "1234" not in issued.out.replace(str(receipt["issue_number"]), "").replace(receipt["url"], "")
        again = await here("payments", "issue-receipt", tea, "--number", "-", stdin=NUMBER)
        assert (again.code, "[RECEIPT_ALREADY_ISSUED]" in again.err) == (1, True)
        house.portone.fault("answer_lost", operation="cancel_cash_receipt", times=1)
        house.portone.fault("status_500", operation="get_cash_receipt", times=1)
        lost = await here("payments", "cancel-receipt", tea)
        assert (lost.code, "asked until it is known" in lost.out) == (3, True), lost.out + lost.err

        wrong = await here("payments", "send-parcel", goods, "PIGEON", "123-456")
        assert (wrong.code, "PIGEON" in wrong.err) == (2, True)
        sent = await here("payments", "send-parcel", goods, "CJ", "123-456", "--sent-at", "2026-08-01", "--json")
        assert sent.json["escrow"] == {
            "status": "REGISTERED",
            "carrier": "CJ",
            "invoice_number": "123-456",
            "sent_at": "2026-07-31T15:00:00.000Z",
        }, sent.err
        completed = await here("payments", "complete-escrow", goods)
        assert (completed.code, completed.out) == (0, "The escrow is CONFIRMED.\n"), completed.err


async def test_the_end_of_a_dispute_is_said_from_a_terminal_by_a_second_person_above_the_limit(
    jangbu: Jangbu, house: House
) -> None:
    tea = await paid(house, "1")
    async with serving(house.portone.app) as url:
        here = jangbu.given(PORTONE_V2_BASE_URL=url)
        command = ("payments", "end-dispute", str(tea.id), "lost")
        assert "[DISPUTE_NOT_FOUND]" in (await here(*command)).err
        await house.portone.order("dispute", tea.provider_order_id)
        await settle(house)
        assert "[DISPUTE_NOT_TO_DECIDE]" in (await here(*command)).err, "the PG still looks into it"
        await house.portone.order("resolve-dispute", tea.provider_order_id)
        await settle(house)
        limited = here.given(JANGBU_REFUND_LIMITS='{"terminal": {"KRW": 10999}}')
        for _ in range(2):
            waits = await limited(*command)
            assert (waits.code, "a second person" in waits.out) == (3, True), waits.out + waits.err
        [one] = await disputes_of(tea, run=house.run)
        assert (one.status.value, one.wanted_outcome, one.held_amount) == ("UNTOLD", "LOST", 11_000)
        decided = await here(*command, "--dispute", str(one.id), "--json")
        assert decided.json["dispute"]["written_off_minor"] == 11_000, decided.err
    found = await books(house)
    assert found.proof.holds and found.balances["expenses:write_off"] == 11_000
