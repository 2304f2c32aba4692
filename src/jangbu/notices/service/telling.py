"""Writing down that somebody is to be told: in the transaction of whatever happened, so that both are true or neither.

Nothing is sent here. One row a message, one job each; `delivery` does the rest.
"""

from uuid import UUID

import structlog

from jangbu import queue
from jangbu.db import Tx
from jangbu.emails import is_email
from jangbu.notices import store
from jangbu.notices.channels import alert_recipients
from jangbu.notices.refusals import RecipientMalformed
from jangbu.notices.rules import Channel, Facts, as_stored
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.web.language import Language

DELIVER = "notices.deliver"
OWN_DOMAIN = "jangbu.invalid"

log = structlog.get_logger()


async def alert(tx: Tx, facts: Facts, *, key: str, subject: str, run: Runtime) -> bool:
    """Tell whoever runs this installation, once for every `key`, which names the cause; False when it has been told.

    `subject` is `<kind>:<id>`, as in the audit log. Several at the same moment are one: the later transaction waits for
    the earlier, and writes the alert itself if that is rolled back.
    """
    now, alert_id = run.clock.now(), run.ids.uuid()
    stored = as_stored(facts)
    is_new = await store.insert_alert(
        tx,
        alert_id=alert_id,
        kind=facts.kind,
        severity=facts.severity,
        key=key,
        subject=subject,
        facts=stored,
        at=now,
    )
    if not is_new:
        return False
    log.warning("an alert was raised", kind=facts.kind, severity=facts.severity.value, subject=subject)
    await tell_admins(tx, facts, alert_id=alert_id, key=key, subject=subject, run=run)
    return True


async def send(
    tx: Tx, facts: Facts, *, to: str, language: Language, key: str, subject: str, run: Runtime
) -> UUID | None:
    """Mail one person, once for every `key` and address; the notice's id, or None when it was written before.

    Raises RecipientMalformed.
    """
    if not is_email(to):
        raise RecipientMalformed
    return await write_down(
        tx, facts, channel=Channel.EMAIL, recipient=to, language=language, key=key, subject=subject, run=run
    )


async def tell_admins(tx: Tx, facts: Facts, *, alert_id: UUID, key: str, subject: str, run: Runtime) -> int:
    """One message of an alert to everybody who is configured now; how many."""
    recipients = alert_recipients(run.settings)
    for channel, recipient in recipients:
        await write_down(
            tx,
            facts,
            channel=channel,
            recipient=recipient,
            language=run.settings.notice_language,
            key=f"alert:{key}",
            subject=subject,
            run=run,
            alert_id=alert_id,
        )
    return len(recipients)


async def write_down(
    tx: Tx,
    facts: Facts,
    *,
    channel: Channel,
    recipient: str,
    language: Language,
    key: str,
    subject: str,
    run: Runtime,
    alert_id: UUID | None = None,
    queued: bool = True,
) -> UUID | None:
    """One message with its job; its id, or None when it was written before. Not `queued`: the caller delivers it."""
    notice_id = run.ids.uuid()
    is_new = await store.insert_notice(
        tx,
        notice_id=notice_id,
        kind=facts.kind,
        channel=channel,
        recipient=recipient,
        language=language,
        subject=subject,
        facts=as_stored(facts),
        alert_id=alert_id,
        dedupe_key=f"{key}:{channel}:{recipient}",
        message_id=f"<{notice_id.hex}@{_domain(run.settings)}>",
        at=run.clock.now(),
    )
    if not is_new:
        return None
    if queued:
        await enqueue(tx, notice_id)
    return notice_id


async def enqueue(tx: Tx, notice_id: UUID) -> None:
    """Have a worker look at one message."""
    await queue.enqueue(tx, DELIVER, dedupe_key=f"notice:{notice_id}", notice_id=str(notice_id))


def _domain(settings: Settings) -> str:
    # The part behind the @ of a Message-ID only has to be ours (RFC 5322 §3.6.4).
    return settings.mail_from.rpartition("@")[2] or OWN_DOMAIN
