"""Alerts and notices in the console: who may do what, what is shown, and both languages in a real browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.async_api import async_playwright

from jangbu import audit
from jangbu.access.cookies import PLAIN_NAME
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.notices.rules import SAMPLES, PaymentMismatch
from jangbu.notices.service import alerts
from jangbu.runtime import Runtime
from kit import TESTER, House
from notices.conftest import Office

CHROMIUM = Path("/usr/bin/chromium")
OUTPUT = Path("test-output/notices")
URL = "http://127.0.0.1:8080"
OWN = {"origin": URL}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True)
class Desk:
    """The console, seen by one member of staff."""

    client: httpx.AsyncClient

    async def text(self, path: str) -> str:
        answer = await self.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return answer.text


async def cookie(run: Runtime, role: str) -> str:
    email = f"{role.split()[0].lower()}@shop.example"
    await create_admin(email, f"김{role}", "보리차 두 병 주세요", role, actor=TESTER, run=run)
    _, value = await sign_in(email, "보리차 두 병 주세요", "192.0.2.1", "tests", run=run)
    return value


@asynccontextmanager
async def desk(house: House, office: Office, role: str = "Manager") -> AsyncIterator[Desk]:
    settings = office.run.settings
    people = replace(house.wired.request, settings=settings, clock=office.clock)
    wired = replace(house.wired, settings=settings, system=office.run, request=people)
    transport = httpx.ASGITransport(app=create(wired))
    cookies = {PLAIN_NAME: await cookie(people, role)}
    async with httpx.AsyncClient(transport=transport, base_url=URL, cookies=cookies, headers=OWN) as client:
        yield Desk(client)


async def test_an_alert_is_seen_and_taken_on_by_name(house: House, office: Office) -> None:
    await office.alert()
    async with desk(house, office) as console:
        shown = await console.text("/console/alerts?lang=ko")
        assert "결제 내용이 다릅니다: 보리차 2병" in shown and "긴급" in shown
        assert f'href="{SAMPLES["payment_mismatch"].path}"' in shown
        action = re.findall(r'action="(/console/alerts/[^"]+)"', shown)[0]
        answer = await console.client.post(action)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/alerts")
        after = await console.text("/console/alerts?lang=ko")
        assert "김Manager 확인" in after and action not in after
    (taken,) = await office.alerts()
    async with office.run.db.transaction() as tx:
        (line,) = await audit.of_subject(tx, f"alert:{taken.id}")
    assert (line.action, line.actor) == ("notices.alert_acknowledged", taken.acknowledged_by)


async def test_support_may_look_and_decide_nothing(house: House, office: Office) -> None:
    office.mailbox.rcpt = "550 no such user"
    await office.alert()
    notice = await office.deliver(await office.one())
    (alert,) = await office.alerts()
    async with desk(house, office, "Support") as console:
        for path in ("/console/alerts", "/console/notices", "/console/notices/preview/job_parked"):
            shown = await console.text(path)
            assert "/acknowledge" not in shown and "/retry" not in shown
        for path in (f"/console/alerts/{alert.id}/acknowledge", f"/console/notices/{notice.id}/retry"):
            assert (await console.client.post(path)).status_code == 403
    assert (await office.one()).state == "given_up" and (await office.alerts())[0].acknowledged_at is None


async def test_another_sites_form_decides_nothing(house: House, office: Office) -> None:
    await office.alert()
    (alert,) = await office.alerts()
    async with desk(house, office) as console:
        answer = await console.client.post(
            f"/console/alerts/{alert.id}/acknowledge", headers={"origin": "https://evil.example"}
        )
    assert answer.status_code == 403
    assert (await office.alerts())[0].acknowledged_at is None


async def test_a_notice_shows_why_it_was_given_up_and_is_sent_again_by_a_button(house: House, office: Office) -> None:
    office.mailbox.rcpt = "550 no such user <b>"
    await office.alert()
    notice = await office.deliver(await office.one())
    async with desk(house, office) as console:
        shown = await console.text("/console/notices?lang=en&state=given_up")
        assert "Given up" in shown and "550 no such user &lt;b&gt;" in shown
        assert "No notices" in await console.text("/console/notices?lang=en&state=sent")
        assert "550" in await console.text("/console/notices?state=nonsense")
        assert (await console.client.post(f"/console/notices/{notice.id}/retry")).status_code == 303
        office.mailbox.rcpt = ""
        await office.sweep()
        assert "550" not in await console.text("/console/notices?state=sent")
        assert (await console.client.post(f"/console/notices/{notice.id}/retry")).status_code == 409
        for path in ("/console/notices/1/retry", "/console/alerts/1/acknowledge"):
            assert (await console.client.post(path)).status_code == 404
    assert office.mailbox.ids == [notice.message_id]


async def test_what_waits_for_a_channel_says_so(house: House, office: Office) -> None:
    nobody = office.with_settings(smtp_host="")
    await nobody.alert()
    await nobody.deliver(await nobody.one())
    untold = office.with_settings(alert_email_recipients="")
    await untold.alert("untold")
    async with desk(house, nobody) as console:
        shown = await console.text("/console/notices?lang=en")
        assert "No channel configured" in shown and "E-mail is not configured" in shown and "/retry" in shown
        assert "nobody was told" in await console.text("/console/alerts?lang=en")


async def test_names_from_outside_are_text_on_every_page(house: House, office: Office) -> None:
    name = "<script>alert(1)</script>"
    await office.alert(facts=PaymentMismatch("1", name, asked="₩1", paid="₩2", review="other_amount"))
    async with desk(house, office) as console:
        for path in ("/console/alerts", "/console/notices"):
            shown = await console.text(path)
            assert "<script>alert" not in shown and "&lt;script&gt;" in shown


async def test_lists_page_through_everything_once(house: House, office: Office) -> None:
    for number in range(120):
        facts = PaymentMismatch("1", f"주문-{number:03d}-끝", asked="₩1", paid="₩2", review="other_amount")
        await office.alert(str(number), facts)
    for number in range(0, 120, 2):
        await alerts.acknowledge((await office.alerts())[number].id, actor=TESTER, run=office.run)
    async with desk(house, office) as console:
        for path in ("/console/alerts", "/console/notices"):
            seen: list[str] = []
            next_page: str | None = path
            while next_page:
                shown = await console.text(next_page)
                seen += re.findall(r"class=\"told\"[^>]*>[^<]*주문-(\d{3})-끝", shown)
                older = re.search(r'href="(\?[^"]*)" rel="next"', shown)
                next_page = path + older[1].replace("&amp;", "&") if older else None
            assert len(seen) == 120 and len(set(seen)) == 120
        assert (await console.client.get("/console/alerts?before=1.nonsense")).status_code == 200


@pytest.mark.parametrize("kind", SAMPLES)
async def test_every_kind_can_be_previewed_as_it_would_arrive(house: House, office: Office, kind: str) -> None:
    async with desk(house, office) as console:
        shown = await console.client.get(f"/console/notices/preview/{kind}")
        assert shown.status_code == 200
        assert "frame-src 'self'" in shown.headers["content-security-policy"]
        for language in ("ko", "en"):
            mail = await console.client.get(f"/console/notices/preview/{kind}/{language}")
            policy = mail.headers["content-security-policy"]
            assert "sandbox" in policy and "default-src 'none'" in policy and "script" not in policy
            assert f'lang="{language}"' in mail.text
        assert (await console.client.get("/console/notices/preview/nonsense")).status_code == 404
        assert (await console.client.get(f"/console/notices/preview/{kind}/fr")).status_code == 422


async def test_nobody_reads_any_of_it_without_signing_in(house: House, office: Office) -> None:
    async with desk(house, office) as console:
        console.client.cookies.clear()
        for path in ("/console/alerts", "/console/notices", "/console/notices/preview/job_parked/ko"):
            assert (await console.client.get(path)).status_code == 401


class _Server(uvicorn.Server):
    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        serving = asyncio.create_task(self.serve())
        while not self.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"
        self.should_exit = True
        await serving


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"SKIPPED ALOUD: no browser at {CHROMIUM}; pages were not looked at")
@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_pages_draw_whole_and_without_complaint(house: House, office: Office, language: str) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for number, (kind, sample) in enumerate(SAMPLES.items()):
        office.mailbox.rcpt = ["", "550 5.1.1 no such user", "450 4.2.0 greylisted, try again later"][number % 3]
        await office.alert(kind, sample)
        await office.sweep()
    for alert in (await office.alerts())[:3]:
        await alerts.acknowledge(alert.id, actor=TESTER, run=office.run)
    people = replace(house.wired.request, settings=office.run.settings, clock=office.clock)
    app = create(replace(house.wired, settings=office.run.settings, system=office.run, request=people))
    value = await cookie(people, "Manager")
    server = _Server(uvicorn.Config(app, host="127.0.0.1", port=0, ws="none", log_level="error", lifespan="off"))
    async with server.running() as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for width, theme in ((1280, "light"), (1280, "dark"), (390, "light")):
            context = await browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)  # type: ignore[arg-type]
            await context.add_cookies([{"name": PLAIN_NAME, "value": value, "url": address}])
            page = await context.new_page()
            complaints: list[str] = []
            page.on("console", lambda said, heard=complaints: heard.append(said.text))
            for name in ("alerts", "notices", "notices/preview/payment_mismatch"):
                await page.goto(f"{address}/console/{name}?lang={language}")
                await page.evaluate("document.fonts.ready")
                wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                assert await page.evaluate(wider) == 0, f"{name} is wider than the screen"
                picture = OUTPUT / f"{name.rpartition('/')[2]}-{language}-{theme}-{width}.png"
                await page.screenshot(path=picture, full_page=True)
            assert complaints == []
        await browser.close()
