"""What may go wrong in one play, and how often: drawn from the seed, so that every play is wrong in its own way.

Some plays have a little of everything, some one kind of trouble half of the time, some none but concurrency. Rates are
per mille of the moments at which the thing could happen.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

from jangbu.ids import Chance

CALL_FAULTS = (
    "answer_lost",
    "not_reached",
    "slow",
    "too_slow",
    "status_429",
    "status_500",
    "status_500_after",
    "status_502",
    "status_502_after",
    "html_502",
    "html_502_after",
    "idempotency_outstanding",
    "bad_json",
    "unknown_status",
    "unknown_method",
    "unknown_fields",
    "not_sent",
)
"""By the sandbox's names; `_after`: it acted first."""


@dataclass(frozen=True, slots=True)
class Custom:
    """Whom a play is about: shares of its orders per mille, and for what comes after, weights beside the others."""

    by_account: int = 0
    by_transfer: int = 0
    at_checkout: int = 0
    by_approval: int = 0
    by_v1: int = 0
    disputes: int = 0
    receipts: int = 0
    escrow: int = 0


USUAL = Custom(300, 200, 400, 250, 200, 4, 6, 6)
THEMES: tuple[dict[str, int], ...] = (
    {"at_checkout": 900},
    {"at_checkout": 900, "by_account": 500},
    {"by_account": 700, "by_transfer": 0},
    {"by_v1": 800},
    {"by_approval": 700},
    {"by_transfer": 700, "receipts": 24},
    {"by_transfer": 700, "escrow": 24},
    {"disputes": 20},
)


@dataclass(frozen=True, slots=True)
class Mix:
    """One play's troubles."""

    crash_at_failpoint: int = 0
    crash_at_statement: int = 0
    crash_at_commit: int = 0
    crash_at_call: int = 0
    line_lost: int = 0
    commit_answer_lost: int = 0
    deadlock: int = 0
    pause: int = 0
    call_fault: int = 0
    call_faults: tuple[str, ...] = CALL_FAULTS
    outage: int = 0
    cancel_slow: int = 0
    cancel_no: int = 0
    webhook_lost: int = 0
    webhook_again: int = 0
    webhook_forged: int = 0
    webhook_outage: int = 0
    merchant_fault: int = 0
    merchant_outage: int = 0
    stays_down: int = 0
    decline: int = 0
    tamper: int = 0
    is_sequential: bool = False
    webs: int = 1
    workers: int = 2
    custom: Custom = USUAL

    @property
    def programs(self) -> tuple[tuple[str, int], ...]:
        """How many run of each kind."""
        return ("web", self.webs), ("worker", self.workers)


CALM = Mix()
ORDINARY = Mix(
    crash_at_failpoint=60,
    crash_at_statement=10,
    crash_at_commit=25,
    crash_at_call=30,
    line_lost=10,
    commit_answer_lost=15,
    deadlock=6,
    pause=80,
    call_fault=160,
    outage=10,
    cancel_slow=300,
    cancel_no=60,
    webhook_lost=150,
    webhook_again=150,
    webhook_forged=30,
    webhook_outage=20,
    merchant_fault=350,
    merchant_outage=20,
    stays_down=300,
    decline=200,
    tamper=30,
)


def draw(chance: Chance) -> Mix:
    """A play's mix."""
    shape = chance.random()
    names = [one.name for one in fields(Mix) if isinstance(getattr(ORDINARY, one.name), int)]
    names = [name for name in names if name not in {"is_sequential", "webs", "workers", "decline", "tamper"}]
    if shape < 0.2:
        # One kind of trouble, half of the time where it can be; and deaths, because they are what we count.
        worst = chance.choice(names)
        rates = {"crash_at_failpoint": 60, "decline": 200, "tamper": 20, worst: 500}
        mix = _with(CALM, rates)
    elif shape < 0.6:
        quiet = set(chance.sample(names, len(names) // 2))
        mix = _with(ORDINARY, dict.fromkeys(quiet, 0) | {"crash_at_failpoint": 80})
    else:
        mix = _with(ORDINARY, {name: getattr(ORDINARY, name) * chance.choice((0, 1, 1, 2, 4)) for name in names})
    if chance.random() < 0.4:
        mix = replace(mix, call_faults=tuple(chance.sample(CALL_FAULTS, chance.randint(1, 3))))
    return replace(
        mix,
        is_sequential=chance.random() < 0.25,
        webs=chance.choice((1, 2, 2)),
        workers=chance.choice((2, 2, 3)),
        custom=_custom(chance),
    )


def _custom(chance: Chance) -> Custom:
    """Mostly few kinds of payers, and more of them: so what is rare between two of a kind happens at all."""
    if chance.random() < 0.3:
        return USUAL
    first, second = chance.sample(THEMES, 2)
    return Custom(**(first | second))


def _with(mix: Mix, rates: dict[str, int]) -> Mix:
    changed: dict[str, Any] = rates
    return replace(mix, **changed)
