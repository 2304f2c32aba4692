"""The sandbox for tests: the same app without a socket, on a clock that stands still, with helper verbs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from jangbu import sandbox
from jangbu.sandbox import control, control_billing, control_views, orders
from jangbu.sandbox.app import assemble, build
from jangbu.sandbox.core.clock import SandboxClock
from jangbu.sandbox.core.default import default_world
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import CancelTrigger, Event, Payment
from jangbu.sandbox.core.webhooks import Deliver
from jangbu.sandbox.in_process import InProcess
from jangbu.sandbox.v1.testing import V1Verbs

START = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)
WEBHOOK_URL = "https://shop.test/webhook"
YEARS = timedelta(days=3650)
"""Longer than any test moves the clock."""


@dataclass
class Endpoint:
    """A merchant's webhook endpoint that only listens: uses its `answers` up in order, then answers 200."""

    answers: list[int | Exception | tuple[int, bytes]] = field(default_factory=list)
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, _: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        self.got.append((headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        status, text = answer if isinstance(answer, tuple) else (answer, b"ok")
        return status, {"content-type": "text/plain"}, text

    def types(self) -> list[str]:
        """What was announced, in the order it arrived."""
        return [_type_of(body) for _, body in self.got]

    def body(self, at: int) -> Any:
        """The decoded JSON of one arrival: 0 is the first, -1 the latest."""
        return msgspec.json.decode(self.got[at][1])

    def ids(self, type_: str) -> list[str]:
        """The webhook-id of each arrival of this type."""
        return [headers["webhook-id"] for headers, body in self.got if _type_of(body) == type_]


def _type_of(body: bytes) -> str:
    return str(msgspec.json.decode(body)["type"])


class Sandbox(V1Verbs):
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

    async def cancel(self, payment_id: str, amount: int | None = None, **more: Any) -> tuple[int, Any]:
        """`POST /payments/{id}/cancel`: status and answer. `headers` go with it, the rest into the body."""
        headers = more.pop("headers", None)
        body = {"reason": "고객 변심", **({} if amount is None else {"amount": amount}), **more}
        return await self.api("POST", f"/payments/{quote(payment_id, safe='')}/cancel", body, headers=headers)

    async def order(self, name: str, payment_id: str, **fields: Any) -> dict[str, Any]:
        """Something happens to the payment outside the API: an order of `orders.ORDERS`, refusals raised."""
        done = orders.carry_out(self.parts, payment_id, name, msgspec.json.encode(fields))
        self.parts.nudge()
        return done

    async def cancel_elsewhere(
        self,
        payment_id: str,
        amount: int | None = None,
        *,
        is_silent: bool = False,
        trigger: CancelTrigger = "CONSOLE",
        known_after_s: float | None = 0,
    ) -> dict[str, Any]:
        """Cancel without the API, as in the PG's own console. Silent: no webhook; `known_after_s=None`: PortOne never
        hears of it.
        """
        more = {"trigger": trigger, "webhook": not is_silent, "knownAfterS": known_after_s}
        return await self.order("console-cancel", payment_id, amount=amount, **more)

    async def chargeback(self, payment_id: str, amount: int | None = None) -> dict[str, Any]:
        """The card issuer takes the money back."""
        return await self.order("chargeback", payment_id, amount=amount)

    def cancel_slowly(self, payment_id: str, times: int = 1) -> None:
        """The PG takes the next cancels of this payment on, and settles each when `end_cancellation` says so."""
        self.fault("cancel_waits", payment_id=payment_id, times=times, seconds=YEARS.total_seconds())

    async def end_cancellation(self, payment_id: str, *, succeeds: bool) -> dict[str, Any]:
        """The PG's word about the oldest cancel that waits."""
        return await self.order("settle-cancel", payment_id, fails=not succeeds)

    async def deposit(
        self, payment_id: str, amount: int | None = None, *, is_silent: bool = False, known_after_s: float | None = 0
    ) -> bool:
        """Pay into the virtual account or at the store; answers whether it was taken."""
        more = {"webhook": not is_silent, "knownAfterS": known_after_s}
        return bool((await self.order("deposit", payment_id, amount=amount, **more))["isTaken"])

    async def settle_payment(self, payment_id: str, *, reason: str | None = None) -> str:
        """The PG's word about an approval that waits, no when there is a `reason`; answers the status."""
        return str((await self.order("settle-payment", payment_id, reason=reason))["status"])

    async def billing_key(self, channel_key: str = sandbox.CARD_CHANNEL, **more: Any) -> str:
        """A new billing key of a keyed-in card."""
        card = {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}
        body = {"channelKey": channel_key, "method": {"card": {"credential": card}}, **more}
        status, answer = await self.api("POST", "/billing-keys", body)
        assert status == 200, answer
        return str(answer["billingKeyInfo"]["billingKey"])

    async def charge(self, payment_id: str, billing_key: str, total: int = 1000, **more: Any) -> tuple[int, Any]:
        """`POST /payments/{id}/billing-key`: status and answer. `headers` go with it, the rest into the body."""
        headers = more.pop("headers", None)
        target = f"/payments/{quote(payment_id, safe='')}/billing-key"
        return await self.api("POST", target, _charge(billing_key, total) | more, headers=headers)

    async def schedule(
        self, payment_id: str, billing_key: str, at: datetime, total: int = 1000, **more: Any
    ) -> tuple[int, Any]:
        """`POST /payments/{id}/schedule`: status and answer. `more` goes into the payment."""
        body = {"payment": _charge(billing_key, total) | more, "timeToPay": at.isoformat()}
        return await self.api("POST", f"/payments/{quote(payment_id, safe='')}/schedule", body)

    async def key_order(self, name: str, billing_key: str, **fields: Any) -> dict[str, Any]:
        """Something happens to the key outside the API: `refuse`, `wallet-delete`, `wallet-update`."""
        done = control_billing.carry_out(self.parts, billing_key, name, msgspec.json.encode(fields))
        self.parts.nudge()
        return done

    def captured(self, payment_id: str) -> int:
        """How often money was really taken for a payment: never more than once."""
        return len(self.captures(payment_id))

    def captures(self, payment_id: str) -> list[int]:
        """What was really taken from the customer, one amount per successful approval."""
        return [event.amount_minor for event in self._events(payment_id) if event.type == "PAID"]

    def refunds(self, payment_id: str) -> list[int]:
        """What PortOne knows was really given back, one amount per successful cancellation."""
        return [-event.amount_minor for event in self._events(payment_id) if event.type != "PAID"]

    def _events(self, payment_id: str) -> list[Event]:
        return [
            event
            for event in self.world.state.events
            if (event.store_id, event.payment_id) == (sandbox.STORE_ID, payment_id)
        ]

    async def _through(
        self, payment_id: str, action: str, more: dict[str, str], params: dict[str, Any]
    ) -> dict[str, Any]:
        opened = await self.open(payment_id, **params)
        return opened if "code" in opened else await self.decide(opened["txId"], action, **more)

    def fault(self, name: str, **where: Any) -> None:
        """Order a fault: `operation`, `payment_id`, `times`, `seconds`, `acts` as in `faults.Fault`."""
        self.parts.faults.order(Fault(name, **where))

    async def settle_webhooks(self, *, with_retries: bool = False) -> None:
        """Send what is due; `with_retries` moves the clock on until no webhook waits any more."""
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
        return control_views.state_of(self.parts)

    def log(self) -> bytes:
        """All that happened: the transcript and the world. Equal for equal runs."""
        return "\n".join(self.transport.transcript).encode() + b"\n" + self.world.to_json()


def _charge(billing_key: str, total: int) -> dict[str, Any]:
    return {"billingKey": billing_key, "orderName": "정기 구독", "amount": {"total": total}, "currency": "KRW"}


async def _nowhere(url: str, _: Mapping[str, str], __: bytes) -> tuple[int, Mapping[str, str], bytes]:
    """The store has no webhook URL, but a payment may name its own (`noticeUrls`)."""
    raise ConnectionRefusedError(f"this sandbox delivers nothing, so not to {url}")
