"""Refunds through the doors people and shops use: the API with a key, the console with a role (B3, F35, F39)."""

import asyncio
import csv
import io
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from at_console import in_english
from jangbu.access.cookies import PLAIN_NAME
from jangbu.access.service.keys import create_api_key
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.rules import REASON_LONGEST
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from kit import TESTER, House, patiently

CANCEL = "/api/portone/cancel"
VERIFY = "/api/portone/verify"
URL = "http://127.0.0.1:8080"
FORM_TYPE = "application/x-www-form-urlencoded"
ABOVE_A_MANAGERS_LIMIT = 1_200_000


@asynccontextmanager
async def client_of(house: House, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=URL, **options) as client:
        yield client


@asynccontextmanager
async def shop(house: House, *scopes: str, store_id: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's backend with a key of its own."""
    _, key = await create_api_key("shop", scopes or ("payments:cancel",), store_id, actor=TESTER, run=house.run)
    async with client_of(
        house, headers={"Authorization": f"Bearer {key}", "Accept-Language": "en", "Content-Type": "application/json"}
    ) as client:
        yield client


@asynccontextmanager
async def desk(house: House, name: str, role: str) -> AsyncIterator[httpx.AsyncClient]:
    """The console, as one member of staff sees it."""
    email, password = f"{name}@shop.example", "보리차 두 병 주세요"
    await create_admin(email, name, password, role, actor=TESTER, run=house.wired.request)
    _, value = await sign_in(email, password, "192.0.2.1", "tests", run=house.wired.request)
    headers = {"origin": URL, "accept": "text/html"}
    async with client_of(house, cookies={PLAIN_NAME: value}, headers=headers) as client:
        yield client


async def paid(house: House, amount: int = 11_000, **order: Any) -> Payment:
    asked = Order(amount=amount, currency="KRW", order_name="보리차", **order)
    payment = await initialize(asked, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await house.hear()
    await house.work()
    return payment


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def given_back(house: House, payment: Payment) -> list[int]:
    return house.portone.refunds(payment.provider_order_id)


async def rows(house: House, payment: Payment) -> list[tuple[str, int]]:
    async with house.run.db.transaction() as tx:
        found = await cancellation_store.of_payment(tx, payment.id)
    return [(one.status.value, one.amount) for one in found]


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"amount": 0}, 422, "CANCEL_AMOUNT_OUT_OF_RANGE"),
        ({"amount": -1}, 422, "CANCEL_AMOUNT_OUT_OF_RANGE"),
        ({"amount": 11_001}, 422, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
        ({"amount": 2**63}, 422, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
        ({"amount": 10**400}, 422, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
        ({"amount": "3000"}, 422, "INVALID_REQUEST"),
        ({"amount": 3000.0}, 422, "INVALID_REQUEST"),
        ({"amount": 3000.5}, 422, "INVALID_REQUEST"),
        ({"amount": True}, 422, "INVALID_REQUEST"),
        ({"currency": "USD"}, 422, "CANCEL_CURRENCY_DIFFERS"),
        ({"currency": "won"}, 422, "INVALID_REQUEST"),
        ({"taxFreeAmount": 12_000}, 422, "CANCEL_TAX_FREE_AMOUNT_OUT_OF_RANGE"),
        ({"taxFreeAmount": -1}, 422, "CANCEL_TAX_FREE_AMOUNT_OUT_OF_RANGE"),
        ({"reason": ""}, 422, "INVALID_REQUEST"),
        ({"reason": "가" * (REASON_LONGEST + 1)}, 422, "INVALID_REQUEST"),
        ({"requester": "BOSS"}, 422, "INVALID_REQUEST"),
        ({"refund": "all"}, 422, "INVALID_REQUEST"),
        ({"paymentId": "nobody"}, 404, "PAYMENT_NOT_FOUND"),
        ({"paymentId": ""}, 422, "INVALID_REQUEST"),
        ({"paymentId": "nobody\x00"}, 422, "TEXT_UNSTORABLE"),
        ({"paymentId": "\ud800"}, 422, "INVALID_REQUEST"),
        ({"paymentId": None}, 422, "INVALID_REQUEST"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
async def test_what_cannot_be_given_back_is_refused_with_its_code_and_nothing_is_written(
    house: House, body: dict[str, Any], status: int, expected: str
) -> None:
    payment = await paid(house)
    async with shop(house) as client:
        # httpx would not write half a surrogate pair; JSON has an escape for it.
        answer = await client.post(CANCEL, content=json.dumps({"paymentId": str(payment.id)} | body))
    assert (answer.status_code, code(answer)) == (status, expected), answer.text
    assert await rows(house, payment) == [] and given_back(house, payment) == []


@pytest.mark.parametrize(("amount", "status"), [(11_000, "CANCELLED"), (4_000, "PARTIAL_CANCELLED")])
async def test_what_went_back_in_whole_or_in_part_is_not_to_be_delivered(
    house: House, amount: int, status: str
) -> None:
    """F08: `paid` is what a shop delivers on, so it is true of no payment of which anything was given back."""
    payment = await paid(house)
    body = {"paymentId": str(payment.id)}
    async with shop(house, "payments:cancel", "payments:verify") as client:
        before = (await client.post(VERIFY, json=body)).json()["data"]
        assert (before["paid"], before["status"]) == (True, "PAID")
        await client.post(CANCEL, json=body | {"amount": amount})
        after = (await client.post(VERIFY, json=body)).json()["data"]
    assert (after["paid"], after["status"], after["mismatch"]) == (False, status, "")
    assert after["cancelledAmount"] == amount


async def test_one_stores_key_finds_nothing_of_another_stores_payment(house: House) -> None:
    payment = await paid(house)
    may = ("payments:cancel", "payments:verify")
    async with shop(house, *may, store_id="store-of-somebody-else") as client:
        for path in (CANCEL, VERIFY):
            for reference in (str(payment.id), payment.provider_order_id):
                answer = await client.post(path, json={"paymentId": reference})
                assert (answer.status_code, code(answer)) == (404, "PAYMENT_NOT_FOUND"), path
    assert given_back(house, payment) == []


async def test_a_key_that_may_only_read_gives_nothing_back(house: House) -> None:
    payment = await paid(house)
    async with shop(house, "payments:read", "payments:create") as client:
        answer = await client.post(CANCEL, json={"paymentId": str(payment.id)})
    assert answer.status_code == 403
    assert given_back(house, payment) == []


async def test_fifty_at_once_over_http_are_one_refund(house: House) -> None:
    payment = await paid(house)
    async with shop(house) as client:
        body = {"paymentId": str(payment.id), "amount": 4_000}
        answers = await asyncio.gather(*(patiently(lambda: client.post(CANCEL, json=body)) for _ in range(50)))
    done = [answer for answer in answers if answer.status_code == 200]
    # Whoever came after the first had finished asked for another 4,000 of what was left.
    refused = Counter(code(answer) for answer in answers if answer.status_code != 200)
    assert 1 <= len(done) <= 2
    assert set(refused) <= {"CANCELLATION_IN_PROGRESS", "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"}
    assert given_back(house, payment) == [4_000] * len(done)


async def test_fifty_times_the_same_key_over_http_are_one_refund_and_each_is_told_of_it(house: House) -> None:
    payment = await paid(house)
    async with shop(house) as client:
        body, headers = {"paymentId": str(payment.id), "amount": 4_000}, {"Idempotency-Key": "refund-1"}
        answers = await asyncio.gather(
            *(patiently(lambda: client.post(CANCEL, json=body, headers=headers)) for _ in range(50))
        )
        other = await client.post(CANCEL, json=body | {"amount": 5_000}, headers=headers)
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["data"]["cancellation"]["id"] for answer in answers}) == 1
    assert (other.status_code, code(other)) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert given_back(house, payment) == [4_000]


async def test_a_lost_answer_is_told_as_not_known_and_the_same_request_later_says_done(house: House) -> None:
    payment = await paid(house)
    house.portone.fault("answer_lost", operation="cancel_payment")
    body, headers = {"paymentId": str(payment.id)}, {"Idempotency-Key": "refund-1"}
    async with shop(house) as client:
        first = await client.post(CANCEL, json=body, headers=headers)
        assert (first.status_code, first.json()["data"]["cancellation"]["status"]) == (202, "SENDING")
        assert first.json()["data"]["cancelledAmount"] == 0, "not known is not done"
        await house.move(timedelta(minutes=30))
        second = await client.post(CANCEL, json=body, headers=headers)
    assert (second.status_code, second.json()["data"]["cancellation"]["status"]) == (200, "SUCCEEDED")
    assert given_back(house, payment) == [11_000]


async def test_a_double_click_on_the_form_is_one_refund(house: House) -> None:
    payment = await paid(house)
    page = f"/console/payments/{payment.id}"
    async with desk(house, "kim", "Manager") as client:
        key = re.findall(r'name="key" value="([0-9a-f]+)"', (await client.get(page)).text)[0]
        form = {"amount": "4,000", "reason": "단순 변심", "key": key}
        clicks = await asyncio.gather(*(client.post(f"{page}/refund", data=form) for _ in range(2)))
        assert {click.status_code for click in clicks} == {303}
        shown = (await client.get(page)).text
    assert given_back(house, payment) == [4_000]
    assert "단순 변심" in shown and "7,000" in shown


@pytest.mark.parametrize("typed", ["0", "-1", "11,001", "사천", "4000.5", "4,000원만", "1e3", "9" * 400])
async def test_a_sum_the_form_cannot_take_is_said_beside_it_and_kept_as_typed(house: House, typed: str) -> None:
    payment = await paid(house)
    page = f"/console/payments/{payment.id}"
    async with desk(house, "kim", "Manager") as client:
        answer = await client.post(f"{page}/refund", data={"amount": typed, "reason": "단순 변심", "key": "k"})
        assert (await in_english(client, answer)).status_code == 200
    assert 400 <= answer.status_code < 500
    assert 'role="alert"' in answer.text and f'value="{typed}"' in answer.text and "단순 변심" in answer.text
    assert await rows(house, payment) == [] and given_back(house, payment) == []


async def test_support_sees_no_form_and_may_not_send_one(house: House) -> None:
    payment = await paid(house)
    page = f"/console/payments/{payment.id}"
    async with desk(house, "lee", "Support") as client:
        assert '/refund"' not in (await client.get(page)).text
        assert (await client.post(f"{page}/refund", data={"amount": "1,000"})).status_code == 403
    assert given_back(house, payment) == []


async def test_another_sites_form_gives_nothing_back(house: House) -> None:
    payment = await paid(house)
    async with desk(house, "kim", "Manager") as client:
        forged = {"origin": "https://evil.example"}
        answer = await client.post(f"/console/payments/{payment.id}/refund", data={"amount": "1,000"}, headers=forged)
    assert answer.status_code == 403
    assert given_back(house, payment) == []


async def test_a_large_refund_is_asked_by_one_and_decided_by_another_person(house: House) -> None:
    payment = await paid(house, ABOVE_A_MANAGERS_LIMIT)
    async with desk(house, "kim", "Manager") as asker, desk(house, "choi", "Super Admin") as second:
        await asker.post(f"/console/payments/{payment.id}/refund", data={"reason": "단순 변심", "key": "k"})
        assert given_back(house, payment) == []
        own = (await asker.get("/console/refunds")).text
        assert "/reject" in own and "/approve" not in own, "nobody approves what they asked for"
        waiting = (await second.get("/console/refunds")).text
        assert "<td>kim</td>" in waiting, "who approves has to know who asks"
        (approve,) = re.findall(r'action="(/console/refunds/[^"]+/approve)"', waiting)
        refused = await asker.post(approve)
        assert refused.status_code == 403 and given_back(house, payment) == []
        assert (await in_english(asker, refused)).status_code == 200
        clicks = await asyncio.gather(second.post(approve), second.post(approve))
        assert sorted(click.status_code for click in clicks) in ([303, 303], [303, 409])
        told = (await second.get(f"/console/payments/{payment.id}")).text
        (line,) = csv.DictReader(io.StringIO((await second.get("/console/refunds.csv")).content.decode("utf-8-sig")))
    by = re.findall(r"<dt>담당자</dt><dd>([^<]+)</dd>", told)
    assert {"kim", "choi"} <= set(by) and not re.search(r"(user|key):[0-9a-f]", " ".join(by))
    assert (line["요청한 사람"], line["결정한 사람"]) == ("kim", "choi")
    assert given_back(house, payment) == [ABOVE_A_MANAGERS_LIMIT]


@pytest.mark.parametrize("path", ["nonsense/approve", f"{'0' * 32}/approve", f"{'0' * 32}/burn"])
async def test_a_decision_on_nothing_is_not_found(house: House, path: str) -> None:
    async with desk(house, "choi", "Super Admin") as client:
        assert (await client.post(f"/console/refunds/{path}")).status_code == 404


async def test_a_key_of_another_store_is_not_told_what_became_of_a_payment(house: House) -> None:
    payment = await paid(house)
    calls = len(house.portone.transport.transcript)
    async with shop(house, "payments:verify", store_id="store-of-somebody-else") as client:
        answer = await client.post("/api/portone/verify", json={"paymentId": str(payment.id)})
    assert (answer.status_code, code(answer)) == (404, "PAYMENT_NOT_FOUND")
    assert len(house.portone.transport.transcript) == calls
    async with shop(house, "payments:verify", store_id=payment.store_id) as client:
        answer = await client.post("/api/portone/verify", json={"paymentId": str(payment.id)})
    assert answer.json()["data"]["paid"] is True


async def test_a_key_of_one_store_has_no_business_at_the_console_which_shows_them_all(house: House) -> None:
    payment = await paid(house)
    scopes = ("payments:read", "payments:cancel", "events:read", "events:manage")
    async with shop(house, *scopes, store_id="store-of-somebody-else") as client:
        for path in ("payments", f"payments/{payment.id}", "refunds", "events"):
            assert (await client.get(f"/console/{path}")).status_code == 403, path
        made = await client.post(
            "/console/events", content="url=https://a.example/", headers={"content-type": FORM_TYPE}
        )
        assert made.status_code == 403
        assert (await client.post(f"/console/payments/{payment.id}/refund")).status_code == 403
    assert given_back(house, payment) == []


async def test_a_cursor_that_somebody_typed_is_the_first_page(house: House) -> None:
    at = f"2026-08-01T03:00:00Z.{10**30}.{'0' * 32}"
    async with desk(house, "kim", "Manager") as console:
        for path in (f"/console/payments?before={at}", f"/console/alerts?before=1.{at}"):
            assert (await console.get(path)).status_code == 200, path


async def deposited(house: House) -> Payment:
    """A payment that came to a virtual account."""
    asked = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(asked, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id, payMethod="VIRTUAL_ACCOUNT")
    await house.portone.deposit(payment.provider_order_id)
    await house.hear()
    await house.work()
    return payment


ACCOUNT = {"bank": "국민", "number": "110-987-654321", "holderName": "김철수"}


async def test_a_shop_gives_a_deposit_back_to_the_account_it_names_and_sees_it_masked(house: House) -> None:
    payment = await deposited(house)
    async with shop(house) as client:
        refused = await client.post(CANCEL, json={"paymentId": str(payment.id)})
        assert (refused.status_code, code(refused)) == (422, "REFUND_ACCOUNT_NEEDED")
        done = await client.post(CANCEL, json={"paymentId": str(payment.id), "refundAccount": ACCOUNT})
    assert done.status_code == 200
    told = done.json()["data"]["cancellation"]
    assert told["refundTo"] == {"bank": "KOOKMIN", "number": "*********321", "holderName": "김*수"}
    assert "110987654321" not in done.text
    assert given_back(house, payment) == [11_000]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"bank": "우리동네은행"}, "REFUND_BANK_UNKNOWN"),
        ({"number": "77-88"}, "REFUND_ACCOUNT_UNFIT"),
        ({"number": 110987654321}, "INVALID_REQUEST"),
        ({"number": None}, "INVALID_REQUEST"),
        ({"holderName": " "}, "REFUND_ACCOUNT_UNFIT"),
        ({"holderPhoneNumber": "부재중"}, "REFUND_ACCOUNT_UNFIT"),
        ({"pin": "1234"}, "INVALID_REQUEST"),
    ],
    ids=str,
)
async def test_an_account_that_cannot_be_right_is_refused_and_not_quoted(
    house: House, changed: dict[str, Any], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    payment = await deposited(house)
    async with shop(house) as client:
        body = {"paymentId": str(payment.id), "refundAccount": ACCOUNT | changed}
        refused = await client.post(CANCEL, json=body)
    assert (refused.status_code, code(refused)) == (422, expected)
    said = refused.text + "".join(capfd.readouterr())
    assert not any(secret in said for secret in ("김철수", "110-987", "110987654321", "77-88", "1234"))
    assert await rows(house, payment) == []


async def test_the_form_asks_for_the_account_of_a_deposit_and_of_no_other(house: House) -> None:
    payment, card = await deposited(house), await paid(house)
    async with desk(house, "boss", "admin") as client:
        form = (await client.get(f"/console/payments/{payment.id}")).text
        assert 'name="holder"' in form
        assert 'name="holder"' not in (await client.get(f"/console/payments/{card.id}")).text
        sent = {"amount": "", "reason": "단순 변심", "key": "k-1", "bank": "카카오뱅크", "number": "3333-01-1234567"}
        said = await client.post(f"/console/payments/{payment.id}/refund", data=sent)
        assert said.status_code == 422
        assert "3333-01" not in said.text
        done = await client.post(f"/console/payments/{payment.id}/refund", data=sent | {"holder": "김철수"})
        assert done.status_code == 303
        story = (await client.get(f"/console/payments/{payment.id}")).text
    assert "**********567" in story
    assert "3333011234567" not in story
    assert given_back(house, payment) == [11_000]


async def test_a_shop_is_advised_before_it_refunds_and_nothing_moves(house: House) -> None:
    payment = await deposited(house)
    address = f"/api/portone/cancel/advice?paymentId={payment.provider_order_id}"
    async with shop(house) as client:
        advised = (await client.get(address)).json()["data"]
        nobody = await client.get("/api/portone/cancel/advice?paymentId=nobody")
    assert (nobody.status_code, code(nobody)) == (404, "PAYMENT_NOT_FOUND")
    assert (advised["allowed"], advised["most"], advised["needs"]) == ("yes", 11_000, ["refundAccount"])
    assert {note["topic"] for note in advised["notes"]} >= {"until", "part", "arrives", "cost", "needs"}
    assert all((note["source"] is None) == (note["asOf"] is None) for note in advised["notes"])
    async with shop(house, store_id="store-2") as client:
        assert (await client.get(address)).status_code == 404
    async with shop(house, "payments:read") as client:
        assert (await client.get(address)).status_code == 403
    assert await rows(house, payment) == []


async def test_the_form_says_what_to_know_before_it_is_sent(house: House) -> None:
    payment = await deposited(house)
    async with desk(house, "boss", "admin") as client:
        page = (await client.get(f"/console/payments/{payment.id}")).text
        english = (await client.get(f"/console/payments/{payment.id}", headers={"accept-language": "en"})).text
    assert "약 300원" in page
    assert "about ₩300" in english
