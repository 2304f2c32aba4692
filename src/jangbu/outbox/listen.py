"""Following the feed and forwarding it to a program on this machine: an endpoint for as long as a command runs."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from urllib.parse import urlsplit

from jangbu import ids
from jangbu.errors import SetupProblem
from jangbu.mode_guard import LOOPBACK
from jangbu.outbox.egress import policy_of
from jangbu.outbox.rules import SECRET_BYTES_MADE, Answer, FeedEvent, secret_of, signed_headers
from jangbu.outbox.sender import HttpSender
from jangbu.outbox.service import feed
from jangbu.runtime import Runtime

LOOK_EVERY_S = 0.5
PAGE = 100


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One event, and what the program here answered."""

    event: FeedEvent
    answer: Answer


def checked(url: str) -> str:
    """`url` if it leads to this machine, else SetupProblem: a terminal is no place to send real events away from."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if host not in LOOPBACK or not url.startswith(("http://", "https://")):
        raise SetupProblem(
            "--forward-to must lead to this machine, e.g. http://localhost:3000/hook. For any other system, make an "
            "endpoint: `jangbu endpoints add`."
        )
    return url


def new_secret() -> str:
    """A secret for as long as the command runs."""
    return secret_of(ids.secret_bytes(SECRET_BYTES_MADE))


async def forward(
    url: str, secret: str, *, after: int | None, type_: str = "", run: Runtime
) -> AsyncGenerator[Forwarded, None]:
    """Every event from `after` on (None: from now on), each sent once, in order; for ever.

    Numbers events itself too, so that it works where no worker runs.
    """
    async with HttpSender(policy_of("", mode="sandbox")) as sender:
        while await feed.advance(run=run):
            pass
        position = await feed.head(run=run) if after is None else after
        while True:
            await feed.advance(run=run)
            page = await feed.read(after=position, most=PAGE, type_=type_, run=run)
            for event in page.events:
                body = feed.body_of(event, mode=run.settings.mode)
                headers = signed_headers([secret], str(event.id), run.clock.now(), body)
                yield Forwarded(event, await sender.post(url, headers, body))
            position = page.next
            if not page.has_more:
                await asyncio.sleep(LOOK_EVERY_S)
