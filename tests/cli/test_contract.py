"""`jangbu contract`, as it is typed: what it writes, what it says, and what it refuses."""

import json
from pathlib import Path

import pytest

from cli.tools import Jangbu
from jangbu.sandbox.app import running
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.core.inferred import Inferred
from kit import REAL

LIVE = REAL | {"PORTONE_V2_API_SECRET": "s3cret-of-the-store"}


async def test_what_was_recorded_is_replayed_and_a_difference_is_an_exit_code(bare: Jangbu, folder: Path) -> None:
    out = folder / "contract.json"
    async with running(seed=1) as (there, parts):
        made = await bare("contract", "record", "--out", str(out), "--base-url", there)
        assert (made.code, str(out) in made.out) == (0, True), made.err
        assert not json.loads(out.read_text())["withTestPayments"]
        same = await bare("contract", "replay", str(out), "--against", there)
        assert (same.code, "✗" not in same.out) == (0, True), same.out
        parts.faults.order(Fault("status_500", operation="get_banks"))
        other = await bare("contract", "replay", str(out), "--against", there)
        assert other.code == 1
        assert "the banks: GET /banks" in other.out
        assert "status 200 was recorded, the sandbox answers 500 INTERNAL_SERVER_ERROR" in other.out
        parts.faults.order(Fault("status_500", operation="get_banks"))
        told = await bare("contract", "replay", str(out), "--against", there, "--json")
        assert (told.code, [one["step"] for one in told.json["differences"]]) == (1, ["the banks"])


async def test_another_inferred_behaviour_is_told(bare: Jangbu, folder: Path) -> None:
    out = folder / "contract.json"
    async with running(seed=1, inferred=Inferred(preregistered_only_is_not_found=False)) as (there, _):
        made = await bare("contract", "record", "--out", str(out), "--base-url", there, "--with-test-payments")
        assert made.code == 0
        assert "JANGBU_CONTRACT_BILLING_KEY is not set" in made.err
        assert "left out: a charge (there is no billingKey)" in made.err
    async with running(seed=2) as (here, _):
        told = await bare("contract", "replay", str(out), "--against", here)
    assert told.code == 1
    assert "what was only fixed: GET /payments/{other}" in told.out


@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        ({}, ["--base-url", "https://api.portone.io"], "whose secret opens nothing elsewhere"),
        ({"JANGBU_MODE": "live", **LIVE}, [], "say --live-store"),
        ({"JANGBU_MODE": "live", **LIVE}, ["--live-store", "--with-test-payments"], "Say --live-channel"),
        (
            {"JANGBU_MODE": "test", **LIVE},
            ["--base-url", "http://127.0.0.1:1"],
            "not given to a program on this machine",
        ),
        ({"JANGBU_MODE": "test", **LIVE}, ["--base-url", "http://elsewhere.test"], "in the clear"),
        ({}, ["--base-url", "http://127.0.0.1:1"], "cannot be asked"),
    ],
)
async def test_what_was_not_meant_is_refused_before_anything_is_sent(
    bare: Jangbu, folder: Path, settings: dict[str, str], arguments: list[str], said: str
) -> None:
    ran = await bare.given(**settings)("contract", "record", "--out", str(folder / "contract.json"), *arguments)
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert not (folder / "contract.json").exists()


@pytest.mark.parametrize("written", ["", "{}", '{"format": 2}', "[" * 100_000, '{"exchanges": 1}'])
async def test_a_file_that_is_no_recording_is_a_plain_sentence(bare: Jangbu, folder: Path, written: str) -> None:
    (folder / "contract.json").write_text(written)
    ran = await bare("contract", "replay", str(folder / "contract.json"), "--against", "http://127.0.0.1:1")
    assert (ran.code, "is no recording of this release" in ran.err) == (2, True), ran.err


async def test_a_recording_is_replayed_on_this_machine_only(bare: Jangbu, folder: Path) -> None:
    recording = {"recordedAt": "", "host": "", "withTestPayments": False, "exchanges": [], "format": 1}
    (folder / "contract.json").write_text(json.dumps(recording))
    ran = await bare("contract", "replay", str(folder / "contract.json"), "--against", "https://api.portone.io")
    assert (ran.code, "not on this machine" in ran.err) == (2, True), ran.err
    ran = await bare("contract", "replay", str(folder / "nothing.json"), "--against", "http://127.0.0.1:1")
    assert (ran.code, "cannot be read" in ran.err) == (2, True), ran.err
