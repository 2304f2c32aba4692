"""A copy of the database, met from the terminal."""

import asyncpg

from cli.tools import Jangbu
from jangbu.wiring import Addresses


async def test_whatever_would_act_says_why_it_does_not(jangbu: Jangbu, where: Addresses) -> None:
    owner = await asyncpg.connect(where.owner)
    await owner.execute("UPDATE installation SET mode = 'live', place = 'elsewhere'")
    await owner.close()
    for command in (
        ("serve",),
        ("worker",),
        ("catch-up", "--since", "2026-07-31"),
        ("payments", "cancel", "order-1"),
        ("payments", "cancel", "order-1", "--dry-run"),
        ("endpoints", "add", "https://shop.example/hooks"),
    ):
        ran = await jangbu(*command)
        assert (ran.code, ran.out) == (2, "")
        assert "is a copy" in ran.err
    assert (await jangbu("books", "verify")).code == 0, "looking is always possible"
    assert (await jangbu("adopt")).code == 1, "nobody said that the original is stopped"
    doctor = await jangbu("doctor", "--json")
    assert [check["verdict"] for check in doctor.json["checks"] if check["check"] == "installation"] == ["wrong"]
    adopted = await jangbu("adopt", "--yes", "--json")
    assert adopted.code == 0, adopted.err
    owner = await asyncpg.connect(where.owner)
    assert str(await owner.fetchval("SELECT id FROM installation")) == adopted.json["installation"]
    assert await owner.fetchval("SELECT place = database_place() FROM installation")
    await owner.close()
