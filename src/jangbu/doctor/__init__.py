"""`jangbu doctor`: is this installation set up so that it works, and if not, what to do.

It changes nothing but one line of the webhook log: it posts itself a signed webhook about a payment nobody has. Where
PortOne asks before an approval it asks itself that too, and nothing is written down of it. Asked to look deeply, it
also records what the invariant checks found, as their nightly run does.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack

from jangbu import wiring
from jangbu.checks.service import Result, run_checks
from jangbu.cli.opening import has_database, opened_with, plain_sentences
from jangbu.clock import Clock, SystemClock
from jangbu.db import DatabaseAway
from jangbu.doctor import database, names, outside, telling, vaults, work
from jangbu.doctor.findings import Finding, bad, unchecked
from jangbu.errors import SetupProblem
from jangbu.runtime import Runtime
from jangbu.settings import Settings

__all__ = ["Finding", "examine", "examine_deeply"]


async def examine(load_settings: Callable[[], Settings]) -> list[Finding]:
    """Every check in order. Never raises for what it is there to find."""
    try:
        settings = load_settings()
    except SetupProblem as problem:
        return [bad("settings", " ".join(str(problem).split()), "Correct it in the environment or in .env.")]
    findings = [*names.findings(settings), vaults.keys(settings), telling.channels(settings)]
    if not has_database(settings):
        findings.append(
            bad("database", f"There is none in {settings.home} yet.", "Run jangbu init, or set DATABASE_URL.")
        )
        return [*findings, *await _outside(settings, SystemClock()), unchecked("work", "It needs the database.")]
    async with AsyncExitStack() as stack:
        try:
            where = await stack.enter_async_context(wiring.addresses(settings))
        except SetupProblem as problem:
            findings.append(bad("database", str(problem), "Everything else about the database waits for this."))
            return [*findings, *await _outside(settings, SystemClock()), unchecked("work", "It needs the database.")]
        seen, usable = await database.findings(settings, where)
        findings += seen
        run = await stack.enter_async_context(opened_with(settings)) if usable else None
        clock = run.clock if run else SystemClock()
        findings += await _outside(settings, clock)
        if run is None:
            findings.append(unchecked("work", "It needs a database that is reachable and migrated."))
        else:
            findings += await _work(run)
    return findings


async def examine_deeply(
    load_settings: Callable[[], Settings], *, progress: Callable[[Result], None] | None = None
) -> list[Result]:
    """Every invariant, asked of everything there is. Raises SetupProblem when there is no database to ask."""
    async with opened_with(load_settings()) as run:
        return await run_checks(wiring.invariants(run), run=run, full=True, progress=progress)


async def _work(run: Runtime) -> list[Finding]:
    try:
        with plain_sentences():
            return [await vaults.contents(run), *await work.findings(run)]
    except SetupProblem as problem:
        return [bad("work", str(problem), "Mend what is marked above first.")]
    except DatabaseAway as away:
        return [bad("work", away.sentence("en"), "Run jangbu doctor again.")]


async def _outside(settings: Settings, clock: Clock) -> list[Finding]:
    secret = outside.webhook_secret(settings)
    findings = [await outside.portone(settings), secret, outside.proxies(settings)]
    if settings.own_v1_credentials:
        findings.insert(1, await outside.portone_v1(settings))
    if secret.mark == "good":
        findings.append(await outside.public_address(settings, clock))
        if settings.checkout_confirm:
            findings.append(await outside.question(settings, clock))
    else:
        findings.append(unchecked("public address", "Without a webhook secret nothing can be signed."))
    return findings
