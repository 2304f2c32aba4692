import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import jinja2
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from jangbu.web.rendering import address as address_of
from jangbu.web.statics import Statics

CSS_BYTES_MAX = 25_000
KOREAN = {"accept-language": "ko"}
Building = Callable[..., FastAPI]
Calling = Callable[[FastAPI], Any]


async def test_korean_by_default_english_when_chosen_and_the_choice_is_kept(client: httpx.AsyncClient) -> None:
    assert '<html lang="ko"' in (await client.get("/sign-in", headers=KOREAN)).text
    chosen = await client.get("/sign-in?lang=en", headers=KOREAN)
    assert '<html lang="en"' in chosen.text
    assert chosen.headers["content-language"] == "en"
    cookie = chosen.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert '<html lang="en"' in (await client.get("/sign-in", headers=KOREAN)).text
    assert '<html lang="ko"' in (await client.get("/sign-in?lang=ko")).text


async def test_a_strange_language_or_theme_changes_nothing(client: httpx.AsyncClient) -> None:
    response = await client.get('/sign-in?lang=<script>&theme="><script>', headers=KOREAN)
    assert '<html lang="ko" data-theme="auto">' in response.text
    assert "<script>" not in response.text


async def test_cookies_are_secure_where_people_come_by_https(build: Building, client_of: Calling) -> None:
    async with client_of(build(https=True)) as client:
        assert "Secure" in (await client.get("/sign-in?theme=dark")).headers["set-cookie"]


@pytest.mark.parametrize(("mode", "shown"), [("sandbox", "SANDBOX 샌드박스"), ("test", "TEST 테스트"), ("live", None)])
async def test_every_page_says_when_no_real_money_moves(
    build: Building, client_of: Calling, mode: str, shown: str | None
) -> None:
    async with client_of(build(mode=mode)) as client:
        for path in ("/console/payments", "/console/payments/1", "/sign-in", "/console/nowhere"):
            text = (await client.get(path, headers={"accept": "text/html"})).text
            assert ("mode-banner" in text) == (shown is not None)
            assert shown is None or shown in text


async def test_the_menu_shows_what_the_person_may_see_and_where_they_are(client: httpx.AsyncClient) -> None:
    page = (await client.get("/console/payments/1", headers=KOREAN)).text
    assert '<a href="/console/payments" aria-current="page">결제</a>' in page
    assert "/console/keys" not in page
    client.cookies.set("may_see_keys", "yes")
    assert "/console/keys" in (await client.get("/console/payments/1")).text
    assert "side" not in re.findall(r'class="(\w+)"', (await client.get("/sign-in")).text)


async def test_what_payers_wrote_is_text_and_never_markup(client: httpx.AsyncClient) -> None:
    page = (await client.get("/console/payments")).text
    assert "핸드메이드 가죽 지갑 &lt;각인: 하늘&gt;" in page
    searched = (await client.get("/console/payments", params={"q": '"><script>alert(1)</script>'})).text
    assert "<script>alert" not in searched
    assert "&#34;&gt;&lt;script&gt;" in searched


async def test_a_status_that_is_newer_than_we_are_stays_readable(client: httpx.AsyncClient) -> None:
    assert ">NEWER_THAN_US</span>" in (await client.get("/console/payments")).text


async def test_an_empty_list_says_why_it_is_empty(client: httpx.AsyncClient) -> None:
    page = (await client.get("/console/payments?q=없는것", headers=KOREAN)).text
    assert "‘없는것’에 맞는 결제가 없습니다" in page
    assert "<table" not in page


async def test_the_story_tells_unknown_apart_and_shows_that_entries_balance(client: httpx.AsyncClient) -> None:
    page = (await client.get("/console/payments/1", headers=KOREAN)).text
    assert page.count('<li class="moment unknown') == 1
    assert "실패가 아니라, 아직 모르는 것입니다" in page
    assert page.count("차변 = 대변") == 2
    assert "차변 ≠ 대변" not in page
    assert "14일 2시간 후" in page
    assert page.count('<li class="day">') == 2
    assert 'title="2026-08-01T03:00:00.120Z">12:00:00<small>.120</small>' in page
    assert "모두 일치합니다" in page
    apart = (await client.get("/console/payments/apart", headers=KOREAN)).text
    assert "금액이 다릅니다" in apart
    assert "확인이 필요한 항목: 취소 금액" in apart


@pytest.mark.parametrize("path", ["/console/payments", "/console/payments/1", "/sign-in"])
async def test_pages_have_no_inline_script_or_style_and_name_no_other_address(
    client: httpx.AsyncClient, path: str
) -> None:
    page = (await client.get(path)).text
    assert re.findall(r"\son\w+=|\sstyle=|<style|<script(?! src)|javascript:", page) == []
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', page) == []


def test_switches_and_pagers_keep_the_page_and_drop_each_other() -> None:
    request = Request({
        "type": "http", "method": "GET", "scheme": "https", "server": ("console.example", 443), "headers": [],
        "path": "//evil.example/x", "query_string": "q=모자&lang=en&theme=dark&cursor=abc".encode(),
    })  # fmt: skip
    assert address_of(request, lang="ko", cursor=None) == "?q=%EB%AA%A8%EC%9E%90&lang=ko"
    assert address_of(request, cursor="next") == "?q=%EB%AA%A8%EC%9E%90&cursor=next"


def test_a_template_that_names_what_its_page_lacks_fails_loudly(build: Building) -> None:
    @dataclass(frozen=True)
    class Bare:
        title: str

    pages = build().state.pages
    pages.environment.loader.loaders.append(jinja2.DictLoader({"bare.html": "{{ page.titel }}"}))
    request = Request({
        "type": "http", "method": "GET", "scheme": "http", "server": ("x", 80), "headers": [], "path": "/",
        "query_string": b"",
    })  # fmt: skip
    with pytest.raises(jinja2.UndefinedError, match="titel"):
        pages.page(request, "bare.html", Bare("x"))
    with pytest.raises(AssertionError, match="dataclass"):
        pages.page(request, "bare.html", {"titel": "x"})


async def test_static_files_are_kept_for_a_year_under_the_address_of_their_content(client: httpx.AsyncClient) -> None:
    page = (await client.get("/sign-in")).text
    links = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(links) == 3
    css = next(link for link in links if link.endswith(".css"))
    style = await client.get(css)
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    fonts = re.findall(r'url\("([^"]+)"\)', style.text)
    assert len(fonts) == 2
    for font in fonts:
        served = await client.get(font)
        assert served.content.startswith(b"wOF2")
        assert "immutable" in served.headers["cache-control"]


async def test_another_releases_address_gets_the_file_but_may_not_keep_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/static/0000000000000000/console.css")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["../app_kit.py", "%2e%2e/app_kit.py", "fonts/../../app_kit.py", "nothing.css"])
async def test_only_what_is_on_the_shelf_is_served(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/static/0000000000000000/{name}")
    assert response.status_code == 404
    assert response.headers["cache-control"] == "no-store"


def test_changing_a_font_changes_the_style_sheets_address(tmp_path: Path) -> None:
    (tmp_path / "console.css").write_text('a { src: url("a.woff2") }')
    addresses = []
    for content in (b"one", b"two"):
        (tmp_path / "a.woff2").write_bytes(content)
        addresses.append(Statics(tmp_path).url("console.css"))
    assert addresses[0] != addresses[1]


def test_scripts_import_by_address_and_a_change_travels_up_to_whoever_imports_it(tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text(
        'import { b } from "./js/b.js";\n// from "./js/gone.js"\n * @import from "./x.js"'
    )
    (tmp_path / "package").mkdir()
    (tmp_path / "package/b.js").write_text('export { c } from "./c.js";\nimport { useState } from "react";\n')
    addresses = []
    for content in ("export const c = 1;", "export const c = 2;"):
        (tmp_path / "package/c.js").write_text(content)
        shelf = Statics(tmp_path, js=tmp_path / "package")
        assert shelf.modules("page.js") == [shelf.url("js/b.js"), shelf.url("js/c.js")]
        addresses.append(shelf.url("page.js"))
    assert addresses[0] != addresses[1]


def test_the_style_sheet_stays_small_and_asks_nobody_else_for_anything() -> None:
    css = (files("jangbu.web") / "static/console.css").read_text()
    assert len(css.encode()) < CSS_BYTES_MAX
    assert "//" not in re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    assert "@import" not in css


def test_no_class_is_styled_in_two_places() -> None:
    """A second room that takes a name another one has changes the first one's looks, on every page."""
    styles = "".join((files("jangbu.web") / "static" / name).read_text() for name in ("console.css", "rooms.css"))
    alone = re.findall(r"^\.([a-z-]+) \{", styles, re.MULTILINE)
    assert sorted(set(alone)) == sorted(alone)


def test_the_font_ships_with_its_licence() -> None:
    licence = (files("jangbu.web") / "static/fonts/OFL.txt").read_text()
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence
    assert "Kil Hyung-jin" in licence
