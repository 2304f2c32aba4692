"""A restored copy does not act as a second live system (reliability F99)."""

from typing import Any
from uuid import UUID

import pytest

from jangbu import audit, embedded, installation
from jangbu.clock import SystemClock
from jangbu.errors import SetupProblem
from jangbu.ids import Ids
from jangbu.installation import Installation, why_not
from jangbu.queue import Waker
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.wiring import Addresses, build
from kit import TESTER, House, settings_in
from superuser import database_of, opened

ID = UUID("01990000-0000-7000-8000-000000000001")
OTHER = "01990000-0000-7000-8000-000000000002"
OWN = {"DATABASE_URL": "postgresql://jangbu_system:x@db/jangbu"}
FITS = OWN | {"JANGBU_INSTALLATION": str(ID)}


@pytest.mark.parametrize(
    ("was", "is_here", "settings", "says"),
    [
        ("sandbox", True, settings_in("sandbox"), None),
        ("sandbox", False, settings_in("sandbox"), None),
        ("sandbox", False, settings_in("test"), "is a copy"),
        ("sandbox", True, settings_in("live", **FITS), None),
        ("sandbox", True, settings_in("live", **OWN), f"set JANGBU_INSTALLATION={ID}"),
        ("sandbox", True, settings_in("live"), None),
        ("test", True, settings_in("sandbox"), "has worked in test mode"),
        ("test", True, settings_in("test", **OWN), None),
        ("test", False, settings_in("test", **OWN), "is a copy"),
        ("live", True, settings_in("live", **FITS), None),
        ("live", False, settings_in("live", **FITS), "is a copy"),
        ("live", True, settings_in("live", **OWN), f"set JANGBU_INSTALLATION={ID}"),
        ("live", True, settings_in("live", **OWN, JANGBU_INSTALLATION=OTHER), "another database than you think"),
        ("live", True, settings_in("test", **FITS), "has worked in live mode"),
        ("live", True, settings_in("sandbox", **FITS), "has worked in live mode"),
        ("live", False, settings_in("sandbox"), "is a copy"),
    ],
)
def test_who_may_act(was: Any, is_here: bool, settings: Settings, says: str | None) -> None:
    problem = why_not(Installation(ID, was, is_here), settings)
    assert (problem is None) if says is None else (says in str(problem)), problem


async def test_a_database_loaded_elsewhere_is_refused_until_it_is_adopted(
    server: embedded.Embedded, where: Addresses
) -> None:
    """A clone has everything the original has, its installation row too: only its place differs."""
    settings = settings_in("live")
    async with build(settings, where):
        pass
    copy = f"{database_of(where)}_copy"
    await embedded.create_database(server, copy, template=database_of(where))
    there = Addresses(*(server.dsn(role, copy) for role in ("owner", "system", "request")))
    try:
        with pytest.raises(SetupProblem, match="is a copy"):
            async with build(settings, there):
                pass
        async with opened(there.system) as db:
            clock = SystemClock()
            copied = Runtime(settings=settings, db=db, clock=clock, ids=Ids(clock), waker=Waker(db))
            await installation.adopt(run=copied, actor=TESTER)
        async with build(settings, there), build(settings, where):
            pass
    finally:
        await embedded.drop_database(server, copy)


async def test_starting_notes_the_most_serious_mode_and_never_lowers_it(where: Addresses, house: House) -> None:
    seen = []
    for mode in ("sandbox", "test", "test", "live"):
        async with build(settings_in(mode), where):
            seen.append((await house.run.db.statement(installation.READ)).mode)  # type: ignore[union-attr]
    assert seen == ["sandbox", "test", "test", "live"]
    with pytest.raises(SetupProblem, match="has worked in live mode"):
        async with build(settings_in("test"), where):
            pass


async def test_adopting_gives_a_new_id_in_the_present_mode_and_is_written_down(run: Runtime) -> None:
    before = await run.db.statement(installation.READ)
    assert before is not None
    adopted = await installation.adopt(run=run, actor=TESTER)
    after = await run.db.statement(installation.READ)
    assert after == adopted
    assert after.id != before.id
    assert after.is_here
    async with run.db.transaction() as tx:
        lines = await audit.of_subject(tx, f"installation:{after.id}")
    assert [(line.action, line.facts["before"]) for line in lines] == [("installation.adopted", str(before.id))]
