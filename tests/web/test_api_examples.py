"""The API's description shows, for each call, a request and its answer that were really sent (issue: "OpenAPI with
examples").

A shop's day is played over HTTP on a seeded house whose clock stands still, so the same day gives the same bytes:
src/jangbu/web/api_examples.json. When an answer changes, write it again with

    JANGBU_WRITE_EXAMPLES=1 .venv/bin/python -m pytest tests/web/test_api_examples.py

and read the difference: it is what changes for those who call us.
"""

import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from access.test_matrix import PASSWORD, Quiet
from checkout.test_payers import backend_of
from jangbu.access.cookies import PLAIN_NAME
from jangbu.access.rules import KEY_SCOPES, Role
from jangbu.access.service.keys import create_api_key
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.outbox.service import feed
from jangbu.sandbox import CARD_CHANNEL, IDENTITY_CHANNEL, STORE_ID
from jangbu.sandbox.core import identity as portones
from jangbu.settings import Settings
from jangbu.web.examples import EXAMPLES
from jangbu.web.openapi import description
from jangbu.wiring import Addresses
from kit import REAL, TESTER, House, house_at

CALLED_BY_PORTONE = {
    "/api/portone/webhook",
    "/api/portone/confirm-question",
    "/api/portone/confirm-question/v1",
    "/api/v1/payments/webhook",
    "/api/payments/webhook",
}
FILES = {f"/api/exports/{what}.{{form}}" for what in ("payments", "refunds", "journal")}
WITHOUT = CALLED_BY_PORTONE | FILES
"""Calls that show no example: PortOne makes them, or the answer is a file."""
SECRET = re.compile(r'("token": "|whsec_|/console/link/)[A-Za-z0-9+/=_-]{12,}')
OF_THIS_MINUTE = re.compile(r'"(idle|size|tookMs)": [0-9]+')
"""How many connections the pool happens to hold, and how long something took."""


@dataclass
class Day:
    """What the shop asked, and what it was answered, by "METHOD /path"."""

    house: House
    client: httpx.AsyncClient
    key: str
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def ask(self, call: str, *, of: dict[str, str] | None = None, **request: Any) -> Any:
        """Make a call; `of` fills the blanks of its path. The first of each kind is kept; its data."""
        method, path = call.split()
        filled = path
        for name, value in (of or {}).items():
            filled = filled.replace(f"{{{name}}}", value)
        headers = request.pop("headers", None) or {"authorization": f"Bearer {self.key}"}
        answer = await self.client.request(method, filled, headers=headers, **request)
        assert answer.status_code < 300, f"{call}: {answer.status_code} {answer.text}"
        body = answer.json()
        kept = {"request": request.get("json"), "status": answer.status_code, "answer": body}
        self.seen.setdefault(call, {name: value for name, value in kept.items() if value is not None})
        return body.get("data")


@pytest.fixture
async def day(where: Addresses, settings: Settings) -> AsyncIterator[Day]:
    secrets = {"auth_secret": "a-secret-for-examples-only-0123456789", "secrets_keys": REAL["JANGBU_SECRETS_KEYS"]}
    fixed = settings.model_copy(update={name: SecretStr(value) for name, value in secrets.items()})
    async with house_at(where, fixed, sender=Quiet()) as house:
        app = create(house.wired)
        _, key = await create_api_key("shop", KEY_SCOPES, None, actor=TESTER, run=house.run)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            yield Day(house, client, key)


async def told(day: Day) -> None:
    """Webhooks come in and events go out, until nothing is on its way."""
    await day.house.hear()
    await day.house.work()
    while await feed.advance(run=day.house.run):
        pass
    await day.house.work()


async def payments_taken(day: Day) -> None:
    order = {"amount": 10_000, "orderName": "보리차 2병", "orderId": "order-1001"}
    payment = await day.ask("POST /api/portone/initialize", json=order)
    await day.house.portone.pay(payment["paymentId"])
    named = {"paymentId": payment["paymentId"]}
    await day.ask("POST /api/portone/verify", json=named)
    await day.ask("GET /api/portone/cancel/advice", params=named)
    await day.ask("POST /api/portone/cancel", json={**named, "amount": 3_000, "reason": "한 병이 깨져서 왔습니다"})
    await told(day)
    await day.ask("GET /api/payments", params={"limit": 2})
    await day.ask("GET /api/payments/{payment_id}", of={"payment_id": payment["paymentId"]})


async def payment_approved(day: Day) -> None:
    channel = day.house.portone.world.state.channels[CARD_CHANNEL]
    channel.approves_manually = True
    order = {"amount": 11_000, "orderName": "찻잔", "orderId": "order-1004"}
    payment = await day.ask("POST /api/portone/initialize", json=order)
    agreed = await day.house.portone.pay(payment["paymentId"])
    named = {name: agreed[name] for name in ("paymentId", "txId", "paymentToken")}
    await day.ask("POST /api/portone/confirm", json=named)
    item = (await day.ask("GET /api/v1/items"))["items"][0]
    wish = {"lines": [{"itemId": item["id"], "quantity": 1}], "customerId": "member-1", "orderId": "order-1005"}
    of = {"session_id": (await day.ask("POST /api/v1/payments/sessions", json=wish))["sessionId"]}
    prepared = await day.ask("POST /api/v1/payments/sessions/{session_id}/prepare", of=of, json={"method": "CARD"})
    agreed = await day.house.portone.pay(prepared["request"]["paymentId"])
    token = {name: agreed[name] for name in ("txId", "paymentToken")}
    await day.ask("POST /api/v1/payments/sessions/{session_id}/confirm", of=of, json=token)
    channel.approves_manually = False


async def account_closed(day: Day) -> None:
    order = {"amount": 15_000, "orderName": "다기 세트", "orderId": "order-1006"}
    payment = await day.ask("POST /api/portone/initialize", json=order)
    await day.house.portone.pay(payment["paymentId"], method="virtual_account", payMethod="VIRTUAL_ACCOUNT")
    await told(day)
    await day.ask("POST /api/portone/virtual-account/close", json={"paymentId": payment["paymentId"]})


async def events_told(day: Day) -> None:
    endpoint = await day.ask(
        "POST /api/events/endpoints",
        json={"url": "https://shop.example/hooks/jangbu", "types": [], "description": "주문 서버"},
    )
    of = {"endpoint_id": endpoint["id"]}
    await payments_taken(day)
    await day.ask("GET /api/events/types")
    events = (await day.ask("GET /api/events", params={"limit": 2}))["events"]
    await day.ask("GET /api/events/{event_id}", of={"event_id": events[0]["id"]})
    await day.ask("GET /api/events/endpoints")
    await day.ask("GET /api/events/endpoints/{endpoint_id}", of=of)
    deliveries = await day.ask("GET /api/events/endpoints/{endpoint_id}/deliveries", of=of)
    seq = str(deliveries["deliveries"][0]["seq"])
    await day.ask("GET /api/events/endpoints/{endpoint_id}/deliveries/{seq}", of={**of, "seq": seq})
    await day.ask("POST /api/events/{event_id}/replay", of={"event_id": events[0]["id"]}, json={})
    span = {"since": "2026-08-01T00:00:00+09:00", "until": "2026-08-02T00:00:00+09:00"}
    await day.ask("POST /api/events/endpoints/{endpoint_id}/replay", of=of, json=span)
    await day.ask("POST /api/events/endpoints/{endpoint_id}/test", of=of)
    await day.ask("POST /api/events/endpoints/{endpoint_id}/rotate", of=of, json={"keepHours": 24})
    await day.ask("POST /api/events/endpoints/{endpoint_id}/disable", of=of)
    await day.ask("POST /api/events/endpoints/{endpoint_id}/enable", of=of)
    await day.ask("PATCH /api/events/endpoints/{endpoint_id}", of=of, json={"types": ["payment.paid"]})
    await day.ask("DELETE /api/events/endpoints/{endpoint_id}", of=of)


async def goods_sold(day: Day) -> None:
    tea = {"nameKo": "보리차", "nameEn": "Barley tea", "price": 5_500, "stock": 100}
    item = await day.ask("POST /api/v1/items", json=tea)
    await day.ask("GET /api/v1/items")
    await day.ask("PATCH /api/v1/items/{item_id}", of={"item_id": item["id"]}, json={"price": 6_000})
    wish = {"lines": [{"itemId": item["id"], "quantity": 2}], "customerId": "member-1"}
    session = await day.ask("POST /api/v1/payments/sessions", json={**wish, "orderId": "order-1002"})
    of = {"session_id": session["sessionId"]}
    prepared = await day.ask("POST /api/v1/payments/sessions/{session_id}/prepare", of=of, json={"method": "CARD"})
    await day.house.portone.pay(prepared["request"]["paymentId"])
    await day.ask("POST /api/v1/payments/sessions/{session_id}/verify", of=of)
    await day.ask("GET /api/v1/payments/sessions/{session_id}", of=of)
    await day.ask("POST /api/v1/payments/history-links", json={"customerId": "member-1"})
    backend = await backend_of(day.house)
    await day.ask("GET /api/v1/me/payments", headers=backend.bearer("member-1"))
    another = await day.ask("POST /api/v1/payments/sessions", json={**wish, "orderId": "order-1003"})
    abandoned = {"session_id": another["sessionId"]}
    await day.ask("POST /api/v1/payments/sessions/{session_id}/abandon", of=abandoned)


async def people_verified(day: Day) -> None:
    begun = await day.ask("POST /api/identity/start", json={"channelKey": IDENTITY_CHANNEL, "reference": "member-1"})
    world, now = day.house.portone.world, day.house.portone.clock.now()
    name, channel = begun["identityVerificationId"], world.state.channels[IDENTITY_CHANNEL]
    found = portones.begin(world, world.state.stores[STORE_ID], name, channel, now)
    found.person = portones.person_of("김하늘", "01012345678", "9001011", "SKT")
    portones.verify(world, found, now)
    await day.ask("POST /api/identity/confirm", json={"identityVerificationId": name})
    await day.ask("POST /api/identity/own", json={"token": begun["token"]})
    of = {"verification_id": begun["id"]}
    await day.ask("GET /api/identity/{verification_id}", of=of)
    await day.ask("POST /api/identity/{verification_id}/reveal", of=of, json={"reason": "주문 1002의 수령인 확인"})


async def webhooks_looked_at(day: Day) -> None:
    logs = await day.ask("GET /api/webhooks", params={"limit": 2})
    of = {"log_id": logs["webhooks"][0]["id"]}
    await day.ask("GET /api/webhooks/{log_id}", of=of)
    await day.ask("POST /api/webhooks/{log_id}/handle", of=of)
    await day.ask("POST /api/webhooks/handle-failed", json={})


async def goods_in_escrow(day: Day) -> None:
    products = [{"id": "tea", "name": "보리차", "amount": 5_500, "quantity": 2}]
    order = {"amount": 11_000, "orderName": "보리차", "orderId": "order-1008", "isEscrow": True, "products": products}
    payment = await day.ask("POST /api/portone/initialize", json=order)
    window = {"payMethod": "TRANSFER", "isEscrow": True, "products": products}
    await day.house.portone.pay(payment["paymentId"], method="transfer", **window)
    await told(day)
    named = {"paymentId": payment["paymentId"]}
    parcel = {**named, "company": "CJ", "invoiceNumber": "123-456-7890"}
    await day.ask("POST /api/portone/escrow/parcel", json=parcel)
    await day.ask("POST /api/portone/escrow/complete", json=named)
    receipt = {**named, "type": "PERSONAL", "number": "010-1234-5678"}
    await day.ask("POST /api/portone/cash-receipt/issue", json=receipt)
    await day.ask("POST /api/portone/cash-receipt/cancel", json=named)


async def people_invited(day: Day) -> None:
    """Only people may, so one of them is signed in: the key has to step back."""
    people = day.house.wired.request
    await create_admin("owner@shop.example", "김하늘", PASSWORD, Role.SUPER_ADMIN, actor=TESTER, run=people)
    _, cookie = await sign_in("owner@shop.example", PASSWORD, "192.0.2.1", "tests", run=people)
    signed_in = {"cookie": f"{PLAIN_NAME}={cookie}", "origin": "http://127.0.0.1:8080"}
    new = {"email": "lee@shop.example", "name": "이바다", "role": Role.SUPPORT.value}
    invited = await day.ask("POST /api/access/people", json=new, headers=signed_in)
    of = {"user_id": invited["userId"]}
    await day.ask("POST /api/access/people/{user_id}/link", of=of, headers=signed_in)


async def v1_verified(day: Day) -> None:
    order = {"amount": 12_000, "orderName": "유자차", "orderId": "order-1007", "api": "v1"}
    payment = await day.ask("POST /api/portone/initialize", json=order)
    opened = await day.house.portone.v1_open(payment["paymentId"], amount=12_000, channelKey=CARD_CHANNEL)
    await day.house.portone.decide(opened["imp_uid"], "approve")
    named = {"imp_uid": opened["imp_uid"], "merchant_uid": payment["paymentId"]}
    await day.ask("POST /api/v1/payments/verify", json=named)
    back = {"amount": 2_000, "reason": "배송비 환불"}
    await day.ask("POST /api/v1/payments/{payment_id}/cancel", of={"payment_id": payment["paymentId"]}, json=back)


async def test_the_examples_are_what_a_shop_is_answered(day: Day) -> None:
    await events_told(day)
    await goods_sold(day)
    await people_verified(day)
    await webhooks_looked_at(day)
    await payment_approved(day)
    await account_closed(day)
    await v1_verified(day)
    await goods_in_escrow(day)
    await people_invited(day)
    await day.ask("GET /api/health")
    await day.ask("GET /api/access/me")
    # Whoever searches the code for leaked secrets need not stumble over ours.
    text = SECRET.sub(r"\1…", json.dumps(day.seen, ensure_ascii=False, indent=1, sort_keys=True)) + "\n"
    text = OF_THIS_MINUTE.sub(r'"\1": 2', text)
    if os.environ.get("JANGBU_WRITE_EXAMPLES"):
        EXAMPLES.write_text(text, encoding="utf-8")
    assert text == EXAMPLES.read_text(encoding="utf-8"), "what callers are answered has changed: see above"


def test_every_call_has_an_example(house: House) -> None:
    app: FastAPI = create(house.wired)
    missing = []
    for audience in ("public", "admin"):
        for path, item in description(app, audience)["paths"].items():
            for method, operation in item.items():
                answers = [answer.get("content", {}) for answer in operation["responses"].values()]
                has_answer = any("example" in shape for content in answers for shape in content.values())
                if path not in WITHOUT and not has_answer:
                    missing.append(f"{method.upper()} {path}")
    assert missing == []
