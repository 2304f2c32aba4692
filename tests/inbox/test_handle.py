"""What comes of a webhook: handled once, skipped when it is not ours, kept and tried again when it fails (B6, F29)."""

import pytest

from jangbu.inbox import service, store
from jangbu.inbox.service import Handled
from jangbu.inbox.store import Delivery
from jangbu.payments.refusals import PortOneUnclear
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.portone import Notification, read_notification
from jangbu.runtime import Runtime
from kit import TESTER, House

from .hooks import PortOneSends, a_body

TEA = Order(amount=11_000, currency="KRW", order_name="보리차")


async def row(run: Runtime, webhook_id: str = "wh-1") -> Delivery:
    async with run.db.transaction() as tx:
        found = await store.find(tx, webhook_id)
    assert found is not None
    return found


async def test_a_webhook_about_a_payment_of_ours_is_processed_with_its_status(
    house: House, sends: PortOneSends
) -> None:
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    await sends(a_body("Transaction.Failed", payment.provider_order_id))
    await house.work()
    done = await row(house.run)
    # The body said Failed; PortOne says PAID. What PortOne says now is what counts (design §4.2).
    assert (done.status, done.response_status, done.payment_id) == ("processed", 200, payment.id)
    assert done.response_body is not None and done.response_body["paymentStatus"] == "PAID"
    assert (done.error_message, done.processed_at) == (None, house.run.clock.now())


async def test_a_webhook_about_nothing_of_ours_is_skipped(house: House, sends: PortOneSends) -> None:
    await sends(a_body(payment_id="somebody-elses"), webhook_id="wh-1")
    await sends(b'{"type": "BillingKey.Issued", "data": {"billingKey": "bk-1"}}', webhook_id="wh-2")
    await sends(b'{"test": true}', webhook_id="wh-3")
    await house.work()
    for webhook_id in ("wh-1", "wh-2", "wh-3"):
        done = await row(house.run, webhook_id)
        assert (done.status, done.response_status, done.payment_id) == ("skipped", 200, None)
        assert done.error_message is None and done.processed_at is not None


class Moody:
    """A handler that fails as often as it is told to."""

    def __init__(self, failures: int, problem: Exception) -> None:
        self.failures, self.problem, self.calls = failures, problem, 0

    async def __call__(self, notification: Notification) -> Handled | None:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.problem
        return Handled(None, "PAID")


@pytest.mark.parametrize(
    "problem", [PortOneUnclear(why="timeout"), RuntimeError("x" * 5_000), ValueError("한글 \x00 오류"), TimeoutError()]
)
async def test_a_failure_is_recorded_and_the_next_try_clears_it(
    sends: PortOneSends, run: Runtime, problem: Exception
) -> None:
    await sends(a_body())
    moody = Moody(2, problem)
    for _ in range(2):
        with pytest.raises(type(problem)):
            await service.handle("wh-1", handler=moody, run=run)
        failed = await row(run)
        assert failed.status == "failed"
        assert failed.error_message and len(failed.error_message) <= 2_000
    await service.handle("wh-1", handler=moody, run=run)
    done = await row(run)
    assert (done.status, done.error_message) == ("processed", None)
    assert done.response_body == {"message": "Webhook processed successfully", "paymentStatus": "PAID"}


async def test_a_handled_webhook_is_not_handled_again(sends: PortOneSends, run: Runtime) -> None:
    await sends(a_body())
    calm = Moody(0, RuntimeError())
    for _ in range(3):
        await service.handle("wh-1", handler=calm, run=run)
    assert calm.calls == 1


async def test_a_slow_failure_cannot_undo_what_another_worker_processed(sends: PortOneSends, run: Runtime) -> None:
    """Two workers have it, because the first was taken for dead; the first then fails."""
    await sends(a_body())
    done: list[Delivery] = []

    async def slow(notification: Notification) -> Handled | None:
        await service.handle("wh-1", handler=Moody(0, RuntimeError()), run=run)
        done.append(await row(run))
        raise RuntimeError("too late")

    with pytest.raises(RuntimeError):
        await service.handle("wh-1", handler=slow, run=run)
    assert done[0].status == "processed"
    assert await row(run) == done[0]


async def test_a_slow_failure_cannot_undo_what_another_worker_skipped(sends: PortOneSends, run: Runtime) -> None:
    await sends(a_body())

    async def not_ours(notification: Notification) -> Handled | None:
        return None

    async def slow(notification: Notification) -> Handled | None:
        await service.handle("wh-1", handler=not_ours, run=run)
        raise RuntimeError("too late")

    with pytest.raises(RuntimeError):
        await service.handle("wh-1", handler=slow, run=run)
    assert (await row(run)).status == "skipped"


async def test_an_unknown_webhook_id_is_nothing_to_do(run: Runtime) -> None:
    await service.handle("never-came", handler=Moody(9, RuntimeError()), run=run)


async def test_a_failed_webhook_is_processed_when_portone_sends_it_again(house: House, sends: PortOneSends) -> None:
    """PortOne is away while the job runs; it is back when the repeat comes (B5)."""
    payment = await initialize(TEA, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id)
    body = a_body("Transaction.Paid", payment.provider_order_id)
    await sends(body)
    house.portone.fault("status_500", operation="get_payment", times=99)
    with pytest.raises(PortOneUnclear):
        await house.work()
    assert (await row(house.run)).status == "failed"
    house.portone.parts.faults.clear()
    await sends(body)
    await house.work()
    done = await row(house.run)
    assert (done.status, done.error_message) == ("processed", None)
    assert (await find(str(payment.id), run=house.run)).status == "PAID"


async def test_the_handler_sees_what_was_received_byte_for_meaning(sends: PortOneSends, run: Runtime) -> None:
    """The job reads the log, not the request: what it hands on must be the same notification."""
    handed: list[Notification] = []

    async def keep(notification: Notification) -> Handled | None:
        handed.append(notification)
        return None

    bodies = [
        (a_body(cancellationId="c-1"), "application/json"),
        (b'{"payment_id":"p-1","tx_id":"t","status":"CancelPending"}', "application/json"),
        (b"payment_id=p-1&tx_id=t&status=PartialCancelled", "application/x-www-form-urlencoded"),
        (b'{"type":"BillingKey.Issued","data":{"billingKey":"bk"}}', "application/json"),
    ]
    for number, (body, content_type) in enumerate(bodies):
        await sends(body, webhook_id=f"wh-{number}", content_type=content_type)
        await service.handle(f"wh-{number}", handler=keep, run=run)
    assert handed == [read_notification(body, content_type) for body, content_type in bodies]
