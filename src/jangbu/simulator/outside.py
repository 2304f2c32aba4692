"""The line to PortOne and the line from it: both break as the seed wants."""

import re
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jangbu.errors import Refusal, Unavailable
from jangbu.failpoints import Crash
from jangbu.ids import Chance
from jangbu.inbox.service import receive
from jangbu.inbox.unsigned import receive_unsigned
from jangbu.runtime import Runtime
from jangbu.sandbox.testing import Sandbox
from jangbu.simulator.machine import Machine, Process
from jangbu.simulator.mix import Mix
from jangbu.simulator.turns import Kind, here
from jangbu.wiring import v1_payments

READ_TIMEOUT = timedelta(seconds=60)
CANCEL_FAILS = "cancel_fails"
"""The sandbox's name for a PG that says no to a cancellation, with status 200."""
ANSWER_FAULTS = frozenset({"unknown_status", "unknown_method", "unknown_fields"})
V1_WEBHOOK_URL = "https://shop.test/v1/webhook"
_CANCEL = re.compile(r"/payments/[^/]+/cancel")
_MOVES_MONEY = re.compile(r"/payments/[^/]+/(cancel|confirm)|/v1/payments/cancel")
MORE_OFTEN = 3
"""Few calls move money, and of none is it worse not to know what became of it."""
Sometimes = Callable[[str], None]


class LineToPortOne:
    """The transport of every process's client. A fault is ordered for the very call it strikes."""

    def __init__(self, sandbox: Sandbox, mix: Mix, chance: Chance, sometimes: Sometimes) -> None:
        self._sandbox = sandbox
        self._mix = mix
        self._chance = chance
        self._sometimes = sometimes
        self.down_until: datetime | None = None
        self.is_faulty = True
        self.refused: set[str] = set()
        """Requests that were told a PG's "no", by their paths."""
        self.disguised: set[str] = set()
        """Requests that were told a way to pay of which nobody has heard."""
        self.cancels: list[tuple[str, dict[str, Any]]] = []
        """Each request of V2 to cancel: the payment it names, and its body."""
        self.calls = 0

    @property
    def is_away(self) -> bool:
        """Whether PortOne cannot be reached at all."""
        return self.down_until is not None and self._sandbox.clock.now() < self.down_until

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """See Transport."""
        fiber = here()
        assert fiber is not None, "PortOne is only called within the play"
        name = f"{method} {_operation(target)}"
        clock = self._sandbox.clock
        is_cancel = _CANCEL.fullmatch(target) is not None
        self.calls += 1
        fiber.calls_open += 1
        try:
            began = clock.now()
            await fiber.stop_at(Kind.CALL, name)
            if self.is_away:
                self._sometimes("PortOne was away")
                raise ConnectionRefusedError("PortOne is away")
            if self.is_faulty:
                often = MORE_OFTEN if _MOVES_MONEY.fullmatch(target) else 1
                if self._chance.randrange(1000) < self._mix.call_fault * often:
                    self._order(method, target, body)
                if is_cancel:
                    self._order_of_the_pg(target.split("/")[-2])
            if is_cancel:
                asked: dict[str, Any] = msgspec.json.decode(body)
                self.cancels.append((target.split("/")[-2], asked))
            try:
                answer = await self._sandbox.transport.send(method, target, headers, body)
            finally:
                self._sandbox.parts.faults.clear()
            await fiber.stop_at(Kind.ANSWER, name)
            if clock.now() - began >= READ_TIMEOUT:
                self._sometimes("an answer came after our patience")
                raise TimeoutError("PortOne did not answer in time")
            return answer
        finally:
            fiber.calls_open -= 1

    def _order(self, method: str, target: str, body: bytes) -> None:
        possible = [name for name in self._mix.call_faults if method == "GET" or name not in ANSWER_FAULTS]
        if not possible:
            return
        name = self._chance.choice(possible)
        self._sometimes(f"PortOne: {name}")
        if name.startswith("status_502"):
            self.refused.add(_about(target, body))
        if name == "unknown_method":
            self.disguised.add(_about(target, body))
        match name:
            case "not_sent":
                raise ConnectionRefusedError("no connection")
            case "slow":
                self._sandbox.fault("slow", seconds=self._chance.randint(1, 50))
            case "too_slow":
                self._sandbox.fault("slow", seconds=self._chance.randint(61, 120))
            case _:
                self._sandbox.fault(name.removesuffix("_after"), acts=name.endswith("_after"))

    def _order_of_the_pg(self, payment_id: str) -> None:
        roll = self._chance.randrange(1000)
        if roll < self._mix.cancel_slow:
            self._sometimes("a PG took a cancellation on")
            self._sandbox.cancel_slowly(payment_id)
        elif roll < self._mix.cancel_slow + self._mix.cancel_no:
            self._sometimes("a PG gave nothing back")
            self._sandbox.fault(CANCEL_FAILS, payment_id=payment_id)


class Door:
    """Where requests arrive, PortOne's and the shop's: at one of the web programs, or nowhere while all are down."""

    def __init__(self, chance: Chance, sometimes: Sometimes) -> None:
        self._chance = chance
        self._sometimes = sometimes
        self.webs: list[Machine] = []

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Deliver. Raises ConnectionError when nobody answers, because nobody is there or died over it."""
        up = [web for web in self.webs if web.is_up]
        if not up:
            self._sometimes("a webhook found nobody at home")
            raise ConnectionRefusedError(url)
        process = self._chance.choice(up).process
        fiber = here()
        assert fiber is not None
        try:
            with fiber.inside(process, called=True):
                new = await _received(url, headers, body, run=process.wired.system)
        except Crash:
            # PortOne only sees a line that dropped; the death was the web program's.
            self._sometimes("a web program died over a webhook")
            raise ConnectionResetError(url) from None
        except Unavailable:
            return 503, {}, b""
        except Refusal as refusal:
            self._sometimes(f"a webhook was refused: {refusal.code}")
            return refusal.http_status, {}, b""
        if not new:
            self._sometimes("a webhook came again")
        return 200, {}, b"{}"

    async def ask(self, ask: Callable[[Process], Coroutine[Any, Any, None]], *, refused: str = "") -> bool:
        """The shop's or a person's request; whether it was answered: from a program that dies, nothing comes.

        A refusal is an answer too. Without `refused`, how one is noted down, `ask` has to expect those that may come.
        """
        up = [web for web in self.webs if web.is_up]
        if not up:
            self._sometimes("the shop found nobody at home")
            return False
        process = self._chance.choice(up).process
        fiber = here()
        assert fiber is not None
        try:
            with fiber.inside(process, called=True):
                await ask(process)
                return True
        except Crash:
            self._sometimes("a web program died over the shop's request")
        except Unavailable as refusal:
            self._sometimes(f"the shop was told {refusal.code}")
        except Refusal as refusal:
            if not refused:
                raise
            self._sometimes(f"{refused}: {refusal.code}")
            return True
        return False


async def _received(url: str, headers: Mapping[str, str], body: bytes, *, run: Runtime) -> bool:
    if url == V1_WEBHOOK_URL:
        return await receive_unsigned(headers, body, source="", knows=v1_payments(run), run=run) == "new"
    return await receive(headers, body, run=run)


def _about(target: str, body: bytes) -> str:
    """The path of a request; of V1's, which names its payment in the body, the one V2 would have."""
    path = target.partition("?")[0]
    if path != "/v1/payments/prepare":
        return path
    return f"/payments/{msgspec.json.decode(body)['merchant_uid']}/pre-register"


def _operation(target: str) -> str:
    path = target.partition("?")[0].split("/")
    return "/".join(part for part in path if part and len(part) < 30)


def headers_forged(headers: Mapping[str, str], how: str) -> dict[str, str]:
    """A webhook's headers as somebody without the secret would make them."""
    bent = dict(headers)
    match how:
        case "signature":
            bent["webhook-signature"] = "v1," + "A" * 43 + "="
        case "none":
            del bent["webhook-signature"]
        case _:
            bent["webhook-timestamp"] = str(int(bent["webhook-timestamp"]) - 400)
    return bent
