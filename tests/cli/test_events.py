"""`jangbu events` and `jangbu endpoints`: the feed, endpoints, samples, and forwarding to a program on this machine."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cli.tools import Jangbu, answering, serving
from jangbu.clock import SystemClock
from jangbu.db import Database
from jangbu.ids import Ids
from jangbu.outbox.egress import policy_of
from jangbu.outbox.sender import HttpSender
from jangbu.outbox.service import delivery, feed
from jangbu.portone import verify
from jangbu.queue import Waker
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.wiring import Addresses


class Receiver:
    """A program of the merchant's."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def answer(self, request: Request) -> Response:
        self.got.append((dict(request.headers), await request.body()))
        return PlainTextResponse("ok")


@pytest.fixture
async def run(where: Addresses, settings: Settings) -> AsyncIterator[Runtime]:
    db = await Database(where.system, name="test").open()
    clock = SystemClock()
    yield Runtime(settings, db, clock, Ids(clock), Waker(db))
    await db.close()


async def deliver_all(run: Runtime, endpoint_id: str) -> None:
    while await feed.advance(run=run):
        pass
    async with HttpSender(policy_of("", mode="sandbox")) as sender:
        await delivery.deliver(UUID(endpoint_id), run=run, sender=sender)


async def test_from_add_to_remove(jangbu: Jangbu, run: Runtime) -> None:
    receiver = Receiver()
    async with serving(answering(receiver.answer)) as url:
        made = (await jangbu("endpoints", "add", f"{url}/hook?token=1", "--type", "payment.paid", "--json")).json
        sample = (await jangbu("events", "trigger", "payment.paid", "--json")).json
        await jangbu("events", "trigger", "payment.failed")
        await deliver_all(run, made["id"])
        ((headers, body),) = receiver.got
        assert verify(headers, body, secrets=[made["secret"]], now=run.clock.now()).webhook_id == sample["id"]

        listed = (await jangbu("events", "list", "--json")).json["events"]
        assert [(one["seq"], one["type"], one["test"]) for one in listed] == [
            (2, "payment.failed", True),
            (1, "payment.paid", True),
        ]
        shown = await jangbu("events", "show", sample["id"])
        assert "delivered" in shown.out
        assert made["id"] in shown.out
        said = (await jangbu("endpoints", "list")).out
        assert "/hook" in said
        assert "token" not in said

        assert "1 endpoint." in (await jangbu("events", "replay", sample["id"])).out
        await deliver_all(run, made["id"])
        assert len(receiver.got) == 2
        log = (await jangbu("endpoints", "deliveries", made["id"], "--json")).json["deliveries"]
        delivered = await jangbu("endpoints", "deliveries", made["id"], "--state", "delivered", "--json")
        assert delivered.json["deliveries"] == [one for one in log if one["state"] == "delivered"]
        assert (await jangbu("endpoints", "deliveries", made["id"], "--state", "lost")).code == 2
        assert [(one["state"], one["replays"]) for one in log] == [("delivered", 1)]
        day = run.clock.now().astimezone().strftime("%Y-%m-%d")
        assert (await jangbu("endpoints", "replay", made["id"], "--since", "2020-01-01", "--until", day)).code == 0
        rotated = (await jangbu("endpoints", "rotate", made["id"], "--keep-hours", "1", "--json")).json
        assert rotated["secret"] != made["secret"]
        assert (await jangbu("endpoints", "disable", made["id"])).out.strip() == "Switched off."
        refused = await jangbu("endpoints", "test", made["id"])
        assert (refused.code, "[ENDPOINT_NOT_ENABLED]" in refused.err) == (1, True)
        assert (await jangbu("endpoints", "enable", made["id"])).code == 0
        assert (await jangbu("endpoints", "remove", made["id"])).code == 0
        assert "No endpoints" in (await jangbu("endpoints", "list")).out


async def test_listen_forwards_what_happens_next_signed_and_in_order(jangbu: Jangbu, run: Runtime) -> None:
    receiver = Receiver()
    await jangbu("events", "trigger", "payment.failed")
    async with serving(answering(receiver.answer)) as url:
        asked = ("--forward-to", f"{url}/hook", "--after", "0", "--most", "3")
        listening = asyncio.create_task(jangbu("events", "listen", *asked))
        for type_ in ("payment.paid", "payment.cancelled"):
            await jangbu("events", "trigger", type_)
        ran = await listening
    assert ran.code == 0
    assert [line.split()[2:4] for line in ran.out.splitlines()] == [
        ["1", "payment.failed"],
        ["2", "payment.paid"],
        ["3", "payment.cancelled"],
    ]
    secret = next(word for word in ran.err.split() if word.startswith("whsec_"))
    assert len(receiver.got) == 3
    for headers, body in receiver.got:
        assert verify(headers, body, secrets=[secret], now=run.clock.now())


@pytest.mark.parametrize("url", ["https://shop.example/", "http://10.0.0.1/", "localhost:3000", "ftp://localhost/"])
async def test_listen_forwards_to_this_machine_only(jangbu: Jangbu, url: str) -> None:
    ran = await jangbu("events", "listen", "--forward-to", url, "--most", "1")
    assert ran.code == 2
    assert "this machine" in ran.err


async def test_no_samples_where_money_is_real(jangbu: Jangbu) -> None:
    live = jangbu.given(
        JANGBU_MODE="live",
        PORTONE_V2_API_SECRET="real",
        PORTONE_STORE_ID="store-real",
        JANGBU_SECRETS_KEYS="k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        PORTONE_WEBHOOK_SECRET="whsec_cmVhbHJlYWxyZWFscmVhbHJlYWw=",
    )
    ran = await live("events", "trigger", "payment.paid")
    assert (ran.code, "[ONLY_FOR_PRACTICE]" in ran.err) == (1, True)
    assert (await live("events", "list")).out.strip() == "No events."


async def test_mistakes_are_sentences(jangbu: Jangbu) -> None:
    for arguments, said in (
        (("endpoints", "add", "http://10.0.0.1/"), "ENDPOINT_ADDRESS_REFUSED"),
        (("endpoints", "add", "shop"), "ENDPOINT_URL_MALFORMED"),
        (("endpoints", "add", "http://127.0.0.1:3000/", "--type", "payment.payed"), "EVENT_TYPE_UNKNOWN"),
        (("endpoints", "add", "http://127.0.0.1:3000/", "--secret", "hunter2"), "ENDPOINT_SECRET_MALFORMED"),
        (("endpoints", "rotate", "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44"), "ENDPOINT_NOT_FOUND"),
        (("events", "show", "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44"), "EVENT_NOT_FOUND"),
        (("events", "trigger", "payment.payed"), "EVENT_TYPE_UNKNOWN"),
    ):
        ran = await jangbu(*arguments)
        assert (ran.code, said in ran.err) == (1, True), (arguments, ran.err)
    assert (await jangbu("events", "show", "nothing")).code == 2
