"""The planted bugs fit the code of today: one that no longer applies proves nothing (`make planted` runs them)."""

import subprocess
from pathlib import Path

import pytest

from planted.run import ROOT, Planted, every, read, survivors


@pytest.mark.parametrize("bug", every(), ids=lambda bug: bug.name)
def test_a_planted_bug_still_applies_and_changes_the_product_only(bug: Planted) -> None:
    checked = subprocess.run(
        ["git", "apply", "--check", "--whitespace=nowarn", str(bug.path)], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 0, f"{bug.name}: {checked.stderr}\nMake the same mistake in today's code again."
    touched = [line.split()[1] for line in bug.path.read_text().splitlines() if line.startswith("+++ ")]
    assert touched and all(name.startswith(("b/src/jangbu/", "b/migrations/")) for name in touched), touched
    assert all((ROOT / name).exists() for name in bug.tests if not name.startswith("-") and "/" in name), bug.tests


def test_every_survivor_is_a_planted_bug_and_says_why() -> None:
    names = {bug.name for bug in every()}
    for name, reason in survivors().items():
        assert name in names and len(reason) > 20, name


def test_a_patch_without_its_head_is_refused(tmp_path: Path) -> None:
    headless = tmp_path / "bug.patch"
    headless.write_text("--- a\n+++ b\n")
    with pytest.raises(ValueError, match="Fault"):
        read(headless)
