"""An alert is raised once for its cause, with whatever happened or not at all, and nobody is forgotten."""

import asyncio

import asyncpg
import pytest

from jangbu.notices import store
from jangbu.notices.refusals import AlertUnknown
from jangbu.notices.rules import SAMPLES
from jangbu.notices.service import alerts, telling
from jangbu.wiring import Addresses
from kit import TESTER
from notices.conftest import Office


async def test_one_cause_is_one_alert_and_one_message_a_recipient(office: Office) -> None:
    office = office.with_settings(alert_email_recipients="kim@shop.example, lee@shop.example,kim@shop.example")
    assert await office.alert("cause")
    assert not await office.alert("cause")
    assert await office.alert("another cause")
    assert len(await office.alerts()) == 2
    told = [(notice.recipient, notice.dedupe_key) for notice in await office.notices()]
    assert len(told) == 4 and len({key for _, key in told}) == 4


async def test_fifty_at_the_same_moment_are_one(office: Office) -> None:
    raised = await asyncio.gather(*(office.alert("storm") for _ in range(50)))
    assert raised.count(True) == 1
    assert len(await office.alerts()) == len(await office.notices()) == 1


async def test_an_alert_of_a_transaction_that_is_rolled_back_was_never_raised(office: Office) -> None:
    async def raised_and_rolled_back() -> None:
        async with office.run.db.transaction() as tx:
            await telling.alert(tx, SAMPLES["refund_failed"], key="k", subject="payment:1", run=office.run)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await raised_and_rolled_back()
    assert await office.alerts() == [] == await office.notices()
    assert await office.alert("k"), "the next one who notices tells"


async def test_an_alert_nobody_could_be_told_of_is_told_once_there_is_a_channel(office: Office) -> None:
    nobody = office.with_settings(alert_email_recipients="")
    await nobody.alert("first")
    await nobody.alert("taken on")
    await alerts.acknowledge((await nobody.alerts())[0].id, actor=TESTER, run=office.run)
    await nobody.sweep()
    assert await office.notices() == []
    await office.sweep()
    await office.sweep()
    assert [(notice.dedupe_key, notice.state) for notice in await office.notices()] == [
        ("alert:first:email:kim@shop.example", "sent")
    ]
    more = office.with_settings(alert_email_recipients="kim@shop.example,lee@shop.example")
    await more.sweep()
    assert len(await office.notices()) == 1, "a new colleague is not flooded with what was told before"


async def test_switched_off_email_tells_nobody_by_email(office: Office) -> None:
    off = office.with_settings(alert_email_enabled=False)
    await off.alert()
    assert await off.notices() == []
    assert len(await off.alerts()) == 1


async def test_the_first_to_take_an_alert_on_stays_named(office: Office) -> None:
    await office.alert()
    (raised,) = await office.alerts()
    assert await alerts.acknowledge(raised.id, actor=TESTER, run=office.run)
    assert not await alerts.acknowledge(raised.id, actor=TESTER, run=office.run)
    (taken,) = await office.alerts()
    assert (taken.acknowledged_by, taken.acknowledged_at) == ("test", office.clock.now())
    with pytest.raises(AlertUnknown):
        await alerts.acknowledge(office.run.ids.uuid(), actor=TESTER, run=office.run)


async def test_open_alerts_come_first_and_pages_meet(office: Office) -> None:
    for number in range(7):
        await office.alert(str(number))
    everything = await office.alerts()
    for one in everything[:3]:
        await alerts.acknowledge(one.id, actor=TESTER, run=office.run)
    wanted = [one.key for one in [*everything[3:], *everything[:3]]]
    seen: list[store.Alert] = []
    async with office.run.db.transaction() as tx:
        while True:
            last = seen[-1] if seen else None
            before = None if last is None else (last.acknowledged_at is None, last.created_at, last.id)
            page = await store.alerts(tx, before=before, now=office.clock.now(), most=2)
            if not page:
                break
            seen += page
    assert [one.key for one in seen] == wanted


async def test_mail_to_one_person_is_written_once_for_its_key(office: Office) -> None:
    async with office.run.db.transaction() as tx:
        given = [
            await telling.send(
                tx, SAMPLES["test_message"], to=to, language="en", key="welcome", subject="user:1", run=office.run
            )
            for to in ("park@shop.example", "park@shop.example", "choi@shop.example")
        ]
    assert [one is None for one in given] == [False, True, False]
    await office.sweep()
    (first, _) = office.mailbox.arrived
    assert first["Subject"] == "[Jangbu · SANDBOX] Test notice"


@pytest.mark.parametrize("role", ["system", "request"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE admin_alerts SET facts = '{}'",
        "UPDATE admin_alerts SET severity = 'info'",
        "DELETE FROM admin_alerts",
        "UPDATE notices SET recipient = 'x@evil.example'",
        "UPDATE notices SET message_id = ''",
        "DELETE FROM notices",
    ],
)
async def test_what_was_told_to_whom_cannot_be_rewritten(where: Addresses, role: str, statement: str) -> None:
    connection = await asyncpg.connect(getattr(where, role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()
