"""`jangbu notices`: the same rows from a terminal, and a message to try the channels with."""

from uuid import uuid4

import pytest

from cli.conftest import bare, folder, jangbu  # noqa: F401 (fixtures)
from cli.tools import Jangbu
from jangbu.notices.rules import JobParked
from kit import free_port
from notices.conftest import Office


@pytest.fixture
def mailing(jangbu: Jangbu, office: Office) -> Jangbu:  # noqa: F811
    """The command line with a mail server."""
    return jangbu.given(
        SMTP_HOST="127.0.0.1",
        SMTP_PORT=str(office.mailbox.port),
        EMAIL_FROM="books@shop.example",
        ALERT_EMAIL_RECIPIENTS="kim@shop.example",
    )


async def test_a_test_message_goes_to_every_channel_and_says_what_came_of_it(mailing: Jangbu, office: Office) -> None:
    both = mailing.given(SLACK_WEBHOOK_URL=office.slack.url)
    ran = await both("notices", "test", "--json")
    assert ran.code == 0, ran
    assert {one["channel"]: one["state"] for one in ran.json["notices"]} == {"email": "sent", "slack": "sent"}
    (mail,) = office.mailbox.arrived
    assert mail["Subject"] == "[장부 · SANDBOX] 시험 알림"
    assert len(office.slack.posted) == 1
    assert "very-secret-token" not in ran.out + ran.err + str(await both("notices", "list"))


async def test_a_test_message_that_does_not_arrive_fails_in_words(mailing: Jangbu, office: Office) -> None:
    ran = await mailing.given(SMTP_PORT=str(free_port()))("notices", "test")
    assert ran.code == 1
    assert "✗" not in ran.out and "! email to kim@shop.example: The server cannot be reached" in ran.out
    assert (await office.one()).state == "failed"


async def test_without_a_channel_a_test_says_what_to_set(jangbu: Jangbu) -> None:  # noqa: F811
    ran = await jangbu("notices", "test")
    assert ran.code == 1
    assert "No channel is configured" in ran.out and "SLACK_WEBHOOK_URL" in ran.err


async def test_list_show_and_retry(mailing: Jangbu, office: Office) -> None:
    office.mailbox.rcpt = "550 no such user"
    await office.alert(facts=JobParked("job\x1b[2J", 1, 8))
    notice = await office.deliver(await office.one())
    listed = await mailing("notices", "list", "--json", "--state", "given_up")
    assert [one["id"] for one in listed.json["notices"]] == [str(notice.id)]
    assert (await mailing("notices", "list", "--state", "sent")).out == "No notices that are sent.\n"
    shown = await mailing("notices", "show", str(notice.id))
    assert "550 no such user" in shown.out and "무슨 일인가요" in shown.out
    assert "\x1b" not in shown.out + (await mailing("notices", "list")).out
    dry = await mailing("notices", "retry", str(notice.id), "--dry-run")
    assert dry.out.startswith("Would be sent again") and (await office.one()).state == "given_up"
    again = await mailing("notices", "retry", str(notice.id), "--json")
    assert (again.json["state"], again.json["attempts"]) == ("queued", 0)


async def test_what_is_not_there_or_was_sent_is_a_sentence_with_its_code(mailing: Jangbu, office: Office) -> None:
    await office.alert()
    sent = await office.deliver(await office.one())
    for arguments, code in (
        (("show", "nobody"), "NOTICE_NOT_FOUND"),
        (("retry", str(uuid4())), "NOTICE_NOT_FOUND"),
        (("retry", str(sent.id)), "NOTICE_NOT_RETRIABLE"),
        (("retry", str(sent.id), "--dry-run"), "NOTICE_NOT_RETRIABLE"),
    ):
        ran = await mailing("notices", *arguments)
        assert ran.code == 1
        assert f"[{code}]" in ran.err
