"""Every route × every kind of caller, and every id × another store's key (reliability F110, F111).

The expected cells are those of docs/reference/routes.md, which is made from the rules: what is written there is what
the program does, and a route that is not there fails here.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from jangbu import events
from jangbu.access.cookies import PLAIN_NAME
from jangbu.access.guard import rules_of
from jangbu.access.rules import KEY_SCOPES, Public, Role, Scoped, Signed
from jangbu.access.service.keys import create_api_key
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.audit import Actor
from jangbu.checkout.item_rules import Wish
from jangbu.checkout.service.items import NewItem, add_item
from jangbu.checkout.service.sessions import NewSession, create_session
from jangbu.identity import service as identity
from jangbu.inbox import log
from jangbu.inbox.service import receive
from jangbu.outbox.refusals import EndpointUrlMalformed
from jangbu.outbox.rules import Answer
from jangbu.outbox.service import endpoints, feed
from jangbu.payments.service.initialize import Order, initialize
from jangbu.portone import sign
from jangbu.settings import Settings
from jangbu.web.openapi import description
from jangbu.wiring import Addresses
from kit import House, house_at

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "routes.md"
TESTER = Actor("test")
URL, PASSWORD = "http://127.0.0.1:8080", "보리차 두 병 주세요"
CALLERS = ("nobody", "API key", "Support", "Manager", "Super Admin")
SOMETHING = {"language": "ko", "kind": "job_parked", "decision": "approve", "form": "csv"}
"""What a part of a path is when it is no id."""


class Quiet:
    """Where events go to in here: nowhere."""

    async def post(self, *_: Any) -> Answer:
        return Answer("delivered", 200)

    async def check(self, url: str) -> None:
        if not url:
            raise EndpointUrlMalformed(why="it is empty")


@pytest.fixture
async def house(where: Addresses, settings: Settings) -> AsyncIterator[House]:
    async with house_at(where, settings, sender=Quiet()) as made:
        yield made


def cells() -> dict[tuple[str, str], dict[str, bool]]:
    """The page: who may call what."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        row = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(row) == 3 + len(CALLERS) and row[1].startswith("`"):
            found[row[0], row[1].strip("`")] = {name: cell == "●" for name, cell in zip(CALLERS, row[3:], strict=True)}
    return found


def address(path: str, parts: dict[str, str] | None = None) -> str:
    """A path with something in every blank; ids are of nothing, unless given."""

    def filled(match: re.Match[str]) -> str:
        name = match[1].partition(":")[0]
        return (parts or {}).get(name) or SOMETHING.get(name) or ("1" if name == "seq" else str(UUID(int=0)))

    return re.sub(r"\{([^}]+)\}", filled, path)


@asynccontextmanager
async def calling(app: FastAPI, *, cookie: str = "", key: str = "") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"origin": URL, "accept": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url=URL,
        headers=headers,
        cookies={PLAIN_NAME: cookie} if cookie else {},
    ) as client:
        yield client


async def key_for(house: House, *scopes: str, store_id: str | None = None) -> str:
    _, key = await create_api_key("t", scopes, store_id, actor=TESTER, run=house.run)
    return key


async def cookie_of(house: House, role: Role) -> str:
    email, people = f"{role.name.lower()}@shop.example", house.wired.request
    await create_admin(email, f"김{role}", PASSWORD, role, actor=TESTER, run=people)
    _, cookie = await sign_in(email, PASSWORD, "192.0.2.1", "tests", run=people)
    return cookie


def test_the_page_names_every_route(house: House) -> None:
    assert set(cells()) == set(rules_of(create(house.wired))), "run `make docs`, and look at who may call the new route"


def test_the_api_docs_say_of_each_call_who_may(house: House) -> None:
    app = create(house.wired)
    rules, described = rules_of(app), 0
    for audience in ("public", "admin"):
        for path, operations in description(app, audience)["paths"].items():
            for method, operation in operations.items():
                described += 1
                rule = rules[method.upper(), path]
                assert operation["description"].endswith(f"**Who may:** {rule}."), (method, path)
    assert described > 50


@pytest.mark.parametrize("who", ["nobody", *Role])
async def test_people_and_nobody_may_call_what_the_page_says(house: House, who: str) -> None:
    app = create(house.wired)
    cookie = "" if who == "nobody" else await cookie_of(house, Role(who))
    wrong = []
    async with calling(app, cookie=cookie) as client:
        for (method, path), rule in rules_of(app).items():
            if isinstance(rule, Public | Signed):
                # Open to all: what they check themselves is tested with them, and signing out ends this test's session.
                continue
            answer = await client.request(method, address(path), json={} if method != "GET" else None)
            refused = answer.status_code in {401, 403}
            if refused == cells()[method, path][who] or (who == "nobody" and answer.status_code != 401):
                wrong.append(f"{method} {path}: {answer.status_code} for {who}")
            assert answer.status_code < 500, f"{method} {path}: {answer.text}"
    assert not wrong, "\n".join(wrong)


async def test_a_key_may_call_what_its_scope_says_and_nothing_without_it(house: House) -> None:
    app = create(house.wired)
    wrong = []
    async with (
        calling(app, key=await key_for(house, *KEY_SCOPES)) as every,
    ):
        for (method, path), rule in rules_of(app).items():
            if isinstance(rule, Public | Signed):
                continue
            answer = await every.request(method, address(path), json={} if method != "GET" else None)
            if (answer.status_code in {401, 403}) == cells()[method, path]["API key"]:
                wrong.append(f"{method} {path}: {answer.status_code} for a key with every scope")
            if isinstance(rule, Scoped) and rule.scope in KEY_SCOPES:
                others = await key_for(house, *(KEY_SCOPES - {rule.scope}))
                headers = {"authorization": f"Bearer {others}"}
                answer = await every.request(
                    method, address(path), json={} if method != "GET" else None, headers=headers
                )
                if answer.status_code != 403:
                    wrong.append(f"{method} {path}: {answer.status_code} for a key with every scope but {rule.scope}")
    assert not wrong, "\n".join(wrong)


SPAN = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/events/endpoints/{endpoint_id}/replay"): SPAN,
    ("POST", "/api/identity/{verification_id}/reveal"): {"reason": "why"},
    ("POST", "/api/identity/confirm"): {"identityVerificationId": "{verification_id}"},
    ("PATCH", "/api/v1/items/{item_id}"): {"price": 2000},
    ("POST", "/api/portone/cancel"): {"paymentId": "{payment_id}"},
    ("POST", "/api/portone/verify"): {"paymentId": "{payment_id}"},
    ("POST", "/api/v1/payments/verify"): {"imp_uid": "imp_1", "merchant_uid": "{payment_id}"},
    ("POST", "/api/portone/virtual-account/close"): {"paymentId": "{payment_id}"},
    ("POST", "/api/portone/escrow/complete"): {"paymentId": "{payment_id}"},
    ("POST", "/api/portone/escrow/parcel"): {"paymentId": "{payment_id}", "company": "CJ", "invoiceNumber": "1"},
    ("POST", "/api/portone/cash-receipt/cancel"): {"paymentId": "{payment_id}"},
    ("POST", "/api/portone/cash-receipt/issue"): {
        "paymentId": "{payment_id}",
        "type": "PERSONAL",
        "number": "01012345678",
    },
}
"""What must be sent to be answered about the id. Bodies with a blank name their id themselves."""


async def things(house: House) -> dict[str, str]:
    """One of everything that has an id, all of the installation's own store, by the name that paths give it."""
    run, portone = house.run, house.wired.portone
    order = Order(
        amount=1000, currency="KRW", order_name="차", tax_free_amount=0, order_id=None, store_id=None,
        idempotency_key=None,
    )  # fmt: skip
    payment = await initialize(order, actor=TESTER, run=run, portone=portone)
    endpoint, _ = await endpoints.create(
        "https://shop.example/x",
        types=[],
        store_id=run.settings.portone_store_id,
        actor=TESTER,
        run=run,
        sender=Quiet(),
    )
    event_id = run.ids.uuid()
    async with run.db.transaction() as tx:
        data = {"id": str(payment.id)}
        at, store = run.clock.now(), run.settings.portone_store_id
        event = events.Event(event_id, "payment.paid", f"payment:{payment.id}", at, data, store_id=store)
        await events.announce(tx, event)
    while await feed.advance(run=run):
        pass
    item = await add_item(NewItem("차", 1000, stock=5), store_id=None, actor=TESTER, run=run)
    wishes = (Wish(item.id, 1),)
    shown = await create_session(NewSession(wishes=wishes, order_id="o-1"), store_id=None, actor=TESTER, run=run)
    verification, _ = await identity.start(channel_key="c", actor=TESTER, run=run)
    body = json.dumps({"type": "x", "data": {"storeId": run.settings.portone_store_id}}).encode()
    await receive(sign(run.settings.webhook_secrets[0], "wh-1", run.clock.now(), body), body, run=run)
    return {
        "payment_id": str(payment.id),
        "endpoint_id": str(endpoint.id),
        "event_id": str(event_id),
        "verification_id": str(verification.id),
        "item_id": str(item.id),
        "session_id": shown.session.session_id,
        "log_id": str(await log.id_of("wh-1", run=run)),
        "seq": "1",
    }


async def test_another_stores_key_is_answered_as_if_there_were_nothing(house: House) -> None:
    """Word for word: who may not see it does not learn that it is there either."""
    app, there = create(house.wired), await things(house)
    nothing = dict.fromkeys(there, str(UUID(int=0))) | {"seq": "1"}
    routes = [route for route in rules_of(app) if route[1].startswith("/api/") and ("{" in route[1] or route in BODIES)]
    rules = rules_of(app)
    routes = [route for route in routes if not isinstance(rules[route], Public | Signed)]
    # What no key may do at all is refused to every key alike, whatever the id.
    routes = [route for route in routes if not isinstance(rules[route], Scoped) or rules[route].scope in KEY_SCOPES]
    assert len(routes) >= 17
    async with (
        calling(app, key=await key_for(house, *KEY_SCOPES)) as own,
        calling(app, key=await key_for(house, *KEY_SCOPES, store_id="store-other")) as stranger,
    ):
        for method, path in routes:
            blanks = set(re.findall(r"\{(\w+)", path + str(BODIES.get((method, path), "")))) - set(SOMETHING)
            if not blanks or "/webhooks/" in path:
                # A webhook is of its payment's store: tests/db/test_stores_apart.py and the inbox's own tests.
                continue
            assert blanks <= set(there), f"{method} {path}: make one of {blanks - set(there)} in things()"
            answers = []
            for client, parts in ((stranger, there), (stranger, nothing), (own, nothing)):
                body = {
                    name: address(value, parts) if isinstance(value, str) else value
                    for name, value in BODIES.get((method, path), {}).items()
                }
                answer = await client.request(method, address(path, parts), json=body if method != "GET" else None)
                error = answer.json().get("error", {})
                answers.append((answer.status_code, error.get("code"), error.get("message")))
            assert answers[0][0] == 404, f"{method} {path} answers another store's key with {answers[0]}"
            assert answers[0] == answers[1] == answers[2], f"{method} {path} tells that there is something: {answers}"
        # The same things are there for whoever may see them: the test looks at something.
        for path in (
            "/api/events/{event_id}",
            "/api/events/endpoints/{endpoint_id}",
            "/api/identity/{verification_id}",
            "/api/webhooks/{log_id}",
        ):
            assert (await own.get(address(path, there))).status_code == 200
