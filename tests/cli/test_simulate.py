"""`jangbu simulate` when a play fails: all there is to find the cause by."""

import json
from collections.abc import Callable
from importlib import import_module

import pytest
import typer

from jangbu.simulator.play import Ending
from jangbu.simulator.swarm import Report

command = import_module("jangbu.cli.simulate")
"""The module: `jangbu.cli.simulate` is the command in it."""


def surprise() -> Exception:
    try:
        raise LookupError("nobody expected this")
    except LookupError as found:
        found.add_note("seed 7, step 12")
        return found


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs the command on a play that ended so."""

    def run(ending: Ending, *, as_json: bool) -> None:
        async def play(*_: object, **__: object) -> Report:
            report = Report()
            report.add(ending)
            return report

        monkeypatch.setattr(command, "_play", play)
        monkeypatch.setattr("jangbu.logs.configure", lambda _: None)
        with pytest.raises(typer.Exit) as ended:
            command.simulate(as_json=as_json)
        assert ended.value.exit_code == 1

    return run


def test_an_exception_is_shown_with_its_traceback(
    fails: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    ending = Ending(7, steps=12, problems=["LookupError: nobody expected this"], surprise=surprise())
    fails(ending, as_json=False)
    told = capsys.readouterr()
    assert "seed 7, step 12" in told.out
    assert 'raise LookupError("nobody expected this")' in told.err
    assert "jangbu simulate --seed 7" in told.err


def test_the_traceback_is_in_the_one_document(fails: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fails(Ending(7, steps=12, problems=["LookupError: …"], surprise=surprise()), as_json=True)
    failed = json.loads(capsys.readouterr().out)["failed"]
    assert failed["seed"] == 7
    assert 'raise LookupError("nobody expected this")' in failed["traceback"]
    assert failed["traceback"].endswith("seed 7, step 12")


def test_what_did_not_hold_has_no_traceback(fails: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    fails(Ending(7, problems=["the books of KRW sum to 1"]), as_json=True)
    assert json.loads(capsys.readouterr().out)["failed"]["traceback"] is None
