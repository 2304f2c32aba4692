"""Our JavaScript package as whoever installed it has it: its files beside what it needs, in a folder of its own."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from contract import node

SOURCE = Path(__file__).parents[2] / "js"
PARTS = ("src", "types", "test", "examples")
PLAIN_FILES = ("package.json", "tsconfig.json")


@asynccontextmanager
async def installed() -> AsyncIterator[Path]:
    """The folder. Skips the test, aloud, where Node or npm's packages cannot be had."""
    packages = node.packages(SOURCE)
    with tempfile.TemporaryDirectory(prefix="jangbu-js-") as name:
        home = Path(name)
        for part in PARTS:
            shutil.copytree(SOURCE / part, home / part, ignore=shutil.ignore_patterns("node_modules", "dist"))
        for part in PLAIN_FILES:
            shutil.copy(SOURCE / part, home)
        (home / "node_modules").symlink_to(packages / "node_modules")
        (home / "examples/react/node_modules/@jangbu").mkdir(parents=True)
        (home / "examples/react/node_modules/@jangbu/checkout").symlink_to(home)
        yield home


async def script(home: Path, name: str, folder: str = ".") -> str:
    """Run a script of a package.json as `npm run` would, with what the packages bring as commands."""
    where = home / folder
    [command, *words] = json.loads((where / "package.json").read_text(encoding="utf-8"))["scripts"][name].split()
    own = {"node": node.program(), "tsc": node.program(), "esbuild": str(home / "node_modules/esbuild/bin/esbuild")}
    before = [str(home / "node_modules/typescript/bin/tsc")] if command == "tsc" else []
    found = [str(path) for word in words for path in (sorted(where.glob(word)) if "*" in word else [word])]
    return (await node.output([own[command], *before, *found], where)).decode()


async def bundle(home: Path) -> Path:
    """The one file that pages without a build step load."""
    await script(home, "build")
    return home / "dist" / "jangbu-checkout.js"


@asynccontextmanager
async def example_shop(home: Path, pages: str, told: Mapping[str, str]) -> AsyncIterator[str]:
    """The examples' backend with the pages of one of them, told by its environment; where it is."""
    command = [node.program(), "examples/shop.mjs", f"examples/{pages}"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=home, env={**os.environ, **told}, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    finally:
        process.kill()
        await process.wait()
