"""Docs that can fail: generated pages are fresh, and links between pages lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_generated_pages_are_fresh() -> None:
    ran = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"run `make docs`:\n{ran.stderr}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"


def test_a_fresh_checkout_has_no_machine_in_it() -> None:
    """No absolute paths of whoever wrote it."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    suspicious = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".sql", ".js", ".css", ".html", ""} and path.is_file():
            found = suspicious.search(path.read_text(encoding="utf-8", errors="ignore"))
            assert found is None or name == "tests/test_docs.py", f"{name}: {found}"


def test_commands_that_pages_tell_exist_with_their_options() -> None:
    """A reader types what is there; the reference is made from the commands themselves."""
    reference = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
    parts = re.split(r"^## `(jangbu[^`]*)`$", reference, flags=re.MULTILINE)
    known = dict(zip(parts[1::2], parts[2::2], strict=True))
    told = 0
    for page in [ROOT / "README.md", ROOT / "js/README.md", *(ROOT / "docs/howto").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        # In a block a command is a line, which may go on after a backslash; elsewhere it stands between backticks.
        lines = [
            *re.findall(r"^(?: {4})?(jangbu (?:[^\n\\]|\\\n)+)", text, re.MULTILINE),
            *re.findall(r"`(jangbu [^`]+)`", text),
        ]
        for line in lines:
            words = line.split("#")[0].split()
            command = next((name for n in (3, 2) if (name := " ".join(words[:n])) in known), "")
            assert command, f"{page.name}: there is no `{line}`"
            told += 1
            for option in re.findall(r"--[a-z][a-z-]*", " ".join(words)):
                assert f"`{option}`" in known[command], f"{page.name}: `{command}` has no {option}"
    assert told > 50


def test_the_adviser_and_keys_are_told_where_they_are_needed() -> None:
    """Whoever reads no source has to learn of both."""
    refund = (ROOT / "docs/howto/refund.md").read_text(encoding="utf-8")
    assert "/api/portone/cancel/advice?paymentId=" in refund and '"refundAccount"' in refund
    for page in ("README.md", "docs/howto/refund.md", "docs/howto/checkout.md"):
        assert "jangbu keys create" in (ROOT / page).read_text(encoding="utf-8"), page
