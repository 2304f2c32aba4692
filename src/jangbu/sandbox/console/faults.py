"""Faults that wait, all that can be ordered, and scripts of them."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from jangbu.sandbox.console.frame import Asked, Button, shown
from jangbu.sandbox.console.orders import reasons
from jangbu.sandbox.console.words import FAULTS, Words
from jangbu.sandbox.core.faults import KINDS, Fault, Kind
from jangbu.sandbox.core.script_records import Step

STEPS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FaultKind:
    """Faults of one kind: each its name and what it does."""

    label: str
    faults: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WaitingFault:
    name: str
    told: str
    forget: Button


@dataclass(frozen=True, slots=True)
class StepRow:
    line: int
    told: str
    when: str
    refusal: str


@dataclass(frozen=True, slots=True)
class FaultsPage:
    """All that templates/faults.html uses beside the frame."""

    waiting: tuple[WaitingFault, ...]
    kinds: tuple[FaultKind, ...]
    chosen: str
    operations: tuple[str, ...]
    reasons: tuple[tuple[str, str], ...]
    steps: tuple[StepRow, ...]


def faults_page(asked: Asked) -> FaultsPage:
    words, faults, state = asked.words, asked.parts.faults, asked.parts.world.state
    kinds = tuple(
        FaultKind(
            words[f"kind_{kind}"],
            tuple((name, explained(name, words)) for name, (of_kind, _) in KINDS.items() if of_kind is kind),
        )
        for kind in Kind
    )
    return FaultsPage(
        waiting=tuple(_waiting(each, words) for each in faults.waiting),
        kinds=kinds,
        chosen=asked.query.get("fault", ""),
        operations=tuple(faults.operations),
        reasons=reasons(words),
        steps=tuple(_step(each, words) for each in (*state.script, *state.script_done[: -STEPS_SHOWN - 1 : -1])),
    )


def explained(name: str, words: Words) -> str:
    """What a fault does: English where it is defined, Korean beside the other words."""
    return FAULTS[name] if words.language == "ko" else KINDS[name][1]


def _waiting(fault: Fault, words: Words) -> WaitingFault:
    return WaitingFault(
        fault.name,
        _told(fault, words),
        Button(words["forget"], "forget", {"fault": msgspec.json.encode(fault).decode()}),
    )


def _told(fault: Fault, words: Words) -> str:
    said = [fault.operation or words["anywhere"], fault.payment_id, fault.reason]
    if fault.times > 1:
        said.append(words["times_left"].format(count=fault.times))
    if fault.seconds:
        said.append(words["for_seconds"].format(seconds=f"{fault.seconds:g}"))
    if fault.acts:
        said.append(words["acts"])
    return " · ".join(each for each in said if each)


def _step(step: Step, words: Words) -> StepRow:
    if step.done_at is not None:
        when = f"{words['refused'] if step.refusal else words['done']} · {shown(step.done_at)}"
    elif step.due_at is not None:
        when = shown(step.due_at)
    else:
        when = words["after"].format(moment=step.on)
        if step.after_s:
            when += f" + {timedelta(seconds=step.after_s)}"
    return StepRow(step.line, f"{step.name} {step.about or ''}".strip(), when, step.refusal or "")
