"""A fresh sandbox in process, and a merchant's endpoint that its webhooks go to."""

import pytest

from jangbu.sandbox.testing import Endpoint, Sandbox


@pytest.fixture
def shop() -> Endpoint:
    return Endpoint()


@pytest.fixture
def sandbox(shop: Endpoint) -> Sandbox:
    return Sandbox(deliver=shop)
