"""PortOne's webhooks: verified, written down, handled by a job (requirements B4-B6; design §4.2).

A webhook is a hint. Nothing in its body is believed: the job hands the payment's id to whoever wiring named, who asks
PortOne what is true now. So duplicates, disorder and forgeries with a stolen secret all end in the same place.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import structlog

from jangbu import queue
from jangbu.errors import Refusal
from jangbu.failpoints import failpoint
from jangbu.inbox import log_store, store
from jangbu.inbox.log_store import Try
from jangbu.portone import Notification, Verified, read_notification, verify
from jangbu.runtime import Runtime

log = structlog.get_logger()
TYPE_CHARACTERS_MAX = 100
ID_CHARACTERS_MAX = 255
ERROR_CHARACTERS_MAX = 2_000
HEADER_CHARACTERS_MAX = 200
UNSIGNED = "v1:"
HANDLE, HANDLE_AGAIN = "inbox.handle", "inbox.handle_again"


class WebhookIdReused(Refusal):
    """A webhook-id that was used before came with another body: not a redelivery, whatever it is."""

    code = "WEBHOOK_ID_REUSED"
    http_status = 400
    ko = "같은 webhook-id가 다른 내용으로 다시 왔습니다. 처리하지 않았습니다."
    en = "This webhook-id was used before with another body. Nothing was done."


class QuestionAtTheWebhook(Refusal):
    """PortOne's question before an approval came here. Written down and answered 200, it would be a yes."""

    code = "CONFIRM_QUESTION_MISADDRESSED"
    http_status = 409
    ko = "승인 전 질문(confirmUrl)은 웹훅 주소가 아닌 /api/portone/confirm-question 에서 받습니다. 승인하지 않았습니다."
    en = "A confirmUrl must be /api/portone/confirm-question and not the webhook's address. It was not approved."


@dataclass(frozen=True, slots=True)
class Handled:
    """What a handler made of a notification. `payment_id` is ours; both are None when it was not about ours."""

    payment_id: UUID | None = None
    payment_status: str | None = None
    message: str = "Webhook processed successfully"


Handler = Callable[[Notification], Awaitable[Handled | None]]
"""Wiring fills this: re-read what the notification is about and apply it. None means "nothing of ours"."""


async def receive(headers: Mapping[str, str], body: bytes, *, run: Runtime) -> bool:
    """Verify the raw bytes, write them down with their job, and say whether they were new.

    Raises the signature's refusals, WebhookBodyUnreadable, QuestionAtTheWebhook, WebhookIdReused. Once this returns,
    the webhook cannot be lost; until then PortOne has not heard 200 and sends it again.
    """
    now = run.clock.now()
    verified = verify(headers, body, secrets=run.settings.webhook_secrets, now=now)
    notification = read_notification(body, headers.get("content-type", "application/json"))
    if notification.type == "Transaction.Confirm":
        log.error("confirmUrl leads to the webhook's address, so every approval is refused")
        raise QuestionAtTheWebhook
    failpoint("inbox.receive.verified")
    sha256 = hashlib.sha256(body).digest()
    came_with = _came_with(headers, verified)
    new = await store.remember(
        run.db,
        row_id=run.ids.uuid(),
        webhook_id=verified.webhook_id,
        webhook_type=notification.type[:TYPE_CHARACTERS_MAX],
        portone_payment_id=notification.payment_id[:ID_CHARACTERS_MAX] if notification.payment_id else None,
        body=notification.raw,
        body_sha256=sha256,
        came_with=came_with,
        payload=queue.payload(webhook_id=verified.webhook_id),
        dedupe_key=job_key(verified.webhook_id),
        received_at=now,
    )
    failpoint("inbox.receive.committed")
    if not new:
        await _received_again(verified.webhook_id, sha256, came_with, run=run)
    run.waker.wake()
    return new


async def _received_again(webhook_id: str, sha256: bytes, came_with: dict[str, Any], *, run: Runtime) -> None:
    """Log the repeat; and queue the job once more unless the first delivery was handled (B5)."""
    async with run.db.transaction() as tx:
        # Locked, so that repeats which come at once are counted one after the other.
        original = await store.lock(tx, webhook_id)
        assert original is not None, "webhook_logs rows are never deleted while PortOne may still repeat them"
        is_repeat = original.body_sha256 == sha256
        if is_repeat:
            await store.log_duplicate(
                tx, original, row_id=run.ids.uuid(), came_with=came_with, received_at=run.clock.now()
            )
        if is_repeat and original.status in {"received", "failed"}:
            await queue.enqueue(tx, HANDLE, dedupe_key=job_key(webhook_id), webhook_id=webhook_id)
    if not is_repeat:
        log.error("a webhook-id came again with another body", webhook_id=webhook_id)
        raise WebhookIdReused


def _came_with(headers: Mapping[str, str], verified: Verified) -> dict[str, Any]:
    """How a webhook came, for whoever looks at the log: the headers that matter, and the secret that fitted."""
    wanted = ("webhook-timestamp", "content-type", "user-agent")
    kept = {name: headers.get(name, "")[:HEADER_CHARACTERS_MAX].replace("\0", "") for name in wanted}
    return {**{name: value for name, value in kept.items() if value}, "secret": verified.secret}


def job_key(webhook_id: str) -> str:
    """What keeps a webhook from having two jobs."""
    return f"webhook:{webhook_id}"


def is_unsigned(webhook_id: str) -> bool:
    """Whether this is the name that we gave to what V1 told us (inbox.unsigned)."""
    return webhook_id.startswith(UNSIGNED)


def again_key(webhook_id: str) -> str:
    """What keeps a webhook from being queued twice because a person asked. Apart from the key of its own job, which may
    wait ten minutes for its next try: who asks wants it handled now."""
    return f"webhook-again:{webhook_id}"


async def handle(webhook_id: str, *, handler: Handler, run: Runtime, asked_by: str = "") -> None:
    """The job: hand one delivery on and record what came of it. Running twice handles once, or changes nothing.

    What was handled is only handled again when a person is named who asked for it. A failure is recorded and raised
    again, so that the queue tries later and finally parks it for a person.
    """
    async with run.db.transaction() as tx:
        delivery = await store.find(tx, webhook_id)
    # An unsigned one has no id of its own: that it was handled once says nothing of what it is about now.
    is_over = delivery is not None and delivery.status in {"processed", "skipped"} and not is_unsigned(webhook_id)
    if delivery is None or (is_over and not asked_by):
        return
    notification = read_notification_of(delivery)
    started_at = run.clock.now()

    def tried(outcome: str, error: str | None = None) -> Try:
        return Try(started_at, run.clock.now(), outcome, error, asked_by)

    failpoint("inbox.handle.read")
    try:
        handled = await handler(notification)
    except Exception as problem:
        failed = tried("failed", _in_words(problem))
        async with run.db.transaction() as tx:
            await store.finish(tx, webhook_id, status="failed", at=failed.ended_at, error=failed.error_message)
            await log_store.note_try(tx, webhook_id, failed)
        raise
    failpoint("inbox.handle.handled")
    done = tried("skipped" if handled is None else "processed")
    async with run.db.transaction() as tx:
        if handled is None:
            await store.finish(
                tx, webhook_id, status="skipped", at=done.ended_at, response={"message": "Not about anything of ours"}
            )
        else:
            await store.finish(
                tx,
                webhook_id,
                status="processed",
                at=done.ended_at,
                payment_id=handled.payment_id,
                response={"message": handled.message, "paymentStatus": handled.payment_status},
            )
        # What is handled at the first try costs no row more; its own says when.
        if asked_by or delivery.status == "failed":
            await log_store.note_try(tx, webhook_id, done)
            # Handled after all: what the queue had given up is nobody's work any more.
            await queue.let_go(tx, *queue.lanes(job_key(webhook_id)), again_key(webhook_id))


def _in_words(problem: Exception) -> str:
    # A TimeoutError has nothing to say for itself, and a text of PostgreSQL's takes no NUL.
    return (str(problem) or repr(problem)).replace("\0", "\N{REPLACEMENT CHARACTER}")[:ERROR_CHARACTERS_MAX]


def read_notification_of(delivery: store.Delivery) -> Notification:
    """The notification as it was received, from the log."""
    return read_notification(msgspec.json.encode(delivery.request_body or {}), "application/json")
