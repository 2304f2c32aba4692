"""`/api/events…` over HTTP: the feed, endpoints and their secrets, the delivery log, and what is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from jangbu.access.service.keys import create_api_key
from jangbu.app import create
from jangbu.db import Query
from jangbu.outbox.egress import policy_of
from jangbu.outbox.refusals import EndpointUnknown, EventUnknown
from jangbu.outbox.rules import ENDPOINTS_MAX, Answer, key_of
from jangbu.outbox.sender import HttpSender
from jangbu.outbox.service import endpoints, feed
from jangbu.portone import verify
from jangbu.settings import Settings
from jangbu.wiring import Addresses
from kit import TESTER, house_at

from .merchant import URL, Shop

SECRETS = Query(int, "SELECT count(*) FROM webhook_endpoint_secrets")


@asynccontextmanager
async def calling(shop: Shop, *scopes: str, store_id: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    _, key = await create_api_key(
        "tests", scopes or ("events:read", "events:manage"), store_id, actor=TESTER, run=shop.run
    )
    transport = httpx.ASGITransport(create(shop.house.wired), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en"}
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test", headers=headers) as client:
        yield client


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """The merchant's backend, which may do everything here."""
    async with calling(shop) as client:
        yield client


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def made(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/events/endpoints", json={"url": URL} | body)
    assert answer.status_code == 201, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_from_subscription_to_delivery_log(shop: Shop, client: httpx.AsyncClient) -> None:
    endpoint = await made(client, description="창고", types=["payment.paid"])
    shop.receiver.answers[URL] = [Answer("refused", 503, "later")]
    await shop.announce("payment.failed")
    event_id = await shop.announce("payment.paid", amount=1)
    await shop.send()
    base = f"/api/events/endpoints/{endpoint['id']}"

    feed = (await client.get("/api/events", params={"after": 1})).json()["data"]
    assert [event["id"] for event in feed["events"]] == [str(event_id)]
    assert (feed["next"], feed["hasMore"]) == (2, False)
    log = (await client.get(f"{base}/deliveries")).json()["data"]["deliveries"]
    assert [(one["seq"], one["state"], one["lastStatus"]) for one in log] == [(2, "pending", 503)]
    told = (await client.get(f"{base}/deliveries/2")).json()["data"]
    assert told["body"].encode() == shop.receiver.got[0].body
    assert [(one["outcome"], one["answer"]) for one in told["attempts"]] == [("refused", "later")]
    shown = (await client.get(base)).json()["data"]
    assert (shown["pending"], shown["url"]) == (1, URL)

    assert (await client.post(f"/api/events/{event_id}/replay", json={})).json()["data"] == {"endpoints": 1}
    await shop.send()
    shown = (await client.get(f"/api/events/{event_id}")).json()["data"]
    assert [(one["state"], one["replays"]) for one in shown["deliveries"]] == [("delivered", 1)]
    assert [message.id for message in shop.receiver.got] == [str(event_id)] * 2


async def test_a_secret_is_shown_once_and_signs(shop: Shop, client: httpx.AsyncClient) -> None:
    endpoint = await made(client)
    secret = endpoint["secret"]
    assert len(key_of(secret)) == 32
    base = f"/api/events/endpoints/{endpoint['id']}"
    for answer in (await client.get(base), await client.get("/api/events/endpoints")):
        assert "whsec_" not in answer.text
    rotated = (await client.post(f"{base}/rotate", json={"keepHours": 0})).json()["data"]["secret"]
    assert rotated != secret
    answer = await client.post(f"{base}/test")
    assert answer.status_code == 202
    await shop.send()
    (message,) = shop.receiver.got
    assert verify(message.headers, message.body, secrets=[rotated], now=shop.run.clock.now())
    assert len(message.headers["webhook-signature"].split(" ")) == 1
    assert (message.json["type"], message.json["test"]) == ("webhook_endpoint.test", True)


async def test_a_test_event_goes_to_one_endpoint_alone(shop: Shop, client: httpx.AsyncClient) -> None:
    await made(client)
    tested = await made(client, url="https://other.example/", types=["payment.failed"])
    await client.post(f"/api/events/endpoints/{tested['id']}/test")
    await shop.send()
    assert [message.url for message in shop.receiver.got] == ["https://other.example/"]


async def test_off_on_and_away(shop: Shop, client: httpx.AsyncClient) -> None:
    base = f"/api/events/endpoints/{(await made(client))['id']}"
    off = (await client.post(f"{base}/disable")).json()["data"]
    assert (off["enabled"], off["disabledReason"]) == (False, "by_hand")
    assert code(await client.post(f"{base}/test")) == "ENDPOINT_NOT_ENABLED"
    await shop.announce()
    await shop.send()
    assert shop.receiver.got == []
    assert (await client.post(f"{base}/enable")).json()["data"]["enabled"] is True
    await shop.send()
    assert shop.receiver.seqs() == [1]
    assert (await client.delete(base)).status_code == 200
    assert code(await client.get(base)) == "ENDPOINT_NOT_FOUND"
    assert code(await client.post(f"{base}/enable")) == "ENDPOINT_NOT_FOUND"


async def test_of_two_who_change_one_endpoint_the_second_is_told(client: httpx.AsyncClient) -> None:
    endpoint = await made(client)
    path = f"/api/events/endpoints/{endpoint['id']}"
    first = await client.patch(path, json={"description": "A", "version": endpoint["version"]})
    assert first.json()["data"]["description"] == "A"
    second = await client.patch(path, json={"description": "B", "version": endpoint["version"]})
    assert (second.status_code, code(second)) == (409, "ENDPOINT_CHANGED_MEANWHILE")
    again = await client.patch(path, json={"types": ["payment.paid"], "version": first.json()["data"]["version"]})
    assert again.json()["data"]["types"] == ["payment.paid"]


async def test_a_stretch_of_time_is_sent_again(shop: Shop, client: httpx.AsyncClient) -> None:
    await shop.announce()
    await shop.advance()
    endpoint = await made(client)
    await shop.announce()
    await shop.send()
    path = f"/api/events/endpoints/{endpoint['id']}/replay"
    span = {"since": "2026-08-01T00:00:00+09:00", "until": "2026-08-02T00:00:00+09:00"}
    # Undelivered is what happened before there was an endpoint; without it, everything goes again.
    assert (await client.post(path, json=span | {"undelivered": True})).json()["data"] == {"events": 1}
    await shop.send()
    assert shop.receiver.seqs() == [2, 1]
    assert (await client.post(path, json=span)).json()["data"] == {"events": 2}
    await shop.send()
    assert sorted(shop.receiver.seqs()) == [1, 1, 2, 2]
    assert (await client.post(path, json={"since": span["until"], "until": span["since"]})).json()["data"][
        "events"
    ] == 0


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({}, "INVALID_REQUEST"),
        ({"url": ""}, "INVALID_REQUEST"),
        ({"url": 1}, "INVALID_REQUEST"),
        ({"url": "x" * 2001}, "INVALID_REQUEST"),
        ({"url": URL, "types": ["payment.payed"]}, "EVENT_TYPE_UNKNOWN"),
        ({"url": URL, "types": ["payment.changed"]}, "EVENT_TYPE_UNKNOWN"),
        ({"url": URL, "types": "payment.paid"}, "INVALID_REQUEST"),
        ({"url": URL, "description": "a\u0000b"}, "INVALID_REQUEST"),
        ({"url": URL, "secret": "hunter2"}, "ENDPOINT_SECRET_MALFORMED"),
        ({"url": URL, "secret": "whsec_"}, "ENDPOINT_SECRET_MALFORMED"),
        ({"url": URL, "secret": "whsec_c2hvcnQ="}, "ENDPOINT_SECRET_MALFORMED"),
        ({"url": URL, "secret": "whsec_" + "A" * 88}, "ENDPOINT_SECRET_MALFORMED"),
        ({"url": URL, "secret": "whsec_not base64 at all"}, "ENDPOINT_SECRET_MALFORMED"),
        ({"url": URL, "enabled": False}, "INVALID_REQUEST"),
    ],
)
async def test_a_wrong_subscription_is_refused_and_nothing_is_kept(
    shop: Shop, client: httpx.AsyncClient, body: dict[str, Any], wanted: str
) -> None:
    answer = await client.post("/api/events/endpoints", json=body)
    assert (answer.status_code, code(answer)) == (422, wanted)
    assert (await client.get("/api/events/endpoints")).json()["data"]["endpoints"] == []
    assert await shop.run.db.statement(SECRETS) == 0


async def test_a_secret_of_ones_own_is_taken(client: httpx.AsyncClient) -> None:
    own = "whsec_" + "A" * 32
    assert (await made(client, secret=own))["secret"] == own


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://169.254.169.254/latest/meta-data", "ENDPOINT_ADDRESS_REFUSED"),
        ("https://10.0.0.1/", "ENDPOINT_ADDRESS_REFUSED"),
        ("https://[::ffff:10.0.0.1]/", "ENDPOINT_ADDRESS_REFUSED"),
        ("https://no-such-host.invalid/", "ENDPOINT_HOST_UNKNOWN"),
        ("https://2130706433/", "ENDPOINT_URL_MALFORMED"),
        ("ftp://shop.example/", "ENDPOINT_URL_MALFORMED"),
    ],
)
async def test_an_address_inside_is_refused_when_made_and_when_changed(
    where: Addresses, settings: Settings, url: str, wanted: str
) -> None:
    async with (
        HttpSender(policy_of("", mode=settings.mode)) as sender,
        house_at(where, settings, sender=sender) as house,
        calling(Shop(house, None)) as client,  # type: ignore[arg-type]
    ):
        refused = await client.post("/api/events/endpoints", json={"url": url})
        assert (refused.status_code, code(refused)) == (422, wanted)
        endpoint = await made(client, url="http://127.0.0.1:9999/")
        changed = await client.patch(f"/api/events/endpoints/{endpoint['id']}", json={"url": url})
        assert (changed.status_code, code(changed)) == (422, wanted)


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", "after=9007199254740992", "limit=0", "limit=501", "type=" + "x" * 101],
)
async def test_a_wrong_question_to_the_feed_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert code(await client.get(f"/api/events?{query}")) == "INVALID_REQUEST"


async def test_what_the_feed_cannot_answer_has_a_code(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/events?after=5")) == "FEED_CURSOR_AHEAD"
    assert code(await client.get("/api/events?type=a%00b")) == "EVENT_TYPE_UNKNOWN"
    assert code(await client.get("/api/events/0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44")) == "EVENT_NOT_FOUND"
    assert code(await client.get("/api/events/1")) == "INVALID_REQUEST"
    path = "/api/events/0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44/replay"
    assert code(await client.post(path, json={"endpointId": "x" * 36})) == "INVALID_REQUEST"


async def test_there_is_an_end_to_how_many_endpoints_there_may_be(client: httpx.AsyncClient) -> None:
    for _ in range(ENDPOINTS_MAX):
        await made(client)
    assert code(await client.post("/api/events/endpoints", json={"url": URL})) == "TOO_MANY_ENDPOINTS"


async def test_the_end_is_the_same_for_a_key_that_sees_one_store_only(shop: Shop, client: httpx.AsyncClient) -> None:
    """Each endpoint takes a worker's slot, whosever it is."""
    for _ in range(ENDPOINTS_MAX - 1):
        await made(client)
    async with calling(shop, "events:manage", store_id="store-a") as bound:
        own = await made(bound)
        assert code(await bound.post("/api/events/endpoints", json={"url": URL})) == "TOO_MANY_ENDPOINTS"
        await bound.delete(f"/api/events/endpoints/{own['id']}")
        await made(bound)


async def test_a_key_does_what_its_scopes_say(shop: Shop) -> None:
    endpoint = await shop.subscribe(URL + "?token=hidden")
    async with calling(shop, "events:manage") as manager:
        assert (await manager.get("/api/events")).status_code == 403
    async with calling(shop, "events:read") as reader:
        assert (await reader.get("/api/events")).status_code == 200
        assert "hidden" not in (await reader.get("/api/events/endpoints")).text
        assert (await reader.get(f"/api/events/endpoints/{endpoint.id}")).json()["data"]["url"] == URL
        for method, path in (
            ("POST", "/api/events/endpoints"),
            ("PATCH", f"/api/events/endpoints/{endpoint.id}"),
            ("DELETE", f"/api/events/endpoints/{endpoint.id}"),
            ("POST", f"/api/events/endpoints/{endpoint.id}/rotate"),
        ):
            assert (await reader.request(method, path, json={"url": URL})).status_code == 403
    async with calling(shop, "payments:read") as other:
        assert (await other.get("/api/events")).status_code == 403


async def test_a_key_of_one_store_sees_and_subscribes_to_that_store_alone(shop: Shop) -> None:
    everything = await shop.subscribe()
    event_id = await shop.announce()
    await shop.advance()
    async with calling(shop, store_id="store-2") as other:
        assert (await other.get("/api/events")).json()["data"]["events"] == []
        assert code(await other.get(f"/api/events/{event_id}")) == "EVENT_NOT_FOUND"
        assert code(await other.get(f"/api/events/endpoints/{everything.id}")) == "ENDPOINT_NOT_FOUND"
        assert code(await other.delete(f"/api/events/endpoints/{everything.id}")) == "ENDPOINT_NOT_FOUND"
        assert code(await other.get(f"/api/events/endpoints/{everything.id}/deliveries")) == "ENDPOINT_NOT_FOUND"
        assert code(await other.post(f"/api/events/{event_id}/replay", json={})) == "EVENT_NOT_FOUND"
        refused = await other.post("/api/events/endpoints", json={"url": URL, "storeId": "store-1"})
        assert code(refused) == "EVENT_STORE_REFUSED"
        assert (await made(other))["storeId"] == "store-2"
        assert len((await other.get("/api/events/endpoints")).json()["data"]["endpoints"]) == 1


async def test_the_services_show_a_store_alone_where_the_database_would_show_all(shop: Shop) -> None:
    """The first wall, by itself: the system role sees every row, so that nothing but the comparison can refuse."""
    endpoint = await shop.subscribe()
    event_id = await shop.announce()
    await shop.advance()
    theirs: dict[str, Any] = {"store_id": "store-2", "run": shop.run}
    for refused in (
        endpoints.find(endpoint.id, **theirs),
        endpoints.change(endpoint.id, description="mine", actor=TESTER, sender=shop.sender, **theirs),
        endpoints.rotate(endpoint.id, actor=TESTER, **theirs),
        endpoints.send_test(endpoint.id, actor=TESTER, **theirs),
        endpoints.disable(endpoint.id, actor=TESTER, **theirs),
        endpoints.enable(endpoint.id, actor=TESTER, **theirs),
        endpoints.remove(endpoint.id, actor=TESTER, **theirs),
    ):
        with pytest.raises(EndpointUnknown):
            await refused
    with pytest.raises(EventUnknown):
        await feed.find(event_id, **theirs)
    assert (await feed.read(after=0, most=10, **theirs)).events == []


async def test_every_type_is_described(client: httpx.AsyncClient) -> None:
    types = {one["type"]: one for one in (await client.get("/api/events/types")).json()["data"]["types"]}
    assert {"payment.paid", "payment.cancelled", "webhook_endpoint.disabled"} <= types.keys()
    assert "payment.changed" not in types
    assert types["payment.paid"]["example"]["status"] == "PAID"


async def test_a_number_beyond_every_delivery_is_no_failure_of_ours(client: httpx.AsyncClient) -> None:
    one = await made(client)
    for seq, status in ((2**53 - 1, 404), (2**63, 422), (10**30, 422)):
        answer = await client.get(f"/api/events/endpoints/{one['id']}/deliveries/{seq}")
        assert answer.status_code == status, answer.text
