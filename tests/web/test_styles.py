"""The console's styles and its templates: neither has a class that the other does not know."""

import re
from pathlib import Path

import pytest

import jangbu

SOURCE = Path(jangbu.__file__).parent
STYLES = SOURCE / "web" / "static"
MADE_OF_WORDS = re.compile(r"mode-(sandbox|test)")
"""Classes that a template puts together."""


def of_ours(pattern: str) -> list[str]:
    """The console's own files: the sandbox and the payer's pages dress themselves."""
    return [
        file.read_text(encoding="utf-8")
        for file in SOURCE.rglob(pattern)
        if not {"sandbox", "checkout", "messages"}.intersection(file.parts)
    ]


@pytest.mark.parametrize("name", ["console.css", "rooms.css"])
def test_no_style_is_left_that_nobody_wears(name: str) -> None:
    rules = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", (STYLES / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    styled = {one for one in re.findall(r"\.([a-z][\w-]*)", rules) if not MADE_OF_WORDS.fullmatch(one)}
    # Tones and outcomes come from code: "good", "waiting", "unasked".
    said = re.findall(r'"([a-z][a-z_-]*)"', "\n".join(of_ours("*.py")))
    worn = {*said, *re.findall(r"[a-z][\w-]*", "\n".join(of_ours("*.html")))}
    assert len(styled) > 30, "the pattern that looks for classes finds too few"
    assert styled - worn == set()


def test_no_template_wears_what_has_no_style() -> None:
    styled = set(re.findall(r"\.([a-z][\w-]*)", "\n".join(of_ours("*.css"))))
    worn: set[str] = set()
    for classes in re.findall(r'class="([^"]*)"', "\n".join(of_ours("*.html"))):
        worn.update(re.sub(r"\{[{%].*?[}%]\}", " ", classes).split())
    # A badge without a tone of its own is neutral.
    assert {one for one in worn if not one.endswith("-")} - styled == {"neutral"}
