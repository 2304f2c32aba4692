"""What a shop asks back for an order, in which ways, and what it was told of each refund."""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Way = Literal["once", "clicked twice", "by two people at once"]
"""Clicked twice: the same request, with its key, sent twice at once. Two people: two requests, each with a key."""

IN_PROGRESS = "CANCELLATION_IN_PROGRESS"
TOO_MUCH = {"CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", "PAYMENT_ALREADY_CANCELLED"}
ANSWERS = frozenset({IN_PROGRESS, *TOO_MUCH})
"""The only ways to say no that these shops give cause for."""


@dataclass(frozen=True)
class Plan:
    """One thing asked back. `amount` None: all that is left."""

    way: Way
    amount: int | None


@dataclass
class Refund:
    """One Idempotency-Key, and what was said under it."""

    key: str
    amount: int | None
    cancellation_id: str = ""
    given: int | None = None
    refusal: str = ""

    @property
    def is_told(self) -> bool:
        """Whether the shop knows how it ended."""
        return self.given is not None or bool(self.refusal)

    def heard(self, status: int, answer: dict[str, Any]) -> str:
        """Take note of an answer; what is wrong with it, or ""."""
        before = (self.cancellation_id, self.given, self.refusal)
        if status >= 400:
            if answer["error"]["code"] in TOO_MUCH:
                self.refusal = answer["error"]["code"]
            is_other = bool(before[0])
        else:
            told = answer["data"]["cancellation"]
            self.cancellation_id = told["id"]
            if told["status"] == "SUCCEEDED":
                self.given = told["amount"]
            is_other = before[0] not in {"", told["id"]} or bool(before[2])
            is_other |= before[1] not in {None, self.given} or self.amount not in {None, told["amount"]}
        return f"the same key was told {before} and then {status} {answer}" if is_other else ""


def planned(amount: int, chance: Random) -> tuple[Plan, ...]:
    """What will be asked back of an order of `amount`."""
    quarter, half = amount // 4, amount // 2
    plans: list[tuple[Plan, ...]] = [
        (),
        (),
        (Plan("once", amount),),
        (Plan("once", None),),
        (Plan("clicked twice", None),),
        (Plan("by two people at once", None),),
        (Plan("once", quarter), Plan("clicked twice", half)),
        (Plan("by two people at once", half), Plan("once", None)),
        (Plan("once", quarter), Plan("by two people at once", half), Plan("clicked twice", None)),
    ]
    return chance.choice(plans)
