"""Alerts to a Slack that is away, full, rude or not Slack at all; and its address, which nobody may ever read."""

import json
import logging
from datetime import timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr
from structlog.testing import capture_logs

from jangbu.notices.rules import PaymentMismatch
from kit import free_port
from notices.conftest import Office
from notices.post_office import SECRET_PATH


def says(text: str, status: int = 200, **headers: str) -> object:
    return lambda: web.Response(text=text, status=status, headers=headers)


async def test_an_alert_is_posted_with_what_to_do_and_a_link(by_slack: Office) -> None:
    await by_slack.alert()
    sent = await by_slack.deliver(await by_slack.one())
    assert (sent.state, sent.recipient) == ("sent", "alerts")
    (posted,) = by_slack.slack.posted
    assert posted["text"].startswith(":rotating_light: *[장부 · 긴급 · SANDBOX]* 결제 내용이 다릅니다")
    words = "\n".join(block["text"]["text"] for block in posted["blocks"])
    assert "무엇을 하면 되나요" in words
    assert f"<{by_slack.run.settings.url}/console/payments/01986a2f-5b7c-7e1a-9c40-2f6d8b1e3a57|" in words


async def test_a_name_can_neither_call_everybody_nor_make_a_link(by_slack: Office) -> None:
    name = "<!channel> <https://evil.example|여기> & <@U123>"
    await by_slack.alert(facts=PaymentMismatch("1", name, asked="₩1", paid="₩2", review="other_amount"))
    await by_slack.deliver(await by_slack.one())
    whole = json.dumps(by_slack.slack.posted, ensure_ascii=False)
    assert "<!channel" not in whole and "<https://evil" not in whole and "<@U" not in whole
    assert "&lt;!channel&gt;" in whole


@pytest.mark.parametrize(
    ("answer", "state", "why"),
    [
        (says("no_service", 404), "failed", "slack_refused: 404 no_service"),
        (says("channel_is_archived", 410), "failed", "slack_refused: 410 channel_is_archived"),
        (says("invalid_payload", 400), "given_up", "slack_refused: 400 invalid_payload"),
        (says("oh no", 500), "failed", "slack_refused: 500 oh no"),
        (says("<html>sign in to the network</html>"), "failed", "not_slack"),
    ],
)
async def test_what_slack_says_decides_whether_it_is_asked_again(
    by_slack: Office, answer: object, state: str, why: str
) -> None:
    by_slack.slack.answer = answer  # type: ignore[assignment]
    await by_slack.alert()
    notice = await by_slack.deliver(await by_slack.one())
    assert (notice.state, notice.last_error) == (state, why)


@pytest.mark.parametrize(
    ("asked", "seconds"), [("300", 300), ("1", 60), ("soon", 60), ("9" * 40, 60), ("999999", 21_600)]
)
async def test_slack_may_ask_for_a_longer_wait(by_slack: Office, asked: str, seconds: int) -> None:
    by_slack.slack.answer = says("rate_limited", 429, **{"Retry-After": asked})  # type: ignore[assignment]
    await by_slack.alert()
    notice = await by_slack.deliver(await by_slack.one())
    assert notice.due_at == by_slack.clock.now() + timedelta(seconds=seconds)


async def test_slacks_address_is_in_no_row_and_no_log_line(by_slack: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    by_slack.slack.answer = says(f"go away from {by_slack.slack.url}", 403)  # type: ignore[assignment]
    with capture_logs() as lines:
        await by_slack.alert("refused")
        refused = await by_slack.deliver(await by_slack.one())
        away = by_slack.with_settings(slack_webhook_url=SecretStr(f"http://127.0.0.1:{free_port()}{SECRET_PATH}"))
        await away.alert("away")
        other = next(one for one in await away.notices() if one.id != refused.id)
        rows = [refused, await away.deliver(other)]
    assert [row.state for row in rows] == ["failed", "failed"]
    assert rows[0].last_error == "slack_refused: 403 go away from (hidden)"
    everything = f"{rows} {lines} {caplog.text} {by_slack.run.settings!r}"
    assert "very-secret-token" not in everything
    assert "unreachable: " in everything, "this test looks where something was said"


async def test_slacks_address_is_not_kept_in_part_either(by_slack: Office) -> None:
    by_slack.slack.answer = says(f"{'no ' * 60}{by_slack.slack.url}", 403)  # type: ignore[assignment]
    await by_slack.alert()
    refused = await by_slack.deliver(await by_slack.one())
    assert refused.last_error.endswith("no (hidden)")


async def test_one_channel_that_is_away_does_not_hold_up_the_other(office: Office) -> None:
    both = office.with_settings(slack_webhook_url=SecretStr(office.slack.url))
    office.mailbox.rcpt = "450 later"
    await both.alert()
    await both.sweep()
    assert {notice.channel: notice.state for notice in await both.notices()} == {"email": "failed", "slack": "sent"}
