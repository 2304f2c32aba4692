"""One play: a seed, so many steps, and what became of it."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from jangbu.failpoints import watched
from jangbu.ids import Ids
from jangbu.outbox import feed_store
from jangbu.outbox.rules import TRIES_MAX
from jangbu.sandbox.core.chores import Chores
from jangbu.sandbox.testing import Sandbox
from jangbu.settings import Settings
from jangbu.simulator import store
from jangbu.simulator.approvals import open_channel
from jangbu.simulator.bank import habits
from jangbu.simulator.cast import Cast
from jangbu.simulator.checks import Watch, untold, when_settled
from jangbu.simulator.elders import announce
from jangbu.simulator.fates import Fates
from jangbu.simulator.feed_checks import problems_of_feed
from jangbu.simulator.machine import Machine, Site
from jangbu.simulator.merchant import Merchant
from jangbu.simulator.mix import Mix, draw
from jangbu.simulator.outside import Door, LineToPortOne
from jangbu.simulator.script import Notes, Scene, Work
from jangbu.simulator.stage import Stage
from jangbu.simulator.turns import Fate, Fiber, Kind, Turns, here
from jangbu.simulator.visit_checks import problems_of_visits

SHOWN_ACTIONS = 40
IN_FLIGHT_MAX = 2
"""Two may interleave. With three, two could wait for one lock, and which of them wakes first is PostgreSQL's choice."""
GO_ON = 300
"""How likely, per mille, a paused fiber goes on rather than something new begins."""
SETTLING = (62, 310, 930, 3_700)
"""How many seconds pass, again and again, until every payment was re-read: past backoff and the longest wait."""
DAYS_LATER = 280_000
"""Past the last look at whatever nobody paid: what still waits then waits for ever."""
LEASE_IS_OVER = timedelta(seconds=31)
KNOWN_AFTER_LOOKS_MAX = 40
SETTLE_ODDS = 2
JOBS_MAX = 5_000


class PlayFailed(Exception):  # noqa: N818 (it is what a play is for)
    """Something that must hold did not."""


@dataclass
class Ending:
    """What one play came to. `crashes` are those with a transaction or a call open, by failpoint; `idle` the others."""

    seed: int
    steps: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    places: set[tuple[str, int]] = field(default_factory=set)
    idle: Counter[str] = field(default_factory=Counter)
    sometimes: Counter[str] = field(default_factory=Counter)
    payments: int = 0
    calls: int = 0
    statements: int = 0
    recovered_s: list[int] = field(default_factory=list)
    """From the end of all troubles to no attempt without an outcome, in the play's seconds."""
    problems: list[str] = field(default_factory=list)
    surprise: Exception | None = None
    last_actions: list[str] = field(default_factory=list)
    digest: str = ""
    """Of every line of the trace: equal for equal plays."""


class Play:
    """One run of the whole thing."""

    def __init__(
        self,
        stage: Stage,
        settings: Settings,
        *,
        seed: int,
        steps: int,
        mix: Mix | None = None,
        trace: Callable[[str], None] | None = None,
    ) -> None:
        self._stage = stage
        self._steps = steps
        self._chance = Ids(seed=seed).chance()
        self.mix = mix or draw(self._chance)
        self.ending = Ending(seed)
        self._trace = trace
        self._spoken: deque[str] = deque(maxlen=SHOWN_ACTIONS)
        self._digest = hashlib.sha256()
        self._is_calm = False
        self._fates = Fates(self.mix, self._chance)
        self._step = 0
        self.turns = Turns(self._decide, stage)
        notes = Notes(self._say, self._sometimes, self._problem)
        self._door = Door(self._chance, self._sometimes)
        self.portone = Sandbox(seed=seed, deliver=self._door, inferred=habits(self._chance))
        open_channel(self.portone)
        announce(self.portone)
        # Accounts end when their time is over. The play delivers webhooks itself, one by one; time alone must not.
        self.portone.clock.agendas = [one for one in self.portone.clock.agendas if isinstance(one, Chores)]
        self._line = LineToPortOne(self.portone, self.mix, self._chance, self._sometimes)
        scene = Scene(self.mix, self._chance, self.portone, self._line, self._door, notes)
        self.merchant = Merchant(scene)
        site = Site(seed, settings, stage.shelves, self.turns, self.portone.clock, self._line, self.merchant)
        webs, workers = ([f"{kind}{n + 1}" for n in range(count)] for kind, count in self.mix.programs)
        machines = [Machine(number, name, site) for number, name in enumerate([*webs, *workers])]
        self._door.webs, self._workers = machines[: len(webs)], machines[len(webs) :]
        self.cast = Cast(scene, self._workers, self.merchant)
        self._watch = Watch(stage.glance, self.portone.world, self.cast.visits.names)

    async def run(self) -> Ending:
        """Play to the end, or to the first thing that does not hold. Problems are in the ending, never raised."""
        await self._stage.empty()
        try:
            with watched(self._at_failpoint):
                while self._step < self._steps:
                    self._step += 1
                    await self._one_step()
                    if self._chance.randrange(1000) < SETTLE_ODDS:
                        await self._settle(is_final=False)
                await self._settle(is_final=True)
        except PlayFailed:
            pass
        except Exception as surprise:  # noqa: BLE001 (kept whole: with the trace, all there is to find the cause by)
            self.ending.problems.append(f"{type(surprise).__name__}: {surprise}")
            surprise.add_note(f"seed {self.ending.seed}, step {self._step}")
            self.ending.surprise = surprise
        finally:
            for fiber in self.turns.in_flight:
                await fiber.abandon()
        return self._ended()

    def _ended(self) -> Ending:
        ending = self.ending
        ending.steps = self._step
        ending.payments = len(self.cast.purchases)
        ending.calls = self._line.calls
        ending.statements = self.turns.statements
        if self.turns.lock_waits:
            ending.sometimes["waited for another's lock"] += self.turns.lock_waits
        ending.last_actions = list(self._spoken)
        ending.digest = self._digest.hexdigest()
        return ending

    # Steps.

    async def _one_step(self) -> None:
        ready = [fiber for fiber in self.turns.in_flight if not fiber.is_blocked]
        is_full = len(self.turns.in_flight) >= IN_FLIGHT_MAX
        if ready and (is_full or self._chance.randrange(1000) < GO_ON):
            fiber = self._chance.choice(ready)
            self._say(f"{fiber} goes on")
            await self._let(fiber)
            return
        actions = self.cast.choices(self._steps - self._step)
        action = self._chance.choices(actions, [one.weight for one in actions])[0]
        await self._begin(action.label, action.work)

    async def _begin(self, label: str, work: Work) -> None:
        fiber = self.turns.fiber(label, work())
        self._say(f"{fiber} begins")
        await self._let(fiber)

    async def _let(self, fiber: Fiber) -> None:
        await self._stage.show(self.portone.clock.now())
        statements = self.turns.statements
        await self.turns.give(fiber)
        self._restart_some()
        if self.turns.statements != statements and not self._is_calm:
            await self._look()
        if not self.turns.in_flight and self._stage.in_use:
            self._problem(f"{self._stage.in_use} connections were not given back")
        if self.ending.problems:
            raise PlayFailed

    async def _look(self) -> None:
        for problem in await self._watch.look():
            self._problem(problem)

    def _restart_some(self) -> None:
        """Most programs that died are started again at once; the others stay away for a while."""
        for machine in (*self._door.webs, *self._workers):
            if machine.died() and self._chance.randrange(1000) >= self.mix.stays_down:
                machine.start()

    # Fates.

    def _decide(self, fiber: Fiber, kind: Kind, name: str) -> Fate:
        if self._is_calm:
            return Fate.GO
        fate = self._fates.of(fiber, kind, name)
        if fate is not Fate.GO:
            self._note(fiber, kind, name, fate)
        return fate

    def _note(self, fiber: Fiber, kind: Kind, name: str, fate: Fate) -> None:
        place = name if kind is Kind.FAILPOINT else f"at {kind.value}: {name}"
        self._say(f"{fiber}: {fate.value} at {place}")
        if fate is Fate.CRASH:
            if fiber.in_transaction or fiber.calls_open:
                self.ending.crashes[place] += 1
                self.ending.places.add((place, self._step))
            else:
                self.ending.idle[place] += 1
        elif fate is not Fate.PAUSE:
            self._sometimes(f"{kind.value}: {fate.value}")

    @staticmethod
    def _at_failpoint(name: str) -> None:
        if (fiber := here()) is not None:
            fiber.point(Kind.FAILPOINT, name)

    # Recovery.

    async def _settle(self, *, is_final: bool) -> None:
        """All troubles end; everything runs until it is quiet, and then everything must be right."""
        self._say("all troubles end")
        self._is_calm, self._line.is_faulty, self._line.down_until = True, False, None
        self.merchant.is_faulty = False
        self.merchant.down_until.clear()
        while ready := [fiber for fiber in self.turns.in_flight if not fiber.is_blocked]:
            await self._let(ready[0])
        for machine in (*self._door.webs, *self._workers):
            if not machine.is_up:
                machine.start()
        await self.cast.refunds.settle_all()
        await self._time_to_know()
        if is_final:
            await self.cast.refunds.cancel_unheard(self.cast.purchases)
        unheard = await untold(db=self._stage.checker, world=self.portone.world)
        for seconds in (DAYS_LATER, *SETTLING) if is_final else SETTLING:
            await self._let_pass(timedelta(seconds=seconds))
        await self._send_all()
        if is_final:
            await self._begin("settling: checks", partial(self.cast.crew.ask_checks, self._workers[0]))
        now = self.portone.clock.now()
        found = await when_settled(
            self.cast.purchases,
            db=self._stage.checker,
            world=self.portone.world,
            now=now,
            is_final=is_final,
            refused=self._line.refused,
            visits=self.cast.visits.names,
            decided=self.cast.complaints.told,
        )
        broken, endings = await problems_of_visits(
            self.cast.purchases,
            self.cast.visits.wares,
            db=self._stage.checker,
            world=self.portone.world,
            now=now,
        )
        found += broken
        for ending in endings:
            self._sometimes(ending)
        found += self.cast.refunds.problems()
        found += self.cast.parcels.problems()
        found += await problems_of_feed(self.merchant, db=self._stage.checker)
        for problem in found:
            self._problem(problem)
        for why in unheard:
            self._sometimes(f"{why}: the poller found it")
        if self.ending.problems:
            raise PlayFailed
        self._say("everything has settled")
        self._is_calm, self._line.is_faulty, self.merchant.is_faulty = False, True, True

    async def _time_to_know(self) -> None:
        """Let time pass until every call has an outcome, and note how long that was (reliability G06)."""
        began = self.portone.clock.now()
        await self._let_pass(timedelta())
        for _ in range(KNOWN_AFTER_LOOKS_MAX):
            unknown = await self._stage.glance.one(store.UNKNOWN)
            if not unknown.attempts:
                break
            waits = (unknown.asked_again_at or began) - self.portone.clock.now()
            await self._let_pass(max(waits, LEASE_IS_OVER))
        else:
            self._problem(f"{unknown.attempts} calls still have no outcome")
        self.ending.recovered_s.append(int((self.portone.clock.now() - began).total_seconds()))

    async def _send_all(self) -> None:
        """Let every event reach everybody: what waits for its next try waits, what was given up is sent again."""
        await self._begin("settling: operator brings back", self.merchant.bring_back)
        await self._let_pass(timedelta())
        for _ in range(TRIES_MAX):
            due_at = await self._stage.glance.maybe(store.DELIVERY_DUE_AT)
            if due_at is None:
                break
            await self._let_pass(max(due_at - self.portone.clock.now(), timedelta()))
        while len(self.merchant.read) < await self._stage.glance.one(feed_store.HEAD):
            await self._begin("settling: reads the feed", self.merchant.read_on)

    async def _let_pass(self, by: timedelta) -> None:
        if held := await self._stage.requeue_held():
            self._sometimes("a job had given up and was queued again", held)
        await self.portone.clock.move(by)
        await self._stage.show(self.portone.clock.now())
        worker = self._workers[0]
        await self._begin("settling: schedule", partial(self.cast.crew.schedule, worker))
        while due := self.cast.post.due():
            await self._begin("settling: webhook", partial(self.cast.post.deliver, due[0]))
        for _ in range(2):
            # What the jobs announce is sent too.
            await self._work_off(worker)
            await self._begin("settling: tick", partial(self.cast.crew.tick, worker))
        await self._work_off(worker)
        await self._look()

    async def _work_off(self, worker: Machine) -> None:
        for _ in range(JOBS_MAX):
            before = self.cast.crew.idle_looks
            await self._begin("settling: job", partial(self.cast.crew.job, worker))
            if self.cast.crew.idle_looks != before:
                return
        self._problem(f"the queue is not empty after {JOBS_MAX} jobs")

    # Words.

    def _say(self, text: str) -> None:
        line = f"{self._step:4} {self.portone.clock.now():%d %H:%M:%S} {text}"
        self._digest.update(line.encode())
        self._spoken.append(line)
        if self._trace is not None:
            self._trace(line)

    def _sometimes(self, what: str, times: int = 1) -> None:
        self.ending.sometimes[what] += times

    def _problem(self, what: str) -> None:
        self._say(f"PROBLEM: {what}")
        self.ending.problems.append(what)
