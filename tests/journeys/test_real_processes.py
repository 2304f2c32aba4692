"""The same deaths for real: web and worker killed with SIGKILL at a failpoint, over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from jangbu import sandbox
from jangbu.access import cli as access_cli
from jangbu.demo.programs import Programs
from jangbu.failpoints import ENVIRONMENT_VARIABLE
from jangbu.inbox import store as inbox
from jangbu.payments import store
from jangbu.queue import open_count
from jangbu.runtime import SET_CLOCK_OFFSET, follow_sandbox_clock
from jangbu.sandbox.app import running
from jangbu.sandbox.core.parts import Parts
from jangbu.settings import load
from jangbu.wiring import Addresses, Wired, build
from kit import Books, books_of, free_port, until

pytestmark = pytest.mark.kill

WEB_FAILPOINTS = ("payment.register.intended", "payment.register.answered", "inbox.receive.verified",
                  "inbox.receive.committed", "payment.apply.entry_posted", "payment.apply.committed")  # fmt: skip
WORKER_FAILPOINTS = ("queue.job.started", "inbox.handle.read", "payment.apply.before_commit", "inbox.handle.handled",
                     "queue.job.handled")  # fmt: skip
ORDER = {"amount": 11_000, "orderName": "보리차", "orderId": "order-1"}


@dataclass
class Town:
    """Our programs, PortOne, and a shop that does not give up."""

    programs: Programs
    wired: Wired
    portone: Parts
    portone_url: str
    url: str
    key: str
    moved: timedelta = timedelta()

    async def ours(self, verb: str, body: dict[str, object]) -> tuple[int, dict[str, dict[str, object]]]:
        """Call our API; (0, {}) when nobody answers."""
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.post(f"{self.url}/api/portone/{verb}", json=body, headers=headers) as answer,
            ):
                return answer.status, await answer.json()
        except aiohttp.ClientError:
            return 0, {}

    async def restart_what_died(self) -> set[str]:
        """Start web and worker again where they are gone, without a failpoint; which died."""
        died = {name for name, process in self.programs.running.items() if process.returncode is not None}
        self.programs.environment = {**self.programs.environment, ENVIRONMENT_VARIABLE: ""}
        for name in died:
            await self.start(name)
        return died

    async def start(self, name: str) -> None:
        await self.programs.start(name, "serve" if name == "web" else "worker")

    async def pay_in_the_window(self, payment_id: str) -> None:
        async with aiohttp.ClientSession() as http:
            asked = {"storeId": sandbox.STORE_ID, "channelKey": sandbox.CARD_CHANNEL, "paymentId": payment_id,
                     "orderName": "보리차", "totalAmount": 11_000, "currency": "KRW", "payMethod": "CARD"}  # fmt: skip
            async with http.post(f"{self.portone_url}/__browser__/payments", json=asked) as answer:
                opened = await answer.json()
            if "txId" in opened:
                decision = f"{self.portone_url}/__browser__/transactions/{opened['txId']}/decision"
                async with http.post(decision, json={"action": "approve"}) as answer:
                    assert answer.status == 200

    async def let_time_pass(self, by: timedelta) -> None:
        """Both clocks forward, in steps below the five minutes a signature is good for."""
        for _ in range(int(by / timedelta(minutes=4))):
            self.moved += timedelta(minutes=4)
            await self.wired.system.db.statement(SET_CLOCK_OFFSET, offset_s=int(self.moved.total_seconds()))
            await self.portone.clock.move(timedelta(minutes=4))
        await follow_sandbox_clock(self.wired.system)

    async def is_quiet(self) -> bool:
        async with self.wired.system.db.transaction() as tx:
            return (
                await open_count(tx) == 0
                and await inbox.open_count(tx) == 0
                and await store.due_count(tx, self.wired.system.clock.now()) == 0
            )


@asynccontextmanager
async def town(where: Addresses, tmp_path: Path, *, failpoint: str) -> AsyncIterator[Town]:
    port, portone_port = free_port(), free_port()
    environment = {
        "JANGBU_MODE": "sandbox", "JANGBU_PORT": str(port), "JANGBU_SANDBOX_PORT": str(portone_port),
        "JANGBU_SWEEP_CRON": "* * * * * */1", "DATABASE_URL": where.system,
        "JANGBU_DATABASE_URL_REQUEST": where.request,
        "JANGBU_DATABASE_URL_OWNER": where.owner, "JANGBU_HOME": str(tmp_path), ENVIRONMENT_VARIABLE: failpoint,
        "JANGBU_JOB_LEASE_S": "2", "BETTER_AUTH_SECRET": "a-secret-for-tests-only-0123456789",
    }  # fmt: skip
    settings = load(_env_file=None, **environment)
    programs = Programs(tmp_path / "logs", environment)
    webhook_url = f"{settings.url}/api/portone/webhook"
    async with (
        running(port=portone_port, webhook_url=webhook_url) as (portone_url, parts),
        build(settings, where) as wired,
    ):
        key = await access_cli.create_key("tests", ["payments:create", "payments:verify"], run=wired.system)
        built = Town(programs, wired, parts, portone_url, settings.url, key)
        try:
            await built.start("web")
            await built.start("worker")
            yield built
        finally:
            await programs.stop()


@pytest.mark.parametrize("failpoint", sorted(set(WEB_FAILPOINTS + WORKER_FAILPOINTS)))
async def test_a_program_killed_anywhere_loses_and_doubles_nothing(
    where: Addresses, tmp_path: Path, failpoint: str
) -> None:
    async with town(where, tmp_path, failpoint=failpoint) as here:
        died: set[str] = set()
        payment_id = ""

        async def order_is_known() -> bool:
            nonlocal payment_id
            died.update(await here.restart_what_died())
            status, answer = await here.ours("initialize", ORDER)
            if status == 200:
                payment_id = str(answer["data"]["paymentId"])
            return status == 200

        await until(order_is_known, seconds=60, what="the shop initializing its order")
        await here.pay_in_the_window(payment_id)

        async def all_is_done() -> bool:
            # Both programs carry the failpoint: the second one may die of it while the first is being replaced.
            died.update(await here.restart_what_died())
            return await here.is_quiet()

        await here.ours("verify", {"paymentId": payment_id})
        await until(all_is_done, seconds=30, what="the webhook to be handled")
        await here.let_time_pass(timedelta(minutes=20))
        await until(all_is_done, seconds=30, what="everything open to be settled")
        assert died, f"nothing was killed at {failpoint}"

        status, answer = await here.ours("verify", {"paymentId": payment_id})
        died.update(await here.restart_what_died())
        assert (status, answer["data"]["paid"]) == (200, True)
        found: Books = await books_of(here.wired.system)
        assert found.proof.holds, found.proof
        assert found.balances["assets:pg_receivable"] == 11_000
        assert found.events.count("payment.paid") == 1
