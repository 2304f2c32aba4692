"""Which installation a database is, so that a restored copy does not act as a second live one (ADR 0016, F99).

The database knows where it lives, its own id and the most serious mode it ever worked in; the programs' environment
names the id. Whoever works for PortOne or the payers asks here first. Commands that only look do not.
"""

from dataclasses import dataclass
from uuid import UUID

from jangbu import audit
from jangbu.audit import Actor
from jangbu.db import Database, Query, Tx
from jangbu.errors import SetupProblem
from jangbu.mode_guard import Mode
from jangbu.runtime import Runtime
from jangbu.settings import Settings

SERIOUSNESS: dict[Mode, int] = {"sandbox": 0, "test": 1, "live": 2}


@dataclass(frozen=True, slots=True)
class Installation:
    """The row every database has. `is_here` is False for a copy that was loaded elsewhere."""

    id: UUID
    mode: Mode
    is_here: bool


READ = Query(Installation, "SELECT id, mode, place = database_place() AS is_here FROM installation")
RAISE_MODE = Query(UUID, "UPDATE installation SET mode = :mode WHERE mode = :was RETURNING id")
KEEPS_PLAIN_SECRETS = Query(bool, "SELECT keeps_plain_secrets FROM installation")
KEEPS_PLAIN_BUYERS = Query(bool, "SELECT keeps_plain_buyers FROM installation")
STOP_KEEPING_PLAIN = Query(
    bool,
    """
    UPDATE installation SET keeps_plain_secrets = false, keeps_plain_buyers = false
     WHERE keeps_plain_secrets OR keeps_plain_buyers RETURNING true
    """,
)
ADOPT = Query(
    UUID,
    """
    UPDATE installation SET id = :id, mode = :mode, place = database_place(), adopted_at = :at RETURNING id
    """,
)


def why_not(found: Installation, settings: Settings) -> str | None:
    """Why programs with these settings may not act on this database, in plain words; None when they may."""
    if found.mode == "sandbox" and settings.mode == "sandbox":
        # No real money was ever in it, and none can move: developers copy such databases all day.
        return None
    if not found.is_here:
        return (
            "This database is a copy: it was loaded from a backup, or its server was replaced. Nothing acts on it, so "
            "that no two systems work for the same shop. If it is now the one, stop everything that still uses the "
            "old one and run `jangbu adopt`; looking at it (`jangbu books verify`) is always possible."
        )
    if SERIOUSNESS[settings.mode] < SERIOUSNESS[found.mode]:
        return (
            f"This database has worked in {found.mode} mode, and JANGBU_MODE is {settings.mode}: the wrong PortOne "
            f"would be asked about its payments. Set JANGBU_MODE={found.mode}. To work with a copy in "
            f"{settings.mode} mode, run `jangbu adopt` on the copy, never on this one."
        )
    if settings.installation and settings.installation != str(found.id):
        return (
            f"JANGBU_INSTALLATION is {settings.installation}, and this database is installation {found.id}. Either "
            "DATABASE_URL leads to another database than you think, or the setting must be changed."
        )
    if "live" in (settings.mode, found.mode) and settings.database_url is not None and not settings.installation:
        return (
            "JANGBU_INSTALLATION is not set, and where real money moves it must be: it keeps a copy of the database "
            f"from acting for the original. If this is the database of your shop, set JANGBU_INSTALLATION={found.id}."
        )
    return None


async def enter(db: Database, settings: Settings) -> None:
    """Make sure that programs may act on this database, and note how serious it is. Raises SetupProblem."""
    found = await db.statement(READ)
    if found is None:
        raise SetupProblem("The table `installation` is empty. Run `jangbu adopt` if this is the shop's own database.")
    if problem := why_not(found, settings):
        raise SetupProblem(problem)
    if found.mode != settings.mode:
        await db.statement(RAISE_MODE, was=found.mode, mode=settings.mode)


async def adopt(*, run: Runtime, actor: Actor) -> Installation:
    """Make this database an installation of its own, here and in the present mode; its new id. Every call changes it.

    The id is a new one, so that programs which still carry the old one are refused here.
    """
    async with run.db.transaction() as tx:
        before = await tx.maybe(READ)
        new = await tx.one(ADOPT, id=run.ids.uuid(), mode=run.settings.mode, at=run.clock.now())
        await audit.record(
            tx,
            at=run.clock.now(),
            actor=actor,
            action="installation.adopted",
            subject=f"installation:{new}",
            before=str(before.id) if before else None,
            mode=run.settings.mode,
        )
    return Installation(new, run.settings.mode, is_here=True)


async def keeps_plain_secrets(tx: Tx) -> bool:
    """Whether programs of the release before the vault may still read secrets here, so they lie there plain too."""
    return await tx.maybe(KEEPS_PLAIN_SECRETS) or False


async def keeps_plain_buyers(tx: Tx) -> bool:
    """The same of buyers' details in checkout, which were encrypted later."""
    return await tx.maybe(KEEPS_PLAIN_BUYERS) or False


async def keeps_plain(tx: Tx) -> bool:
    """Whether anything lies there plain for programs of a release before."""
    return await keeps_plain_secrets(tx) or await keeps_plain_buyers(tx)


async def stop_keeping_plain(tx: Tx) -> None:
    """From now on nothing is written plain for a release before."""
    await tx.run(STOP_KEEPING_PLAIN)
