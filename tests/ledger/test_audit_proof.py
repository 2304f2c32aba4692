"""The audit log is proven with the books: every tampering with it breaks the first verdict (F119, I19)."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from by_hand import AT, proof_of
from jangbu import audit, embedded
from jangbu.audit import Actor
from jangbu.db import Database
from jangbu.ledger import service
from jangbu.wiring import Addresses
from superuser import opened, tampering


@pytest.fixture
async def log(server: embedded.Embedded, where: Addresses) -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """Three sealed lines and one that waits, and an intruder."""
    async with opened(where.system) as db, tampering(server, where) as intruder:
        for number in range(1, 5):
            async with db.transaction() as tx:
                await audit.record(
                    tx, at=AT, actor=Actor("user:kim"), action="payout.approved", subject=f"payout:{number}", won=number
                )
            if number == 3:
                await service.seal(db=db)
        yield db, intruder


async def test_a_sound_log_holds(log: tuple[Database, asyncpg.Connection]) -> None:
    unaltered = (await proof_of(log[0])).unaltered
    assert (unaltered.holds, unaltered.audit_lines, unaltered.audit_head.seq) == (True, 4, 3)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_log SET actor = 'user:lee' WHERE id = 2",
        "UPDATE audit_log SET action = 'payout.rejected' WHERE id = 2",
        "UPDATE audit_log SET subject = 'payout:9' WHERE id = 4",
        "UPDATE audit_log SET facts = '{\"won\": 9}' WHERE id = 1",
        "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE id = 3",
        "UPDATE audit_log SET request_id = 'x' WHERE id = 3",
        "DELETE FROM audit_log WHERE id = 2",
        "DELETE FROM audit_seal WHERE seq = 2",
        "DELETE FROM audit_seal WHERE seq = 3",
        "DELETE FROM audit_seal",
        "UPDATE audit_seal SET digest = sha256('x') WHERE seq = 3",
        "UPDATE audit_seal SET entry_id = 4 WHERE seq = 3",
        "DELETE FROM audit_unsealed",
        "INSERT INTO audit_unsealed (id) VALUES (1)",
    ],
)
async def test_every_tampering_is_found(log: tuple[Database, asyncpg.Connection], sql: str) -> None:
    db, intruder = log
    await intruder.execute(sql)
    assert not (await proof_of(db)).unaltered.holds
