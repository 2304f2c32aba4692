"""A sandbox with an address, driven by plain calls: for tests that have no event loop, in a shop of any kind."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

from jangbu import sandbox
from jangbu.sandbox.app import moments, running
from jangbu.sandbox.core.inferred import Inferred, switched
from jangbu.sandbox.script_file import read

START_WITHIN_S = 30
CALL_WITHIN_S = 60


class Refused(AssertionError):  # noqa: N818 (as the sandbox's other refusals)
    """The sandbox does not do what a test asked of it; its own sentence."""


class Served:
    """Speaks to a sandbox at `url`: as a shop's server does (`api`), and as whoever bends the world (the rest)."""

    api_secret = sandbox.API_SECRET
    store_id = sandbox.STORE_ID
    channel_key = sandbox.CARD_CHANNEL
    webhook_secret = sandbox.WEBHOOK_SECRET

    def __init__(self, url: str) -> None:
        self.url = url

    def api(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        """A V2 call with the store's secret: status and decoded JSON."""
        return self._send(method, target, body, {"authorization": f"PortOne {self.api_secret}"})

    def pay(self, payment_id: str, **params: Any) -> dict[str, Any]:
        """A shopper pays in a window: requestPayment's parameters, and `method`. Answers what the page is told, a
        refusal's `code` included.
        """
        return self._control("POST", "/pay", {"paymentId": payment_id, **params})

    def order(self, name: str, payment_id: str, **fields: Any) -> dict[str, Any]:
        """Something happens to the payment outside PortOne's API: `deposit`, `console-cancel`, `dispute`…"""
        return self._control("POST", f"/payments/{quote(payment_id, safe='')}/{quote(name)}", fields)

    def key_order(self, name: str, billing_key: str, **fields: Any) -> dict[str, Any]:
        """Something happens to a billing key: `wallet-delete`, `wallet-update`, `refuse`."""
        return self._control("POST", f"/billing-keys/{quote(billing_key, safe='')}/{quote(name)}", fields)

    def fault(self, name: str, **where: Any) -> None:
        """Order a fault: `operation`, `paymentId`, `times`, `seconds`, `acts`, `reason`."""
        self._control("POST", "/faults", [{"name": name, **where}])

    def script(self, text: str) -> dict[str, Any]:
        """Order a script of faults and orders, in YAML."""
        return self._control("POST", "/script", text.encode())

    def move(self, by: timedelta) -> None:
        """Let time pass; what falls due on the way happens before this returns."""
        self._control("POST", "/clock", {"move_s": by.total_seconds()})

    def configure(self, **settings: Any) -> dict[str, Any]:
        """The store's webhook settings: `webhookUrl`, `webhookVersion`…"""
        return self._control("POST", "/config", settings)

    def switch(self, **switches: Any) -> dict[str, Any]:
        """What PortOne leaves open, another way: `close_makes_failed=False`; None sets one back."""
        return self._control("POST", "/switches", switches)

    def channel(self, pg_provider: str, **settings: Any) -> str:
        """A channel of another PG: `key`, `name`, `approvesManually`… Answers its key."""
        return str(self._control("POST", "/channels", {"pgProvider": pg_provider, **settings})["key"])

    def payment(self, payment_id: str) -> dict[str, Any]:
        """PortOne's answer about a payment."""
        status, found = self.api("GET", f"/payments/{quote(payment_id, safe='')}")
        if status != 200:
            raise Refused(f"GET {payment_id}: {status} {found}")
        return dict(found)

    def webhooks(self) -> list[dict[str, Any]]:
        """Every webhook with every try of it, oldest first."""
        return list(self._control("GET", "/webhooks")["items"])

    def reset(self) -> None:
        """A fresh world; the clock stays."""
        self._control("POST", "/reset")

    def _control(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        status, answered = self._send(method, f"/__sandbox__{path}", body, {})
        if status != 200:
            raise Refused(answered["error"])
        return dict(answered)

    def _send(self, method: str, target: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=CALL_WITHIN_S)
        try:
            connection.request(method, target, raw, {"content-type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@contextmanager
def serving(
    *,
    seed: int | None = None,
    webhook_url: str | None = None,
    script: str = "",
    switches: Mapping[str, Any] | None = None,
) -> Iterator[Served]:
    """A sandbox on a free port of 127.0.0.1, in a thread of its own, on the real clock, for as long as the block
    lasts. Webhooks go out by themselves.
    """
    inferred = switched(Inferred(), switches or {})
    steps = read(script.encode(), moments()) if script else []
    is_up = threading.Event()
    told: dict[str, Any] = {}

    async def serve() -> None:
        told["loop"], told["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with running(seed=seed, webhook_url=webhook_url, inferred=inferred, steps=steps) as (url, _):
            told["url"] = url
            is_up.set()
            await told["stop"].wait()

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as problem:  # noqa: BLE001 (told to the thread that waits for the start)
            told["problem"] = problem
        finally:
            is_up.set()

    thread = threading.Thread(target=work, name="portone-sandbox", daemon=True)
    thread.start()
    try:
        if not is_up.wait(START_WITHIN_S):
            raise Refused(f"the sandbox did not start within {START_WITHIN_S} s")
        if "problem" in told:
            raise told["problem"]
        yield Served(told["url"])
    finally:
        if "url" in told and thread.is_alive():
            told["loop"].call_soon_threadsafe(told["stop"].set)
        thread.join(START_WITHIN_S)
