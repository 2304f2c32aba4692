"""What the doctor finds: one sentence a check, and what to do about it."""

from dataclasses import dataclass

from jangbu.terminal import Mark

_VERDICTS: dict[Mark, str] = {"good": "ok", "bad": "wrong", "look": "look", "none": "not_checked"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. `todo` is empty when there is nothing to do."""

    name: str
    mark: Mark
    sentence: str
    todo: str = ""

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {"check": self.name, "verdict": _VERDICTS[self.mark], "sentence": self.sentence, "todo": self.todo}


def good(name: str, sentence: str) -> Finding:
    """As it should be."""
    return Finding(name, "good", sentence)


def bad(name: str, sentence: str, todo: str) -> Finding:
    """Must be mended."""
    return Finding(name, "bad", sentence, todo)


def look(name: str, sentence: str, todo: str) -> Finding:
    """Works, and wants a person's look."""
    return Finding(name, "look", sentence, todo)


def unchecked(name: str, sentence: str, todo: str = "") -> Finding:
    """Nothing to check here, or not possible now; `todo` says how it would be."""
    return Finding(name, "none", sentence, todo)
