"""What wiring refuses to start on."""

import pytest

from jangbu import embedded
from jangbu.errors import SetupProblem
from jangbu.settings import Settings
from jangbu.wiring import Addresses, build


@pytest.mark.parametrize("role", ["superuser", "owner"])
async def test_programs_do_not_run_under_a_login_that_could_alter_the_ledger(
    server: embedded.Embedded, where: Addresses, settings: Settings, role: embedded.Role
) -> None:
    name = where.system.rsplit("/", 1)[1].split("?")[0]
    powerful = Addresses(where.owner, server.dsn(role, name), where.request)
    with pytest.raises(SetupProblem, match="could alter the ledger"):
        async with build(settings, powerful):
            pass
