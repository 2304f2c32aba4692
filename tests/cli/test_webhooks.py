"""`jangbu webhooks`: what came, what came of it, and a test webhook that is explained."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from cli.test_books import a_paid_payment
from cli.tools import Jangbu, answering, inbox_at, serving
from jangbu.db import Query
from jangbu.inbox import log, probe
from jangbu.inbox.rules import without_keys
from jangbu.portone import verify
from kit import House, free_port

SECRET = "whsec_YS13ZWJob29rLXNlY3JldC1vZi0zMi1ieXRlcy4uLi4="
PARCEL = probe.Parcel("id", {}, b"{}")


async def test_list_shows_the_newest_and_filters_by_status(jangbu: Jangbu, house: House) -> None:
    await a_paid_payment(house)
    ran = await jangbu("webhooks", "list", "--json")
    assert ran.code == 0
    statuses = {webhook["status"] for webhook in ran.json["webhooks"]}
    assert "processed" in statuses
    processed = (await jangbu("webhooks", "list", "--json", "--status", "processed")).json["webhooks"]
    assert {webhook["status"] for webhook in processed} == {"processed"}
    assert (await jangbu("webhooks", "list", "--status", "failed")).out.strip() == "No webhooks that are failed."
    text = (await jangbu("webhooks", "list")).out
    assert all(webhook["webhook_id"] in text for webhook in processed)
    assert len((await jangbu("webhooks", "list", "--most", "1", "--json")).json["webhooks"]) == 1


async def test_an_unknown_status_is_wrong_usage(jangbu: Jangbu) -> None:
    ran = await jangbu("webhooks", "list", "--status", "lost")
    assert ran.code == 2
    assert "received" in ran.err


async def test_show_tells_one_delivery(jangbu: Jangbu, house: House) -> None:
    payment_id = await a_paid_payment(house)
    listed = (await jangbu("webhooks", "list", "--json", "--status", "processed")).json["webhooks"]
    webhook_id = listed[0]["webhook_id"]
    shown = (await jangbu("webhooks", "show", webhook_id, "--json")).json
    assert shown["payment_id"] == payment_id
    assert shown["request_body"]["data"]["paymentId"] == shown["portone_payment_id"]
    text = (await jangbu("webhooks", "show", webhook_id)).out
    assert payment_id in text
    assert '"paymentId"' in text


async def test_an_unknown_webhook_is_a_sentence_with_its_code(jangbu: Jangbu) -> None:
    ran = await jangbu("webhooks", "show", "nobody")
    assert ran.code == 1
    assert "[WEBHOOK_NOT_FOUND]" in ran.err


async def test_what_outsiders_sent_cannot_write_on_the_terminal(jangbu: Jangbu, house: House) -> None:
    async with house.run.db.transaction() as tx:
        await tx.run(FORGED, id=uuid4(), at=datetime.now(UTC), body={"data": {"billingKey": "billing-key-1234567890"}})
    for arguments in (["list"], ["show", "forged"]):
        assert "\x1b" not in (await jangbu("webhooks", *arguments)).out
    shown = await jangbu("webhooks", "show", "forged", "--json")
    assert "billing-key-1234567890" not in shown.out
    assert shown.json["request_body"]["data"]["billingKey"] == "billing-…"


FORGED = Query(
    type(None),
    """
    INSERT INTO webhook_logs (id, webhook_id, webhook_type, request_body, body_sha256, status, received_at)
    VALUES (:id, 'forged', E'\\x1b[2J\\nTransaction.Paid', :body, '\\x00', 'received', :at)
    """,
)


def test_billing_keys_are_cut_wherever_they_stand() -> None:
    body = {"data": [{"billingKey": None}, {"deeper": {"billingKey": "0123456789abcdef"}}], "other": 1}
    assert without_keys(body) == {"data": [{"billingKey": "…"}, {"deeper": {"billingKey": "01234567…"}}], "other": 1}


async def test_a_test_webhook_is_received_and_its_repeat_changes_nothing(jangbu: Jangbu, house: House) -> None:
    async with serving(inbox_at(house.run)) as url:
        ran = await jangbu.given(JANGBU_PUBLIC_URL=url)("webhooks", "test", "--twice", "--json")
    assert ran.code == 0, ran
    assert ran.json["url"] == f"{url}/api/portone/webhook"
    assert [(answer["status"], answer["duplicate"]) for answer in ran.json["answers"]] == [(200, False), (200, True)]
    await house.work()
    logged = await log.page_of_log(log.Wanted(), most=50, run=house.run)
    assert {webhook.status for webhook in logged} == {"skipped"}


async def test_a_test_webhook_with_another_secret_is_explained(jangbu: Jangbu, house: House) -> None:
    async with serving(inbox_at(house.run)) as url:
        ran = await jangbu.given(PORTONE_WEBHOOK_SECRET=SECRET)(
            "webhooks", "test", "--url", f"{url}/api/portone/webhook"
        )
    assert ran.code == 1
    assert "✗ 401" in ran.out
    assert "another PORTONE_WEBHOOK_SECRET" in ran.out


def test_a_parcel_is_signed_as_portone_signs(house: House) -> None:
    now = house.run.clock.now()
    parcel = probe.pack(SECRET, "store-1", at=now, ids=house.run.ids)
    assert verify(parcel.headers, parcel.body, secrets=[SECRET], now=now).webhook_id == parcel.webhook_id


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (PlainTextResponse("hello"), "it is not Jangbu"),
        (PlainTextResponse("no", 404), "not this path"),
        (RedirectResponse("https://elsewhere.test/"), "redirects (307) to https://elsewhere.test/"),
        (PlainTextResponse("who are you", 403), "firewall"),
        (PlainTextResponse("large", 413), "too large"),
        (PlainTextResponse("bad gateway", 502), "cannot reach Jangbu (502)"),
        (PlainTextResponse("teapot", 418), "unexpected answer: 418"),
        (JSONResponse([1], 200), "it is not Jangbu"),
        (JSONResponse({"data": {"received": False}}), "it is not Jangbu"),
        (JSONResponse({"error": {"code": "WEBHOOK_TIMESTAMP_TOO_OLD"}}, 400), "NTP"),
        (JSONResponse({"error": {"code": "WEBHOOK_HEADERS_MISSING"}}, 400), "pass them on"),
        (JSONResponse({"error": {"code": "NEW_ONE"}}, 400), "NEW_ONE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_answer_has_a_meaning(answer: Response, means: str) -> None:
    def respond(_: Request) -> Response:
        return answer

    async with serving(answering(respond)) as url:
        got = await probe.send(PARCEL, url + probe.PATH)
    assert not got.received
    assert got.listening
    assert means in got.means


@pytest.mark.parametrize(
    ("url", "means"),
    [
        ("http://127.0.0.1:{port}/", "Nothing answers"),
        ("http://no-such-host.invalid/", "not known here"),
        ("no address", "not an address"),
        ("ftp://example.com/", "not an address"),
    ],
)
async def test_no_answer_has_a_meaning_too(url: str, means: str) -> None:
    got = await probe.send(PARCEL, url.format(port=free_port()))
    assert got.status is None
    assert means in got.means
    assert got.listening == (means != "Nothing answers")
