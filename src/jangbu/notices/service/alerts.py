"""Taking an alert on."""

from uuid import UUID

from jangbu import audit
from jangbu.audit import Actor
from jangbu.notices import store
from jangbu.notices.refusals import AlertUnknown
from jangbu.runtime import Runtime


async def acknowledge(alert_id: UUID, *, actor: Actor, run: Runtime) -> bool:
    """Say that a person has seen it; False when somebody had already, whose name stays. Raises AlertUnknown."""
    now = run.clock.now()
    async with run.db.transaction() as tx:
        subject = await store.acknowledge(tx, alert_id, by=actor.name, at=now)
        if subject is None:
            if not await store.is_alert(tx, alert_id):
                raise AlertUnknown
            return False
        await audit.record(
            tx, at=now, actor=actor, action="notices.alert_acknowledged", subject=f"alert:{alert_id}", about=subject
        )
    return True
