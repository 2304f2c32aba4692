"""`jangbu psql`, and every question that the documents put to the database (requirements B14, B15)."""

import re
from pathlib import Path

from cli.tools import Jangbu
from jangbu.payments.service.initialize import Order, initialize
from kit import TESTER, House

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "find-out-what-happened.md"
QUESTIONS = [
    question
    for block in re.findall(r"```sql\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    for question in filter(str.strip, block.split(";"))
]
ANSWERS_NOTHING_WHEN_ALL_IS_WELL = (
    "cancellable_amount <> amount",
    "review_looked_at IS NULL",
    "'unknown'",
    "'failed'",
    "pg_stat_activity",
)


async def test_every_question_of_the_howto_is_answered(house: House) -> None:
    payment = await initialize(Order(11_000, "KRW", "보리차"), actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    assert len(QUESTIONS) >= 12
    async with house.run.db.pool.acquire() as connection:
        for question in QUESTIONS:
            async with connection.transaction(readonly=True):
                answer = await connection.fetch(question)
            may_be_empty = any(words in question for words in ANSWERS_NOTHING_WHEN_ALL_IS_WELL)
            assert answer or may_be_empty, question


async def test_it_answers_changes_nothing_and_shows_nobody_the_password(jangbu: Jangbu, house: House) -> None:
    asked = await jangbu("psql", "--csv", "-c", "SELECT count(*) AS n, current_user AS who FROM payments")
    assert (asked.code, asked.out.split()) == (0, ["n,who", "0,jangbu_system"])
    refused = await jangbu("psql", "-c", "DELETE FROM session")
    assert refused.code == 1
    assert "read-only transaction" in refused.err
    shown = await jangbu("psql", "-c", r"\! cat /proc/$PPID/cmdline | tr '\0' ' '")
    assert "jangbu_system" in shown.out
    assert not re.search(r"jangbu_system:[^@\s]+@", shown.out)


async def test_without_a_database_it_says_so(jangbu: Jangbu, tmp_path: Path) -> None:
    elsewhere = jangbu.given(DATABASE_URL="", JANGBU_HOME=str(tmp_path))
    nowhere = await elsewhere("psql", "-c", "SELECT 1")
    assert nowhere.code == 2
    assert "There is no database" in nowhere.err
