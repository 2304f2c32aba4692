"""`jangbu payments show`: the whole story, in order."""

from pathlib import Path
from uuid import UUID

from cli.test_books import TEA, a_paid_payment
from cli.tools import Jangbu
from jangbu.ledger.service import seal
from jangbu.payments.confirm import store as confirm_store
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from kit import TESTER, House, settle


async def test_the_story_is_told_in_time_order(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house)
    await seal(db=house.run.db)
    ran = await jangbu("payments", "show", payment_id, "--json")
    assert ran.code == 0
    told = ran.json
    assert told["payment"]["status"] == "PAID"
    assert told["payment"]["amount_minor"] == 11_000
    times = [moment["at"] for moment in told["moments"]]
    assert times == sorted(times)
    kinds = [moment["kind"] for moment in told["moments"]]
    assert {"call", "webhook", "change", "entry"} <= set(kinds)
    (entry,) = [moment for moment in told["moments"] if moment["kind"] == "entry"]
    assert entry["key"] == f"payment:{payment_id}:captured"
    assert entry["seq"] == 1
    assert sum(leg["debit_minor"] - leg["credit_minor"] for leg in entry["postings"]) == 0
    (call,) = [moment for moment in told["moments"] if moment["kind"] == "call"]
    assert (call["operation"], call["state"]) == ("pre_register", "done")


async def test_a_person_reads_the_same_story(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house)
    text = (await jangbu("payments", "show", payment_id)).out
    assert text.startswith("보리차 · ₩11,000 · PAID")
    assert "order-1" in text
    assert "→ PAID" in text
    assert "pre_register: done" in text
    assert "debit         ₩11,000" in text


async def test_a_question_before_the_approval_is_a_part_of_the_story(jangbu: Jangbu, house: House) -> None:
    payment_id, now = UUID(await a_paid_payment(house)), house.run.clock.now()
    async with house.run.db.transaction() as tx:
        await confirm_store.keep(
            tx, row_id=UUID(int=1), question_id="wh_1", is_signed=True, payment_id=payment_id, portone_payment_id="p",
            asked={}, answer="no", code="STOCK_GONE", took_ms=7, asked_at=now, answered_at=now,
        )  # fmt: skip
    text = (await jangbu("payments", "show", str(payment_id))).out
    assert "question" in text and "no, 7 ms — STOCK_GONE" in text


async def test_portones_id_finds_it_too(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house)
    portone_id = (await find(payment_id, run=house.run)).provider_order_id
    assert (await jangbu("payments", "show", portone_id, "--json")).json["payment"]["id"] == payment_id


async def test_what_a_person_must_look_at_stands_out(jangbu: Jangbu, house: House) -> None:
    order = Order(amount=5_000, currency="KRW", order_name="\x1b[2J[bold]찻잔", order_id="order-2")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    text = (await jangbu("payments", "show", str(payment.id))).out
    assert "\x1b" not in text
    assert "[bold]찻잔" in text
    assert "expires" in text


async def test_the_payers_data_stays_in_the_database(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house, TEA)
    payment = await find(payment_id, run=house.run)
    assert payment.portone is not None
    shown = (await jangbu("payments", "show", payment_id, "--json")).json["payment"]
    assert "portone" not in shown
    assert payment.method is not None
    card = payment.method["card"]
    assert shown["method"]["card"]["last"] == card["number"][-4:]
    assert not any(text in str(shown) for text in (card["number"], card["bin"], payment.method["approvalNumber"]))


async def test_an_unknown_payment_is_a_sentence_with_its_code(jangbu: Jangbu) -> None:
    ran = await jangbu("payments", "show", "nobody")
    assert ran.code == 1
    assert "[PAYMENT_NOT_FOUND]" in ran.err


async def test_advice_says_what_is_known_before_a_refund(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house)
    said = (await jangbu("payments", "advice", payment_id)).out
    assert "refund allowed: yes" in said
    assert "developers.portone.io" in said
    assert (await jangbu("payments", "advice", payment_id, "--json")).json["advice"]["allowed"] == "yes"


ACCOUNT = '{"bank": "국민은행", "number": "110-987-654321", "holderName": "김철수"}'


async def test_a_deposit_is_given_back_to_an_account_that_no_process_list_shows(
    jangbu: Jangbu, house: House, tmp_path: Path
) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id, payMethod="VIRTUAL_ACCOUNT")
    await house.portone.deposit(payment.provider_order_id)
    await settle(house)
    cancel = ("payments", "cancel", str(payment.id), "--dry-run")
    assert "[REFUND_ACCOUNT_NEEDED]" in (await jangbu(*cancel)).err
    file = tmp_path / "account.json"
    file.write_text(ACCOUNT, encoding="utf-8")
    for where, stdin in (("-", ACCOUNT), (str(file), "")):
        ran = await jangbu(*cancel, "--account", where, stdin=stdin)
        assert (ran.code, ran.out) == (0, "₩11,000 of ₩11,000 would be given back. Nothing was done.\n"), ran.err
        assert "654321" not in ran.out + ran.err
    for where, stdin in (
        ("-", ACCOUNT[:-1]),
        ("-", '["국민은행", "110-987-654321"]'),
        ("-", ACCOUNT.replace("holderName", "holder")),
        ("-", ACCOUNT.replace('"김철수"', "1")),
        ("ask", ""),
        (ACCOUNT, ""),
        (str(tmp_path), ""),
    ):
        ran = await jangbu(*cancel, "--account", where, stdin=stdin)
        assert ran.code == 2, where
        assert "654321" not in ran.out + ran.err, "what could not be read is somebody's account all the same"
    unfit = await jangbu(*cancel, "--account", "-", stdin=ACCOUNT.replace("국민은행", "없는은행"))
    assert unfit.code == 1 and "[REFUND_BANK_UNKNOWN]" in unfit.err
