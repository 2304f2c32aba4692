"""The console's identity pages: masked for everybody, in full for whoever may and says why."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from at_console import in_english
from jangbu import audit
from jangbu.access.cookies import PLAIN_NAME
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.identity import service
from kit import TESTER

from .conftest import BIRTHDAY, NAME, PHONE, Shop

URL = "http://127.0.0.1:8080"


@asynccontextmanager
async def desk(shop: Shop, role: str = "Manager") -> AsyncIterator[httpx.AsyncClient]:
    people, email = shop.house.wired.request, f"{role.split()[0].lower()}@shop.example"
    await create_admin(email, f"김{role}", "보리차 두 병 주세요", role, actor=TESTER, run=people)
    _, value = await sign_in(email, "보리차 두 병 주세요", "192.0.2.1", "tests", run=people)
    transport = httpx.ASGITransport(app=create(shop.house.wired))
    async with httpx.AsyncClient(
        transport=transport, base_url=URL, cookies={PLAIN_NAME: value}, headers={"origin": URL, "accept": "text/html"}
    ) as client:
        yield client


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_list_shows_people_masked(shop: Shop, language: str) -> None:
    begun = await shop.verified()
    await shop.start(reference="waits")
    async with desk(shop, "Support") as console:
        shown = (await console.get(f"/console/identity?lang={language}")).text
    assert "김*늘" in shown and "010-****-4321" in shown and begun["id"] in shown
    assert ("진행 중" if language == "ko" else "Begun") in shown
    for hidden in (NAME, PHONE, BIRTHDAY):
        assert hidden not in shown


async def test_a_person_is_shown_in_full_to_whoever_says_why_and_that_is_written_down(shop: Shop) -> None:
    first, begun = await shop.verified(), await shop.verified()
    path = f"/console/identity/{begun['id']}"
    async with desk(shop) as console:
        masked = await console.get(path)
        assert NAME not in masked.text and "김*늘" in masked.text
        assert f"/console/identity/{first['id']}" in masked.text, "the same person's other verification"
        unsaid = await console.post(f"{path}/reveal", data={"reason": "  "})
        assert unsaid.status_code == 422
        assert NAME not in unsaid.text
        assert (await in_english(console, unsaid)).status_code == 200
        shown = await console.post(f"{path}/reveal", data={"reason": "고객 문의"})
        assert shown.status_code == 200
        person = await service.reveal(begun["id"], "test", actor=TESTER, run=shop.run)
        for known in (NAME, BIRTHDAY, PHONE, person.ci or "", person.di or ""):
            assert known.replace("+", "&#43;") in shown.text.replace("+", "&#43;")
        assert shown.headers["cache-control"] == "no-store"
        assert NAME not in (await console.get(path)).text, "the next look is masked again"
    async with shop.run.db.transaction() as tx:
        looked = [line for line in await audit.of_subject(tx, f"identity:{begun['id']}") if "revealed" in line.action]
    assert [(line.actor.partition(":")[0], line.facts["reason"]) for line in looked] == [
        ("user", "고객 문의"),
        ("test", "test"),
    ]


async def test_support_sees_no_way_to_unmask_and_finds_none(shop: Shop) -> None:
    begun = await shop.verified()
    path = f"/console/identity/{begun['id']}"
    async with desk(shop, "Support") as console:
        assert "/reveal" not in (await console.get(path)).text
        refused = await console.post(f"{path}/reveal", data={"reason": "why"})
        assert refused.status_code == 403
        assert NAME not in refused.text
        assert (await console.get("/console/identity/nobody")).status_code == 404
