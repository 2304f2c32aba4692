"""Every command and program of docs/howto/develop-against-the-sandbox.md is run as it stands, but for the ports."""

import asyncio
import os
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from kit import free_port

HOWTO = Path(__file__).parents[2] / "docs/howto/develop-against-the-sandbox.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", HOWTO.read_text("utf-8"), re.DOTALL)
SHELL = [text for language, text in BLOCKS if language == "sh"]
START, *COMMANDS = SHELL
PATIENCE_S = 60
RUNS = {
    "python": ([sys.executable, "-W", "ignore", "-c"], sys.executable),
    "js": (["node", "--input-type=module", "-e"], "node"),
}
SEEN = {"html", "yaml", "text"}
"""Looked at by a browser, by tests/sandbox/test_scripts.py, and by nobody: these are no programs."""


@dataclass(frozen=True)
class Place:
    """Where the howto's sandbox runs, and what stands for the ports that it names."""

    folder: Path
    port: int
    hook: int

    def told(self, text: str) -> str:
        ported = text.replace("127.0.0.1:8090", f"127.0.0.1:{self.port}")
        return re.sub(r'(?<!"amount": )\b3000\b', str(self.hook), ported)

    async def run(self, *command: str, **environment: str) -> str:
        """What it said; it must end well."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env=os.environ | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, said.decode()
        return said.decode()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """The sandbox, started by the howto's own command."""
    place = Place(tmp_path, free_port(), free_port())
    program, *words = shlex.split(place.told(START).replace("8090", str(place.port)))
    assert program == "jangbu"
    with (tmp_path / "sandbox.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "jangbu.cli",
            *words,
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await _until_it_answers(place, process)
        yield place
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0, (tmp_path / "sandbox.log").read_text()


async def _until_it_answers(place: Place, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_S), aiohttp.ClientSession() as http:
        while True:
            assert process.returncode is None, (place.folder / "sandbox.log").read_text()
            try:
                async with http.get(f"http://127.0.0.1:{place.port}/banks") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


def test_every_block_is_of_a_language_that_is_run() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", *RUNS, *SEEN}
    assert {language for language, _ in BLOCKS if language in RUNS} == set(RUNS)
    assert START.startswith("jangbu sandbox") and len(START.splitlines()) == 1


async def test_the_commands_work_one_after_the_other(place: Place) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("the howto's commands are not run: there is no curl here")
    # One that is answered with an error must not pass for one that worked.
    strict = place.folder / "bin" / "curl"
    strict.parent.mkdir()
    strict.write_text(f'#!/bin/sh\nexec {shlex.quote(curl)} --silent --show-error --fail-with-body "$@"\n')
    strict.chmod(0o755)
    whole = "\n".join(COMMANDS)
    path = f"{strict.parent}{os.pathsep}{os.environ['PATH']}"
    said = await place.run("sh", "-eu", "-c", place.told(whole), PATH=path)
    assert '"status":"PAID"' in said
    assert '"isTaken":true' in said, "the shopper of order-2 has deposited"
    assert '"cancellation"' in said
    commands = len(re.findall(r"^(?:TX=\$\()?curl ", whole, re.MULTILINE))
    assert commands == whole.count("curl "), "a command that no line begins with is not run"


@pytest.mark.parametrize("language", RUNS)
async def test_the_program_works(place: Place, language: str) -> None:
    command, needed = RUNS[language]
    if shutil.which(needed) is None:
        pytest.skip(f"the howto's program in {language} is not run: there is no {needed} here")
    # The page's tests for pytest are run by tests/sandbox/test_pytest_plugin.py: they start a sandbox of their own.
    [program] = [text for named, text in BLOCKS if named == language and "127.0.0.1:8090" in text]
    await place.run(*command, place.told(program))
    name = {"python": "order-py", "js": "order-js"}[language]
    async with (
        aiohttp.ClientSession(headers={"authorization": "PortOne sandbox-api-secret"}) as http,
        http.get(f"http://127.0.0.1:{place.port}/payments/{name}") as answer,
    ):
        payment = await answer.json()
    assert (payment["status"], payment["amount"]["cancelled"]) == ("PARTIAL_CANCELLED", 1000)
    assert all(each["status"] == "SUCCEEDED" for each in payment["webhooks"] if each["paymentStatus"] == "PAID")
