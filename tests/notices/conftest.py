"""The house with a mail server and a Slack that are really there."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from jangbu.clock import ManualClock
from jangbu.notices import jobs, store
from jangbu.notices.channels import Channels
from jangbu.notices.rules import SAMPLES, Facts
from jangbu.notices.service import delivery, telling
from jangbu.notices.store import Notice
from jangbu.runtime import Runtime
from kit import House
from notices.post_office import Mailbox, Slack, mail_server, slack


@dataclass(frozen=True)
class Office:
    """Notices on a real database, on a clock that stands still, with somewhere to go."""

    run: Runtime
    clock: ManualClock
    mailbox: Mailbox
    slack: Slack

    def with_settings(self, **changed: Any) -> "Office":
        return replace(self, run=replace(self.run, settings=self.run.settings.model_copy(update=changed)))

    async def alert(self, key: str = "cause", facts: Facts | None = None) -> bool:
        async with self.run.db.transaction() as tx:
            return await telling.alert(
                tx, facts or SAMPLES["payment_mismatch"], key=key, subject="payment:1", run=self.run
            )

    async def deliver(self, notice: Notice) -> Notice:
        """One run of the job; the row afterwards."""
        await delivery.deliver(notice.id, run=self.run, channels=Channels(self.run.settings))
        return await self.notice(notice.id)

    async def sweep(self) -> None:
        """What the worker does each minute, and all jobs that come of it."""
        handlers = {job.name: job.handler for job in jobs.jobs(self.run, lambda _: None)}
        await handlers[jobs.SWEEP]()
        for notice in await self.notices():
            await handlers[telling.DELIVER](str(notice.id))

    async def notice(self, notice_id: UUID) -> Notice:
        async with self.run.db.transaction() as tx:
            found = await store.find(tx, notice_id)
        assert found is not None
        return found

    async def notices(self) -> list[Notice]:
        """All of them, in the order they were written."""
        async with self.run.db.transaction() as tx:
            return (await store.notices(tx, state="", before=None, now=self.run.clock.now(), most=1000))[::-1]

    async def alerts(self) -> list[store.Alert]:
        async with self.run.db.transaction() as tx:
            return await store.alerts(tx, before=None, now=self.run.clock.now(), most=1000)

    async def one(self) -> Notice:
        """The only notice there is."""
        (only,) = await self.notices()
        return only


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as one:
        yield one


@pytest.fixture
async def slack_room() -> AsyncIterator[Slack]:
    async with slack() as one:
        yield one


@pytest.fixture
def office(house: House, mailbox: Mailbox, slack_room: Slack) -> Office:
    """One recipient by e-mail."""
    clock = ManualClock(house.run.clock.now())
    office = Office(replace(house.run, clock=clock), clock, mailbox, slack_room)
    return office.with_settings(
        smtp_host="127.0.0.1",
        smtp_port=mailbox.port,
        email_from="books@shop.example",
        alert_email_recipients="kim@shop.example",
    )


@pytest.fixture
def by_slack(office: Office) -> Office:
    """Slack alone."""
    return office.with_settings(alert_email_recipients="", slack_webhook_url=SecretStr(office.slack.url))
