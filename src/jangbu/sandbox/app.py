"""Builds the sandbox's ASGI app and runs it: the program behind `jangbu sandbox`."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router

from jangbu import sandbox
from jangbu.sandbox import control, control_settings, script
from jangbu.sandbox.console import pages as console
from jangbu.sandbox.core import approvals, deeds, identity, schedules
from jangbu.sandbox.core.chores import Chores
from jangbu.sandbox.core.clock import Pause, SandboxClock
from jangbu.sandbox.core.default import default_world
from jangbu.sandbox.core.faults import Faults
from jangbu.sandbox.core.idempotency import forget_old
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.script_records import Step
from jangbu.sandbox.core.webhooks import TYPES, Courier, Deliver, HttpDeliver
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import joined, json_response
from jangbu.sandbox.lines import Lines
from jangbu.sandbox.saving import FORMAT, Saved, saved
from jangbu.sandbox.v1 import api_certifications as v1_certifications
from jangbu.sandbox.v1 import api_codes as v1_codes
from jangbu.sandbox.v1 import api_payments as v1_payments
from jangbu.sandbox.v1 import api_schedules as v1_schedules
from jangbu.sandbox.v1 import api_subscribe as v1_subscribe
from jangbu.sandbox.v1 import api_vbanks as v1_vbanks
from jangbu.sandbox.v1 import gate as v1_gate
from jangbu.sandbox.v2 import (
    api_billing,
    api_cancel,
    api_cash_receipts,
    api_identity,
    api_instant,
    api_lists,
    api_payments,
    api_schedules,
    api_small,
    api_v2,
    api_vat_reports,
)
from jangbu.sandbox.window import browser

SAVE_AT_MOST_EVERY_S = 0.2
IDLE_S = 3600.0
operations = joined(
    api_v2.operations,
    api_lists.operations,
    api_payments.operations,
    api_instant.operations,
    api_cancel.operations,
    api_billing.operations,
    api_schedules.operations,
    api_identity.operations,
    api_small.operations,
    api_vat_reports.operations,
    api_cash_receipts.operations,
)


v1_operations = [
    operation
    for module in (v1_payments, v1_subscribe, v1_schedules, v1_vbanks, v1_certifications, v1_codes)
    for operation in module.operations.all
]


def moments() -> list[str]:
    """What a fault or a step of a script may be ordered for: each call, what the PG does by itself, each webhook."""
    names = [*operations.names(), *(each.name for each in v1_operations)]
    return [*names, approvals.OPERATION, schedules.OPERATION, identity.OPERATION, *TYPES]


def assemble(
    world: World,
    clock: SandboxClock,
    deliver: Deliver,
    *,
    pause: Pause = asyncio.sleep,
    is_parallel: bool = True,
) -> Parts:
    """Introduce the parts to each other."""
    faults = Faults(world.state.faults, moments())
    courier = Courier(world, clock, faults, deliver, is_parallel=is_parallel)
    parts = Parts(world, clock, faults, courier, pause)
    chores = Chores(world, partial(deeds.do, world, faults))
    # A PG's deed comes before the webhooks that tell of it.
    clock.agendas += [chores, schedules.Schedules(world, faults), script.Script(parts), courier]
    return parts


def build(parts: Parts, *, state_file: Path | None = None) -> Lines:
    """The ASGI app. While it is served, webhooks go out as they fall due and the state file follows the
    world.

    In process there is no lifespan: webhooks wait until the clock is moved or told to do what is due.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        changed = asyncio.Event()
        parts.on_change = parts.courier.on_change = changed.set
        tasks = [asyncio.create_task(_work_when_due(parts))]
        if state_file is not None:
            parts.save = lambda: write_state(parts, state_file)
            tasks.append(asyncio.create_task(_save_on_change(parts, changed)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            parts.save()

    app = Starlette(
        routes=[
            *browser.routes(parts),
            *console.routes(parts),
            *control.routes(parts),
            *v1_gate.routes(parts, v1_operations),
            *operations.routes(parts),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _unknown_route},
    )
    # PortOne's routes have no twins with a slash at the end, V1's neither.
    for router in (app.router, *(route.app for route in app.routes if isinstance(route, Mount))):
        if isinstance(router, Router):
            router.redirect_slashes = False
    return Lines(app)


async def _unknown_route(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return json_response(problem.status_code, {"type": "NOT_FOUND", "message": "There is no such operation."})


async def _work_when_due(parts: Parts) -> None:
    """Do what is due; then sleep until the next is, or until something happens."""
    sendings: set[asyncio.Task[None]] = set()
    try:
        while True:
            parts.courier.wake.clear()
            now = parts.clock.now()
            if (due := parts.clock.next_due()) is not None and due <= now:
                parts.on_change()
            # A receiver that takes its thirty seconds must not hold up everybody else's webhooks.
            for agenda in parts.clock.agendas:
                sending = asyncio.create_task(agenda.run_due(now))
                sendings.add(sending)
                sending.add_done_callback(sendings.discard)
            await asyncio.sleep(0)
            due = parts.clock.next_due()
            wait_s = IDLE_S
            if due is not None and not parts.clock.is_frozen:
                wait_s = max((due - parts.clock.now()).total_seconds(), 0.001)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(parts.courier.wake.wait(), wait_s)
    finally:
        # What is on its way counts as a failed try, so the next life sends it again.
        for sending in list(sendings):
            sending.cancel()
        await asyncio.gather(*sendings, return_exceptions=True)


async def _save_on_change(parts: Parts, changed: asyncio.Event) -> None:
    """Keep the state file fresh, spending at most a tenth of the time on it however large the world has
    grown.
    """
    loop = asyncio.get_running_loop()
    while True:
        await changed.wait()
        changed.clear()
        began = loop.time()
        parts.save()
        await asyncio.sleep(max(SAVE_AT_MOST_EVERY_S, 10 * (loop.time() - began)))


def write_state(parts: Parts, state_file: Path) -> None:
    """Write the world and the clock so that a crash leaves the old file or the new one, never half of one."""
    data = saved(parts)
    beside = state_file.with_name(state_file.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(state_file)


def open_world(
    clock: SandboxClock,
    *,
    seed: int | None = None,
    state_file: Path | None = None,
    webhook_url: str | None = None,
    inferred: Inferred | None = None,
) -> World:
    """The world of the state file, in its next life, or a fresh default one.

    A given webhook URL is set on every store. Refuses one that nothing can be sent to, and a file of another version.
    """
    control_settings.refuse_unusable(webhook_url)
    if state_file is not None and state_file.exists():
        found = msgspec.json.decode(state_file.read_bytes(), type=Saved)
        if found.format != FORMAT:
            raise NotOurs(f"{state_file} was written by another version of the sandbox")
        clock.restore(found.clock)
        found.world.lives += 1
        world = World(found.world, clock, inferred)
        forget_old(world, clock.now())
    else:
        world = default_world(clock, seed, inferred)
    if webhook_url is not None:
        for store in world.state.stores.values():
            for settings in store.webhooks.values():
                settings.url = webhook_url
    return world


class _Server(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone: whoever runs it stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def running(
    *,
    port: int = 0,
    seed: int | None = None,
    state_file: Path | None = None,
    webhook_url: str | None = None,
    inferred: Inferred | None = None,
    clock: SandboxClock | None = None,
    steps: Sequence[Step] = (),
) -> AsyncIterator[tuple[str, Parts]]:
    """A sandbox on 127.0.0.1 for as long as the block lasts; yields its address and its parts.

    Port 0: a free one. `steps` are a script's, on the agenda from the start.
    """
    clock = clock or SandboxClock()
    deliver = HttpDeliver()
    world = open_world(clock, seed=seed, state_file=state_file, webhook_url=webhook_url, inferred=inferred)
    parts = assemble(world, clock, deliver)
    if steps:
        script.begin(parts, steps)
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        build(parts, state_file=state_file),
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:
            if serving.done():
                serving.result()
                raise RuntimeError("the sandbox did not start")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", parts
    finally:
        server.should_exit = True
        await serving
        await deliver.close()
        listener.close()


async def serve(
    *,
    port: int = sandbox.DEFAULT_PORT,
    seed: int | None = None,
    state_file: Path | None = None,
    webhook_url: str | None = None,
    steps: Sequence[Step] = (),
    on_start: Callable[[str], None] = lambda _: None,
) -> None:
    """Run until SIGINT or SIGTERM. `on_start` is told the address once it answers there.

    Prints nothing; the world is in `state_file` afterwards, and the next run goes on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop.set)
    async with running(port=port, seed=seed, state_file=state_file, webhook_url=webhook_url, steps=steps) as (url, _):
        on_start(url)
        await stop.wait()
