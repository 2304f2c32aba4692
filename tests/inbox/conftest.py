"""The inbox and somebody who sends to it."""

import pytest

from jangbu.runtime import Runtime

from .hooks import PortOneSends


@pytest.fixture
def sends(run: Runtime) -> PortOneSends:
    return PortOneSends(run)
