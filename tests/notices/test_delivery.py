"""E-mail to a mail server that is down, slow, rude or forgetful: at least once, one Message-ID, visible throughout."""

import asyncio
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from jangbu.failpoints import Crash, armed
from jangbu.notices import smtp
from jangbu.notices.refusals import NoticeNotRetriable, NoticeUnknown, RecipientMalformed
from jangbu.notices.rules import (
    ATTEMPTS_MAX,
    LEASE,
    SAMPLES,
    UNCONFIGURED_WAIT,
    Channel,
    Facts,
    PaymentMismatch,
    Severity,
)
from jangbu.notices.service import delivery, telling
from kit import TESTER, free_port
from notices.conftest import Office
from notices.post_office import mail_server

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="SKIPPED ALOUD: no openssl here to make a certificate with"
)


async def test_an_alert_arrives_whole_in_korean(office: Office) -> None:
    await office.alert()
    sent = await office.deliver(await office.one())
    assert (sent.state, sent.attempts, sent.due_at, sent.last_error) == ("sent", 1, None, "")
    (mail,) = office.mailbox.arrived
    assert mail["Subject"] == "[장부 · 긴급 · SANDBOX] 결제 내용이 다릅니다: 보리차 2병"
    assert mail["From"].addresses[0].display_name == "장부 Jangbu"
    assert office.mailbox.envelopes == [("books@shop.example", ["kim@shop.example"])]
    assert mail["To"] == "kim@shop.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    link = f"{office.run.settings.url}/console/payments/01986a2f-5b7c-7e1a-9c40-2f6d8b1e3a57"
    for part in (text, html):
        assert "₩10,000" in part and "₩100" in part and link in part and "무엇을 하면 되나요" in part


async def test_a_sent_notice_is_not_sent_again(office: Office) -> None:
    await office.alert()
    notice = await office.deliver(await office.one())
    await office.deliver(notice)
    await office.sweep()
    assert len(office.mailbox.arrived) == 1
    with pytest.raises(NoticeNotRetriable):
        await delivery.retry(notice.id, actor=TESTER, run=office.run)


async def test_long_korean_subjects_survive_every_fold(office: Office) -> None:
    for length in range(1, 90, 4):
        name = ("보리차와 결명자차 " * 12)[:length].strip()
        facts = PaymentMismatch("1", name, asked="₩1", paid="₩2", review="other_amount")
        await office.alert(f"{length}", facts)
        await office.sweep()
        assert office.mailbox.arrived[-1]["Subject"].endswith(f": {name}")


async def test_a_name_cannot_add_headers_or_lines(office: Office) -> None:
    name = "보리차\r\nBcc: thief@evil.example\r\n\r\n<script>\u202e"
    office = office.with_settings(email_from_name="장부\r\nBcc: thief@evil.example")
    await office.alert(facts=PaymentMismatch("1", name, asked="₩1", paid="₩2", review="other_amount"))
    await office.deliver(await office.one())
    (mail,) = office.mailbox.arrived
    assert mail["Bcc"] is None
    assert office.mailbox.envelopes[0][1] == ["kim@shop.example"]
    assert mail["Subject"].endswith("결제 내용이 다릅니다: 보리차 Bcc: thief@evil.example <script>")
    text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "\nBcc" not in text
    assert "<script" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(
    "to", ["kim@shop.example\r\nBcc: x@y.example", "kim", "kim@", "Kim <kim@shop.example>", "가@나.kr"]
)
async def test_only_one_plain_address_can_be_written_to(office: Office, to: str) -> None:
    async with office.run.db.transaction() as tx:
        with pytest.raises(RecipientMalformed):
            await telling.send(
                tx, SAMPLES["test_message"], to=to, language="ko", key="k", subject="test:1", run=office.run
            )


async def test_a_mail_server_that_is_away_is_tried_with_growing_waits_and_then_given_up(office: Office) -> None:
    away = office.with_settings(smtp_port=free_port())
    await away.alert()
    notice = await away.one()
    waits = []
    for _ in range(ATTEMPTS_MAX - 1):
        notice = await away.deliver(notice)
        assert notice.state == "failed" and notice.due_at is not None
        assert notice.last_error.startswith("unreachable: ")
        waits.append(notice.due_at - away.run.clock.now())
        assert (await away.deliver(notice)).attempts == notice.attempts, "it is not due"
        office.clock.move(waits[-1])
    minutes = [wait // timedelta(minutes=1) for wait in waits]
    assert minutes[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360] and set(minutes[10:]) == {360}
    notice = await away.deliver(notice)
    assert (notice.state, notice.due_at, notice.attempts) == ("given_up", None, ATTEMPTS_MAX)
    assert notice.last_error.startswith("unreachable: ")

    again = await delivery.retry(notice.id, actor=TESTER, run=office.run)
    assert (again.state, again.attempts) == ("queued", 0)
    await office.sweep()
    assert office.mailbox.ids == [notice.message_id]


@pytest.mark.parametrize(
    ("rcpt", "data", "state", "said"),
    [
        ("550 5.1.1 no such user", "", "given_up", "recipient_refused: 550 5.1.1 no such user"),
        ("450 4.2.0 greylisted, try later", "", "failed", "recipient_refused: 450"),
        ("530 5.7.0 authentication required", "", "failed", "recipient_refused: 530"),
        ("", "554 5.7.1 looks like spam", "given_up", "message_refused: 554"),
        ("", "451 4.3.0 disk full", "failed", "message_refused: 451"),
    ],
)
async def test_what_the_mail_server_says_decides_whether_it_is_asked_again(
    office: Office, rcpt: str, data: str, state: str, said: str
) -> None:
    office.mailbox.rcpt, office.mailbox.data = rcpt, data
    await office.alert()
    notice = await office.deliver(await office.one())
    assert (notice.state, notice.attempts) == (state, 1)
    assert said in notice.last_error


async def test_a_slow_mail_server_is_not_waited_for_for_ever(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "WHOLE_TRY_S", 0.3)
    office.mailbox.held = asyncio.Event()
    await office.alert()
    notice = await office.deliver(await office.one())
    assert (notice.state, notice.last_error) == ("failed", "timeout")


async def test_the_limits_of_a_try_fit_into_its_lease() -> None:
    assert timedelta(seconds=smtp.WHOLE_TRY_S) < LEASE / 2


async def test_a_line_dropped_after_the_message_sends_it_again_under_the_same_id(office: Office) -> None:
    office.mailbox.drop_after_data = True
    await office.alert()
    notice = await office.deliver(await office.one())
    assert notice.state == "failed", "nobody knows whether it was taken"
    office.mailbox.drop_after_data = False
    office.clock.move(timedelta(minutes=1))
    assert (await office.deliver(notice)).state == "sent"
    assert office.mailbox.ids == [notice.message_id] * 2


@pytest.mark.parametrize(
    "failpoint", ["notices.deliver.begun", "notices.deliver.answered", "notices.deliver.before_commit"]
)
async def test_dying_anywhere_loses_nothing_and_keeps_the_message_id(office: Office, failpoint: str) -> None:
    await office.alert()
    notice = await office.one()
    with armed(failpoint), pytest.raises(Crash):
        await office.deliver(notice)
    had_left = failpoint != "notices.deliver.begun"
    assert len(office.mailbox.arrived) == had_left
    await office.sweep()
    assert len(office.mailbox.arrived) == had_left, "whoever died may still be at it: the lease keeps others away"
    office.clock.move(LEASE)
    await office.sweep()
    assert office.mailbox.ids == [notice.message_id] * (1 + had_left)
    assert (await office.one()).state == "sent"


async def test_dying_at_every_try_ends_too(office: Office) -> None:
    await office.alert()
    notice = await office.one()
    for _ in range(ATTEMPTS_MAX):
        with armed("notices.deliver.begun"), pytest.raises(Crash):
            await office.deliver(notice)
        office.clock.move(LEASE)
    notice = await office.deliver(notice)
    assert (notice.state, notice.last_error) == ("given_up", "interrupted")
    assert office.mailbox.arrived == []


async def test_workers_at_the_same_moment_send_once(office: Office) -> None:
    await office.alert()
    notice = await office.one()
    await asyncio.gather(*(office.deliver(notice) for _ in range(8)))
    assert len(office.mailbox.arrived) == 1


async def test_a_late_failure_does_not_undo_what_another_try_knows(office: Office) -> None:
    await office.alert()
    notice = await office.one()
    office.mailbox.held, office.mailbox.rcpt = asyncio.Event(), "450 later"
    slow = asyncio.create_task(office.deliver(notice))
    while office.mailbox.asked == 0:
        await asyncio.sleep(0.01)
    late = office.mailbox.held
    office.clock.move(LEASE)
    office.mailbox.held, office.mailbox.rcpt = None, ""
    assert (await office.deliver(notice)).state == "sent"
    office.mailbox.rcpt = "450 later"
    late.set()
    assert (await slow).state == "sent"


async def test_without_a_mail_server_a_notice_waits_and_is_not_a_try(office: Office) -> None:
    unset = office.with_settings(smtp_host="")
    await unset.alert()
    notice = await unset.deliver(await unset.one())
    assert (notice.state, notice.attempts, notice.last_error) == ("queued", 0, "not_configured")
    await office.sweep()
    assert office.mailbox.arrived == [], "looked for again in a while, not at once"
    office.clock.move(UNCONFIGURED_WAIT)
    await office.sweep()
    assert office.mailbox.ids == [notice.message_id]


async def test_what_waits_for_a_channel_can_be_sent_at_once_by_hand(office: Office) -> None:
    unset = office.with_settings(smtp_host="")
    await unset.alert()
    notice = await unset.deliver(await unset.one())
    await delivery.retry(notice.id, actor=TESTER, run=office.run)
    await office.sweep()
    assert office.mailbox.ids == [notice.message_id]


async def test_nobody_can_retry_what_is_not_there(office: Office) -> None:
    with pytest.raises(NoticeUnknown):
        await delivery.retry(office.run.ids.uuid(), actor=TESTER, run=office.run)


async def test_a_password_is_never_given_to_a_server_without_tls(office: Office) -> None:
    office = office.with_settings(smtp_user="books", smtp_pass=SecretStr("hunter2-secret"))
    await office.alert()
    notice = await office.deliver(await office.one())
    assert (notice.state, notice.last_error.partition(":")[0]) == ("failed", "not_offered")
    assert office.mailbox.logins == []


async def test_a_refused_login_is_tried_again_and_shows_no_password(office: Office) -> None:
    secret: dict[str, Any] = {"smtp_user": "books", "smtp_pass": SecretStr("hunter2-secret"), "smtp_tls": "none"}
    office = office.with_settings(**secret)
    office.mailbox.takes_login = False
    await office.alert()
    notice = await office.deliver(await office.one())
    assert office.mailbox.logins[-1] == ("books", "hunter2-secret")
    assert notice.state == "failed" and notice.last_error.startswith("login_refused: 535")
    assert "hunter2" not in notice.last_error


async def test_a_server_that_quotes_the_password_is_not_quoted(office: Office) -> None:
    office = office.with_settings(smtp_pass=SecretStr("hunter2-secret"))
    office.mailbox.rcpt = "450 later, hunter2-secret"
    await office.alert()
    notice = await office.deliver(await office.one())
    assert notice.last_error == "recipient_refused: 450 later, (hidden)"


@pytest.mark.parametrize("said", ["450 later, hunter2  secret", f"450 {'no ' * 96}hunter2  secret"])
async def test_nor_in_part_nor_with_its_blanks_made_one(office: Office, said: str) -> None:
    office = office.with_settings(smtp_pass=SecretStr("hunter2  secret"))
    office.mailbox.rcpt = said
    await office.alert()
    notice = await office.deliver(await office.one())
    assert "hunter2" not in notice.last_error


async def test_a_notice_that_cannot_be_written_says_so_and_waits_for_a_release_that_can(office: Office) -> None:
    await office.alert(facts=SAMPLES["job_parked"])
    notice = await office.one()
    async with office.run.db.transaction() as tx:
        await telling.write_down(
            tx, _Newer(), channel=Channel.EMAIL, recipient="kim@shop.example", language="ko", key="new", subject="x:1",
            run=office.run,
        )  # fmt: skip
    await office.sweep()
    newer = next(one for one in await office.notices() if one.id != notice.id)
    assert newer.state == "failed"
    assert "no message of the kind from_tomorrow" in newer.last_error
    assert len(office.mailbox.arrived) == 1, "the others are sent"


@dataclass(frozen=True)
class _Newer(Facts):
    kind = "from_tomorrow"
    severity = Severity.INFO


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-made certificate for localhost, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", crt],
        check=True,
        capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text(crt.read_text() + key.read_text())
    return both


@needs_openssl
async def test_the_password_travels_after_tls_to_a_server_that_is_known(
    office: Office, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with mail_server(context) as mailbox:
        secret: dict[str, Any] = {"smtp_user": "books", "smtp_pass": SecretStr("hunter2-secret")}
        safe = office.with_settings(smtp_host="localhost", smtp_port=mailbox.port, **secret)
        await safe.alert()
        assert (await safe.deliver(await safe.one())).state == "sent"
        assert mailbox.logins == [("books", "hunter2-secret")]


@needs_openssl
async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(office: Office, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with mail_server(context) as mailbox:
        secret: dict[str, Any] = {"smtp_user": "books", "smtp_pass": SecretStr("hunter2-secret")}
        unsafe = office.with_settings(smtp_host="localhost", smtp_port=mailbox.port, **secret)
        await unsafe.alert()
        notice = await unsafe.deliver(await unsafe.one())
        assert (notice.state, notice.last_error) == ("failed", "certificate: self-signed certificate")
        assert mailbox.logins == [] == mailbox.arrived
