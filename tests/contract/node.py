"""npm packages, installed as a lock file says, the Node that runs them, and the compiler that holds our answers to the
types of PortOne's.

Nothing of it is in git. Where Node, npm or the registry is missing the tests that need it are skipped, and say so.
"""

import asyncio
import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

HERE = Path(__file__).parent / "js"
CACHE = Path(__file__).parents[2] / ".tools" / "npm"
MANIFEST = ("package.json", "package-lock.json")
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 120


def packages(manifest: Path = HERE) -> Path:
    """The folder with node_modules in it, as package.json and its lock in `manifest` say. Skips the test where it
    cannot be had."""
    home, problem = _installed(manifest)
    if problem:
        pytest.skip(problem)
    return home


@cache
def _installed(manifest: Path) -> tuple[Path, str]:
    """The folder, and why there is nothing in it. Found out once: a registry out of reach is slow to say so."""
    content = b"".join((manifest / name).read_bytes() for name in MANIFEST)
    home = CACHE / hashlib.sha256(content).hexdigest()[:16]
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return home, "NO NODE OR NPM FOUND: no JavaScript was tried, neither PortOne's SDKs nor our own package"
    if (home / "node_modules").is_dir():
        return home, ""
    CACHE.mkdir(parents=True, exist_ok=True)
    # Half an installation must never be taken for one, and two test runs may come here at once.
    with tempfile.TemporaryDirectory(dir=CACHE) as being_made:
        for name in MANIFEST:
            shutil.copy(manifest / name, being_made)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=0"]
        try:
            done = subprocess.run(
                command, cwd=being_made, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
            )
            problem = done.stderr.strip()[:300] or "it says nothing" if done.returncode else ""
        except subprocess.TimeoutExpired:
            problem = f"no answer within {INSTALL_TIMEOUT_S} s"
        if problem:
            return home, f"NPM COULD NOT INSTALL WHAT {manifest.name}/package.json NAMES: {problem}"
        home.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):
            # The other run was first; what the lock file names is the same.
            (Path(being_made) / "node_modules").rename(home / "node_modules")
    return home, ""


async def run(script: str, told: Any) -> Any:
    """What `script` of the folder js prints when it is told this; a script that fails fails the test."""
    home = packages()
    for each in HERE.glob("*.mjs"):
        # Node looks for packages beside the script, so it runs from where they are.
        shutil.copy(each, home)
    return msgspec.json.decode(await output([program(), script], home, msgspec.json.encode(told)))


async def type_problems(imports: str, claims: Iterable[tuple[str, Any]]) -> list[str]:
    """What the packages' own types say against values: for each claim a type in TypeScript, and a value of it.

    A field that the type does not have is wrong too, as is a member of a union that the SDK does not know.
    """
    home = packages()
    lines = [
        f"export const claim{number}: {type_} = {msgspec.json.encode(value).decode()};"
        for number, (type_, value) in enumerate(claims)
    ]
    with tempfile.TemporaryDirectory(dir=home) as folder:
        file = Path(folder, "claims.ts")
        file.write_text("\n".join([imports, *lines]), encoding="utf-8")
        compiler = home / "node_modules" / "typescript" / "bin" / "tsc"
        options = ["--noEmit", "--strict", "--skipLibCheck", "--pretty", "false", "--target", "es2022"]
        modules = ["--module", "nodenext", "--moduleResolution", "nodenext"]
        told = await output([program(), str(compiler), *options, *modules, str(file)], home, b"", may_fail=True)
    return told.decode().splitlines()


def program() -> str:
    """The program."""
    found = shutil.which("node")
    assert found is not None, "packages() has seen to it"
    return found


async def output(command: list[str], where: Path, told: bytes = b"", *, may_fail: bool = False) -> bytes:
    """What a command prints; one that fails fails the test, unless it may."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=where,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answered, complained = await asyncio.wait_for(process.communicate(told), RUN_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert may_fail or process.returncode == 0, complained.decode()
    return answered
