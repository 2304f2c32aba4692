"""V1's webhooks: unsigned, so re-read, coalesced and cheap (requirements C2, C5; F20-F22, F24)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest

from at_console import at_the_console
from jangbu import queue
from jangbu import sandbox as names
from jangbu.app import create
from jangbu.db import Query
from jangbu.inbox.service import HANDLE, job_key
from jangbu.inbox.store import DUPLICATES_KEPT_MAX
from jangbu.inbox.unsigned import PAUSE
from jangbu.payments.cancellations.service.cancel import Ask, Authority, cancel
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from kit import TESTER, House, books, with_settings

from .hooks import PortOneSends

HOOK = "/api/v1/payments/webhook"
PICK = Query(type(None), "UPDATE pgqueuer SET status = 'picked' WHERE status = 'queued'")
GONE = Query(type(None), "DELETE FROM pgqueuer")


@asynccontextmanager
async def door(house: House, client: str = "203.0.113.9", **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever knows our address."""
    app = create(with_settings(house.wired, **changed))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(client, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as caller:
        yield caller


async def begun(house: House, api: str = "v1", order_id: str = "order-1") -> Payment:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id=order_id, api=api)
    return await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)


async def pay(house: House, payment: Payment) -> str:
    return await house.portone.v1_pay(payment.provider_order_id, amount=payment.amount, channelKey=names.CARD_CHANNEL)


def says(payment: Payment, imp_uid: str = "imp_1", status: str = "paid", **more: str) -> dict[str, str]:
    return {"imp_uid": imp_uid, "merchant_uid": payment.provider_order_id, "status": status, **more}


async def now(house: House, payment: Payment) -> Payment:
    return await find(str(payment.id), run=house.run)


def reads(house: House) -> int:
    return sum("/payments/findAll/" in line for line in house.portone.transport.transcript)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded; charset=utf-8"])
async def test_either_content_type_has_portone_asked(house: House, kind: str) -> None:
    payment = await begun(house)
    said = says(payment, await pay(house, payment))
    body = msgspec.json.encode(said) if "json" in kind else urlencode(said).encode()
    async with door(house) as caller:
        answer = await caller.post(HOOK, content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["data"]) == (200, {"received": True})
    await house.work()
    assert (await now(house, payment)).status is Status.PAID
    (row,) = await PortOneSends(house.run).log()
    assert (row.webhook_type, row.status, row.payment_id) == ("V1.paid", "processed", payment.id)
    assert row.request_body == said


async def test_a_forgery_has_portone_asked_and_changes_nothing(house: House) -> None:
    payment, other = await begun(house), await begun(house, order_id="order-2")
    paid_for_other = await pay(house, other)
    async with door(house) as caller:
        for said in (says(payment, paid_for_other), says(payment, status="cancelled", cancellation_id="c-1")):
            assert (await caller.post(HOOK, json=said)).status_code == 200
    await house.work()
    assert (await now(house, payment)).status is Status.READY
    assert (await books(house)).balances == {}


async def test_fifty_at_once_are_few_rows_one_entry_and_at_most_two_looks(house: House) -> None:
    payment = await begun(house)
    said = says(payment, await pay(house, payment))
    before = reads(house)
    async with door(house) as caller:
        answers = await asyncio.gather(*(caller.post(HOOK, json=said) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    sends = PortOneSends(house.run)
    assert len(await sends.jobs()) == 1
    assert len(await sends.log()) <= 1 + DUPLICATES_KEPT_MAX
    await house.work()
    assert reads(house) - before <= 2
    assert (await now(house, payment)).status is Status.PAID
    found = await books(house)
    assert found.proof.holds and found.balances["assets:pg_receivable"] == 11_000
    assert found.events.count("payment.paid") == 1


async def test_the_same_words_later_may_mean_something_new(house: House) -> None:
    payment = await begun(house)
    said = says(payment, await pay(house, payment), status="cancelled")
    async with door(house) as caller:
        for amount in (4_000, 7_000):
            await house.portone.cancel_elsewhere(payment.provider_order_id, amount, is_silent=True)
            await caller.post(HOOK, json=said)
            await house.work()
    assert ((await now(house, payment)).status, (await now(house, payment)).cancelled_amount) == (
        Status.CANCELLED,
        11_000,
    )


async def test_what_comes_while_a_look_is_under_way_has_a_look_of_its_own(house: House) -> None:
    payment = await begun(house)
    sends = PortOneSends(house.run)
    async with door(house) as caller:
        await caller.post(HOOK, json=says(payment))
        for looks in (2, 3):
            # A worker has taken them and may have asked PortOne already.
            async with house.run.db.transaction() as tx:
                await tx.run(PICK)
            for _ in range(5):
                await caller.post(HOOK, json=says(payment))
            assert len(await sends.jobs()) == looks


async def test_a_repeat_waits_a_moment_so_that_a_flood_is_not_passed_on(house: House) -> None:
    async with house.run.db.transaction() as tx:
        assert await queue.enqueue_behind(tx, HANDLE, dedupe_key=job_key("v1:x"), pause=PAUSE, webhook_id="v1:x")
        assert not await queue.enqueue_behind(tx, HANDLE, dedupe_key=job_key("v1:x"), pause=PAUSE, webhook_id="v1:x")
        [waits] = await tx.all(Query(bool, "SELECT execute_after > now() + interval '4 seconds' FROM pgqueuer"))
        assert waits
        await tx.run(GONE)


@pytest.mark.parametrize("merchant_uid", ["nobody", "x" * 41, "x" * 5_000, "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44"])
async def test_made_up_ids_leave_nothing_behind_and_are_answered_alike(house: House, merchant_uid: str) -> None:
    payment = await begun(house)
    asked = len(house.portone.transport.transcript)
    async with door(house) as caller:
        known = await caller.post(HOOK, json=says(payment))
        await PortOneSends(house.run).log()
        unknown = await caller.post(HOOK, json={"imp_uid": "imp_1", "merchant_uid": merchant_uid, "status": "paid"})
    assert (unknown.status_code, unknown.json()["data"]) == (known.status_code, known.json()["data"])
    assert len(await PortOneSends(house.run).log()) == 1
    assert len(house.portone.transport.transcript) == asked


async def test_payments_of_v2_are_not_asked_about_for_an_unsigned_word(house: House) -> None:
    payment = await begun(house, api="v2")
    async with door(house) as caller:
        await caller.post(HOOK, json=says(payment))
    assert await PortOneSends(house.run).log() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nonsense", b'{"imp_uid": "imp_1"}', b'{"merchant_uid": 7}', b'{"merchant_uid": ""}',
     b'{"type": "Transaction.Paid", "data": {"paymentId": "p-1"}}'],
)  # fmt: skip
async def test_what_is_no_webhook_of_v1_is_refused(house: House, body: bytes) -> None:
    async with door(house) as caller:
        answer = await caller.post(HOOK, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "WEBHOOK_BODY_UNREADABLE")


async def test_any_word_for_a_status_makes_one_more_row_at_most(house: House) -> None:
    payment = await begun(house)
    async with door(house) as caller:
        for status in ("paid", "ready", "failed", "cancelled", "a", "b", "c" * 500, ""):
            assert (await caller.post(HOOK, json=says(payment, status=status))).status_code == 200
    rows = [row.webhook_id for row in await PortOneSends(house.run).log() if "_duplicate_" not in row.webhook_id]
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("client", "forwarded", "proxies", "expected"),
    [
        ("52.78.5.241", "", "", 200),
        ("203.0.113.9", "", "", 403),
        ("203.0.113.9", "52.78.5.241", "", 403),
        ("127.0.0.1", "52.78.5.241", "127.0.0.1", 200),
        ("127.0.0.1", "52.78.5.241, 203.0.113.9", "127.0.0.1", 403),
    ],
)
async def test_where_it_may_come_from_is_the_operators_to_say(
    house: House, client: str, forwarded: str, proxies: str, expected: int
) -> None:
    payment = await begun(house)
    sources = {"v1_webhook_sources": "52.78.100.19,52.78.48.223,52.78.5.241", "trusted_proxies": proxies}
    async with door(house, client, **sources) as caller:
        headers = {"x-forwarded-for": forwarded} if forwarded else {}
        answer = await caller.post(HOOK, json=says(payment), headers=headers)
    assert answer.status_code == expected
    assert len(await PortOneSends(house.run).log()) == (expected == 200)


async def test_a_webhook_of_v1_is_read_again_when_portone_was_away(house: House) -> None:
    payment = await begun(house)
    said = says(payment, await pay(house, payment))
    async with door(house) as caller:
        await caller.post(HOOK, json=said)
    house.portone.fault("status_500", operation="v1_find_payments")
    with pytest.raises(Exception, match="PORTONE_OUTCOME_UNKNOWN"):
        await house.work()
    await house.work()
    assert (await now(house, payment)).status is Status.PAID


async def test_a_refund_that_v1_announces_is_ours_and_is_booked_once(house: House) -> None:
    payment = await begun(house)
    imp_uid = await pay(house, payment)
    async with door(house) as caller:
        await caller.post(HOOK, json=says(payment, imp_uid))
        await house.work()
        await cancel(
            str(payment.id), Ask(amount=4_000), who=Authority(TESTER), run=house.run, portone=house.wired.portone
        )
        await caller.post(HOOK, json=says(payment, imp_uid, status="cancelled", cancellation_id="c-1"))
        await house.work()
    found = await books(house)
    assert found.proof.holds and found.balances["assets:pg_receivable"] == 7_000
    assert found.events.count("payment.partially_cancelled") == 1


async def test_the_console_does_not_call_an_unsigned_webhook_signed_and_shows_that_the_payment_is_v1s(
    house: House,
) -> None:
    payment = await begun(house)
    async with door(house) as caller:
        await caller.post(HOOK, json=says(payment))
    await house.work()
    (row,) = await PortOneSends(house.run).log()
    async with at_the_console(house) as staff:
        page = (await staff.get(f"/console/webhooks/{row.id}", headers={"accept-language": "en"})).text
        assert "none (V1)" in page and "203.0.113.9" in page
        assert "right" not in page.partition("Signature")[2][:80]
        page = (await staff.get(f"/console/payments/{payment.id}")).text
        assert "API" in page and "V1" in page
