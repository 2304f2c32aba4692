"""The merchant's side: systems that receive, and a house that sends to them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from jangbu import events
from jangbu.events import Event, Type, declare
from jangbu.failpoints import Crash
from jangbu.outbox.rules import Answer, Endpoint
from jangbu.outbox.sender import Sender
from jangbu.outbox.service import delivery, endpoints, feed
from jangbu.runtime import Runtime
from kit import TESTER, House

URL = "https://shop.example/hooks"
declare(Type("thing.kept", "시험", "Internal.", {}, is_public=False))


@dataclass(frozen=True)
class Message:
    """One POST as it arrived."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Every system of the merchant, in process. Uses a URL's `answers` up in order, then answers 200."""

    answers: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    always: dict[str, Answer] = field(default_factory=dict)
    got: list[Message] = field(default_factory=list)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self.got.append(Message(url, headers, body))
        answer = self.answers[url].pop(0) if self.answers[url] else self.always.get(url, Answer("delivered", 200, "ok"))
        if callable(answer):
            answer = await answer()
        assert isinstance(answer, Answer)
        return answer

    async def check(self, url: str) -> None:
        """Takes every URL."""

    def seqs(self, url: str = URL) -> list[int]:
        """The numbers of the events that arrived, in order of arrival."""
        return [message.json["seq"] for message in self.got if message.url == url]


@dataclass(frozen=True)
class Shop:
    """The house, and the merchant behind it."""

    house: House
    receiver: Receiver

    @property
    def run(self) -> Runtime:
        return self.house.run

    @property
    def sender(self) -> Sender:
        return self.house.wired.sender

    async def subscribe(self, url: str = URL, **facts: Any) -> Endpoint:
        """An endpoint for all events, unless told otherwise."""
        given = {"types": [], "actor": TESTER, "run": self.run, "sender": self.sender} | facts
        endpoint, _ = await endpoints.create(url, **given)
        return endpoint

    async def announce(self, type_: str = "payment.paid", subject: str = "payment:1", **data: Any) -> UUID:
        """Something happened."""
        event_id = self.run.ids.uuid()
        async with self.run.db.transaction() as tx:
            await events.announce(tx, an_event(self.run, event_id, type_, subject, **data))
        return event_id

    async def advance(self) -> None:
        """What the tick does, until there is nothing to do."""
        while await feed.advance(run=self.run):
            pass

    async def send(self) -> None:
        """Let everything that is due go out: the tick and the jobs, until nothing is due."""
        await self.advance()
        while await self.house.work():
            await self.advance()

    async def pass_time(self, by: timedelta) -> None:
        """Let time pass, then send what has become due."""
        await self.house.portone.move(by)
        await self.send()

    async def read(self, after: int = 0, most: int = 100, **filters: Any) -> list[int]:
        """The feed's numbers."""
        return [event.seq for event in (await feed.read(after=after, most=most, run=self.run, **filters)).events]


def an_event(
    run: Runtime, event_id: UUID, type_: str = "payment.paid", subject: str = "payment:1", **data: Any
) -> Event:
    return Event(event_id, type_, subject, run.clock.now(), data, store_id=run.settings.portone_store_id)


async def dies(shop: Shop, endpoint: Endpoint) -> bool:
    """Deliver, and say whether the worker died of it."""
    try:
        await delivery.deliver(endpoint.id, run=shop.run, sender=shop.sender)
    except Crash:
        return True
    return False
