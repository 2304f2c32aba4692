"""Nothing is assumed of PortOne in silence: a switch that some test here sets, or an entry in the list of the rest."""

import re
from pathlib import Path

import pytest

import jangbu.sandbox
from jangbu.sandbox.core import assumed, inferred
from jangbu.sandbox.core.assumed import ASSUMED
from jangbu.sandbox.core.inferred import switches

LISTS = {assumed.__file__, inferred.__file__}
CODE = [path for path in Path(jangbu.sandbox.__file__).parent.rglob("*.py") if str(path) not in LISTS]


@pytest.mark.parametrize("switch", switches())
def test_every_switch_is_set_by_a_test(switch: str) -> None:
    others = [path for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name]
    assert any(f"{switch}=" in path.read_text(encoding="utf-8") for path in others)


def test_every_mark_names_what_is_assumed_and_every_assumption_is_rested_on() -> None:
    """A mark is `[I: name]` in a comment; a line break may fall after its colon."""
    marks = [mark for path in CODE for mark in re.findall(r"\[I\b([^\]]*)\]", path.read_text(encoding="utf-8"))]
    named = {mark.removeprefix(":").strip() for mark in marks}
    assert named <= ASSUMED.keys() | set(switches())
    assert ASSUMED.keys() <= named
    assert not ASSUMED.keys() & set(switches()), "a thing is a switch or it is none"


def test_the_list_says_each_in_a_sentence_and_where_it_is_left_open() -> None:
    assert list(ASSUMED) == sorted(ASSUMED), "one place for each, so that it is not listed twice"
    for what in ASSUMED.values():
        assert re.fullmatch(r"[^\n]+\S \((§[\d.]+\d|§\d)(, §[\d.]+)*\)\.", " ".join(what.split()))
