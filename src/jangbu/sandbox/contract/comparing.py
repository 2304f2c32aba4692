"""Where a sandbox answers otherwise than was recorded: status, type of error, fields and what they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jangbu.sandbox.contract.recording import Answer, Exchange, Recording, shape_of

HOLDERS = {"object", "list"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One step that is answered otherwise; each line is a sentence for a person."""

    step: str
    request: str
    lines: list[str] = field(default_factory=list)


def compare(recording: Recording, asked: Sequence[Exchange]) -> list[Difference]:
    """Every step that differs, in the order of the recording."""
    recorded = [each for each in recording.exchanges if each.answer is not None]
    found = []
    for then, now in zip(recorded, asked, strict=True):
        assert then.answer is not None, "they were just chosen"
        lines = [f"it could not be asked: {now.skipped}"] if now.answer is None else _lines(then.answer, now.answer)
        if lines:
            found.append(Difference(then.step.name, f"{then.step.method} {then.step.path}", lines))
    return found


def _lines(then: Answer, now: Answer) -> list[str]:
    if then.status != now.status:
        return [f"status {_told(then)} was recorded, the sandbox answers {_told(now)}"]
    if then.status != 200 and _type_of(then) != _type_of(now):
        return [f"error {_type_of(then)} was recorded, the sandbox answers {_type_of(now)}"]
    lines = []
    if then.content_type != now.content_type:
        lines.append(f"content type {then.content_type} was recorded, the sandbox answers {now.content_type}")
    return lines + _of_shapes(_shape(then), _shape(now))


def _of_shapes(then: dict[str, set[str]], now: dict[str, set[str]]) -> list[str]:
    """What one has and the other has not. Below what only one of them has there is nothing to compare.

    Which rows a list has, of which kind, and what is optional in them is data: there only what both have is compared.
    """
    lines = []
    for place in sorted(then.keys() | now.keys()):
        above = _above(place)
        if above is not None and not HOLDERS & then.get(above, set()) & now.get(above, set()):
            continue
        if place in then and place in now:
            if then[place] != now[place]:
                lines.append(f"{place}: {_kinds(then[place])} was recorded, the sandbox has {_kinds(now[place])}")
        elif "[]" not in place:
            lines.append(
                f"{place}: recorded as {_kinds(then[place])}, the sandbox does not have it"
                if place in then
                else f"{place}: the sandbox has it as {_kinds(now[place])}, it was not recorded"
            )
    return lines


def _above(place: str) -> str | None:
    """What holds this place: the object, or the list."""
    above, dot, last = place.rpartition(".")
    if "[]" in last:
        return place[: place.rindex("[]")]
    return above if dot else None


def _shape(answer: Answer) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place, kind in shape_of(answer.body):
        found.setdefault(place, set()).add(kind)
    return found


def _kinds(kinds: set[str]) -> str:
    return " or ".join(sorted(kinds))


def _type_of(answer: Answer) -> str:
    told = answer.body.get("type") if isinstance(answer.body, dict) else None
    return told if isinstance(told, str) else "without a type"


def _told(answer: Answer) -> str:
    return f"{answer.status}" if answer.status == 200 else f"{answer.status} {_type_of(answer)}"
