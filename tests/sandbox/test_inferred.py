"""Every inferred behaviour is a switch, and every switch is run both ways by some test here."""

from pathlib import Path

import pytest

from jangbu.sandbox.core.inferred import switches


@pytest.mark.parametrize("switch", switches())
def test_every_switch_is_set_by_a_test(switch: str) -> None:
    others = [path for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name]
    assert any(f"{switch}=" in path.read_text(encoding="utf-8") for path in others)
