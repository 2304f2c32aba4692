"""Trying the channels: a test message to everybody who is told of alerts, sent here and now, kept like any other."""

from jangbu import audit
from jangbu.audit import Actor
from jangbu.notices import store
from jangbu.notices.channels import Channels, alert_recipients
from jangbu.notices.rules import TestMessage
from jangbu.notices.service.delivery import deliver
from jangbu.notices.service.telling import write_down
from jangbu.notices.store import Notice
from jangbu.runtime import Runtime


async def send_test(*, actor: Actor, run: Runtime) -> list[Notice]:
    """One test message a recipient, tried once; the rows afterwards. Empty when no channel is configured.

    What fails stays in the table and is tried again by the worker, as any other message.
    """
    now = run.clock.now()
    test_id = run.ids.uuid()
    facts = TestMessage(actor.name, now)
    async with run.db.transaction() as tx:
        written = [
            await write_down(
                tx,
                facts,
                channel=channel,
                recipient=recipient,
                language=run.settings.notice_language,
                key=f"test:{test_id}",
                subject=f"test:{test_id}",
                run=run,
                queued=False,
            )
            for channel, recipient in alert_recipients(run.settings)
        ]
        if written:
            await audit.record(tx, at=now, actor=actor, action="notices.tested", subject=f"test:{test_id}")
    channels = Channels(run.settings)
    tried = []
    for notice_id in written:
        assert notice_id is not None, "a test's key is new"
        await deliver(notice_id, run=run, channels=channels)
        async with run.db.transaction() as tx:
            found = await store.find(tx, notice_id)
        assert found is not None, "notices are never deleted"
        tried.append(found)
    return tried
