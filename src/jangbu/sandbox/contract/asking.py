"""Asking a PortOne, or a sandbox, one step after the other."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from yarl import URL

from jangbu import sandbox
from jangbu.clock import Clock, rfc3339
from jangbu.errors import SetupProblem
from jangbu.ids import Ids
from jangbu.sandbox.contract.recording import Exchange, Recording, kept_of
from jangbu.sandbox.contract.steps import STEPS, Step

TIMEOUT_S = 60
LOOPBACK = ("127.0.0.1", "localhost", "::1")
BYTES_MAX = 4_000_000
CARD = {"number": "4330121234567890", "expiryYear": "99", "expiryMonth": "12"}
"""Of nobody: the sandbox takes any."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, as whom."""

    base_url: str
    secret: str
    billing_key: str | None = None
    """To charge, on a test channel."""

    @property
    def is_here(self) -> bool:
        """On this machine, so it is a sandbox."""
        return urlsplit(self.base_url).hostname in LOOPBACK


class Asker:
    """Fills the blanks of a step, asks, and remembers what the step keeps."""

    def __init__(self, target: Target, http: aiohttp.ClientSession, clock: Clock, ids: Ids) -> None:
        self._target = target
        self._http = http
        self.blanks = {
            "payment": f"contract{ids.token(16)}",
            "other": f"contract{ids.token(16)}",
            "mark": ids.token(32),
            "mark2": ids.token(32),
            "tomorrow": rfc3339(clock.now() + timedelta(days=1)),
        }
        if target.billing_key is not None:
            self.blanks["billingKey"] = target.billing_key

    async def ask(self, step: Step) -> Exchange:
        """The exchange as it is kept."""
        missing = [name for name in blanks_in(step) if name not in self.blanks]
        if missing:
            return Exchange(step, skipped=f"there is no {missing[0]}")
        status, headers, raw = await self._send(step)
        if status == 200:
            for name, place in step.keeps.items():
                found = _at(raw, place)
                if isinstance(found, str):
                    self.blanks[name] = found
        return Exchange(step, kept_of(status, headers, raw))

    async def raw(self, step: Step) -> tuple[int, Any]:
        """Status and body with its values: they must not be kept."""
        status, _, raw = await self._send(step)
        return status, msgspec.json.decode(raw)

    async def _send(self, step: Step) -> tuple[int, Mapping[str, str], bytes]:
        path, body = self._filled(step.path, quoted=True), self._filled(step.body)
        headers = {name: self._filled(value) for name, value in step.headers.items()}
        if step.credential != "none":
            secret = self._target.secret if step.credential == "secret" else "a-secret-that-nobody-has"
            headers["authorization"] = f"PortOne {secret}"
        data = None
        if body is not None and step.method in ("GET", "DELETE"):
            path += ("&" if "?" in path else "?") + "requestBody=" + quote(msgspec.json.encode(body), safe="")
        elif body is not None:
            data, headers["content-type"] = msgspec.json.encode(body), "application/json"
        # The path is encoded already; a redirect would carry the secret to somebody else.
        url = URL(self._target.base_url.rstrip("/") + path, encoded=True)
        async with self._http.request(step.method, url, data=data, headers=headers, allow_redirects=False) as response:
            kept = await response.content.read(BYTES_MAX)
            return response.status, {name.lower(): value for name, value in response.headers.items()}, kept

    def _filled(self, value: Any, *, quoted: bool = False) -> Any:
        match value:
            case str():
                for name, filling in self.blanks.items():
                    value = value.replace(f"{{{name}}}", quote(filling, safe="") if quoted else filling)
                return value
            case dict():
                return {name: self._filled(each) for name, each in value.items()}
            case list():
                return [self._filled(each) for each in value]
        return value


def blanks_in(step: Step) -> list[str]:
    """The names of what is to be filled in."""
    return re.findall(r"\{(\w+)\}", msgspec.json.encode([step.path, step.body, step.headers]).decode())


def _at(raw: bytes, place: str) -> Any:
    found = msgspec.json.decode(raw)
    for name in place.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


@asynccontextmanager
async def asking(target: Target, clock: Clock, ids: Ids) -> AsyncIterator[Asker]:
    """An asker for as long as the block lasts. Refuses (SetupProblem) what is no address, or cannot be reached."""
    if urlsplit(target.base_url).scheme not in ("http", "https") or not urlsplit(target.base_url).hostname:
        raise SetupProblem(f"{target.base_url} is no address: it begins with https:// (or http:// for a sandbox).")
    if not target.is_here and urlsplit(target.base_url).scheme != "https":
        raise SetupProblem(f"{target.base_url} would send the secret in the clear: use https://.")
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        try:
            yield Asker(target, http, clock, ids)
        except (aiohttp.ClientError, TimeoutError) as problem:
            where = urlsplit(target.base_url).netloc
            raise SetupProblem(f"{where} cannot be asked: {type(problem).__name__}.") from problem


async def record(
    target: Target, clock: Clock, ids: Ids, *, with_test_payments: bool = False, on_live_channel: bool = False
) -> Recording:
    """Ask every step, and keep the answers without their values.

    What changes something is asked with `with_test_payments` only, and only with a billing key whose channels are all
    for tests: refuses (SetupProblem) another, unless it is `on_live_channel`.
    """
    steps: Iterable[Step] = STEPS
    async with asking(target, clock, ids) as asker:
        if not with_test_payments:
            steps = [step for step in STEPS if not step.writes]
        elif target.billing_key is not None and not on_live_channel:
            await _refuse_a_live_key(asker)
        exchanges = [await asker.ask(step) for step in steps]
    host = urlsplit(target.base_url).hostname or ""
    return Recording(rfc3339(clock.now()), host, with_test_payments, exchanges)


async def _refuse_a_live_key(asker: Asker) -> None:
    status, key = await asker.raw(Step("whose key it is", "GET", "/billing-keys/{billingKey}"))
    if status != 200:
        raise SetupProblem(f"The billing key cannot be read (status {status}), so nothing is charged.")
    types = [channel.get("type") for channel in key.get("channels", [])]
    if not types or set(types) != {"TEST"}:
        raise SetupProblem("The billing key is of a live channel: a charge would be real money. Nothing was sent.")


async def replay(recording: Recording, base_url: str, clock: Clock, ids: Ids) -> list[Exchange]:
    """Ask a sandbox what was asked then. Refuses (SetupProblem) an address that is not on this machine."""
    target = Target(base_url, sandbox.API_SECRET)
    if not target.is_here:
        raise SetupProblem(f"{base_url} is not on this machine: a recording is replayed against a sandbox only.")
    async with asking(target, clock, ids) as asker:
        body = {"channelKey": sandbox.CARD_CHANNEL, "method": {"card": {"credential": CARD}}}
        status, issued = await asker.raw(Step("a key of its own", "POST", "/billing-keys", body))
        if status != 200:
            raise SetupProblem(f"{base_url} issues no billing key (status {status}): is it a sandbox of this release?")
        asker.blanks["billingKey"] = issued["billingKeyInfo"]["billingKey"]
        return [await asker.ask(each.step) for each in recording.exchanges if each.answer is not None]
