"""Many plays, one after another, and what they came to together."""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

import jangbu
from jangbu import __version__
from jangbu.settings import Settings, load
from jangbu.simulator.play import Ending, Play
from jangbu.simulator.stage import Stage

STEPS = 500
"""How long a play is, unless told: a payment's life several times over."""
PACKAGE = Path(jangbu.__file__).parent


@dataclass
class Report:
    """All plays so far. `places` are distinct (seed, failpoint, step) at which a process died with something open."""

    plays: int = 0
    steps: int = 0
    places: set[tuple[int, str, int]] = field(default_factory=set)
    crashes: Counter[str] = field(default_factory=Counter)
    idle: Counter[str] = field(default_factory=Counter)
    sometimes: Counter[str] = field(default_factory=Counter)
    payments: int = 0
    calls: int = 0
    statements: int = 0
    recovered_s: list[int] = field(default_factory=list)
    failed: Ending | None = None

    def add(self, ending: Ending) -> None:
        """One more play."""
        self.plays += 1
        self.steps += ending.steps
        self.places |= {(ending.seed, *place) for place in ending.places}
        for mine, theirs in (
            (self.crashes, ending.crashes),
            (self.idle, ending.idle),
            (self.sometimes, ending.sometimes),
        ):
            mine.update(theirs)
        self.payments += ending.payments
        self.calls += ending.calls
        self.statements += ending.statements
        self.recovered_s += ending.recovered_s
        if ending.problems:
            self.failed = ending

    def recovery_s(self, per_mille: int) -> int:
        """The given quantile of the time to recover, in the play's seconds."""
        return self.quantile(self.recovered_s, per_mille)

    @staticmethod
    def quantile(of: Sequence[int], per_mille: int) -> int:
        """The value below which `per_mille` thousandths lie; 0 of nothing."""
        ordered = sorted(of)
        return ordered[min(len(ordered) - 1, len(ordered) * per_mille // 1000)] if ordered else 0


async def swarm(
    stage: Stage,
    *,
    seeds: Sequence[int],
    steps: int,
    trace: Callable[[str], None] | None = None,
    is_enough: Callable[[Report], bool] = lambda _: False,
) -> Report:
    """Play every seed, until one fails or it is enough."""
    report = Report()
    with quiet():
        for seed in seeds:
            report.add(await Play(stage, play_settings(), seed=seed, steps=steps, trace=trace).run())
            if report.failed is not None or is_enough(report):
                break
    return report


def again(ending: Ending, steps: int) -> str:
    """The command that plays it once more."""
    return f"jangbu simulate --seed {ending.seed} --steps {steps} --plays 1 --trace"


def revision() -> str:
    """The version, and a digest of every line of the code: the same seed on another revision is another play."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def play_settings() -> Settings:
    """The same for every play, whatever this shell is set up for."""
    return load(
        _env_file=None, JANGBU_MODE="sandbox", DATABASE_URL="", PORTONE_V2_BASE_URL="", JANGBU_SWEEP_CRON="* * * * *"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """No log lines meanwhile: troubles are ordinary here, and the trace tells them better."""
    before = structlog.get_config()
    library = logging.getLogger("pgqueuer")
    was_disabled = library.disabled
    structlog.configure(**{**before, "wrapper_class": structlog.make_filtering_bound_logger(logging.CRITICAL)})
    library.disabled = True
    try:
        yield
    finally:
        structlog.configure(**before)
        library.disabled = was_disabled
