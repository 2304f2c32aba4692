"""The release before this one: its code, taken out of git's history."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = next(
    line for line in Path(__file__).with_name("PREVIOUS").read_text().splitlines() if line and not line.startswith("#")
)


def unpacked(folder: Path) -> Path:
    """`folder` with the previous release's code and migrations. Skips, and says so, where there is no history."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("NOT TESTED: the rolling upgrade. There is no git on this machine")
    archived = subprocess.run(
        [git, "archive", "--format=tar", NAME, "src", "migrations"], cwd=ROOT, capture_output=True, check=False
    )
    if archived.returncode != 0:
        pytest.skip(f"NOT TESTED: the rolling upgrade. {NAME} is not in this clone's history (a shallow clone?)")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder
