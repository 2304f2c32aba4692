"""One message to Slack's incoming webhook. Its address is a secret: no error, log line or row ever holds it."""

import asyncio
import logging
from typing import Any

import aiohttp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from jangbu.notices.outcomes import NotTaken, Outcome, Taken
from jangbu.notices.rules import plain

TRY_S = 30
ANSWER_CHARACTERS_MAX = 200
_WORST_WAIT_S = 21_600

# Slack's client logs the address it posts to, so it gets a logger that nobody hears, however loud the others are.
_UNHEARD = logging.getLogger("jangbu.slack.unheard")
_UNHEARD.setLevel(logging.CRITICAL + 1)
_UNHEARD.propagate = False


async def deliver(body: dict[str, Any], url: str) -> Outcome:
    """Post a message. Never raises for what the other side may do."""
    client = AsyncWebhookClient(url, timeout=TRY_S, logger=_UNHEARD, retry_handlers=[])
    try:
        async with asyncio.timeout(TRY_S):
            answer = await client.send_dict(body)
    except TimeoutError:
        return NotTaken("timeout")
    except (aiohttp.ClientError, OSError, ValueError) as problem:
        # Their words may quote the address.
        return NotTaken("unreachable", type(problem).__name__)
    # Before it is cut: no part of the address may stay.
    said = plain((answer.body or "").replace(url, "(hidden)"), ANSWER_CHARACTERS_MAX)
    if answer.status_code == 200 and said == "ok":
        return Taken()
    if answer.status_code == 200:
        # A proxy's sign-in page answers 200 as well.
        return NotTaken("not_slack")
    # 400 is about this very message. Everything else (a channel archived, a webhook withdrawn) can be mended there or
    # in the settings, and then a later try arrives.
    return NotTaken(
        "slack_refused",
        f"{answer.status_code} {said}".strip(),
        is_final=answer.status_code == 400,
        wait_s=_wait(answer.headers),
    )


def _wait(headers: dict[str, str]) -> int:
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(int(asked), _WORST_WAIT_S) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0
