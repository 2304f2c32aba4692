"""How long money is in doubt after `kill -9` of web and worker: from their restart until every call has its outcome.

The calls are real: half of them register payments, half give money back, and PortOne acted on each before everybody who
waited for its answer died. Once as installed, by the clock on the wall; then in rounds in which the first check is due
at once, which leaves what the machine has to do: start, find them, ask PortOne, write it down.
"""

import asyncio
import math
import os
import socket
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp

from bench.figures import Finding
from bench.place import ROUNDS, Place
from jangbu import sandbox
from jangbu.access import cli as access_cli
from jangbu.db import Query
from jangbu.logs import configure
from jangbu.money import Money
from jangbu.runtime import SET_CLOCK_OFFSET, follow_sandbox_clock
from jangbu.settings import Settings, load
from jangbu.wiring import Wired, build

EACH = 40
"""Payments being registered, and refunds, that are cut off."""
AMOUNT = 11_000
NEVER_ANSWERS_S = 600
TARGET_S = 60
PATIENCE_S = 240
LOOK_AGAIN_S = 0.05
MOVE_S = 240
"""PortOne's signatures are good for five minutes, so our clock is never further ahead than this."""
LANES = 10
OPEN = Query(int, "SELECT count(*) FROM payment_attempts WHERE state IN ('sent', 'unknown')")


async def measure(place: Place) -> Finding:
    """Seconds until the last of the calls has its outcome, and of the same calls made bare."""
    async with place.database("bench_recovery") as where, _town(place, where) as town:
        as_installed = await town.recovery()
        machine: list[list[float]] = []
        bare: list[float] = []
        shares: list[float] = []
        for number in range(ROUNDS):
            place.neighbours.shares.clear()
            with place.neighbours.watched():
                machine.append(await town.recovery(first_check_is_due=True))
            bare.append(await town.bare(number))
            shares.extend(place.neighbours.shares)
    p50, p99 = _percentile(as_installed, 50), _percentile(as_installed, 99)
    everything = sorted(settled for one in machine for settled in one)
    return Finding(
        name="recovery",
        unit="s",
        ours=[max(one) for one in machine],
        yardstick=bare,
        yardstick_name="the calls alone",
        target=f"as installed p99 ≤ {TARGET_S} s",
        held=p99 <= TARGET_S,
        notes=[
            f"{EACH} registrations and {EACH} refunds had no outcome when web and worker were killed and restarted",
            f"as installed, from the restart to an outcome: p50 {p50:.1f} s, p99 {p99:.1f} s",
            f"with a check due at once: p50 {_percentile(everything, 50):.1f} s, p99 {_percentile(everything, 99):.1f}",
            f"web answers {statistics.median(town.started_s):.1f} s after its restart",
        ],
        others=shares,
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least so many in a hundred do not exceed."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


@dataclass
class _Town:
    """PortOne, web and worker as processes, and a shop."""

    settings: Settings
    environment: dict[str, str]
    wired: Wired
    http: aiohttp.ClientSession
    log: Path
    started_s: list[float] = field(default_factory=list)
    _programs: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _orders: int = 0
    _moved_s: int = 0

    async def start(self, *names: str, **more: str) -> None:
        for name in names:
            with self.log.open("ab") as log:
                self._programs[name] = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "jangbu.cli", name, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                    env={**os.environ, **self.environment, **more},
                )  # fmt: skip

    async def kill(self, *names: str) -> None:
        for name in names or tuple(self._programs):
            program = self._programs.pop(name)
            if program.returncode is None:
                program.kill()
            await program.wait()

    async def answers(self, url: str) -> None:
        deadline = perf_counter() + PATIENCE_S
        while True:
            try:
                async with self.http.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            assert perf_counter() < deadline, f"nobody answers at {url}:\n{self.log.read_text()[-2000:]}"
            await asyncio.sleep(LOOK_AGAIN_S)

    async def recovery(self, *, first_check_is_due: bool = False) -> list[float]:
        """Seconds from the restart until each call had its outcome, in order."""
        paid = [await self._paid() for _ in range(EACH)]
        for operation in ("pre_register_payment", "cancel_payment"):
            fault = {"name": "slow", "operation": operation, "seconds": NEVER_ANSWERS_S, "times": EACH}
            await self._post(f"{self.settings.portone_url}/__sandbox__/faults", [fault])
        calls = [
            *(asyncio.create_task(self._order()) for _ in range(EACH)),
            *(asyncio.create_task(self._ours("cancel", {"paymentId": one, "amount": AMOUNT // 2})) for one in paid),
        ]
        await self._until_all_wait()
        await self.kill("serve", "worker")
        assert all(
            isinstance(lost, aiohttp.ClientError) for lost in await asyncio.gather(*calls, return_exceptions=True)
        )
        more = {}
        if first_check_is_due:
            self._moved_s += MOVE_S
            await self.wired.system.db.statement(SET_CLOCK_OFFSET, offset_s=self._moved_s)
            more = {"JANGBU_SWEEP_CRON": "* * * * * */1"}
        began = perf_counter()
        await self.start("serve", "worker", **more)
        watching = asyncio.create_task(self._settled(began))
        await self.answers(f"{self.settings.url}/api/health")
        self.started_s.append(perf_counter() - began)
        settled = await watching
        if first_check_is_due:
            await self._post(f"{self.settings.portone_url}/__sandbox__/clock", {"move_s": MOVE_S})
            await follow_sandbox_clock(self.wired.system)
        return settled

    async def _settled(self, began: float) -> list[float]:
        settled: list[float] = []
        while len(settled) < 2 * EACH:
            still_open = await self.wired.system.db.statement(OPEN)
            assert still_open is not None
            now = perf_counter() - began
            settled.extend([now] * (2 * EACH - still_open - len(settled)))
            assert now < PATIENCE_S, f"{still_open} calls still without an outcome"
            await asyncio.sleep(LOOK_AGAIN_S)
        return settled

    async def _until_all_wait(self) -> None:
        """Every call is written down and has reached PortOne."""
        deadline = perf_counter() + PATIENCE_S
        while True:
            is_open = await self.wired.system.db.statement(OPEN)
            async with self.http.get(f"{self.settings.portone_url}/__sandbox__/state") as answer:
                not_there_yet = (await answer.json())["faultsWaiting"]
            if is_open == 2 * EACH and not not_there_yet:
                return
            assert perf_counter() < deadline, f"only {is_open} calls under way, {not_there_yet} not at PortOne"
            await asyncio.sleep(LOOK_AGAIN_S)

    async def bare(self, number: int) -> float:
        """Seconds that PortOne takes to answer as many calls as recovery makes: each thing is read, half are sent."""
        portone, total = self.wired.portone, Money(AMOUNT, "KRW")
        left = [f"bench-recovery-bare-{number}-{each}" for each in range(2 * EACH)]

        async def lane() -> None:
            while left:
                payment_id = left.pop()
                await portone.pre_register(
                    payment_id, total=total, tax_free=Money(0, "KRW"), idempotency_key=payment_id
                )
                await portone.get_payment(payment_id)

        began = perf_counter()
        await asyncio.gather(*(lane() for _ in range(LANES)))
        return perf_counter() - began

    async def _order(self) -> str:
        self._orders += 1
        body = {"amount": AMOUNT, "orderName": "보리차", "orderId": f"order-{self._orders}"}
        answer = await self._ours("initialize", body)
        return str(answer["data"]["paymentId"])

    async def _paid(self) -> str:
        payment_id = await self._order()
        browser = f"{self.settings.portone_url}/__browser__"
        opened = await self._post(f"{browser}/payments", {
            "storeId": sandbox.STORE_ID, "channelKey": sandbox.CARD_CHANNEL, "paymentId": payment_id,
            "orderName": "보리차", "totalAmount": AMOUNT, "currency": "KRW", "payMethod": "CARD",
        })  # fmt: skip
        await self._post(f"{browser}/transactions/{opened['txId']}/decision", {"action": "approve"})
        answer = await self._ours("verify", {"paymentId": payment_id})
        assert answer["data"]["paid"], answer
        return payment_id

    async def _ours(self, verb: str, body: dict[str, Any]) -> Any:
        return await self._post(f"{self.settings.url}/api/portone/{verb}", body)

    async def _post(self, url: str, body: Any) -> Any:
        async with self.http.post(url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()


@asynccontextmanager
async def _town(place: Place, where: Any) -> AsyncIterator[_Town]:
    port, portone_port = _free_port(), _free_port()
    environment = {
        "JANGBU_MODE": "sandbox", "JANGBU_PORT": str(port), "JANGBU_SANDBOX_PORT": str(portone_port),
        "DATABASE_URL": where.system, "JANGBU_DATABASE_URL_REQUEST": where.request, "JANGBU_HOME": str(place.home),
        "JANGBU_LOG_LEVEL": "warning", "JANGBU_LIMIT_CALLERS": "1000000/1s",
        "BETTER_AUTH_SECRET": "a-secret-for-benchmarks-only-0123456789",
    }  # fmt: skip
    settings = load(_env_file=None, **environment)
    configure(settings)
    async with build(settings, where) as wired:
        scopes = ["payments:create", "payments:verify", "payments:cancel"]
        key = await access_cli.create_key("bench", scopes, run=wired.system)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as http:
            town = _Town(settings, environment, wired, http, place.home / "recovery.log")
            try:
                await town.start("sandbox", "serve", "worker")
                await town.answers(f"{settings.portone_url}/__sandbox__/clock")
                await town.answers(f"{settings.url}/api/health")
                yield town
            finally:
                await town.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port
