"""Carries a script out: faults are ordered and orders done when their time comes, on the sandbox's clock.

What waits is data in the world, so it outlives a restart.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jangbu.sandbox import control_billing, orders
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import ApiError, NotOurs
from jangbu.sandbox.core.script_records import Step
from jangbu.sandbox.script_file import BadScript, Problem

DONE_KEPT = 1000


class Script:
    """The clock's agenda of steps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        parts.faults.on_moment = self._moment

    def next_due(self) -> datetime | None:
        return min((step.due_at for step in self._waiting if step.due_at is not None), default=None)

    async def run_due(self, now: datetime) -> None:
        while due := [(step.due_at, step) for step in self._waiting if step.due_at is not None and step.due_at <= now]:
            _, first = min(due, key=lambda each: each[0])
            self._waiting.remove(first)
            first.done_at = now
            try:
                _do(self._parts, first)
            except (ApiError, NotOurs) as refusal:
                first.refusal = str(refusal)
            done = self._parts.world.state.script_done
            done.append(first)
            del done[:-DONE_KEPT]

    @property
    def _waiting(self) -> list[Step]:
        return self._parts.world.state.script

    def _moment(self, operation: str, about: str | None) -> None:
        """Something happens that a step may wait for: a call, a decision of the PG, a webhook."""
        for step in self._waiting:
            if step.due_at is not None or step.on != operation:
                continue
            if step.about is None and about is not None and step.kind == "order":
                step.about = about
            elif step.about is None or about not in (None, step.about):
                continue
            step.due_at = self._parts.clock.now() + timedelta(seconds=step.after_s)
            # What happens now happens first: no step of the world awaits, so the agenda comes after it.
            self._parts.courier.wake.set()


def begin(parts: Parts, steps: Sequence[Step]) -> None:
    """Order a script at the start of the program: what waits since an earlier life is forgotten, or each restart would
    do it once more.
    """
    parts.world.state.script.clear()
    parts.faults.clear()
    order(parts, steps)


def order(parts: Parts, steps: Sequence[Step]) -> None:
    """Put a script on the agenda, after those that wait already. Refuses a time that is past, and then all of it."""
    now = parts.clock.now()
    past = [step for step in steps if step.at is not None and step.at < now]
    if past:
        raise BadScript([Problem(step.line, f"{step.at} is past: the sandbox's clock shows {now}") for step in past])
    for step in steps:
        if step.kind == "fault" or step.on is None:
            step.due_at = step.at or now + timedelta(seconds=step.after_s)
        if step.kind == "fault" and step.due_at == now:
            # It strikes the very next call, so it does not wait for the agenda to come round.
            _do(parts, step)
            step.done_at = now
            parts.world.state.script_done.append(step)
        else:
            parts.world.state.script.append(step)


def _do(parts: Parts, step: Step) -> None:
    if step.fault is not None:
        parts.faults.order(step.fault)
        return
    raw = msgspec.json.encode(step.fields)
    assert step.about is not None, "an order has its payment by now"
    if step.kind == "key_order":
        control_billing.carry_out(parts, step.about, step.name, raw)
    else:
        orders.carry_out(parts, step.about, step.name, raw)


def shown(parts: Parts) -> dict[str, Any]:
    """What waits and what is done, for the control API."""
    state = parts.world.state
    return {"waiting": msgspec.to_builtins(state.script), "done": msgspec.to_builtins(state.script_done)}
