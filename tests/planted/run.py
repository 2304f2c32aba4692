"""Plants each bug of this folder alone and sees whether a test catches it: `make planted`.

A patch begins with three lines of its own before the diff:

    Fault: F35                      the row of the list of faults that it breaks
    Bug: what a tired programmer might have written
    Tests: tests/payments           where to look for a test that notices (space separated; -k allowed)

Caught means that a test *failed*: a bug that keeps the tests from being collected proves nothing and is reported as
broken. A survivor must be named, with its reason, in SURVIVORS.md; one that is named there and caught is reported too.
"""

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COPIED = (
    "src",
    "tests",
    "migrations",
    "scripts",
    "docs",
    "js",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    ".env.example",
)
MINUTES_MOST = 15


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug."""

    path: Path
    fault: str
    bug: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.stem


def read(path: Path) -> Planted:
    """A patch with its three lines. Raises ValueError when one is missing."""
    head = dict(
        line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines()[:6] if re.match(r"[A-Z]\w+:", line)
    )
    try:
        return Planted(path, head["Fault"].strip(), head["Bug"].strip(), tuple(head["Tests"].split()))
    except KeyError as missing:
        raise ValueError(f"{path.name} has no line {missing}") from None


def every() -> list[Planted]:
    """All of them, by name."""
    return [read(path) for path in sorted(HERE.glob("*.patch"))]


def survivors() -> dict[str, str]:
    """Name and reason of the bugs that are known to survive."""
    text = (HERE / "SURVIVORS.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^- `([^`]+)`: (.+)$", text, re.MULTILINE))


def copy_into(folder: Path) -> None:
    """The project, without what is not needed to run its tests."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.patch", "node_modules", "dist")
            )
        else:
            shutil.copy(source, folder / name)


async def applied(bug: Planted, folder: Path) -> str:
    """Apply the patch in a copy; what `git apply` complains of, or ""."""
    process = await asyncio.create_subprocess_exec(
        "git", "apply", "--whitespace=nowarn", str(bug.path), cwd=folder, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )  # fmt: skip
    _, problem = await process.communicate()
    return problem.decode().strip() if process.returncode else ""


async def judged(bug: Planted) -> tuple[str, str]:
    """`caught`, `survived` or `broken`, and which test said so."""
    with tempfile.TemporaryDirectory(prefix="planted-") as made:
        folder = Path(made)
        copy_into(folder)
        if problem := await applied(bug, folder):
            return "broken", problem
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *bug.tests,
            cwd=folder, env=os.environ | {"PYTHONPATH": str(folder / "src"), "CI": ""},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), MINUTES_MOST * 60)
        except TimeoutError:
            process.kill()
            await process.wait()
            return "caught", f"the tests did not end within {MINUTES_MOST} minutes"
        text = output.decode(errors="replace")
        failed = re.search(r"^FAILED (\S+)", text, re.MULTILINE)
        if process.returncode == 1 and failed:
            return "caught", failed[1]
        if process.returncode == 0:
            return "survived", ""
        return "broken", text[-2_000:]


async def main(names: list[str], at_once: int) -> int:
    """Judge them and print a line each; 0 when every bug is caught, or its survival is explained."""
    known, wrong = survivors(), 0
    gate = asyncio.Semaphore(at_once)

    async def one(bug: Planted) -> None:
        nonlocal wrong
        async with gate:
            began = time.monotonic()
            verdict, said = await judged(bug)
        expected = "survived" if bug.name in known else "caught"
        wrong += verdict != expected
        mark = "✓" if verdict == expected else "✗"
        print(f"{mark} {verdict:<8} {bug.name:<52} {time.monotonic() - began:4.0f} s  {said}", flush=True)

    bugs = [bug for bug in every() if not names or any(name in bug.name for name in names)]
    await asyncio.gather(*(one(bug) for bug in bugs))
    print(f"{len(bugs)} bugs planted, {wrong} not as expected, {len(known)} known to survive")
    return 1 if wrong or not bugs else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("names", nargs="*", help="only bugs whose names contain one of these")
    options.add_argument("--at-once", type=int, default=2)
    given = options.parse_args()
    sys.exit(asyncio.run(main(given.names, given.at_once)))
