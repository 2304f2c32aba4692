"""A program that shares the server of the home it is given, until it reads a line or its input ends."""

import asyncio
import json
import sys
from pathlib import Path

from jangbu.embedded import ensure
from jangbu.errors import SetupProblem


async def share(home: Path) -> None:
    try:
        embedded = await ensure(home)
    except SetupProblem as problem:
        told = {"problem": str(problem)}
        sys.stdout.write(json.dumps(told) + "\n")
        return
    told = {"dsn": embedded.dsn("owner"), "port": embedded.port, "version": embedded.version}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    embedded.close()


asyncio.run(share(Path(sys.argv[1])))
