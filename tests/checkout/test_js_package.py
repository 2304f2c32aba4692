"""The JavaScript package without a browser: its own tests, its types, what it is built to, and that it says what the
hosted page says and looks like it."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from contract import node
from jangbu.checkout.texts import TEXTS
from jangbu.web.texts import TEXTS as OF_ALL_PAGES

from .js_package import SOURCE, installed, script

RULE = re.compile(r"^([^{}\n@/]+)\{([^{}]*)\}", re.MULTILINE)


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[Path]:
    async with installed() as opened:
        yield opened


async def test_its_own_tests_pass(home: Path) -> None:
    told = await script(home, "test")
    passed = int(told.split("# pass ")[1].split()[0])
    assert passed > 25 and "# fail 0" in told


async def test_its_types_are_those_of_its_code(home: Path) -> None:
    assert await script(home, "check") == ""


def test_the_element_and_the_hosted_page_look_the_same() -> None:
    element = (SOURCE / "src/style.js").read_text(encoding="utf-8").partition("const CSS = `")[2].partition("`;")[0]
    page = (files("jangbu.checkout") / "static/pay.css").read_text(encoding="utf-8")
    ours, theirs = _rules(page), _rules(element)
    differ = {selector for selector in ours.keys() & theirs.keys() if ours[selector] != theirs[selector]}
    assert differ == {".mode", ".says"}, (
        "the stripe is a bar of the page and a part of the card; sentences have a margin"
    )
    assert len(ours.keys() & theirs.keys()) > 25


def _rules(css: str) -> dict[str, str]:
    return {selector.strip(): " ".join(body.split()) for selector, body in RULE.findall(css)}


async def test_the_element_says_what_the_hosted_page_says(home: Path) -> None:
    program = 'import("./src/words.js").then(({ WORDS }) => process.stdout.write(JSON.stringify(WORDS)))'
    words = msgspec.json.decode(await node.output([node.program(), "-e", program], home))
    ours = {**OF_ALL_PAGES, **{key.removeprefix("pay."): each for key, each in TEXTS.items()}}
    assert {key: tuple(each) for key, each in words.items()} == {key: ours.get(key) for key in words}
    banks = {key for key in TEXTS if key.startswith("bank.")}
    methods = {key.removeprefix("pay.") for key in TEXTS if key.startswith("pay.method.")}
    assert banks | methods <= words.keys()
