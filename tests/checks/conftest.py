"""A house in which something happened, sealed and sound, and the hands of somebody who breaks it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg
import pytest

from jangbu import embedded
from jangbu.audit import Actor
from jangbu.checks import Check, Found
from jangbu.checks.service import Result, run_checks
from jangbu.db import Tx
from jangbu.ledger import service as ledger
from jangbu.ledger import store as ledger_store
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from jangbu.wiring import Addresses
from kit import House
from superuser import tampering


@dataclass
class Watched:
    """A sound house, an intruder, and what the alarm heard."""

    house: House
    intruder: asyncpg.Connection
    alarms: list[tuple[str, int]] = field(default_factory=list)

    async def ask(self, *, full: bool = False, only: str = "") -> dict[str, Result]:
        """Run the checks as their job does."""

        async def hear(_: Tx, check: Check, found: Found) -> None:
            self.alarms.append((check.id, found.count))

        checks = [check for check in self.house.wired.checks if check.id.startswith(only)]
        results = await run_checks(checks, run=self.house.run, full=full, on_broken=hear)
        return {result.check.id: result for result in results}

    async def broken(self, *, full: bool = False) -> dict[str, list[tuple[str, str]]]:
        """The checks that do not hold, with the rows they name."""
        found = {}
        for check_id, result in (await self.ask(full=full)).items():
            assert result.found is not None, (check_id, result.problem)
            if result.found.count:
                found[check_id] = [(row.key, row.what) for row in result.found.rows]
        return found

    async def paid(self, amount: int = 11_000) -> Payment:
        """One more payment, all the way into the sealed ledger."""
        order = Order(amount=amount, currency="KRW", order_name="보리차")
        payment = await initialize(order, actor=Actor("test"), run=self.house.run, portone=self.house.wired.portone)
        await self.house.portone.pay(payment.provider_order_id)
        await self.house.hear()
        await self.house.work()
        await self.seal()
        return payment

    async def seal(self) -> None:
        """What the sealer does each second, and a snapshot of the balances."""
        await ledger.seal(db=self.house.run.db)
        async with self.house.run.db.transaction() as tx:
            await tx.run(ledger_store.TAKE_SNAPSHOT, every=1)

    async def break_(self, statement: str, *arguments: object) -> None:
        """Do what only a superuser with the triggers asleep can do; it must touch something."""
        done = await self.intruder.execute(statement, *arguments)
        assert not done.endswith(" 0"), f"nothing was broken by: {statement}"


@pytest.fixture
async def watched(server: embedded.Embedded, where: Addresses, house: House) -> AsyncIterator[Watched]:
    async with tampering(server, where) as intruder:
        made = Watched(house, intruder)
        for schedule in house.wired.schedules:
            await intruder.execute(
                "INSERT INTO pgqueuer_schedules (expression, entrypoint, next_run) VALUES ($1, $2, now() + '1 min')",
                schedule.cron,
                schedule.job,
            )
        await made.paid()
        await made.paid(22_000)
        yield made
