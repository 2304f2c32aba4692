"""V1's webhooks, which nobody signs (requirements C2, C5; portone-facts §4.5): a hint from whoever knows our address.

Three things make that harmless. Nothing in the body is believed: PortOne is asked about the payment. Only a payment
that is there can be named, so that a flood of made-up ids leaves nothing behind. And as V1 gives its webhooks no id, a
payment and the status that is claimed make one: however many come, few rows are written, and one look at PortOne stands
for all that came before it began.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import structlog

from jangbu import queue
from jangbu.errors import Refusal
from jangbu.failpoints import failpoint
from jangbu.inbox import store
from jangbu.inbox.service import HANDLE, HEADER_CHARACTERS_MAX, TYPE_CHARACTERS_MAX, UNSIGNED, job_key
from jangbu.portone import WebhookBodyUnreadable, read_notification
from jangbu.runtime import Runtime

log = structlog.get_logger()
MERCHANT_UID_LONGEST = 40
PAUSE = timedelta(seconds=5)
"""How long a repeat waits before PortOne is asked again: whoever sends thousands has it asked once in that time."""

Knows = Callable[[str], Awaitable[bool]]
"""Wiring fills this: whether a merchant_uid is of a payment of ours."""


class WebhookSourceRefused(Refusal):
    """An unsigned webhook that came from elsewhere than the operator said it would (JANGBU_V1_WEBHOOK_SOURCES)."""

    code = "WEBHOOK_SOURCE_REFUSED"
    http_status = 403
    ko = "허용되지 않은 주소에서 온 웹훅입니다. JANGBU_V1_WEBHOOK_SOURCES와 프록시 설정을 확인해 주세요."
    en = "This webhook came from an address that is not allowed. Check JANGBU_V1_WEBHOOK_SOURCES and the proxies."


async def receive_unsigned(headers: Mapping[str, str], body: bytes, *, source: str, knows: Knows, run: Runtime) -> str:
    """Write down that somebody says something of a payment, with its job: `new`, `duplicate`, or `unknown`, of which
    nothing is kept.

    Raises WebhookSourceRefused, WebhookBodyUnreadable. `source` is the caller's address as the trusted proxies saw it.
    """
    if not _may_come_from(source, run):
        log.warning("an unsigned webhook came from an address that is not allowed", source=source)
        raise WebhookSourceRefused
    notification = read_notification(body, headers.get("content-type", "application/json"))
    merchant_uid = notification.payment_id
    if notification.version != "v1" or merchant_uid is None:
        raise WebhookBodyUnreadable(problem="not a webhook of V1")
    if len(merchant_uid) > MERCHANT_UID_LONGEST or not await knows(merchant_uid):
        return "unknown"
    now = run.clock.now()
    webhook_id = f"{UNSIGNED}{merchant_uid}:{notification.type.removeprefix('V1.')}"
    said = {"content-type": headers.get("content-type"), "user-agent": headers.get("user-agent"), "source": source}
    came_with = {name: text[:HEADER_CHARACTERS_MAX].replace("\0", "") for name, text in said.items() if text}
    sha256 = hashlib.sha256(body).digest()
    new = await store.remember(
        run.db,
        row_id=run.ids.uuid(),
        webhook_id=webhook_id,
        webhook_type=notification.type[:TYPE_CHARACTERS_MAX],
        portone_payment_id=merchant_uid,
        body=notification.raw,
        body_sha256=sha256,
        came_with=came_with,
        payload=queue.payload(webhook_id=webhook_id),
        dedupe_key=job_key(webhook_id),
        received_at=now,
    )
    failpoint("inbox.receive.committed")
    if not new:
        async with run.db.transaction() as tx:
            # Locked, so that of all who come at once one queues the next look.
            first = await store.lock(tx, webhook_id)
            assert first is not None, "webhook_logs rows are never deleted while PortOne may still repeat them"
            this = replace(first, request_body=notification.raw, body_sha256=sha256)
            await store.log_duplicate(tx, this, row_id=run.ids.uuid(), came_with=came_with, received_at=now)
            await queue.enqueue_behind(tx, HANDLE, dedupe_key=job_key(webhook_id), pause=PAUSE, webhook_id=webhook_id)
    run.waker.wake()
    return "new" if new else "duplicate"


def _may_come_from(source: str, run: Runtime) -> bool:
    allowed = run.settings.v1_sources
    if not allowed:
        return True
    try:
        address = ip_address(source)
    except ValueError:
        return False
    return any(address in network for network in allowed)
