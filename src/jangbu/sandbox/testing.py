"""The sandbox for tests: the same app without a socket, on a clock that stands still, with helper verbs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from starlette.types import ASGIApp, Message

from jangbu import sandbox
from jangbu.sandbox import control
from jangbu.sandbox.app import assemble, build
from jangbu.sandbox.clock import SandboxClock
from jangbu.sandbox.faults import Fault
from jangbu.sandbox.gate import LINE, Line
from jangbu.sandbox.inferred import Inferred
from jangbu.sandbox.records import SUCCEEDED, Payment, Trigger
from jangbu.sandbox.webhooks import Deliver
from jangbu.sandbox.world import default_world

START = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)
WEBHOOK_URL = "https://shop.test/webhook"


class InProcess:
    """Calls an ASGI app without a socket.

    A dropped line is a ConnectionResetError, a too slow answer a TimeoutError.
    """

    def __init__(self, app: ASGIApp, *, timeout_s: float = 60) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self.transcript: list[str] = []
        """Each exchange on a line, for comparing two runs."""

    async def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request; `target` is a path with its query, or a URL.

        Answers status, headers (lower case) and body.
        """
        status, answered, chunks, line = 0, {}, bytearray(), Line()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                chunks.extend(message.get("body", b""))

        try:
            scope = {**_scope(method, target, headers or {}), LINE: line}
            await self._app(scope, receive, send)
        except ConnectionResetError:
            self.transcript.append(f"{method} {target} -> dropped")
            raise
        if line.slow_s >= self._timeout_s:
            self.transcript.append(f"{method} {target} -> too slow")
            raise TimeoutError(f"no answer within {self._timeout_s} s")
        self.transcript.append(f"{method} {target} -> {status} {bytes(chunks).decode(errors='replace')}")
        return status, answered, bytes(chunks)


def _scope(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    url = urlsplit(target)
    named = {
        "host": url.netloc or "sandbox.test",
        **{name.lower(): value for name, value in headers.items()},
    }
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": url.path,
        "raw_path": url.path.encode("ascii"),
        "query_string": url.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.encode("ascii"), value.encode()) for name, value in named.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("sandbox.test", 80),
    }


@dataclass
class Endpoint:
    """A merchant's webhook endpoint that only listens: uses its `answers` up in order, then answers 200."""

    answers: list[int | Exception] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, _: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        self.got.append((headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer, {"content-type": "text/plain"}, b"ok"

    def types(self) -> list[str]:
        """What was announced, in the order it arrived."""
        return [_type_of(body) for _, body in self.got]

    def ids(self, type_: str) -> list[str]:
        """The webhook-id of each arrival of this type."""
        return [headers["webhook-id"] for headers, body in self.got if _type_of(body) == type_]


def _type_of(body: bytes) -> str:
    return str(msgspec.json.decode(body)["type"])


class Sandbox:
    """A fresh default world, in process. With the same seed and script two of them end byte-equal.

    Webhooks go to `deliver` instead of a URL, and only when `settle_webhooks` or `move` is called: after the
    browser has its result, as is usual. Without `deliver` there are none.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        at: datetime = START,
        deliver: Deliver | None = None,
        inferred: Inferred | None = None,
        timeout_s: float = 60,
    ) -> None:
        self.clock = SandboxClock(frozen_at=at)
        self.world = default_world(self.clock, seed, inferred)
        self.parts = assemble(self.world, self.clock, deliver or _nowhere, pause=self._pause, is_parallel=False)
        self.app = build(self.parts)
        self.transport = InProcess(self.app, timeout_s=timeout_s)
        if deliver is not None:
            control.configure(self.parts, control.Config(webhook_url=WEBHOOK_URL))

    async def _pause(self, seconds: float) -> None:
        await self.clock.move(timedelta(seconds=seconds))

    async def api(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        secret: str = sandbox.API_SECRET,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """A V2 call with the store's secret: status and decoded JSON."""
        sent = {"authorization": f"PortOne {secret}", "content-type": "application/json", **(headers or {})}
        raw = b"" if body is None else msgspec.json.encode(body)
        status, _, answered = await self.transport.send(method, target, sent, raw)
        return status, msgspec.json.decode(answered)

    async def pre_register(self, payment_id: str, total: int, currency: str = "KRW") -> None:
        """Fix the amount of a payment, as a shop's server does."""
        path = f"/payments/{quote(payment_id, safe='')}/pre-register"
        status, body = await self.api("POST", path, {"totalAmount": total, "currency": currency})
        assert status == 200, body

    async def open(self, payment_id: str, **params: Any) -> dict[str, Any]:
        """`PortOne.requestPayment` up to the open window: `{txId, windowUrl, display}`, or a result with
        `code`.

        What is not given comes from the pre-registration, or is a card payment of 1,000 won.
        """
        payment = self.payment(payment_id)
        fixed = payment.preregistration if payment else None
        asked = {
            "storeId": sandbox.STORE_ID,
            "channelKey": sandbox.CARD_CHANNEL,
            "paymentId": payment_id,
            "orderName": "보리차",
            "totalAmount": (fixed.total_minor if fixed else None) or 1000,
            "currency": (fixed.currency if fixed else None) or "KRW",
            "payMethod": "CARD",
            **params,
        }
        headers = {"origin": "https://shop.test", "user-agent": "sandbox-test"}
        raw = msgspec.json.encode(asked)
        status, _, answered = await self.transport.send("POST", "/__browser__/payments", headers, raw)
        assert status in (200, 400), answered
        opened: dict[str, Any] = msgspec.json.decode(answered)
        return opened

    async def decide(self, transaction_id: str, action: str, **more: str) -> dict[str, Any]:
        """What the shopper does in an open window; answers what requestPayment returns."""
        target = f"/__browser__/transactions/{transaction_id}/decision"
        raw = msgspec.json.encode({"action": action, **more})
        status, _, answered = await self.transport.send("POST", target, {}, raw)
        assert status == 200, answered
        result: dict[str, Any] = msgspec.json.decode(answered)
        return result

    async def pay(self, payment_id: str, *, method: str | None = None, **params: Any) -> dict[str, Any]:
        """Open a window and pay; answers what requestPayment returns, a refusal's `code` included."""
        return await self._through(payment_id, "approve", {"method": method} if method else {}, params)

    async def decline(self, payment_id: str, reason: str = "insufficient_funds", **params: Any) -> dict[str, Any]:
        """Open a window and have the PG say no."""
        return await self._through(payment_id, "decline", {"reason": reason}, params)

    async def close(self, payment_id: str, **params: Any) -> dict[str, Any]:
        """Open a window and leave."""
        return await self._through(payment_id, "close", {}, params)

    async def _through(
        self, payment_id: str, action: str, more: dict[str, str], params: dict[str, Any]
    ) -> dict[str, Any]:
        opened = await self.open(payment_id, **params)
        return opened if "code" in opened else await self.decide(opened["txId"], action, **more)

    async def cancel_elsewhere(
        self, payment_id: str, amount: int | None = None, *, is_silent: bool = False, trigger: Trigger = "CONSOLE"
    ) -> None:
        """Money goes back without an API call, as in PortOne's console; all that is left without an amount."""
        asked = control.CancelElsewhere(amount=amount, is_silent=is_silent, trigger=trigger)
        control.cancel_elsewhere(self.parts, payment_id, asked)

    def cancel_slowly(self, payment_id: str, times: int = 1) -> None:
        """The PG takes the next cancellation of this payment on and settles it when `end_cancellation` says so."""
        self.fault("cancel_requested", payment_id=payment_id, times=times)

    async def end_cancellation(self, payment_id: str, *, succeeds: bool) -> None:
        """The PG settles what it took on."""
        control.end_cancellation(self.parts, payment_id, succeeds=succeeds)

    def refunds(self, payment_id: str) -> list[int]:
        """What really went back of a payment, as PortOne counts: one sum per cancellation that succeeded."""
        payment = self.payment(payment_id)
        attempt = payment.succeeded if payment else None
        return [each.total_minor for each in attempt.cancellations if each.status == "SUCCEEDED"] if attempt else []

    def captured(self, payment_id: str) -> int:
        """How often a payment took money, as PortOne counts: never more than once."""
        payment = self.payment(payment_id)
        return sum(attempt.status in SUCCEEDED for attempt in payment.attempts) if payment else 0

    def fault(self, name: str, **where: Any) -> None:
        """Order a fault: `operation`, `payment_id`, `times`, `seconds`, `acts` as in `faults.Fault`."""
        self.parts.faults.order(Fault(name, **where))

    async def settle_webhooks(self, *, with_retries: bool = False) -> None:
        """Send what is due; `with_retries` moves the clock on until nothing waits any more."""
        await self.clock.run_due()
        while with_retries and (due := self.parts.courier.next_due()) is not None:
            await self.clock.move(due - self.clock.now())

    async def move(self, by: timedelta) -> None:
        """Let time pass; webhooks go out as they fall due."""
        await self.clock.move(by)

    def payment(self, payment_id: str) -> Payment | None:
        """PortOne's own record of a payment of the default store."""
        return self.world.payment(sandbox.STORE_ID, payment_id)

    def state(self) -> dict[str, Any]:
        """Counts and sums as PortOne itself counts."""
        return control.state_of(self.parts)

    def log(self) -> bytes:
        """All that happened: the transcript and the world. Equal for equal runs."""
        return "\n".join(self.transport.transcript).encode() + b"\n" + self.world.to_json()


async def _nowhere(url: str, _: Mapping[str, str], __: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """The store has no webhook URL, but a payment may name its own (`noticeUrls`)."""
    raise ConnectionRefusedError(f"this sandbox delivers nothing, so not to {url}")
