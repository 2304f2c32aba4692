"""The sandbox as a program: a real socket, real webhooks, and a state file that outlives it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from jangbu.sandbox import API_SECRET, CARD_CHANNEL, STORE_ID
from jangbu.sandbox.app import running
from jangbu.sandbox.core.clock import SandboxClock
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.testing import START
from kit import free_port

AUTHORIZED = {"authorization": f"PortOne {API_SECRET}"}


class Receiver:
    """A merchant's endpoint on a real port."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.statuses: list[int] = []
        self.arrived = asyncio.Event()
        self.url = ""

    async def _hook(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        self.arrived.set()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"location": self.url} if status == 302 else {})

    async def count(self, wanted: int) -> list[dict]:
        async with asyncio.timeout(5):
            while len(self.got) < wanted:
                self.arrived.clear()
                await self.arrived.wait()
        return self.got

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/hook"
        try:
            yield self
        finally:
            await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as listening:
        yield listening


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def pay(http: aiohttp.ClientSession, base: str, payment_id: str) -> dict:
    params = {
        "storeId": STORE_ID,
        "channelKey": CARD_CHANNEL,
        "paymentId": payment_id,
        "orderName": "보리차",
        "totalAmount": 1000,
        "currency": "KRW",
        "payMethod": "CARD",
    }
    async with http.post(f"{base}/__browser__/payments", json=params) as response:
        opened = await response.json()
    target = f"{base}/__browser__/transactions/{opened['txId']}/decision"
    async with http.post(target, json={"action": "approve"}) as response:
        return await response.json()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_lost_answer_closes_the_connection_after_acting(http: aiohttp.ClientSession) -> None:
    async with running() as (base, parts):
        for name, acted in (("not_reached", False), ("answer_lost", True)):
            parts.faults.order(Fault(name))
            with pytest.raises(aiohttp.ClientConnectionError):
                await http.post(f"{base}/payments/{name}-1/pre-register", json={"totalAmount": 1}, headers=AUTHORIZED)
            assert (parts.world.payment(STORE_ID, f"{name}-1") is not None) == acted
        # The server is well, and so is a new connection.
        async with http.get(f"{base}/payments/none", headers=AUTHORIZED) as response:
            assert response.status == 404


async def test_a_slow_answer_holds_up_nobody_else(http: aiohttp.ClientSession) -> None:
    async with running() as (base, parts):
        parts.faults.order(Fault("slow", operation="get_payment", payment_id="slow-one", seconds=30))
        slow = asyncio.ensure_future(http.get(f"{base}/payments/slow-one", headers=AUTHORIZED))
        await eventually(lambda: not parts.faults.waiting)
        async with http.get(f"{base}/payments/other", headers=AUTHORIZED) as response:
            assert response.status == 404
        assert not slow.done()
        slow.cancel()
        await asyncio.wait({slow})


async def test_an_encoded_slash_reaches_the_payment_it_names(http: aiohttp.ClientSession) -> None:
    async with running() as (base, parts):
        url = aiohttp.client.URL(f"{base}/payments/a%2Fb%3D1/pre-register", encoded=True)
        async with http.post(url, json={"totalAmount": 1}, headers=AUTHORIZED) as response:
            assert response.status == 200
        assert parts.world.payment(STORE_ID, "a/b=1") is not None


async def test_webhooks_go_out_by_themselves(http: aiohttp.ClientSession, receiver: Receiver) -> None:
    async with running(webhook_url=receiver.url) as (base, _):
        result = await pay(http, base, "ord-000001")
        got = await receiver.count(2)
    assert {body["type"] for body in got} == {"Transaction.Ready", "Transaction.Paid"}
    assert all(body["data"]["transactionId"] == result["txId"] for body in got)


async def test_a_webhook_ordered_before_the_return_has_arrived_when_the_browser_hears(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    async with running(webhook_url=receiver.url) as (base, parts):
        parts.faults.order(Fault("webhook_before_return"))
        await pay(http, base, "ord-000001")
        assert "Transaction.Paid" in [body["type"] for body in receiver.got]


async def test_a_redirect_is_not_followed_and_counts_as_no_success(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    async with running(webhook_url=receiver.url, clock=SandboxClock(frozen_at=START)) as (base, parts):
        receiver.statuses = [200, 302]
        await pay(http, base, "ord-000001")
        await receiver.count(2)
        paid = parts.world.state.deliveries[1]
        await eventually(lambda: paid.tries[0].status is not None)
        assert (paid.state, paid.tries[0].status) == ("WAITING", 302)
        async with http.post(f"{base}/__sandbox__/clock", json={"move_s": 60}) as response:
            assert response.status == 200
        assert (paid.state, len(receiver.got)) == ("DELIVERED", 3)


async def test_an_endpoint_that_is_not_there_is_tried_again_when_time_passes(
    http: aiohttp.ClientSession, receiver: Receiver
) -> None:
    async with running(webhook_url="http://127.0.0.1:9/hook", clock=SandboxClock(frozen_at=START)) as (
        base,
        parts,
    ):
        await pay(http, base, "ord-000001")
        paid = parts.world.state.deliveries[1]
        await eventually(lambda: bool(paid.tries) and paid.tries[0].problem is not None)
        paid.url = receiver.url
        await parts.clock.move(timedelta(minutes=1))
        assert (paid.state, len(paid.tries)) == ("DELIVERED", 2)


async def test_a_restart_goes_on_with_the_same_world_and_sends_what_was_waiting(
    http: aiohttp.ClientSession, receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "world.json"
    clock = SandboxClock(frozen_at=START)
    async with running(state_file=file, webhook_url="http://127.0.0.1:9/hook", seed=1, clock=clock) as (
        base,
        parts,
    ):
        first = await pay(http, base, "ord-000001")
        await eventually(lambda: len(parts.world.state.deliveries[1].tries) == 1)
        await parts.clock.move(timedelta(seconds=1))
    async with running(state_file=file) as (base, parts):
        assert parts.clock.is_frozen
        async with http.get(f"{base}/payments/ord-000001", headers=AUTHORIZED) as response:
            payment = await response.json()
        assert (payment["status"], payment["transactionId"]) == ("PAID", first["txId"])
        for delivery in parts.world.state.deliveries:
            delivery.url = receiver.url
        await parts.clock.move(timedelta(minutes=5))
        assert {body["type"] for body in receiver.got} == {"Transaction.Ready", "Transaction.Paid"}
        second = await pay(http, base, "ord-000002")
        # The random part: the time in front of it differs anyway.
        assert second["txId"][-12:] != first["txId"][-12:]
    assert [path.name for path in tmp_path.iterdir()] == ["world.json"]


async def test_the_state_file_follows_the_world_while_it_runs(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    async with running(state_file=file) as (base, _):
        await pay(http, base, "ord-000001")
        await eventually(lambda: file.exists() and b'"PAID"' in file.read_bytes())
        await pay(http, base, "ord-000002")
        async with http.post(f"{base}/__sandbox__/save") as response:
            assert response.status == 200
        assert b"ord-000002" in file.read_bytes()


async def test_the_program_prints_nothing_and_leaves_its_world_behind_when_told_to_stop(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    file, port = tmp_path / "world.json", free_port()
    program = (
        "import asyncio, pathlib; from jangbu.sandbox.app import serve;"
        f"asyncio.run(serve(port={port}, seed=1, state_file=pathlib.Path({str(file)!r})))"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    base = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    await pay(http, base, "ord-000001")
                    break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = await process.communicate()
    assert process.returncode == 0, output
    assert output == b""
    assert b"ord-000001" in file.read_bytes()


async def test_the_command_says_where_it_is_and_where_a_person_looks(
    tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jangbu.cli", "sandbox", "--port", str(port), cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
        base = f"http://127.0.0.1:{port}"
        assert said == f"PortOne is at {base}, and its console at {base}/__sandbox__/\n"
        async with http.get(f"{base}/__sandbox__") as answer:
            assert (answer.status, "포트원 샌드박스" in await answer.text()) == (200, True)
    finally:
        process.send_signal(signal.SIGTERM)
        output = await process.communicate()
    assert (process.returncode, output) == (0, (b"", b""))
