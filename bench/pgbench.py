"""PostgreSQL's own pgbench running the statements that our code was seen to send: the yardstick for a transaction.

The script is not written by hand: the driver's log of one real run becomes it, every argument included, so that it
cannot drift from the code. What stays the same from one payment to the next travels as a parameter, as ours does; what
differs is computed from the transaction's number.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

_PLACE = re.compile(r"\$([0-9]+)")
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)
_DONE = re.compile(r"transactions actually processed: ([0-9]+)/([0-9]+)")
HEX = "lpad(to_hex(:n::bigint), 32, '0')"
OTHER_HEX = "lpad(to_hex(:n::bigint), 32, 'e')"


def numbered(number: int) -> UUID:
    """The UUID that `HEX` computes for transaction `number`."""
    return UUID(int=number)


class Script:
    """A pgbench script made of logged statements. `subject` is the UUID that differs between transactions."""

    def __init__(self, statements: Sequence[tuple[str, Sequence[Any]]], subject: UUID) -> None:
        self._subject = subject
        self._ids = re.compile(f"({subject}|{subject.hex})")
        self.variables: dict[str, str] = {}
        lines = [r"\set i :i + 1", r"\set n :first + :client_id * :each + :i"]
        for sql, given in statements:
            terms = [self._term(value) for value in given]
            # Odd pieces are the numbers between the text's pieces.
            pieces = _PLACE.split(sql)
            pieces[1::2] = [terms[int(number) - 1] for number in pieces[1::2]]
            lines.append(" ".join("".join(pieces).split()).rstrip(";") + ";")
        self.text = "\n".join(lines) + "\n"

    def _term(self, value: Any) -> str:
        match value:
            case None:
                return "NULL"
            case "":
                # pgbench takes no empty variable.
                return "''"
            case UUID():
                return f"({HEX if value == self._subject else OTHER_HEX})::uuid"
            case bool():
                return str(value).lower()
            case bytes():
                return self._variable(rf"\x{value.hex()}")
            case datetime():
                return self._variable(value.isoformat())
            case list():
                return self._variable("{" + ",".join(str(item) for item in value) + "}")
            case dict():
                return f"({self._text(msgspec.json.encode(value).decode())})::jsonb"
            case _:
                return self._text(str(value))

    def _text(self, text: str) -> str:
        parts = self._ids.split(text)
        if len(parts) == 1:
            return self._variable(text)
        computed = {str(self._subject): f"({HEX})::uuid::text", self._subject.hex: HEX}
        return "(" + " || ".join(computed.get(part) or self._variable(part) for part in parts if part) + ")"

    def _variable(self, text: str) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = text
        return f":{name}"


async def run(
    bin_dir: Path, dsn: str, script: Script, file: Path, *, clients: int, threads: int, each: int, first: int
) -> float:
    """Transactions a second, over `each` transactions of every client, numbered from `first`."""
    await asyncio.to_thread(file.write_text, script.text, "utf-8")
    known = {"i": "-1", "each": str(each), "first": str(first), **script.variables}
    process = await asyncio.create_subprocess_exec(
        bin_dir / "pgbench",
        "-n",
        "-M",
        "prepared",
        f"-c{clients}",
        f"-j{threads}",
        f"-t{each}",
        f"-f{file}",
        *(f"-D{name}={value}" for name, value in known.items()),
        dsn,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await process.communicate()
    words = said.decode()
    tps, done = _TPS.search(words), _DONE.search(words)
    is_whole = process.returncode == 0 and tps is not None and done is not None and done[1] == done[2]
    assert is_whole, f"pgbench: {complained.decode()}{words}"
    assert tps is not None
    return float(tps[1])
