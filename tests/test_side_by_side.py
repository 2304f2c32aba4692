"""A run of several processes: every test once, and some while nothing else runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from side_by_side import ALONE, LONGEST_FIRST, place

TESTS = Path(__file__).parent
CONFTEST = """
import time
from pathlib import Path
import pytest
from side_by_side import part_of

def pytest_configure(config):
    part = part_of(config)
    if part is not None:
        config.pluginmanager.register(part)

@pytest.fixture(autouse=True)
def seen(request):
    began = time.monotonic()
    yield
    note = Path(__file__).with_name("notes") / request.node.nodeid.replace("/", "-")
    note.write_text(f"{began} {time.monotonic()}")
"""
SLOW = """
import time
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    time.sleep(0.1)
"""


def test_what_must_be_alone_is_alone_and_every_test_runs_once(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "notes").mkdir()
    alone = ALONE[0].removesuffix("/")
    for folder, names in (("tests/some", "abcd"), (alone, "ef")):
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / folder / f"test_{name}.py").write_text(SLOW)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "36 passed" in done.stdout
    times = {path.name: tuple(map(float, path.read_text().split())) for path in (tmp_path / "notes").iterdir()}
    assert len(times) == 36
    by_themselves = [one for one in times if one.startswith(alone.replace("/", "-"))]
    assert len(by_themselves) == 12
    for one in by_themselves:
        began, ended = times[one]
        assert [other for other, (from_, to) in times.items() if other != one and from_ < ended and began < to] == []
    others = [span for one, span in times.items() if one not in by_themselves]
    assert any(one != other and one[0] < other[1] and other[0] < one[1] for one in others for other in others), (
        "the rest had both processes"
    )


@pytest.mark.parametrize("named", [*ALONE, *LONGEST_FIRST])
def test_what_is_named_is_there(named: str) -> None:
    assert (TESTS.parent / named).exists()


def test_the_longest_come_first_and_those_alone_last() -> None:
    somewhere = "tests/test_ids.py::test_x"
    assert place(f"{LONGEST_FIRST[0]}::test_x") < place(f"{LONGEST_FIRST[-1]}x.py::test_x") < place(somewhere)
    assert place(somewhere) < place(f"{ALONE[0]}test_x.py::test_x")
