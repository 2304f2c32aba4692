"""A webhook is kept small, and nothing of it is lost: body, headers, every try, through a file and back."""

import sys
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jangbu import sandbox as names
from jangbu.sandbox import saving
from jangbu.sandbox.control import Config, configure
from jangbu.sandbox.control_views import webhook_of
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.webhook_records import form_of
from jangbu.sandbox.core.webhooks import sign
from jangbu.sandbox.testing import Endpoint, Sandbox

ODD_IDS = [
    "order-0001",
    "e",
    "store-0",
    "2026-08-01T03:00:00.000Z",
    "\x01\x02\x03",
    "a\x02b",
    '"quoted"\\',
    "가나다",
    "%41",
]


@pytest.mark.parametrize("is_form", [True, False])
@pytest.mark.parametrize("version", ["2024-04-25", "2024-01-01"])
@pytest.mark.parametrize("payment_id", ODD_IDS)
async def test_the_body_that_was_sent_is_the_body_that_is_kept(
    shop: Endpoint, payment_id: str, version: Any, is_form: bool
) -> None:
    sandbox = Sandbox(deliver=shop)
    sandbox.world.state.channels[names.CARD_CHANNEL].pg_provider = "NICE_V2"
    configure(sandbox.parts, Config(webhook_version=version, webhook_is_form=is_form))
    await sandbox.pay(payment_id)
    await sandbox.settle_webhooks()
    assert len(shop.got) == 2
    for delivery, (headers, body) in zip(sandbox.world.state.deliveries, shop.got, strict=True):
        assert delivery.body.encode() == body
        [attempt] = delivery.tries
        assert attempt.headers == dict(headers)
        assert headers["webhook-id"] == delivery.id
        timestamp = int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == sign([names.WEBHOOK_SECRET], delivery.id, timestamp, body)


async def test_every_try_survives_being_packed_saved_and_loaded(shop: Endpoint) -> None:
    shop.answers = [200, (503, b"down"), OSError("nobody"), (200, b"\xff\xfe")]
    sandbox = Sandbox(deliver=shop, seed=3, inferred=Inferred(webhook_retry_keeps_id=False))
    settings = sandbox.world.state.stores[names.STORE_ID].webhooks["TEST"]
    settings.secrets = [*settings.secrets, settings.secrets[0]]
    sandbox.fault("webhook_bad_signature")
    await sandbox.pay("order-0001")
    await sandbox.settle_webhooks(with_retries=True)
    await sandbox.parts.courier.resend(sandbox.world.state.deliveries[1])
    before = [webhook_of(each) for each in sandbox.world.state.deliveries]
    assert [each["status"] for each in before[1]["tries"]] == [503, None, 200, 200]
    assert before[1]["tries"][1]["problem"] == "OSError: nobody"
    assert before[1]["tries"][0]["response_body"] == "down"
    assert before[1]["tries"][0]["headers"]["webhook-signature"].count("v1,") == 2
    assert len({each["webhook_id"] for each in before[1]["tries"]}) == 4
    assert all(each.open is None and each.packed for each in sandbox.world.state.deliveries)
    times = [each["requested_at"] for each in before[1]["tries"]]
    assert times == sorted(times)

    other = Sandbox()
    saving.load(other.parts, saving.saved(sandbox.parts))
    assert [webhook_of(each) for each in other.world.state.deliveries] == before


async def test_a_webhook_under_way_when_the_world_is_saved_is_not_lost(sandbox: Sandbox, shop: Endpoint) -> None:
    seen: list[bytes] = []
    deliver = sandbox.parts.courier._deliver

    async def saved_meanwhile(url: str, headers: Any, body: bytes) -> Any:
        seen.append(saving.saved(sandbox.parts))
        return await deliver(url, headers, body)

    sandbox.parts.courier._deliver = saved_meanwhile
    await sandbox.pay("order-0001")
    await sandbox.settle_webhooks()
    other = Sandbox()
    saving.load(other.parts, seen[0])
    [first, _] = other.world.state.deliveries
    assert (first.state, [each.status for each in first.tries]) == ("WAITING", [None])


async def test_webhooks_that_differ_in_nothing_but_whose_they_are_share_what_they_say(sandbox: Sandbox) -> None:
    for number in range(3):
        await sandbox.pay(f"order-{number:04d}")
        await sandbox.move(timedelta(minutes=1))
    paid = [each for each in sandbox.world.state.deliveries if each.type == "Transaction.Paid"]
    assert len({id(each.form) for each in paid}) == 1
    assert len({each.body for each in paid}) == len({each.id for each in paid}) == 3
    sandbox.world.load(msgspec.json.decode(sandbox.world.to_json(), type=type(sandbox.world.state)))
    assert len({id(each.form) for each in sandbox.world.state.deliveries}) == 2
    [attempt] = sandbox.world.state.payments[names.STORE_ID]["order-0000"].attempts
    assert attempt.cancellations is attempt.disputes is attempt.hidden_cancellations


async def test_a_delivered_webhook_is_small(sandbox: Sandbox) -> None:
    """A million of them with their payments fit into two GiB: `python -m bench sandbox-memory` measures that."""
    await sandbox.pay("order-0001")
    await sandbox.settle_webhooks()
    delivery = sandbox.world.state.deliveries[-1]
    own = sys.getsizeof(delivery) + sys.getsizeof(delivery.packed) + sys.getsizeof(delivery.number)
    assert own < 340, "what it shares with its payment and with other webhooks is not its own"


def test_a_body_without_ids_stays_as_it_is() -> None:
    sandbox = Sandbox()
    now = sandbox.clock.now()
    assert form_of('{"type":"x"}', "", "", now) == '{"type":"x"}'
