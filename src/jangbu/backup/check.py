"""Whether a backup is whole: every file as it was written, and a dump that pg_restore can read."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from jangbu.backup import manifest as manifests
from jangbu.backup import tools
from jangbu.backup.manifest import DUMP, Manifest
from jangbu.errors import SetupProblem

_TABLE_DATA = re.compile(r"^\d+; \d+ \d+ TABLE DATA public (\S+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found; `problems` are sentences, none for a backup that is whole."""

    manifest: Manifest
    problems: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.problems


async def check(folder: Path) -> Checked:
    """Read every byte of the backup and its table of contents. Raises SetupProblem when `folder` is no backup."""
    manifest = manifests.read(folder)
    problems = await asyncio.to_thread(_differences, folder / DUMP, manifest)
    if not problems:
        try:
            programs = tools.find(manifest.tools_major)
            listed = await tools.run(programs.program("pg_restore"), "--list", str(folder / DUMP))
        except SetupProblem as unreadable:
            problems.append(str(unreadable))
        else:
            missing = manifest.counts.keys() - set(_TABLE_DATA.findall(listed))
            problems += [f"the dump has no data of the table {table}" for table in sorted(missing)]
    return Checked(manifest, tuple(problems))


def _differences(dump: Path, manifest: Manifest) -> list[str]:
    found = manifests.files(dump)
    problems = []
    for name, written in manifest.files.items():
        if name not in found:
            problems.append(f"{name} is missing")
        elif found[name].size != written.size:
            problems.append(f"{name} has {found[name].size} bytes; {written.size} were written")
        elif found[name] != written:
            problems.append(f"{name} is not what was written: its SHA-256 differs")
    return problems + [f"{name} does not belong to it" for name in sorted(found.keys() - manifest.files.keys())]
