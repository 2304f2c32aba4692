"""The console's event pages: what staff see and do there, in both languages, and what only admins may."""

import re
from pathlib import Path
from string import Formatter

import pytest
from playwright.async_api import async_playwright

from at_console import PASSWORD, at_the_console, in_english
from cli.tools import serving
from jangbu.access.rules import Role
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.outbox.rules import Answer
from jangbu.outbox.service import endpoints
from jangbu.outbox.texts import TEXTS
from kit import TESTER

from .merchant import URL, Shop

CHROMIUM = Path("/usr/bin/chromium")
OUTPUT = Path("test-output/outbox")
HOME = "/console/events"


async def test_an_endpoint_is_made_used_and_seen_to(shop: Shop) -> None:
    async with at_the_console(shop.house) as console:
        assert "아직 수신 주소가 없습니다" in (await console.get(HOME)).text
        made = await console.post(
            HOME, data={"url": URL + "?token=hidden", "types": ["payment.paid"], "description": "창고"}
        )
        assert made.status_code == 200
        secrets = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text))
        assert len(secrets) == 1
        ((endpoint,), _) = await endpoints.every(run=shop.run)
        here = f"{HOME}/endpoints/{endpoint.id}"
        shown = (await console.get(here)).text
        assert "whsec_" not in shown
        assert "hidden" not in shown

        shop.receiver.answers[URL + "?token=hidden"] = [Answer("refused", 500, "<script>alert(1)</script>")]
        await shop.announce(amount=11_000)
        await shop.send()
        log = (await console.get(here)).text
        assert "거절 (500)" in log
        one = f"{here}/deliveries/1"
        assert one in log
        told = (await console.get(one)).text
        assert "&lt;script&gt;alert(1)" in told
        assert "<script>alert" not in told
        assert "&#34;amount&#34;: 11000" in told

        assert (await console.post(f"{one}/replay")).headers["location"] == one
        await shop.send()
        assert "전송됨" in (await console.get(one)).text
        assert (
            "1건을 다시 보냅니다"
            in (await console.post(f"{here}/replay", data={"first": "2026-08-01", "last": "2026-08-01"})).text
        )
        for first, last in (("x", ""), ("2026-08-01", ""), ("2026-08-01", "9999-12-31"), ("0001-01-01", "2026-08-01")):
            assert (await console.post(f"{here}/replay", data={"first": first, "last": last})).status_code == 422
        assert (await console.post(f"{here}/test")).status_code == 303
        await shop.send()
        assert "webhook_endpoint.test" in (await console.get(here + "?state=delivered")).text
        rotated = await console.post(f"{here}/rotate")
        assert set(re.findall(r"whsec_[A-Za-z0-9+/=]+", rotated.text)).isdisjoint(secrets)
        assert URL in (await in_english(console, rotated)).text
        await console.post(f"{here}/disable")
        assert "켜고 이어서 보내기" in (await console.get(here)).text
        await console.post(f"{here}/enable")
        assert (await console.post(f"{here}/remove")).headers["location"] == HOME
        assert (await console.get(here)).status_code == 404


async def test_a_wrong_address_shows_the_form_again_with_what_was_typed(shop: Shop) -> None:
    async with at_the_console(shop.house) as console:
        answer = await console.post(HOME, data={"url": URL, "types": ["payment.payed"], "description": "창고"})
    assert answer.status_code == 422
    assert "payment.payed이라는 이벤트는 없습니다" in answer.text
    assert f'value="{URL}"' in answer.text
    assert (await endpoints.every(run=shop.run))[0] == []


async def test_support_may_look_and_touch_nothing(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    await shop.announce()
    await shop.send()
    here = f"{HOME}/endpoints/{endpoint.id}"
    async with at_the_console(shop.house, Role.SUPPORT) as console:
        for path in (HOME, here, f"{here}/deliveries/1"):
            answer = await console.get(path)
            assert answer.status_code == 200
            assert "<button" not in answer.text.partition("<main")[2]
        for act in ("test", "rotate", "remove", "disable", "enable", "replay", "deliveries/1/replay"):
            assert (await console.post(f"{here}/{act}")).status_code == 403
        assert (await console.post(HOME, data={"url": URL})).status_code == 403


async def test_nothing_is_done_for_another_site(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    async with at_the_console(shop.house) as console:
        answer = await console.post(
            f"{HOME}/endpoints/{endpoint.id}/remove", headers={"origin": "https://evil.example"}
        )
    assert answer.status_code == 403
    assert (await endpoints.find(endpoint.id, run=shop.run)).state == "enabled"


@pytest.mark.parametrize("query", ["?before=x", "?before=99999999999999999999", "?state=nothing", "?before=-1"])
async def test_an_address_somebody_typed_breaks_no_page(shop: Shop, query: str) -> None:
    endpoint = await shop.subscribe()
    async with at_the_console(shop.house) as console:
        assert (await console.get(f"{HOME}/endpoints/{endpoint.id}{query}")).status_code == 200


async def test_the_log_is_paged(shop: Shop) -> None:
    endpoint = await shop.subscribe()
    for _ in range(60):
        await shop.announce()
    await shop.send()
    async with at_the_console(shop.house) as console:
        first = (await console.get(f"{HOME}/endpoints/{endpoint.id}")).text
        assert "before=11" in first
        second = (await console.get(f"{HOME}/endpoints/{endpoint.id}?before=11")).text
    found = [set(re.findall(r"/deliveries/(\d+)", page)) for page in (first, second)]
    assert found == [{str(seq) for seq in range(11, 61)}, {str(seq) for seq in range(1, 11)}]


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_say_it_with_the_same_blanks(key: str) -> None:
    ko, en = TEXTS[key]
    assert re.search("[가-힣]", ko)
    assert not re.search("[가-힣]", en)
    blanks = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (ko, en)]
    assert blanks[0] == blanks[1]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"SKIPPED ALOUD: no browser at {CHROMIUM}; pages were not looked at")
async def test_the_pages_draw_whole_on_a_desk_and_on_a_phone(shop: Shop) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    good = await shop.subscribe("https://shop.example/hooks/jangbu", description="쇼핑몰 주문 서버")
    bad = await shop.subscribe("https://erp.example/very/long/path/to/receive/all/events", types=["payment.paid"])
    shop.receiver.always[bad.url] = Answer("refused", 503, "<html>Service Unavailable</html>")
    for _ in range(3):
        await shop.announce(id="0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44", amount=11_000, currency="KRW")
    await shop.send()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        async with serving(create(shop.house.wired)) as address:
            run = shop.house.wired.request
            await create_admin("kim@shop.example", "김장부", PASSWORD, actor=TESTER, run=run)
            for size, (width, height) in {"desktop": (1280, 900), "phone": (390, 844)}.items():
                for theme in ("light", "dark"):
                    context = await browser.new_context(
                        viewport={"width": width, "height": height},
                        color_scheme=theme,  # type: ignore[arg-type]
                    )
                    page = await context.new_page()
                    complaints: list[str] = []
                    page.on("console", lambda said, told=complaints: told.append(said.text))
                    page.on("pageerror", lambda error, told=complaints: told.append(str(error)))
                    await page.goto(f"{address}/console/sign-in")
                    # The page focuses this field itself; who types before it has would have it complain.
                    await page.wait_for_function("document.activeElement.name === 'email'")
                    await page.fill("input[name=email]", "kim@shop.example")
                    await page.fill("input[name=password]", PASSWORD)
                    await page.click("button.strong")
                    for name, path in {
                        "events": HOME,
                        "endpoint": f"{HOME}/endpoints/{bad.id}",
                        "quiet": f"{HOME}/endpoints/{good.id}",
                        "delivery": f"{HOME}/endpoints/{bad.id}/deliveries/1",
                    }.items():
                        for language in ("ko", "en"):
                            await page.goto(f"{address}{path}?lang={language}")
                            await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                            await page.evaluate("document.fonts.ready")
                            wide = await page.evaluate(
                                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                            )
                            assert wide == 0, f"{name}: {wide} px wider than the screen"
                            await page.screenshot(path=OUTPUT / f"{name}-{language}-{theme}-{size}.png", full_page=True)
                    assert complaints == []
                    await context.close()
        await browser.close()
