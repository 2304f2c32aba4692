"""What becomes of whoever passes a place where things may go wrong: decided by the seed, and mostly nothing."""

from collections import Counter

from jangbu.ids import Chance
from jangbu.simulator.mix import Mix
from jangbu.simulator.turns import Fate, Fiber, Kind

SELDOM = (
    "checkout.complete.", "checkout.event.", "checkout.expire.", "checkout.prepare.registered",
    "payment.cancel.before_commit", "payment.cancel.committed", "payment.cancel.looked", "payment.confirm.noted",
    "payment.dispute.", "payment.escrow.", "payment.receipt.",
)  # fmt: skip
"""Where few programs come by: those that do die more often, else a swarm would have to be several times as long."""
MORE_OFTEN = 5
NEW_PLACE = 3
"""How much likelier a death is where nobody died yet in this play. With each it becomes rarer."""


class Fates:
    """One play's."""

    def __init__(self, mix: Mix, chance: Chance) -> None:
        self._mix = mix
        self._chance = chance
        self._died_at: Counter[tuple[Kind, str]] = Counter()

    def of(self, fiber: Fiber, kind: Kind, name: str) -> Fate:
        """What becomes of `fiber` here."""
        roll: float = self._chance.randrange(1000)
        for fate, rate in self._odds(fiber, kind, name):
            if roll < rate:
                if fate is Fate.CRASH:
                    self._died_at[kind, name] += 1
                return fate
            roll -= rate
        return Fate.GO

    def _odds(self, fiber: Fiber, kind: Kind, name: str) -> list[tuple[Fate, float]]:
        """What may happen, with how often per mille."""
        mix = self._mix
        # Where many died already the next one passes more easily: what lies behind is to be reached as well.
        is_mortal = 0.0 if fiber.process is None else NEW_PLACE / (1 + self._died_at[kind, name])
        odds: list[tuple[Fate, float]]
        match kind:
            case Kind.FAILPOINT:
                often = MORE_OFTEN if name.startswith(SELDOM) else 1
                return [(Fate.CRASH, mix.crash_at_failpoint * is_mortal * often)]
            case Kind.STATEMENT:
                odds = [
                    (Fate.CRASH, mix.crash_at_statement * is_mortal),
                    (Fate.LOST, mix.line_lost),
                    (Fate.ANSWER_LOST, mix.line_lost),
                    (Fate.BUSY, mix.deadlock),
                ]
            case Kind.COMMIT:
                odds = [
                    (Fate.CRASH, mix.crash_at_commit * is_mortal),
                    (Fate.LOST, mix.line_lost),
                    (Fate.ANSWER_LOST, mix.commit_answer_lost),
                ]
            case Kind.CALL | Kind.ANSWER:
                odds = [(Fate.CRASH, mix.crash_at_call * is_mortal)]
        if not mix.is_sequential:
            # Within a transaction it holds locks, or has read what another may be changing.
            odds.append((Fate.PAUSE, mix.pause * (1 + bool(fiber.in_transaction))))
        return odds
