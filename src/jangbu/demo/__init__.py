"""`jangbu demo`: everything on this machine, a hundred payers, and a table that proves where every won went."""

import asyncio
import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from jangbu import app, embedded, wiring
from jangbu.access import cli as access_cli
from jangbu.db import Query
from jangbu.demo import payers, report
from jangbu.demo.programs import Programs
from jangbu.errors import SetupProblem
from jangbu.inbox import store as inbox_store
from jangbu.ledger.service import verify as verify_books
from jangbu.ledger.store import CHAIN
from jangbu.migrate import migrate
from jangbu.payments import store as payment_store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.queue import open_count
from jangbu.runtime import CLOCK_OFFSET, SET_CLOCK_OFFSET, follow_sandbox_clock
from jangbu.settings import Settings, load

SETTLE_TIMEOUT_S = 120
QUIET_AFTER_S = 45
"""How long all of it may take on a busy machine when nothing has to come again."""
TRIES_AGAIN = (timedelta(minutes=1), timedelta(minutes=4))
FREE_PORTS = range(20_000, 32_000)
CLOCK_STEP = timedelta(minutes=4)
"""PortOne's webhooks are valid for five minutes, so the two clocks are never moved further apart than this."""
SWEEP_AFTER = timedelta(minutes=20)
ADMIN_EMAIL = "admin@jangbu.local"
BOOKED = Query(
    list,
    """
    SELECT jsonb_build_array(count(DISTINCT e.facts->>'payment_id'), coalesce(abs(sum(p.amount_minor)), 0))
      FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
     WHERE e.kind = :kind AND a.path = 'assets:pg_receivable'
    """,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line said."""

    once: bool
    seed: int
    home: Path


async def demo(options: Options, *, console: Console) -> bool:
    """Play the journey; without `once`, serve until `stop`. True when every check held."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    home = Path(tempfile.mkdtemp(prefix="jangbu-demo-")) if options.once else options.home
    home.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        if options.once:
            stack.push_async_callback(_throw_away, home)
        stack.enter_context(_only_one(home))
        environment = _environment(home, free_ports=options.once)
        settings = load(_env_file=None, **environment)
        with console.status("Starting PostgreSQL…"):
            server = await embedded.ensure(home)
            stack.callback(server.close)
            await migrate(server.dsn("owner"))
        where = wiring.Addresses(*(server.dsn(role) for role in ("owner", "system", "request")))
        wired = await stack.enter_async_context(wiring.build(settings, where))
        await follow_sandbox_clock(wired.system)
        people = await _identities(wired, home, once=options.once)
        programs = Programs(home / "logs", environment)
        stack.push_async_callback(programs.stop)
        with console.status("Starting PortOne's sandbox, the web program and a worker…"):
            await _start(programs, settings, home, options.seed)
        held = await _journey(wired, people.api_key, options, console=console, began=began)
        if not options.once:
            _welcome(console, settings, people)
            stop = asyncio.Event()
            app.stop_on_signals(stop.set)
            await stop.wait()
            console.print("[dim]Stopping; nothing is lost. `make demo` continues here.[/]")
    return held


async def _journey(wired: wiring.Wired, api_key: str, options: Options, *, console: Console, began: float) -> bool:
    settings = wired.settings
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as http:
        portone = _Portone(http, settings.portone_url)
        async with wired.system.db.transaction() as tx:
            before = sum(line.count for line in await payment_store.counts(tx))
        shop = payers.Shop(http, settings, api_key)
        people = payers.payers(options.seed, before // 100 + 1)
        with _progress(console) as progress:
            task = progress.add_task(
                "100 payers: initialize → pay → webhook → verify → some refunds", total=len(people)
            )
            await shop.serve_all(people, on_done=lambda: progress.advance(task))
        with console.status("Waiting until every webhook has arrived and every job is done…"):
            await _settled(wired, portone, console)
        with console.status("Twenty minutes later: the sweeper asks about payments nobody told us of…"):
            await _let_time_pass(wired, portone, SWEEP_AFTER)
            await _until(lambda: _due(wired), "the sweeper to ask about what is due")
            await _until(lambda: _unsettled(wired, portone), "the sweeper's checks to finish")
        with console.status("Sealing and proving the books…"):
            await _until(lambda: _unsealed(wired), "the ledger to be sealed")
            now = wired.system.clock.now()
            proof = await verify_books(db=wired.system.db, at=now, expectations=wiring.EXPECTATIONS)
        async with wired.system.db.transaction(snapshot=True) as tx:
            ours = await payment_store.counts(tx)
            taken, given_back = [await tx.one(BOOKED, kind=kind) for kind in ("payment.captured", "payment.cancelled")]
        booked = report.Booked(taken=tuple(taken), given_back=tuple(given_back))
        lines = report.compare(await portone.get("state"), ours, booked)
    _say_what_happened(console, people)
    return report.show(console, lines, proof, int(asyncio.get_running_loop().time() - began))


@dataclass(frozen=True, slots=True)
class _Portone:
    """The sandbox's control API."""

    http: aiohttp.ClientSession
    url: str

    async def get(self, what: str) -> dict[str, Any]:
        async with self.http.get(f"{self.url}/__sandbox__/{what}") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def post(self, what: str, body: dict[str, Any]) -> None:
        async with self.http.post(f"{self.url}/__sandbox__/{what}", json=body) as answer:
            assert answer.status == 200, await answer.text()


@dataclass(frozen=True, slots=True)
class _Identities:
    api_key: str
    password: str


async def _identities(wired: wiring.Wired, home: Path, *, once: bool) -> _Identities:
    """A new API key for this run, and a first admin when there is none."""
    key = await access_cli.create_key(
        "demo", ["payments:create", "payments:verify", "payments:read", "payments:cancel"], run=wired.system
    )
    if once:
        return _Identities(key, password="")
    # It opens a sandbox on this machine and nothing else, so it may be kept for the person who comes back tomorrow.
    kept = home / "demo-password"
    password = await access_cli.first_admin(ADMIN_EMAIL, "관리자", run=wired.system)
    if password is not None:
        kept.touch(mode=0o600)
        kept.write_text(password, encoding="utf-8")
    return _Identities(key, kept.read_text(encoding="utf-8") if kept.exists() else "(your own)")


async def _start(programs: Programs, settings: Settings, home: Path, seed: int) -> None:
    await programs.start(
        "sandbox",
        "sandbox",
        f"--port={settings.sandbox_port}",
        f"--seed={seed}",
        f"--state={home / 'portone.json'}",
        f"--webhook-url={settings.url}/api/portone/webhook",
    )
    await asyncio.gather(programs.start("web", "serve"), programs.start("worker", "worker"))


def _environment(home: Path, *, free_ports: bool) -> dict[str, str]:
    """The settings of the demo's programs: always the sandbox, whatever else this shell is set up for."""
    port, sandbox_port = _ports(free=free_ports)
    return {
        "JANGBU_MODE": "sandbox",
        "JANGBU_HOME": str(home),
        "JANGBU_PORT": str(port),
        "JANGBU_SANDBOX_PORT": str(sandbox_port),
        "JANGBU_SWEEP_CRON": "* * * * * */2",
        "JANGBU_LOG_FORMAT": "json",
        "DATABASE_URL": "",
        "PORTONE_V2_BASE_URL": "",
        "PYTHONUNBUFFERED": "1",
    }


def _ports(*, free: bool) -> tuple[int, int]:
    if free:
        return _two_free_ports()
    usual = load(_env_file=None)
    app.listen("127.0.0.1", usual.port).close()
    app.listen("127.0.0.1", usual.sandbox_port, setting="JANGBU_SANDBOX_PORT").close()
    return usual.port, usual.sandbox_port


def _two_free_ports() -> tuple[int, int]:
    """Ports below those that systems hand out by themselves: seconds lie between this look and the programs' start.

    Another's sandbox that was given ours meanwhile would answer for it, and send its webhooks elsewhere.
    """
    found: list[int] = []
    port = FREE_PORTS[os.getpid() * 2 % len(FREE_PORTS)]
    while len(found) < 2:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        port += 1
    return found[0], found[1]


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One demo a folder: two would play each other's payers."""
    lock = os.open(home / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupProblem(
                f"A demo already runs in {home}. Stop it with Ctrl-C where it runs, or start another one elsewhere: "
                "make demo JANGBU_HOME=/another/folder"
            ) from None
        yield
    finally:
        os.close(lock)


async def _throw_away(home: Path) -> None:
    await embedded.remove(home)
    shutil.rmtree(home, ignore_errors=True)


async def _settled(wired: wiring.Wired, portone: _Portone, console: Console) -> None:
    """Wait until webhooks and jobs are through. A webhook that was not taken comes again after minutes (portone-facts
    §4.3), which nobody waits for in front of a demo: then time passes on both clocks.
    """

    async def quiet() -> None:
        await _until(lambda: _unsettled(wired, portone), "PortOne's webhooks and our jobs to settle")

    for later in TRIES_AGAIN:
        with suppress(TimeoutError):
            await asyncio.wait_for(quiet(), QUIET_AFTER_S)
            return
        console.print(f"Still open: {await _unsettled(wired, portone)}. Time passes until PortOne tries again.")
        await _let_time_pass(wired, portone, later)
    await quiet()


async def _unsettled(wired: wiring.Wired, portone: _Portone) -> str:
    """What is on its way still, in words; empty when nothing is."""
    webhooks = (await portone.get("state"))["webhooks"].get("WAITING", 0)
    async with wired.system.db.transaction() as tx:
        jobs, deliveries = await open_count(tx), await inbox_store.open_count(tx)
    open_ = {"webhooks at PortOne": webhooks, "jobs": jobs, "webhooks here": deliveries}
    return ", ".join(f"{count} {what}" for what, count in open_.items() if count)


async def _due(wired: wiring.Wired) -> str:
    async with wired.system.db.transaction() as tx:
        now = wired.system.clock.now()
        due = await payment_store.due_count(tx, now) + await cancellation_store.due_count(tx, now)
    return f"{due} payments and refunds" if due else ""


async def _unsealed(wired: wiring.Wired) -> str:
    async with wired.system.db.transaction() as tx:
        rows = (await tx.one(CHAIN.tail)).rows
    return f"{rows} rows" if rows else ""


async def _let_time_pass(wired: wiring.Wired, portone: _Portone, by: timedelta) -> None:
    """Move our clock and PortOne's together, in steps small enough that no signature looks too old on the way."""
    async with wired.system.db.transaction() as tx:
        offset_s = await tx.one(CLOCK_OFFSET)
    moved = timedelta()
    while moved < by:
        step = min(CLOCK_STEP, by - moved)
        moved += step
        await wired.system.db.statement(SET_CLOCK_OFFSET, offset_s=offset_s + int(moved.total_seconds()))
        await portone.post("clock", {"move_s": int(step.total_seconds())})
    await follow_sandbox_clock(wired.system)


async def _until(left: Callable[[], Awaitable[str]], what: str) -> None:
    """Wait until nothing is left. Raises SetupProblem, which says what is, when that takes too long."""
    deadline = asyncio.get_running_loop().time() + SETTLE_TIMEOUT_S
    while still := await left():
        if asyncio.get_running_loop().time() > deadline:
            raise SetupProblem(
                f"The demo waited {SETTLE_TIMEOUT_S} s for {what}; still open: {still}. See the logs in its folder."
            )
        await asyncio.sleep(0.1)


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console,
        transient=True,
    )  # fmt: skip


def _say_what_happened(console: Console, people: list[payers.Payer]) -> None:
    console.print(f"{len(people)} payers came:")
    for fate in ("pays", *payers.FATES):
        count = sum(1 for payer in people if payer.fate == fate)
        console.print(f"  {count:>3}  {payers.IN_WORDS[fate]}", highlight=False, soft_wrap=True)


def _welcome(console: Console, settings: Settings, people: _Identities) -> None:
    console.print(
        f"""
[bold]Now look around[/] (Ctrl-C stops; run again to continue)
  console    {settings.url}/console/payments
             {ADMIN_EMAIL} / {people.password}
  API docs   {settings.url}/api-docs
             key {people.api_key}
  PortOne    {settings.portone_url}/__sandbox__/
""",
        highlight=False,
        soft_wrap=True,
    )
