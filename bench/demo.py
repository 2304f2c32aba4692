"""How long a newcomer waits for the demo's last line, from nothing."""

import asyncio
import sys
from time import perf_counter

from bench.figures import Finding
from bench.place import Place

TARGET_S = 60
TIMEOUT_S = 300


async def measure(_: Place) -> Finding:
    """Wall time of `jangbu demo --once`, the packages being installed."""
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jangbu.cli",
        "demo",
        "--once",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _nothing = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        process.terminate()
        await process.wait()
        raise
    took_s = perf_counter() - began
    assert process.returncode == 0, f"the demo failed:\n{said.decode()}"
    return Finding("demo", "s", [took_s], [], "", f"< {TARGET_S} s", took_s < TARGET_S)
