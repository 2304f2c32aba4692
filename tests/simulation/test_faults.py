"""The troubles of a play are ones that the sandbox knows: an unknown one strikes nothing, and nobody notices."""

import pytest

from jangbu.sandbox.testing import Sandbox
from jangbu.simulator.mix import CALL_FAULTS
from jangbu.simulator.outside import CANCEL_FAILS

OF_THE_LINE = {"not_sent", "too_slow"}
"""These the play does itself: no connection, and `slow` for longer than we wait."""


@pytest.mark.parametrize("name", sorted({*CALL_FAULTS, CANCEL_FAILS} - OF_THE_LINE))
def test_the_sandbox_knows_each_fault(name: str) -> None:
    Sandbox().fault(name.removesuffix("_after"), seconds=1)
