"""Worlds of many payments; as a program, how much memory one takes: a line of JSON with the bytes of each payment."""

import asyncio
import gc
import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from jangbu.sandbox import CARD_CHANNEL, STORE_ID
from jangbu.sandbox.app import assemble
from jangbu.sandbox.control import Config, configure
from jangbu.sandbox.core import billing_keys, charges
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.clock import SandboxClock
from jangbu.sandbox.core.default import default_world
from jangbu.sandbox.core.inputs import Credential
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.records import Order
from jangbu.sandbox.core.webhooks import Deliver, HttpDeliver

KEY = "billing-key-bench"
TOTAL_MINOR = 11_000
PRICES = 500
"""How many prices a shop has."""
AT_ONCE = 1_000


def empty(deliver: Deliver | None = None, *, webhook_url: str | None = None) -> Parts:
    """A fresh sandbox with one billing key."""
    clock = SandboxClock()
    world = default_world(clock, 1)
    parts = assemble(world, clock, deliver or HttpDeliver())
    if webhook_url is not None:
        configure(parts, Config(webhook_url=webhook_url))
    key = BillingKey(KEY, STORE_ID, [CARD_CHANNEL], clock.now(), {})
    credential = Credential("4330121234567890", "99", "12")
    billing_keys.issue(world, parts.faults, key, credential, clock.now(), is_announced=False)
    return parts


def charge(parts: Parts, payment_id: str, total_minor: int = TOTAL_MINOR) -> None:
    """One more paid payment, made as the API makes it."""
    world, now = parts.world, parts.clock.now()
    customer = {"id": f"customer-{payment_id}", "name": "김장부", "phoneNumber": "01012345678"}
    order = Order("보리차 한 상자", total_minor, 0, world.vat_of(total_minor, 0), "KRW", customer)
    store = world.state.stores[STORE_ID]
    charges.charge(world, parts.faults, store, charges.Wish(payment_id, KEY, order), now)


async def of_payments(count: int, parts: Parts | None = None) -> Parts:
    """A sandbox with so many paid payments, `ord-00000000` and on; what they announce is delivered on the way."""
    parts = parts or empty()
    for number in range(count):
        charge(parts, f"ord-{number:08d}", TOTAL_MINOR + number % PRICES * 100)
        if number % AT_ONCE == AT_ONCE - 1:
            await parts.clock.run_due()
    await parts.clock.run_due()
    return parts


async def _received(_: str, __: Mapping[str, str], ___: bytes) -> tuple[int, Mapping[str, str], bytes]:
    return 200, {"content-type": "text/plain"}, b"ok"


def _resident() -> int:
    """Bytes of this process that are in memory now; where nobody tells, the most there ever were."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def measure(count: int, *, with_webhooks: bool) -> float:
    """Bytes of each payment."""
    parts = empty(_received, webhook_url="http://127.0.0.1:9/hook" if with_webhooks else None)
    charge(parts, "ord-first")
    gc.collect()
    before = _resident()
    await of_payments(count, parts)
    gc.collect()
    return (_resident() - before) / count


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    print(json.dumps({"bytes": asyncio.run(measure(asked["payments"], with_webhooks=asked["webhooks"]))}))
