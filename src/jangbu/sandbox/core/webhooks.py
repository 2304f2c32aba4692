"""Sends webhooks as PortOne does: its own signature, a fresh one per try, and at most 1 + 5 tries
(portone-facts §4).
"""

import asyncio
import base64
import hashlib
import heapq
import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import aiohttp

from jangbu.clock import Clock
from jangbu.sandbox.core.bodies import NEW_TYPES, OLD_STATUS
from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.webhook_records import Delivery, Try, headers_of
from jangbu.sandbox.core.world import World

WAITS_MINUTES = (0, 1, 4, 16, 64, 256)
"""Before try n the wait is random in [0, 1) times this (portone-facts §4.3)."""
TRIES_MAX = len(WAITS_MINUTES)

V1_RETRY_AFTER = timedelta(minutes=1)
TIMEOUT_S = 30
"""For connecting and again for reading (portone-facts §4.3)."""

KEY_TYPES = ("BillingKey.Ready", "BillingKey.Issued", "BillingKey.Failed", "BillingKey.Deleted", "BillingKey.Updated")
TYPES = (*OLD_STATUS, *NEW_TYPES, *KEY_TYPES)
RESPONSE_BYTES_KEPT = 65_536

Deliver = Callable[[str, Mapping[str, str], bytes], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""POSTs `body` with `headers` to `url`; answers status, headers, body; raises when there is no answer."""


def sign(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,<base64>` per secret, space-separated (portone-facts §4.2)."""
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    keys = [base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in secrets]
    digests = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def is_taken(inferred: Inferred, attempt: Try, *, is_v1: bool) -> bool:
    """Whether this answer is the success of a webhook (portone-facts §4.3, §4.5) [I: v1_webhook_taken]."""
    if attempt.status is None:
        return False
    if is_v1:
        return attempt.status < 400
    return 200 <= attempt.status < 300 if inferred.webhook_accepts_any_2xx else attempt.status == 200


class Courier:
    """The agenda of webhooks that wait to be sent.

    What waits is data in the world, so it outlives a restart.
    """

    def __init__(
        self, world: World, clock: Clock, faults: Faults, deliver: Deliver, *, is_parallel: bool = True
    ) -> None:
        self._world = world
        self._clock = clock
        self._faults = faults
        self._deliver = deliver
        self._is_parallel = is_parallel
        self._queue: list[tuple[datetime, int, Delivery]] = []
        self._asked_for: list[Delivery] = []
        self.wake = asyncio.Event()
        """Set when the sending loop should look again.

        A browser's decision sets it once its answer is out.
        """
        self.on_change: Callable[[], None] = lambda: None
        """Told of each try and what came of it."""
        world.on_webhook = self._accept
        self.reload()

    def reload(self) -> None:
        """Take over what waits in the world, after a restart or a reset."""
        self._queue.clear()
        self._asked_for.clear()
        for delivery in self._world.state.deliveries:
            if delivery.state == "WAITING":
                self._enqueue(delivery)

    def _enqueue(self, delivery: Delivery) -> None:
        heapq.heappush(self._queue, (delivery.next_try_at, delivery.number, delivery))

    def _accept(self, delivery: Delivery) -> None:
        """A new webhook: the faults that are ordered for it decide what becomes of it."""

        def struck_by(name: str) -> bool:
            return self._faults.take(Kind.WEBHOOK, delivery.type, delivery.about, name) is not None

        if struck_by("webhook_lost"):
            delivery.state = "LOST"
            return
        late = self._faults.take(Kind.WEBHOOK, delivery.type, delivery.about, "webhook_late")
        if late is not None:
            delivery.next_try_at += timedelta(seconds=late.seconds)
        delivery.is_twice = struck_by("webhook_twice")
        delivery.is_before_return = struck_by("webhook_before_return")
        self._enqueue(delivery)

    def next_due(self) -> datetime | None:
        """When the earliest waiting try falls due."""
        if self._asked_for:
            return self._asked_for[0].triggered_at
        return self._queue[0][0] if self._queue else None

    async def run_due(self, now: datetime) -> None:
        """Send all that is due: side by side over HTTP, one after another where a run must repeat."""
        if self._is_parallel:
            await asyncio.gather(*[self._send(delivery) for delivery in self._take_due(now)])
        else:
            for delivery in self._take_due(now):
                await self._send(delivery)

    def _take_due(self, now: datetime) -> Iterator[Delivery]:
        while self._asked_for:
            yield self._asked_for.pop(0)
        while self._queue and self._queue[0][0] <= now:
            due, _, delivery = heapq.heappop(self._queue)
            # A resend beside an automatic try may have queued the next try twice: the later word counts.
            if delivery.next_try_at == due and delivery.state == "WAITING":
                yield delivery

    async def send_before_return(self, transaction_id: str) -> None:
        """Send now what a fault wants delivered before the browser hears of the outcome."""
        early = [
            entry
            for entry in self._queue
            if entry[2].is_before_return and entry[2].transaction_id == transaction_id and not entry[2].tries
        ]
        for entry in early:
            self._queue.remove(entry)
        heapq.heapify(self._queue)
        for _, _, delivery in early:
            await self._send(delivery)

    async def resend(self, delivery: Delivery) -> None:
        """Send once more at a person's wish (portone-facts §2.12), whatever became of it before."""
        self._take_out(delivery)
        await self._send(delivery)

    def resend_soon(self, delivery: Delivery) -> None:
        """As `resend`, once the caller has its answer. A sandbox that stops before forgets it."""
        self._take_out(delivery)
        self._asked_for.append(delivery)
        self.wake.set()

    def _take_out(self, delivery: Delivery) -> None:
        self._queue = [entry for entry in self._queue if entry[2] is not delivery]
        heapq.heapify(self._queue)

    async def _send(self, delivery: Delivery) -> None:
        copies = 2 if delivery.is_twice and not delivery.tries else 1
        # All tries are written down before the first is sent, so that copies agree on which try they are.
        tries = [self._begin(delivery) for _ in range(copies)]
        try:
            await asyncio.gather(*(self._post(delivery, attempt) for attempt in tries))
        finally:
            self._settle(delivery, tries)

    async def ask(self, delivery: Delivery) -> tuple[int, bytes] | None:
        """POST one signed question at once, and answer what the merchant says; None when nothing comes."""
        now = self._clock.now()
        headers = self._signed_headers(delivery, delivery.id, int(now.timestamp()), is_forged=False)
        try:
            async with asyncio.timeout(self._world.inferred.confirm_question_timeout_s):
                status, _, body = await self._deliver(delivery.url, headers, delivery.body.encode())
        except Exception:  # noqa: BLE001 (whatever the merchant's server does, PortOne only sees no answer)
            return None
        return status, body

    def _begin(self, delivery: Delivery) -> Try:
        inferred = self._world.inferred
        now = self._clock.now()
        first = delivery.tries[0] if delivery.tries else None
        keeps_id = first is None or delivery.is_twice or inferred.webhook_retry_keeps_id
        webhook_id = delivery.id if keeps_id else f"wh_{self._world.ids.uuid()}"
        is_forged = self._faults.take(Kind.TRY, delivery.type, delivery.about) is not None
        if first is not None and not inferred.webhook_retry_signs_afresh and not is_forged:
            headers = dict(first.headers)
        else:
            headers = self._signed_headers(delivery, webhook_id, int(now.timestamp()), is_forged=is_forged)
        attempt = Try(webhook_id, now, headers)
        delivery.begin(attempt)
        return attempt

    def _signed_headers(
        self, delivery: Delivery, webhook_id: str, timestamp: int, *, is_forged: bool
    ) -> dict[str, str]:
        at = datetime.fromtimestamp(timestamp, UTC)
        if delivery.is_v1:
            return headers_of(delivery, webhook_id, at, "")
        settings = self._world.state.stores[delivery.store_id].webhooks[delivery.environment]
        every = self._world.inferred.webhook_signs_with_every_secret
        secrets = settings.secrets if every else settings.secrets[-1:]
        # A forged body is signed well, but it is not the one that is sent.
        signed = b"forged" if is_forged else delivery.body.encode()
        return headers_of(delivery, webhook_id, at, sign(secrets, webhook_id, timestamp, signed))

    async def _post(self, delivery: Delivery, attempt: Try) -> None:
        try:
            status, headers, body = await self._deliver(delivery.url, attempt.headers, delivery.body.encode())
        except Exception as problem:  # noqa: BLE001 (whatever the receiver does, PortOne only sees no answer)
            attempt.problem = f"{type(problem).__name__}: {problem}"
            return
        except BaseException as end:
            attempt.problem = type(end).__name__
            raise
        attempt.responded_at = self._clock.now()
        attempt.status = status
        attempt.response_headers = dict(headers)
        attempt.response_body = body[:RESPONSE_BYTES_KEPT].decode(errors="replace")

    def _settle(self, delivery: Delivery, tries: list[Try]) -> None:
        """Done, to be tried again, or dead (portone-facts §4.3)."""
        if not any(each.status is None and each.problem is None for each in delivery.open or ()):
            delivery.pack()
        if not self._world.knows(delivery):
            return  # The world was reset while this was on its way.
        if delivery.is_v1:
            self._settle_v1(delivery, tries)
        elif self._is_taken(delivery, tries):
            delivery.state = "DELIVERED"
        elif delivery.state != "DELIVERED":
            done = _done(delivery)
            if done >= TRIES_MAX:
                delivery.state = "DEAD"
            elif delivery.state == "WAITING":
                wait = timedelta(minutes=WAITS_MINUTES[max(done, 0)]) * self._world.ids.chance().random()
                delivery.next_try_at = self._clock.now() + wait
                self._enqueue(delivery)
        self.wake.set()
        self.on_change()

    def _settle_v1(self, delivery: Delivery, tries: list[Try]) -> None:
        """Tried again only where the merchant asked for it, and only without an answer or at 5xx (§4.5)."""
        settings = self._world.state.stores[delivery.store_id].v1
        retries = settings.webhook_retries if settings is not None else 0
        if self._is_taken(delivery, tries):
            delivery.state = "DELIVERED"
        elif delivery.state != "WAITING":
            return
        elif all(attempt.status is None or attempt.status >= 500 for attempt in tries) and _done(delivery) <= retries:
            delivery.next_try_at = self._clock.now() + V1_RETRY_AFTER
            self._enqueue(delivery)
        else:
            delivery.state = "DEAD"

    def _is_taken(self, delivery: Delivery, tries: list[Try]) -> bool:
        return any(is_taken(self._world.inferred, each, is_v1=delivery.is_v1) for each in tries)


def _done(delivery: Delivery) -> int:
    """How many tries PortOne made by itself: the two copies of a doubled first one count as one."""
    return len(delivery.tries) - (1 if delivery.is_twice else 0) - delivery.resends


class HttpDeliver:
    """POSTs over HTTP with PortOne's timeouts; redirects are not followed. Close it at the end."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(sock_connect=TIMEOUT_S, sock_read=TIMEOUT_S, total=None)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            kept = b""
            while len(kept) < RESPONSE_BYTES_KEPT and (more := await response.content.readany()):
                kept += more
            return response.status, {name.lower(): value for name, value in response.headers.items()}, kept

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
