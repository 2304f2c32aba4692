"""The fixtures that another project's pytest finds by itself: tried on such a project, in a process of its own."""

import asyncio
import os
import re
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from jangbu.sandbox.served import Refused, serving

HOWTO = Path(__file__).parents[2] / "docs/howto/develop-against-the-sandbox.md"
SETTINGS = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
addopts = --strict-markers
filterwarnings = error
"""


async def ran(folder: Path, **files: str) -> tuple[int, str]:
    """pytest on a project with these test files: its exit code and words."""
    (folder / "pytest.ini").write_text(SETTINGS, "utf-8")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "JANGBU_"))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_the_howtos_tests_pass_in_a_project_that_is_not_ours(tmp_path: Path) -> None:
    plain, other, awaited = re.findall(
        r"```python\n(.*?)```", HOWTO.read_text("utf-8").partition("your project's tests")[2], re.DOTALL
    )
    code, said = await ran(tmp_path, test_plain=plain, test_other=other, test_awaited=awaited)
    assert (code, "4 passed" in said) == (0, True), said


async def test_webhooks_reach_the_projects_own_app_and_its_signature_check(tmp_path: Path) -> None:
    conftest = """
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

got = []

async def hook(request):
    got.append(((await request.json())["type"], "webhook-signature" in request.headers, request.url.path))
    return Response()

@pytest.fixture
def portone_shop():
    got.clear()
    return Starlette(routes=[Route("/pay/hook", hook, methods=["POST"]), Route("/webhook", hook, methods=["POST"])])

@pytest.fixture
def heard():
    return got
"""
    tests = """
import pytest

@pytest.mark.portone(webhook_url="https://mine.test/pay/hook")
async def test_where_it_says(portone, heard):
    await portone.pay("order-1")
    await portone.settle_webhooks()
    assert heard == [("Transaction.Ready", True, "/pay/hook"), ("Transaction.Paid", True, "/pay/hook")]

async def test_by_default(portone, heard):
    await portone.decline("order-1")
    await portone.settle_webhooks()
    assert [path for _, _, path in heard] == ["/webhook"] * 2
"""
    code, said = await ran(tmp_path, conftest=conftest, test_shop=tests)
    assert (code, "2 passed" in said) == (0, True), said


async def test_each_test_has_a_world_of_its_own_and_a_seed_repeats_it(tmp_path: Path) -> None:
    tests = """
import pytest

seen = []

@pytest.mark.parametrize("time", range(2))
@pytest.mark.portone(seed=5)
async def test_same(portone, time):
    seen.append((await portone.pay("order-1"))["txId"])
    assert len(set(seen)) == 1

@pytest.mark.portone(seed=6)
async def test_other(portone):
    assert (await portone.pay("order-1"))["txId"] not in seen
"""
    code, said = await ran(tmp_path, test_seeds=tests)
    assert (code, "3 passed" in said) == (0, True), said


async def test_the_mark_sets_switches_and_a_server_has_channels_of_the_shops_own(tmp_path: Path) -> None:
    tests = """
import pytest

waits = pytest.mark.portone(switches={"paypal_waits": False})
PAYPAL = {"payMethod": "PAYPAL", "currency": "USD", "channelKey": "channel-key-00000000-0000-4000-8000-000000000004"}

@waits
async def test_in_process(portone):
    await portone.pay("order-1", **PAYPAL)
    assert (await portone.api("GET", "/payments/order-1"))[1]["status"] == "PAID"

@waits
def test_served(portone_server):
    portone_server.pay("order-1", **PAYPAL)
    assert portone_server.payment("order-1")["status"] == "PAID"
    assert portone_server.switch(paypal_waits=True)["paypal_waits"]
    portone_server.pay("order-2", channelKey=portone_server.channel("NICE_V2", key="my-nice"))
    assert portone_server.payment("order-2")["channel"]["key"] == "my-nice"

@pytest.mark.portone(switches={"paypal_wait": False})
def test_typo(portone):
    pass
"""
    code, said = await ran(tmp_path, test_switches=tests)
    assert (code, "2 passed, 1 error" in said, "did you mean paypal_waits?" in said) == (1, True, True), said


async def test_a_script_beside_the_test_is_read_and_a_typo_in_it_or_in_the_mark_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "day.yaml").write_text("- fault: status_429\n  on: get_payment\n", "utf-8")
    (tmp_path / "typo.yaml").write_text("- fault: status_429\n- fault: slwo\n", "utf-8")
    tests = """
import pytest

@pytest.mark.portone(script="day.yaml")
def test_good(portone_server):
    portone_server.pay("order-1")
    assert portone_server.api("GET", "/payments/order-1")[0] == 429
    assert portone_server.payment("order-1")["status"] == "PAID"

@pytest.mark.portone(script="typo.yaml")
def test_typo(portone_server):
    pass

@pytest.mark.portone(script="typo.yaml")
def test_typo_in_process(portone):
    pass

@pytest.mark.portone(sede=1)
def test_mark(portone):
    pass
"""
    code, said = await ran(tmp_path, test_scripts=tests)
    assert (code, "1 passed, 3 errors" in said) == (1, True), said
    assert said.count("line 2: no fault 'slwo'; did you mean slow?") >= 2
    assert "UsageError" in said


async def test_a_project_that_asks_for_nothing_pays_nothing(tmp_path: Path) -> None:
    tests = """
import sys

def test_nothing_is_imported():
    loaded = [name for name in sys.modules if name.startswith("jangbu.sandbox.")]
    assert loaded == ["jangbu.sandbox.pytest_plugin"]
    assert not {"starlette", "msgspec", "uvicorn"} & set(sys.modules)
"""
    code, said = await ran(tmp_path, test_light=tests)
    assert code == 0, said


async def test_a_served_sandbox_has_real_time_webhooks_and_plain_verbs() -> None:
    got: asyncio.Queue[str] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        await got.put((await request.json())["type"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    def shop(url: str) -> str:
        with serving(seed=1, webhook_url=url) as portone:
            assert portone.pay("order=1", totalAmount=700)["paymentId"] == "order=1"
            assert portone.payment("order=1")["amount"]["total"] == 700
            portone.fault("status_500", operation="get_payment", paymentId="order=1")
            with pytest.raises(Refused, match="500"):
                portone.payment("order=1")
            with pytest.raises(Refused, match="no order 'depost'"):
                portone.order("depost", "order=1")
            with pytest.raises(Refused, match="line 1: no fault 'slwo'"):
                portone.script("- fault: slwo\n")
            portone.move(timedelta(days=1))
            assert [each["type"] for each in portone.webhooks()] == ["Transaction.Ready", "Transaction.Paid"]
            status, key = portone.api("POST", "/billing-keys", CARD | {"channelKey": portone.channel_key})
            assert status == 200
            portone.key_order("wallet-delete", key["billingKeyInfo"]["billingKey"])
            portone.configure(webhookUrl="")
            portone.reset()
            assert portone.api("GET", "/payments/order%3D1")[0] == 404
            return portone.url

    try:
        url = await asyncio.to_thread(shop, f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
        assert {await got.get(), await got.get()} == {"Transaction.Ready", "Transaction.Paid"}
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientConnectionError):
                await http.get(url)
    finally:
        await runner.cleanup()


CARD = {"method": {"card": {"credential": {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}}}}
