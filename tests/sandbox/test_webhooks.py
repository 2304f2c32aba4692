"""Webhooks: bodies, signatures, retries, order, and the faults ordered for them (portone-facts §4)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from urllib.parse import parse_qs

import msgspec
import pytest

from jangbu.failpoints import Crash
from jangbu.sandbox import LIVE_CHANNEL, STORE_ID, WEBHOOK_SECRET
from jangbu.sandbox.control import Config, configure, reset
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.webhooks import sign
from jangbu.sandbox.testing import Endpoint, Sandbox

LAST_TRY_WITHIN = timedelta(minutes=1 + 4 + 16 + 64 + 256)


def expected_signature(secret: str, headers: dict, body: bytes) -> str:
    """Written a second time, from the words of portone-facts §4.2."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def test_the_signature_matches_the_recorded_vector() -> None:
    """portone-facts §13.2."""
    body = (
        b'{"type":"Transaction.Paid","timestamp":"2026-08-01T03:00:09.000Z","data":{"paymentId":'
        b'"ord20260801a1","storeId":"store-0","transactionId":"tx-1"}}'
    )
    secret = "whsec_cG9ydG9uZS1mYWN0cy10ZXN0LWtleS0wMDAwMDAwMDE="
    signature = "v1,WSRdQiVYzUDozyHUdo+lm1lljnUlBPtNoRKgTHGQXeQ="
    assert sign([secret], "wh_1", 1785553209, body) == signature
    assert sign([secret.removeprefix("whsec_")], "wh_1", 1785553209, body) == signature


async def test_a_payment_sends_ready_and_paid_after_the_browser_has_its_result(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    result = await sandbox.pay("ord-000001")
    assert shop.got == []
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.Paid"]
    headers, body = shop.got[1]
    assert msgspec.json.decode(body) == {
        "type": "Transaction.Paid",
        "timestamp": "2026-08-01T03:00:00.000Z",
        "data": {"storeId": STORE_ID, "paymentId": "ord-000001", "transactionId": result["txId"]},
    }
    assert headers["content-type"] == "application/json"
    assert headers["webhook-signature"] == expected_signature(WEBHOOK_SECRET, dict(headers), body)
    assert len({headers["webhook-id"] for headers, _ in shop.got}) == 2


@pytest.mark.parametrize("makes_failed", [True, False])
async def test_a_decline_sends_failed_and_a_closed_window_does_by_a_switch(shop: Endpoint, makes_failed: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(close_makes_failed=makes_failed, close_code="UserGone"))
    await sandbox.decline("ord-000001")
    assert (await sandbox.close("ord-000002"))["code"] == "UserGone"
    await sandbox.settle_webhooks()
    ended = ["Transaction.Failed"] if makes_failed else []
    assert shop.types() == ["Transaction.Ready", "Transaction.Failed", "Transaction.Ready", *ended]
    _, left = await sandbox.api("GET", "/payments/ord-000002")
    assert left["status"] == ("FAILED" if makes_failed else "READY")


async def test_a_refused_webhook_is_tried_six_times_with_growing_jittered_waits(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    shop.answers = [200, 500, 301, 404, OSError("refused"), 503, 204]
    began = sandbox.clock.now()
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)

    tries = sandbox.world.state.deliveries[1].tries
    assert sandbox.world.state.deliveries[1].state == "DEAD"
    assert len(tries) == 6
    waits = [after.requested_at - before.requested_at for before, after in pairwise(tries)]
    assert all(
        timedelta() <= wait < timedelta(minutes=base) for wait, base in zip(waits, (1, 4, 16, 64, 256), strict=True)
    )
    assert len(set(waits)) == 5
    assert sandbox.clock.now() - began < LAST_TRY_WITHIN
    await sandbox.move(timedelta(days=1))
    assert len(shop.got) == 7


async def test_each_retry_has_the_same_id_and_body_and_a_fresh_timestamp_and_signature(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    shop.answers = [200, 500, 500, 500]
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)
    tries = shop.got[1:]
    assert len(tries) == 4
    assert len({headers["webhook-id"] for headers, _ in tries}) == 1
    assert len({body for _, body in tries}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in tries}) > 1
    for headers, body in tries:
        assert headers["webhook-signature"] == expected_signature(WEBHOOK_SECRET, dict(headers), body)
    for attempt in sandbox.world.state.deliveries[1].tries:
        assert attempt.headers["webhook-timestamp"] == str(int(attempt.requested_at.timestamp()))
    assert sandbox.world.state.deliveries[1].state == "DELIVERED"


async def test_retries_may_instead_have_ids_of_their_own_and_repeat_the_old_signature(shop: Endpoint) -> None:
    stale = Inferred(webhook_retry_keeps_id=False)
    sandbox = Sandbox(deliver=shop, inferred=stale)
    shop.answers = [200, 500]
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)
    assert len(set(shop.ids("Transaction.Paid"))) == 2

    again = Endpoint([200, 500, 500])
    sandbox = Sandbox(deliver=again, inferred=Inferred(webhook_retry_signs_afresh=False))
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)
    assert len({headers["webhook-signature"] for headers, _ in again.got[1:]}) == 1


@pytest.mark.parametrize("any_2xx", [True, False])
async def test_whether_204_is_a_success_is_a_switch(shop: Endpoint, any_2xx: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(webhook_accepts_any_2xx=any_2xx))
    shop.answers = [200, 204]
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)
    assert len(shop.got) == (2 if any_2xx else 3)


@pytest.mark.parametrize("every", [True, False])
async def test_during_a_rotation_both_secrets_sign_or_only_the_newer(shop: Endpoint, every: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(webhook_signs_with_every_secret=every))
    newer = "whsec_" + base64.b64encode(b"n" * 32).decode()
    configure(sandbox.parts, Config(webhook_secrets=[WEBHOOK_SECRET, newer]))
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    headers, body = shop.got[0]
    secrets = [WEBHOOK_SECRET, newer] if every else [newer]
    wanted = [expected_signature(secret, dict(headers), body) for secret in secrets]
    assert headers["webhook-signature"].split(" ") == wanted


@pytest.mark.parametrize("is_form", [True, False])
async def test_the_older_version_has_its_own_body_signed_the_same_way(
    sandbox: Sandbox, shop: Endpoint, is_form: bool
) -> None:
    configure(sandbox.parts, Config(webhook_version="2024-01-01", webhook_is_form=is_form))
    result = await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    headers, body = shop.got[1]
    wanted = {"payment_id": "ord-000001", "tx_id": result["txId"], "status": "Paid"}
    if is_form:
        assert headers["content-type"] == "application/x-www-form-urlencoded"
        assert parse_qs(body.decode()) == {name: [value] for name, value in wanted.items()}
    else:
        assert msgspec.json.decode(body) == wanted
    assert headers["webhook-signature"] == expected_signature(WEBHOOK_SECRET, dict(headers), body)


async def test_live_and_test_have_their_own_urls_and_secrets(sandbox: Sandbox, shop: Endpoint) -> None:
    configure(sandbox.parts, Config(environment="LIVE", webhook_url=""))
    await sandbox.pay("ord-000001", channelKey=LIVE_CHANNEL)
    await sandbox.settle_webhooks()
    assert shop.got == []
    await sandbox.pay("ord-000002")
    await sandbox.settle_webhooks()
    assert len(shop.got) == 2


async def test_notice_urls_replace_the_stores_url_unless_empty(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001", noticeUrls=["https://a.test/x", "https://b.test/y"])
    await sandbox.pay("ord-000002", noticeUrls=[])
    urls = [(each.payment_id, each.url) for each in sandbox.world.state.deliveries]
    assert urls == [
        ("ord-000001", "https://a.test/x"),
        ("ord-000001", "https://b.test/y"),
        ("ord-000001", "https://a.test/x"),
        ("ord-000001", "https://b.test/y"),
        ("ord-000002", "https://shop.test/webhook"),
        ("ord-000002", "https://shop.test/webhook"),
    ]


async def test_the_payment_tells_how_the_endpoint_answered(sandbox: Sandbox, shop: Endpoint) -> None:
    shop.answers = [OSError("refused"), 500]
    await sandbox.pay("ord-000001")
    assert "webhooks" not in (await sandbox.api("GET", "/payments/ord-000001"))[1]
    await sandbox.clock.run_due()
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    ready, paid = payment["webhooks"]
    assert ready["status"] == "FAILED_UNEXPECTED_ERROR"
    assert "response" not in ready
    assert (paid["status"], paid["paymentStatus"]) == ("FAILED_NOT_OK_RESPONSE", "PAID")
    assert (paid["response"]["code"], paid["response"]["body"]) == ("500", "ok")
    assert (paid["currentExecutionCount"], paid["maxExecutionCount"]) == (1, 6)
    assert paid["request"]["body"] == shop.got[1][1].decode()


async def test_a_doubled_webhook_arrives_twice_with_one_id_and_counts_as_one_try(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    sandbox.fault("webhook_twice", payment_id="ord-000001")
    shop.answers = [200, 500, 500]
    await sandbox.pay("ord-000001")
    await sandbox.clock.run_due()
    ids = shop.ids("Transaction.Paid")
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert shop.types().count("Transaction.Ready") == 1
    shop.answers = [500] * 10
    await sandbox.settle_webhooks(with_retries=True)
    assert len(shop.ids("Transaction.Paid")) == 2 + 5


async def test_a_lost_webhook_never_comes_and_the_payment_is_paid_all_the_same(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    sandbox.fault("webhook_lost")
    await sandbox.pay("ord-000001")
    await sandbox.move(timedelta(days=2))
    assert shop.types() == ["Transaction.Ready"]
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "PAID"


async def test_a_late_webhook_overtakes_nothing_and_may_be_overtaken(sandbox: Sandbox, shop: Endpoint) -> None:
    sandbox.fault("webhook_late", operation="Transaction.Failed", seconds=3600)
    await sandbox.decline("ord-000001")
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Ready", "Transaction.Ready", "Transaction.Paid"]
    await sandbox.move(timedelta(seconds=3599))
    assert len(shop.got) == 3
    await sandbox.move(timedelta(seconds=1))
    assert shop.types()[-1] == "Transaction.Failed"
    # The event's time stays what it was; the signature's is that of the sending.
    headers, body = shop.got[-1]
    assert msgspec.json.decode(body)["timestamp"] == "2026-08-01T03:00:00.000Z"
    assert headers["webhook-timestamp"] == str(int(sandbox.clock.now().timestamp()))


async def test_a_webhook_may_come_before_the_browser_has_its_result(sandbox: Sandbox, shop: Endpoint) -> None:
    sandbox.fault("webhook_before_return")
    opened = await sandbox.open("ord-000001")
    assert shop.got == []
    await sandbox.decide(opened["txId"], "approve")
    assert shop.types() == ["Transaction.Paid"]
    await sandbox.settle_webhooks()
    assert shop.types() == ["Transaction.Paid", "Transaction.Ready"]


async def test_a_badly_signed_try_is_followed_by_a_good_one(sandbox: Sandbox, shop: Endpoint) -> None:
    sandbox.fault("webhook_bad_signature")
    shop.answers = [200, 401]
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)
    good = [
        headers["webhook-signature"] == expected_signature(WEBHOOK_SECRET, dict(headers), body)
        for headers, body in shop.got
    ]
    assert good == [True, False, True]


async def test_a_resend_comes_with_the_same_id_even_after_success(sandbox: Sandbox, shop: Endpoint) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    status, body = await sandbox.api("POST", "/payments/ord-000001/resend-webhook", {})
    assert status == 200
    assert body["webhook"]["trigger"] == "MANUAL"
    assert body["webhook"]["id"] == shop.got[-1][0]["webhook-id"] == shop.got[1][0]["webhook-id"]
    assert len(shop.got) == 3

    ready = shop.got[0][0]["webhook-id"]
    assert (await sandbox.api("POST", "/payments/ord-000001/resend-webhook", {"webhookId": ready}))[0] == 200
    assert shop.types()[-1] == "Transaction.Ready"


async def test_a_resend_that_fails_is_told_as_failed_even_after_success(sandbox: Sandbox, shop: Endpoint) -> None:
    """portone-facts §2.12: it tells how the endpoint answered, and that is the last time."""

    async def seen() -> tuple[str, list[str]]:
        _, payment = await sandbox.api("GET", "/payments/ord-000001")
        statuses = ("SUCCEEDED", "FAILED_NOT_OK_RESPONSE", "FAILED_UNEXPECTED_ERROR")
        found = [(await sandbox.api("GET", "/payments", {"filter": {"webhookStatus": each}}))[1] for each in statuses]
        return payment["webhooks"][-1]["status"], [
            status for status, answer in zip(statuses, found, strict=True) if answer["items"]
        ]

    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    assert await seen() == ("SUCCEEDED", ["SUCCEEDED"])
    for answer, status, code in (
        (500, "FAILED_NOT_OK_RESPONSE", "500"),
        (ConnectionResetError(), "FAILED_UNEXPECTED_ERROR", None),
        (200, "SUCCEEDED", "200"),
    ):
        shop.answers = [answer]
        _, body = await sandbox.api("POST", "/payments/ord-000001/resend-webhook", {})
        told = body["webhook"]
        assert (told["status"], told.get("response", {}).get("code")) == (status, code)
        assert await seen() == (status, [status])
    assert sandbox.parts.courier.next_due() is None, "what was delivered once is not tried again by itself"


@pytest.mark.parametrize("first", [False, True])
async def test_whether_a_resend_answers_before_it_sends_is_a_switch(shop: Endpoint, first: bool) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(resend_answers_first=first))
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    shop.answers = [500]
    _, body = await sandbox.api("POST", "/payments/ord-000001/resend-webhook", {})
    assert body["webhook"]["response"]["code"] == ("200" if first else "500")
    assert len(shop.got) == (2 if first else 3)
    await sandbox.settle_webhooks(with_retries=True)
    assert len(shop.got) == 3, "it is sent either way, and what was delivered before is not tried again"
    _, payment = await sandbox.api("GET", "/payments/ord-000001")
    assert payment["webhooks"][-1]["response"]["code"] == "500"


async def test_resends_take_nothing_from_the_six_tries_and_a_success_ends_them(
    sandbox: Sandbox, shop: Endpoint
) -> None:
    shop.answers = [200] + [500] * 20
    await sandbox.pay("ord-000001")
    await sandbox.clock.run_due()
    for _ in range(3):
        await sandbox.api("POST", "/payments/ord-000001/resend-webhook", {})
    await sandbox.settle_webhooks(with_retries=True)
    assert len(shop.ids("Transaction.Paid")) == 6 + 3
    assert sandbox.world.state.deliveries[1].state == "DEAD"

    shop.answers = [200, 500, 200]
    await sandbox.pay("ord-000002")
    await sandbox.clock.run_due()
    before = len(shop.got)
    await sandbox.api("POST", "/payments/ord-000002/resend-webhook", {})
    await sandbox.settle_webhooks(with_retries=True)
    assert len(shop.got) == before + 1
    assert sandbox.world.state.deliveries[3].state == "DELIVERED"


async def test_a_webhook_on_its_way_during_a_reset_is_not_tried_again() -> None:
    calls = []

    async def resetting(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        calls.append(body)
        reset(sandbox.parts)
        return 500, {}, b""

    sandbox = Sandbox(deliver=resetting)
    await sandbox.open("ord-000001")
    await sandbox.settle_webhooks(with_retries=True)
    assert len(calls) == 1
    assert sandbox.parts.courier.next_due() is None


async def test_a_resend_is_refused_for_what_is_not_there_and_when_it_was_too_often(shop: Endpoint) -> None:
    sandbox = Sandbox(deliver=shop, inferred=Inferred(webhook_resends_max=1))

    async def resend(payment_id: str, body: dict) -> tuple[int, str | None]:
        status, answer = await sandbox.api("POST", f"/payments/{payment_id}/resend-webhook", body)
        return status, answer.get("type")

    assert await resend("nobody", {}) == (404, "PAYMENT_NOT_FOUND")
    await sandbox.pay("ord-000001")
    assert await resend("ord-000001", {"webhookId": "wh_unknown"}) == (404, "WEBHOOK_NOT_FOUND")
    assert await resend("ord-000001", {}) == (200, None)
    assert await resend("ord-000001", {}) == (400, "MAX_WEBHOOK_RETRY_COUNT_REACHED")


async def test_a_receiver_that_dies_while_it_answers_is_tried_again(sandbox: Sandbox, shop: Endpoint) -> None:
    """A crashed process drops the connection; PortOne only sees a try without an answer."""
    crashes = [Crash("inbox.stored")]

    async def dying(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        if crashes and b"Transaction.Paid" in body:
            raise crashes.pop()
        return await shop(url, headers, body)

    sandbox = Sandbox(deliver=dying)
    await sandbox.pay("ord-000001")
    with pytest.raises(Crash):
        await sandbox.settle_webhooks()
    await sandbox.settle_webhooks(with_retries=True)
    assert shop.types() == ["Transaction.Ready", "Transaction.Paid"]
    paid = sandbox.world.state.deliveries[1]
    assert [attempt.problem for attempt in paid.tries] == ["Crash", None]


async def test_a_receiver_may_ask_portone_back_while_it_answers() -> None:
    """A merchant's endpoint that GETs the payment inside its own answer sees what the webhook speaks of."""
    seen = []

    async def ask_back(url: str, headers: object, body: bytes) -> tuple[int, dict, bytes]:
        payment_id = msgspec.json.decode(body)["data"]["paymentId"]
        seen.append((await sandbox.api("GET", f"/payments/{payment_id}"))[1]["status"])
        return 200, {}, b""

    sandbox = Sandbox(deliver=ask_back)
    sandbox.fault("webhook_before_return")
    await sandbox.pay("ord-000001")
    assert seen == ["PAID"]
