"""What payments announce is what their documentation shows."""

from jangbu import events
from jangbu.payments import store
from jangbu.payments.cancellations.rules import CancellationStatus
from jangbu.payments.rules import Status
from jangbu.payments.service import sync
from jangbu.runtime import Runtime
from kit import TESTER

from .told import given_back, payment, seen


async def test_every_announced_event_has_the_fields_of_its_example(run: Runtime) -> None:
    examples = {one.name: one.example for one in events.declared()}
    told: dict[str, dict[str, object]] = {}
    for number, looks in enumerate(
        (
            [seen("FAILED"), seen("PAID"), seen("PAID", cancellations=(given_back(1, status="REQUESTED"),))],
            [seen("PAID", cancellations=(given_back(2),)), seen("CANCELLED", cancellations=(given_back(3, 10_000),))],
            [seen("PAID", total=500)],
        )
    ):
        one = payment(Status.READY, id=run.ids.uuid(), provider_order_id=f"p-{number}")
        async with run.db.transaction() as tx:
            assert await store.insert(tx, one)
        for look in looks:
            await sync._apply(one.id, look, actor=TESTER, run=run)
        async with run.db.transaction() as tx:
            told |= {event.type: event.data for event in await events.of_subject(tx, one.subject)}
    assert {"payment.paid", "payment.cancelled", "payment.partially_cancelled", "payment.cancel_pending"} <= set(told)
    for name, data in told.items():
        assert set(data) == set(examples[name]), name
        if "cancellation" in data:
            assert set(data["cancellation"]) == set(examples[name]["cancellation"]), name
            assert data["cancellation"]["status"] in set(CancellationStatus)
