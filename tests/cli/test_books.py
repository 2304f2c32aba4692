"""`jangbu books`: the figures, the proof, and the days they belong to."""

from datetime import datetime, timedelta
from pathlib import Path

import asyncpg

from cli.tools import Jangbu
from jangbu.clock import SEOUL
from jangbu.ledger.rules import Account, Entry, credit, debit
from jangbu.ledger.service import post, seal
from jangbu.money import Money
from jangbu.payments.service.initialize import Order, initialize
from jangbu.runtime import SET_CLOCK_OFFSET, Runtime
from jangbu.wiring import Addresses
from kit import TESTER, House

TEA = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-1")


async def a_paid_payment(house: House, order: Order = TEA) -> str:
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    return str(payment.id)


async def posted(run: Runtime, key: str, at: datetime, won: int) -> None:
    amount = Money(won, "KRW")
    legs = debit(Account("assets:bank"), amount) + credit(Account("equity:opening"), amount)
    async with run.db.transaction() as tx:
        await post(tx, Entry(key, "test.posted", at, legs), recorded_at=at)


async def test_verify_gives_both_verdicts_and_the_head(jangbu: Jangbu, house: House) -> None:
    await a_paid_payment(house)
    await seal(db=house.run.db)
    ran = await jangbu("books", "verify", "--json")
    assert ran.code == 0
    assert ran.json["holds"] is True
    assert ran.json["unaltered"] | {"head": None, "audit_head": None} == {
        "holds": True,
        "entries": 1,
        "sealed": 1,
        "broken": 0,
        "problems": [],
        "head": None,
        "audit_head": None,
        "unsealed": {"entries": 0, "oldest": None},
    }
    assert ran.json["unaltered"]["head"]["seq"] == 1
    assert len(ran.json["unaltered"]["head"]["digest"]) == 64
    assert ran.json["complete"] == {"holds": True, "expected": 1, "missing": [], "unexpected": []}
    text = await jangbu("books", "verify")
    assert "✓ unaltered  1 entries" in text.out
    assert ran.json["unaltered"]["head"]["digest"] in text.out
    assert ran.json["unaltered"]["audit_head"]["digest"] in text.out


async def test_an_altered_entry_is_found_and_is_exit_code_1(jangbu: Jangbu, house: House, where: Addresses) -> None:
    payment_id = await a_paid_payment(house)
    await seal(db=house.run.db)
    owner = await asyncpg.connect(where.owner)
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    await owner.execute("""UPDATE ledger_entries SET facts = '{"forged": true}'""")
    await owner.close()
    ran = await jangbu("books", "verify")
    assert ran.code == 1
    assert "✗ unaltered" in ran.out
    assert f"payment:{payment_id}:captured" in ran.out


async def test_an_entry_nobody_expects_is_exit_code_1(jangbu: Jangbu, house: House) -> None:
    await posted(house.run, "payment:forged:captured", house.run.clock.now(), 1)
    ran = await jangbu("books", "verify", "--json")
    assert ran.code == 1
    assert ran.json["unaltered"]["holds"] is True
    assert ran.json["complete"]["unexpected"] == ["payment:forged:captured"]


async def test_balances_are_in_the_accountants_sign_and_sum_up(jangbu: Jangbu, house: House) -> None:
    await a_paid_payment(house)
    ran = await jangbu("books", "balances", "--json")
    assert ran.code == 0
    held = {line["account"]: (line["balance_minor"], line["grows_by"]) for line in ran.json["accounts"]}
    assert held == {
        "assets:pg_receivable": (11_000, "debit"),
        "income:sales": (10_000, "credit"),
        "liabilities:vat_payable": (1_000, "credit"),
    }
    assert ran.json["totals"] == [{"currency": "KRW", "debit_minor": 11_000, "credit_minor": 11_000, "balanced": True}]
    text = (await jangbu("books", "balances")).out
    assert "✓ total debit ₩11,000 = total credit ₩11,000" in text
    # Figures are aligned on their last digit, whatever the accounts are called.
    ends = {line.rindex("00") for line in text.splitlines() if line.startswith(("assets:", "income:", "liabilities:"))}
    assert len(ends) == 1


async def test_a_day_ends_at_midnight_in_seoul(jangbu: Jangbu, house: House) -> None:
    midnight = datetime(2026, 8, 1, tzinfo=SEOUL)
    await posted(house.run, "test:july", midnight - timedelta(microseconds=1), 100)
    await posted(house.run, "test:august", midnight, 7)

    async def bank(at: str) -> int:
        ran = await jangbu("books", "balances", "--json", "--at", at)
        return sum(line["balance_minor"] for line in ran.json["accounts"] if line["account"] == "assets:bank")

    assert await bank("2026-07-31") == 100
    assert await bank("2026-08-01") == 107
    assert await bank("2026-07-31T15:00:00Z") == 107
    ran = await jangbu("books", "journal", "--json", "--since", "2026-07-31", "--until", "2026-07-31")
    assert [entry["key"] for entry in ran.json["entries"]] == ["test:july"]
    ran = await jangbu("books", "journal", "--json", "--since", "2026-08-01", "--until", "2026-08-01")
    assert [entry["key"] for entry in ran.json["entries"]] == ["test:august"]


async def test_the_journal_shows_entries_posting_by_posting(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house)
    await posted(house.run, "test:other", house.run.clock.now(), 5)
    ran = await jangbu("books", "journal", "--json", "--since", "2026-08-01", "--prefix", f"payment:{payment_id}")
    (entry,) = ran.json["entries"]
    assert entry["key"] == f"payment:{payment_id}:captured"
    sides = [(line["account"], line["debit_minor"], line["credit_minor"]) for line in entry["postings"]]
    assert ("assets:pg_receivable", 11_000, 0) in sides
    assert sum(debit for _, debit, _ in sides) == sum(credit for _, _, credit in sides) == 11_000
    text = (await jangbu("books", "journal", "--since", "2026-08-01")).out
    assert "test:other" in text
    assert "₩11,000" in text


async def test_the_sandboxs_moved_clock_is_followed(jangbu: Jangbu, house: House) -> None:
    at = datetime.fromisoformat((await jangbu("books", "verify", "--json")).json["at"])
    await house.run.db.statement(SET_CLOCK_OFFSET, offset_s=40 * 86_400)
    later = datetime.fromisoformat((await jangbu("books", "verify", "--json")).json["at"])
    assert timedelta(days=40) <= later - at < timedelta(days=40, minutes=1)


async def test_nothing_posted_is_no_failure(jangbu: Jangbu) -> None:
    assert (await jangbu("books", "balances")).out.strip() == "Nothing was posted yet."
    assert (await jangbu("books", "balances", "--json")).json == {"at": None, "accounts": [], "totals": []}
    assert (await jangbu("books", "journal")).code == 0


async def test_export_writes_the_journal_and_never_over_a_file(jangbu: Jangbu, house: House, folder: Path) -> None:
    await a_paid_payment(house)
    days = ("--since", "2020-01-01", "--until", "2090-01-01")
    ran = await jangbu("books", "export", "journal.csv", *days, "--json")
    assert (ran.code, ran.json["rows"]) == (0, 3)
    written = (folder / "journal.csv").read_text("utf-8-sig")
    assert "assets:pg_receivable,PG 미수금,KRW,11000,0" in written
    again = await jangbu("books", "export", "journal.csv", *days)
    assert again.code == 2 and (folder / "journal.csv").read_text("utf-8-sig") == written
