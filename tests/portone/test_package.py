"""The package's front door: every public name is there, and knocking costs little."""

import subprocess
import sys

import pytest

import jangbu.portone


def test_every_name_it_offers_is_there():
    for name in jangbu.portone.__all__:
        assert getattr(jangbu.portone, name) is not None
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = jangbu.portone.no_such_thing


def test_importing_it_does_not_load_an_http_library():
    program = "import sys, jangbu.portone; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
