"""The console answers this machine's browser and its own forms, says everything in both languages, and runs nothing."""

import re
from string import Formatter
from typing import get_args, get_type_hints

import httpx
import pytest

from jangbu.sandbox.console.acts import ACTS, NOTICES
from jangbu.sandbox.console.frame import TABS
from jangbu.sandbox.console.orders import PARCELS
from jangbu.sandbox.console.pages import VIEWS
from jangbu.sandbox.console.payments import WAYS
from jangbu.sandbox.console.words import FAULTS, SAID
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.faults import KINDS, Kind
from jangbu.sandbox.core.identity_records import IdentityVerification
from jangbu.sandbox.core.records import AttemptStatus, CancellationStatus, CancelTrigger, DeliveryState
from jangbu.sandbox.testing import Endpoint, Sandbox
from sandbox.forms import HOME, ORIGIN, Person

HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")
PAGES = [
    *(path for path in VIEWS if not path.endswith(("/payment", "/webhook"))),
    f"{HOME}console/payment?id=ord-000001",
    f"{HOME}console/payment?id=ord-000002",
    f"{HOME}console/webhook?number=1",
]


@pytest.fixture
async def full(sandbox: Sandbox, shop: Endpoint) -> Sandbox:
    """Something of everything. Its names are ASCII: what is Korean in it comes from the console."""
    shop.answers = [500, 200, OSError("x")]
    sandbox.world.state.stores[next(iter(sandbox.world.state.stores))].name = "Shop"
    for number, channel in enumerate(sandbox.world.state.channels.values()):
        channel.name = f"Channel {number}"
    await sandbox.pay("ord-000001", orderName="Tea", totalAmount=1000)
    await sandbox.order("console-cancel", "ord-000001", amount=100, reason="x")
    await sandbox.order("console-cancel", "ord-000001", amount=100, reason="x", knownAfterS=None)
    await sandbox.order("dispute", "ord-000001", reason="x")
    sandbox.cancel_slowly("ord-000001")
    await sandbox.cancel("ord-000001", 100, reason="x")
    await sandbox.pay("ord-000002", orderName="Tea", payMethod="VIRTUAL_ACCOUNT")
    await sandbox.open("ord-000003", orderName="Tea")
    await sandbox.pre_register("ord-000004", 10)
    key = await sandbox.billing_key()
    for each in sandbox.world.state.billing_keys[next(iter(sandbox.world.state.stores))].values():
        assert each.method is not None
        each.method["card"]["name"] = "Card"
    sandbox.fault("slow", times=2, seconds=3, acts=True, operation="get_payment")
    assert (await sandbox.charge("ord-000005", key, orderName="Tea"))[0] == 200
    await sandbox.settle_webhooks()
    return sandbox


def client(sandbox: Sandbox, base: str = ORIGIN) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=sandbox.app), base_url=base)


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "http://127.0.0.1:3000", "http://localhost:8090", None]
)
@pytest.mark.parametrize("act", sorted(ACTS))
async def test_a_form_from_elsewhere_does_nothing(full: Sandbox, act: str, origin: str | None) -> None:
    before, now = full.world.to_json(), full.clock.now()
    headers = {} if origin is None else {"origin": origin}
    fields = {
        "by": "day", "about": "ord-000001", "order": "chargeback", "seed": "", "name": "status_500", "fault": "",
        "script": "- fault: bad_json", "url": "", "version": "2024-04-25", "webhook": "", "way": "card",
        "payment": "ord-000009", "amount": "10", "currency": "KRW",
    }  # fmt: skip
    async with client(full) as http:
        answer = await http.post(f"{HOME}console/{act}", data=fields, headers=headers)
    assert (answer.status_code, "location" in answer.headers) == (403, False)
    assert (full.world.to_json(), full.clock.now()) == (before, now)


@pytest.mark.parametrize("host", ["http://evil.test:8090", "http://127.0.0.1.evil.test", "http://192.168.0.7:8090"])
async def test_under_a_name_that_is_not_this_machines_nothing_is_shown_or_done(full: Sandbox, host: str) -> None:
    before = full.world.to_json()
    async with client(full, host) as http:
        for path in (*PAGES, f"{HOME}console/save"):
            assert (await http.get(path)).status_code == 403, path
        answer = await http.post(f"{HOME}console/reset", data={"seed": ""}, headers={"origin": host})
    assert answer.status_code == 403
    assert full.world.to_json() == before


@pytest.mark.parametrize("host", ["http://127.0.0.1:8090", "http://localhost:8090", "http://[::1]:8090"])
async def test_under_this_machines_names_it_works(full: Sandbox, host: str) -> None:
    async with client(full, host) as http:
        assert (await http.get(HOME)).status_code == 200
        answer = await http.post(f"{HOME}console/move", data={"by": "hour"}, headers={"origin": host})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{HOME}?said=moved")


async def test_what_no_form_of_ours_sends_is_refused(full: Sandbox) -> None:
    origin = {"origin": ORIGIN}
    form = {**origin, "content-type": "application/x-www-form-urlencoded"}

    async def nothing():  # type: ignore[no-untyped-def]
        yield b"by=hour"

    async with client(full) as http:
        assert (await http.post(f"{HOME}console/nothing", headers=origin)).status_code == 404
        assert (await http.post(f"{HOME}console/move", headers=origin)).status_code == 400
        assert (await http.post(f"{HOME}console/move", data={"by": "year"}, headers=origin)).status_code == 400
        assert (
            await http.post(f"{HOME}console/order", data={"order": "x", "about": "y"}, headers=origin)
        ).status_code == 400
        assert (await http.post(f"{HOME}console/move", content=nothing(), headers=form)).status_code == 411
        too_long = {**form, "content-length": "99999999999"}
        assert (await http.post(f"{HOME}console/move", content=b"", headers=too_long)).status_code == 413
        broken = {**origin, "content-type": "multipart/form-data; boundary=x"}
        assert (await http.post(f"{HOME}console/load", content=b"--y", headers=broken)).status_code == 400
        assert (await http.get("/__sandbox__")).headers["location"] == HOME


async def test_an_unknown_payment_and_an_unknown_order_are_told(full: Sandbox) -> None:
    person = Person(full)
    await person.go(f"{HOME}console/payment?id=nobody")
    assert (person.status, "nobody 결제가 없습니다." in person.page) == (404, True)
    async with client(full) as http:
        for about, order, wanted in (
            ("nobody", "deposit", "PAYMENT_NOT_FOUND"),
            ("ord-000001", "depost", "있는 지시: console-cancel"),
            ("ord-000001", "deposit", "ord-000001 결제에는 계좌나 접수번호가 없어"),
        ):
            fields = {"about": about, "order": order, "here": f"{HOME}console/payment?id=nobody"}
            answer = await http.post(f"{HOME}console/order", data=fields, headers={"origin": ORIGIN})
            assert (answer.status_code, wanted in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(
    "here",
    [
        "https://evil.test/",
        "//evil.test/__sandbox__/",
        "https://evil.test/__sandbox__/",
        "javascript:alert(1)",
        "\r\nx: y",
    ],
)
async def test_a_form_never_leads_elsewhere(full: Sandbox, here: str) -> None:
    async with client(full) as http:
        fields = {"by": "hour", "here": here}
        answer = await http.post(f"{HOME}console/move", data=fields, headers={"origin": ORIGIN})
    assert answer.headers["location"] == f"{HOME}?said=moved"


async def test_no_page_runs_or_loads_anything_and_nobody_may_frame_one(full: Sandbox) -> None:
    async with client(full) as http:
        for path in PAGES:
            answer = await http.get(path)
            assert answer.status_code == 200, path
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert not re.search(r"<script|\sstyle=|\son\w+=|javascript:", answer.text), path


async def test_what_a_shop_or_an_address_says_is_text_and_never_a_part_of_the_page(sandbox: Sandbox) -> None:
    evil = "\"><script>alert(1)</script><b x='"
    await sandbox.pay("ord-000001", orderName=evil, totalAmount=1000)
    await sandbox.order("console-cancel", "ord-000001", amount=100, reason=evil)
    await sandbox.order("dispute", "ord-000001", reason=evil)
    await sandbox.settle_webhooks()
    person = Person(sandbox)
    for path in PAGES:
        if "ord-000002" not in path:
            assert "<script>" not in await person.go(path)
    async with client(sandbox) as http:
        for path in (HOME, f"{HOME}console/webhooks", f"{HOME}console/faults", f"{HOME}console/payment"):
            asked = {"q": evil, "status": evil, "state": evil, "id": evil, "said": evil, evil: evil, "path": evil}
            answer = await http.get(path, params=asked)
            assert "<script>" not in answer.text
            assert "<b x=" not in answer.text
        asked = {"id": "ord-000001", "code": evil, evil: "1"}
        answer = await http.get(f"{HOME}console/payment", params=asked)
        assert (answer.status_code, "<script>" in answer.text) == (200, False)


async def test_english_pages_say_nothing_in_korean_and_korean_ones_are_korean(full: Sandbox) -> None:
    english, korean = Person(full, "en"), Person(full)
    for path in PAGES:
        page = await english.go(path)
        assert '<html lang="en">' in page
        shown = page.replace("한국어", "")
        assert not HANGUL.search(shown), (path, HANGUL.findall(shown))
        page = await korean.go(path)
        assert '<html lang="ko">' in page
        for ko, en in SAID.values():
            if ko != en and " " in en and "{" not in en:
                assert f">{en}<" not in page, (path, en)
    await english.go(f"{HOME}console/payment?id=ord-000002")
    await english.press("Deposit ₩900")
    assert "The bank did not take the deposit." in english.page


async def test_the_language_is_switched_and_remembered_for_these_pages_only(sandbox: Sandbox) -> None:
    async with client(sandbox) as http:
        assert '<html lang="ko">' in (await http.get(HOME)).text
        answer = await http.get(f"{HOME}?q=x&language=en")
        assert '<html lang="en">' in answer.text
        assert 'href="/__sandbox__/?q=x&amp;language=ko"' in answer.text
        cookie = answer.headers["set-cookie"]
        assert ("Path=/__sandbox__/" in cookie, "HttpOnly" in cookie, "SameSite=strict" in cookie) == (True, True, True)
        assert '<html lang="en">' in (await http.get(f"{HOME}console/faults")).text
        assert '<html lang="ko">' in (await http.get(f"{HOME}?language=fr")).text


def test_every_word_is_there_in_both_languages_for_all_that_can_be_shown() -> None:
    needed = {
        "status": (*get_args(AttemptStatus), *get_args(CancellationStatus), "PREREGISTERED"),
        "delivery": get_args(DeliveryState),
        "key": get_args(get_type_hints(BillingKey)["status"]),
        "identity": (*get_args(get_type_hints(IdentityVerification)["status"]), "SMS", "APP"),
        "schedule": ("SCHEDULED", "STARTED", "PENDING", "SUCCEEDED", "FAILED", "REVOKED"),
        "trigger": get_args(CancelTrigger),
        "escrow": ("BEFORE_REGISTERED", "REGISTERED", *PARCELS),
        "kind": tuple(Kind),
        "way": tuple(WAYS),
        "tab": tuple(name for name, _ in TABS),
        "said": NOTICES,
    }
    missing = [f"{area}_{name}" for area, names in needed.items() for name in names if f"{area}_{name}" not in SAID]
    assert missing == []
    assert FAULTS.keys() == KINDS.keys()
    for name, (ko, en) in SAID.items():
        assert ko, name
        assert en, name
        assert name == "other_language" or not HANGUL.search(en), name
        assert blanks(ko) == blanks(en), name


def blanks(text: str) -> set[str]:
    return {each for _, each, _, _ in Formatter().parse(text) if each is not None}
