"""What came due while the clock moved: the difference between two looks at the world."""

from dataclasses import dataclass
from datetime import datetime

from jangbu.sandbox.core import schedules
from jangbu.sandbox.core.script_records import Step
from jangbu.sandbox.core.world import World


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that fell due. `kind` is a word of `words`, `about` whose it is, `outcome` what came of it."""

    at: datetime
    kind: str
    about: str
    outcome: str
    payment_id: str = ""
    """Where there is more to see."""


@dataclass(frozen=True, slots=True)
class Look:
    """The world at one moment, as far as it changes by itself."""

    attempts: dict[str, str]
    cancellations: dict[str, str]
    schedules: dict[str, str]
    tries: dict[int, int]
    steps_done: dict[int, Step]
    """By `id()`, and kept, so that no later step has the same."""


def look(world: World) -> Look:
    state = world.state
    attempts = list(world.attempts())
    return Look(
        {each.transaction_id: each.status for each in attempts},
        {each.id: each.status for attempt in attempts for each in attempt.cancellations},
        {each.id: schedules.status_of(world, each) for each in state.schedules.values()},
        {each.number: len(each.tries) for each in state.deliveries},
        {id(each): each for each in state.script_done},
    )


def since(before: Look, world: World) -> tuple[Happening, ...]:
    """What happened since, the earliest first."""
    found = [*_of_payments(before, world), *_of_schedules(before, world), *_of_webhooks(before, world)]
    for step in world.state.script_done:
        if id(step) not in before.steps_done and step.done_at is not None:
            about = f"{step.name} {step.about or ''}".strip()
            found.append(Happening(step.done_at, "passed_step", about, step.refusal or ""))
    return tuple(sorted(found, key=lambda each: each.at))


def _of_payments(before: Look, world: World) -> list[Happening]:
    found = []
    for attempt in world.attempts():
        known = before.attempts.get(attempt.transaction_id)
        # A schedule tells of the payment it makes.
        if attempt.status != known and (known or not attempt.schedule_id):
            kind = "passed_lapsed" if attempt.has_lapsed else "passed_payment"
            outcome = f"{known} → {attempt.status}" if known else attempt.status
            found.append(Happening(attempt.status_changed_at, kind, attempt.payment_id, outcome, attempt.payment_id))
        for each in attempt.cancellations:
            told = before.cancellations.get(each.id)
            if each.status != told:
                at = each.cancelled_at or attempt.updated_at
                outcome = f"{told} → {each.status}" if told else each.status
                found.append(Happening(at, "passed_cancel", attempt.payment_id, outcome, attempt.payment_id))
    return found


def _of_schedules(before: Look, world: World) -> list[Happening]:
    found = []
    for each in world.state.schedules.values():
        status = schedules.status_of(world, each)
        at = schedules.ended_at(world, each) or each.started_at
        if status != before.schedules.get(each.id) and at is not None:
            found.append(Happening(at, "passed_schedule", each.payment_id, status, each.payment_id))
    return found


def _of_webhooks(before: Look, world: World) -> list[Happening]:
    found = []
    for each in world.state.deliveries:
        for number, attempt in enumerate(each.tries, 1):
            if number > before.tries.get(each.number, 0):
                about, outcome = f"{each.type} ({number})", str(attempt.status or attempt.problem or "")
                found.append(Happening(attempt.requested_at, "passed_try", about, outcome, each.payment_id))
    return found
