"""The merchant's own systems: endpoints that are told, and one that reads the feed. They fail as often as anybody's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from jangbu.audit import Actor
from jangbu.outbox.refusals import EndpointNotEnabled
from jangbu.outbox.rules import SECRET_BYTES_MADE, Answer, secret_of, signed_headers
from jangbu.outbox.service import endpoints, feed, replay
from jangbu.simulator.machine import Process
from jangbu.simulator.script import May, Scene
from jangbu.simulator.turns import Kind, here

OWNER = Actor("console:owner")
SYSTEMS_MAX = 3
TOLERATED = timedelta(minutes=5)
"""How old a message may be, as Standard Webhooks advises receivers."""
CHOICES_OF_TYPES: tuple[list[str], ...] = ([], [], ["payment.paid", "payment.cancelled", "payment.partially_cancelled"])
FAULTS = {
    # Name: whether the system took the message all the same, and what the sender makes of it.
    "unreachable": (False, Answer("unreachable", body="no connection")),
    "refused": (False, Answer("refused", 503, "later")),
    "redirected": (False, Answer("redirected", 302)),
    "broken": (True, Answer("broken", body="the connection broke")),
    "timeout": (True, Answer("timeout", body="no answer within 15 s")),
    "refused_after": (True, Answer("refused", 500, "oops")),
}
GONE = Answer("gone", 410, "not any more")


@dataclass
class System:
    """One address of the merchant's, and what arrived there: bodies by event."""

    url: str
    secret: str
    got: dict[str, bytes] = field(default_factory=dict)


class Merchant:
    """Everything behind the outbox, and the `Sender` that leads there."""

    def __init__(self, scene: Scene) -> None:
        self._mix = scene.mix
        self._chance = scene.chance
        self._clock = scene.portone.clock
        self._door = scene.door
        self._notes = scene.notes
        self.systems: dict[str, System] = {}
        self.is_faulty = True
        self.down_until: dict[str, datetime] = {}
        self.read: list[tuple[int, str]] = []
        """What the reader of the feed has: numbers and event ids, in the order they came."""

    def choices(self, may: May) -> None:
        """What may happen now."""
        if len(self.systems) < SYSTEMS_MAX:
            may("operator: adds an endpoint", 3, self._subscribe)
        else:
            may("operator: switches an endpoint", 2, self._switch)
            may("operator: sends again", 1, self._replay)
        may("shop: reads the feed", 3, self.read_on)
        if self.systems:
            may("merchant: away", self._mix.merchant_outage // 5, self._go_away)

    # What is sent.

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """See Sender. Fails as the seed wants, before the system took the message or after."""
        fiber = here()
        assert fiber is not None, "nothing is sent but within the play"
        system = self.systems[url]
        fiber.calls_open += 1
        try:
            await fiber.stop_at(Kind.CALL, "POST to the merchant")
            answer = self._answer(system, headers, body)
            await fiber.stop_at(Kind.ANSWER, "POST to the merchant")
            return answer
        finally:
            fiber.calls_open -= 1

    async def check(self, url: str) -> None:
        """Takes every URL."""

    def _answer(self, system: System, headers: Mapping[str, str], body: bytes) -> Answer:
        now = self._clock.now()
        if now < self.down_until.get(system.url, now):
            self._notes.sometimes("the merchant was away")
            return FAULTS["unreachable"][1]
        if now - datetime.fromtimestamp(int(headers["webhook-timestamp"]), now.tzinfo) > TOLERATED:
            self._notes.sometimes("a message arrived too late to be believed")
            return Answer("refused", 400, "too old")
        if self.is_faulty and self._chance.randrange(1000) < self._mix.merchant_fault:
            if self._chance.random() < 0.05:
                self._notes.sometimes("the merchant: gone")
                return GONE
            name = self._chance.choice(tuple(FAULTS))
            self._notes.sometimes(f"the merchant: {name}")
            acts, answer = FAULTS[name]
            if acts:
                self._take(system, headers, body)
            return answer
        self._take(system, headers, body)
        return Answer("delivered", 200, "ok")

    def _take(self, system: System, headers: Mapping[str, str], body: bytes) -> None:
        event_id = headers["webhook-id"]
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), self._clock.now().tzinfo)
        if signed_headers([system.secret], event_id, at, body) != dict(headers):
            self._notes.problem(f"{event_id} came to {system.url} with a signature that does not fit")
        told: Any = msgspec.json.decode(body)
        if told["id"] != event_id:
            self._notes.problem(f"{event_id} came to {system.url} with the body of {told['id']}")
        known = system.got.setdefault(event_id, body)
        if known is not body:
            self._notes.sometimes("an event came again")
        if known != body:
            self._notes.problem(f"{event_id} came to {system.url} a second time, and differently")

    async def _go_away(self) -> None:
        url = self._chance.choice(tuple(self.systems))
        hours = self._chance.choice((0.1, 2, 12, 80))
        self.down_until[url] = self._clock.now() + timedelta(hours=hours)
        self._notes.say(f"{url} is away for {hours} h")

    # The operator.

    async def _subscribe(self) -> None:
        number = len(self.systems) + 1
        key = bytes(self._chance.randrange(256) for _ in range(SECRET_BYTES_MADE))
        # Known before it is asked for: whether the endpoint was made is not always heard.
        system = System(f"https://shop.test/hooks/{number}", secret_of(key))
        self.systems[system.url] = system
        types = self._chance.choice(CHOICES_OF_TYPES)

        async def ask(web: Process) -> None:
            run = web.wired.request
            await endpoints.create(
                system.url, types=types, secret=system.secret, actor=OWNER, run=run, sender=web.wired.sender
            )

        await self._door.ask(ask)

    async def _switch(self) -> None:
        which = self._chance.random()

        async def ask(web: Process) -> None:
            known, _ = await endpoints.every(run=web.wired.request)
            off = [one for one in known if one.state == "disabled"]
            if off:
                await endpoints.enable(off[0].id, actor=OWNER, run=web.wired.request)
                self._notes.sometimes(f"an endpoint was switched on again: {off[0].disabled_reason}")
            elif known and which < 0.4:
                await endpoints.disable(known[int(which * len(known))].id, actor=OWNER, run=web.wired.request)
                self._notes.sometimes("an endpoint was switched off")

        await self._door.ask(ask)

    async def _replay(self) -> None:
        if not self.read:
            return
        event_id = UUID(self._chance.choice(self.read)[1])

        async def ask(web: Process) -> None:
            if await replay.replay(event_id, actor=OWNER, run=web.wired.request):
                self._notes.sometimes("an event was sent again by hand")

        await self._door.ask(ask)

    async def bring_back(self) -> None:
        """What an operator does once the merchant's systems are well: switch on, and have sent what was given up."""

        async def ask(web: Process) -> None:
            run = web.wired.request
            known, backlog = await endpoints.every(run=run)
            for one in known:
                if one.state == "disabled":
                    await endpoints.enable(one.id, actor=OWNER, run=run)
                if one.id in backlog and backlog[one.id].exhausted:
                    self._notes.sometimes("an event was given up, and sent again by hand")
                    await replay.replay_span(
                        one.id,
                        since=one.created_at,
                        until=self._clock.now() + timedelta(seconds=1),
                        undelivered=True,
                        actor=OWNER,
                        run=run,
                    )

        try:
            await self._door.ask(ask)
        except EndpointNotEnabled:
            # Switched off between the two; the next time it is tried.
            self._notes.sometimes("an endpoint went off while it was brought back")

    # What is read.

    async def read_on(self) -> None:
        """The next piece of the feed, from where the reader was: without a gap, and nothing twice."""
        most = self._chance.choice((1, 7, 100))

        async def ask(web: Process) -> None:
            after = self.read[-1][0] if self.read else 0
            page = await feed.read(after=after, most=most, run=web.wired.request)
            if after != (self.read[-1][0] if self.read else 0):
                # Another reader of the same shop was quicker.
                return
            for event in page.events:
                if event.seq != after + 1:
                    self._notes.problem(f"the feed goes from {after} to {event.seq}")
                after = event.seq
                self.read.append((event.seq, str(event.id)))
            if page.events and page.next != after:
                self._notes.problem(f"a page of the feed ends at {after}, and says {page.next}")

        await self._door.ask(ask)
