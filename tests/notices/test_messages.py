"""Every kind says, in both languages, what happened, what it means and what to do; and uses every fact it is given."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from jangbu.notices import messages
from jangbu.notices.messages import Message, write
from jangbu.notices.rules import (
    ATTEMPTS_MAX,
    KINDS,
    LONGEST_WAIT,
    SAMPLES,
    Facts,
    FactsUnreadable,
    JobParked,
    as_facts,
    as_stored,
    plain,
    wait_after,
)
from jangbu.payments.after import escrow_rules, receipt_rules
from jangbu.payments.after.service.close import OPERATION as CLOSE_ACCOUNT
from jangbu.payments.cancellations.service.cancel import OPERATION as CANCEL
from jangbu.payments.confirm.service import OPERATION as CONFIRM
from jangbu.payments.service.initialize import OPERATION as PRE_REGISTER
from jangbu.settings import Settings, load
from jangbu.web.language import Language

LANGUAGES: tuple[Language, ...] = ("ko", "en")
HANGUL = re.compile("[가-힣]")
PER_KIND = pytest.mark.parametrize("kind", SAMPLES)
PER_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def live() -> Settings:
    return load(
        _env_file=None,
        JANGBU_MODE="live",
        PORTONE_V2_API_SECRET="real",
        PORTONE_STORE_ID="store-1",
        JANGBU_SECRETS_KEYS="k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        PORTONE_WEBHOOK_SECRET="whsec_cmVhbC1zZWNyZXQtcmVhbC1zZWNyZXQtcmVhbC1zZWNyZXQ=",
        JANGBU_PUBLIC_URL="https://pay.example.com",
    )


def marked(sample: Facts) -> tuple[Facts, dict[str, str]]:
    """The sample with a mark of its own in every field, and the marks."""
    marks: dict[str, str] = {}
    changed: dict[str, object] = {}
    for number, field in enumerate(fields(sample), start=1):
        if isinstance(getattr(sample, field.name), str):
            changed[field.name] = marks[field.name] = f"MARK{number}"
        elif isinstance(getattr(sample, field.name), int):
            changed[field.name], marks[field.name] = 77_000 + number, str(77_000 + number)
        else:
            changed[field.name] = datetime(2031, 1, number, tzinfo=UTC)
            marks[field.name] = f"2031-01-{number:02d} 09:00:00"
    return replace(sample, **changed), marks


def forms(message: Message) -> dict[str, str]:
    slack = "\n".join(block["text"]["text"] for block in message.slack["blocks"])
    return {"text": message.text, "html": message.html, "slack": slack}


@PER_KIND
@PER_LANGUAGE
def test_every_fact_is_told_in_every_form(kind: str, language: Language, live: Settings) -> None:
    facts, marks = marked(SAMPLES[kind])
    for name, form in forms(write(facts, language, live)).items():
        missing = [field for field, mark in marks.items() if mark not in form]
        assert not missing, f"{kind} in {name} does not tell {missing}"


@PER_KIND
@PER_LANGUAGE
def test_every_message_has_all_its_parts_in_its_language(kind: str, language: Language, live: Settings) -> None:
    facts, _ = marked(SAMPLES[kind])
    message = write(facts, language, live)
    for part in (message.title, message.happened, message.means, message.todo):
        assert len(part) > 4
        assert bool(HANGUL.search(part)) == (language == "ko"), part
    if language == "en":
        assert not HANGUL.search(message.text + message.html)
    assert all(label and value for label, value in message.details)
    for form in forms(message).values():
        assert "{{" not in form and "{%" not in form
        assert f"https://pay.example.com{facts.path}" in form


@pytest.mark.parametrize(
    "operation",
    [PRE_REGISTER, CANCEL, CONFIRM, CLOSE_ACCOUNT, *receipt_rules.OPERATIONS, *escrow_rules.OPERATIONS],
)
def test_whatever_portone_is_asked_for_has_a_name_that_people_read(operation: str, live: Settings) -> None:
    facts = replace(SAMPLES["outcome_unknown"], operation=operation)  # type: ignore[call-arg]
    korean, english = (write(facts, language, live) for language in LANGUAGES)
    assert dict(korean.details)["요청"] != operation
    assert dict(english.details)["Request"] not in (operation, dict(korean.details)["요청"])


@PER_KIND
def test_the_same_facts_give_the_same_message(kind: str, live: Settings) -> None:
    assert write(SAMPLES[kind], "ko", live) == write(SAMPLES[kind], "ko", live)


@PER_KIND
def test_facts_come_back_from_the_table_as_they_were(kind: str) -> None:
    assert as_facts(kind, as_stored(SAMPLES[kind])) == SAMPLES[kind]


def test_there_is_a_template_for_every_kind_and_none_for_nothing() -> None:
    for language in LANGUAGES:
        folder = files("jangbu.notices") / "templates" / "messages" / language
        assert {entry.name for entry in folder.iterdir()} == {f"{kind}.txt" for kind in KINDS}


def test_facts_that_do_not_fit_are_named() -> None:
    with pytest.raises(FactsUnreadable, match="missing required field `attempts`"):
        as_facts("job_parked", {"job": "a", "job_id": 1})
    with pytest.raises(FactsUnreadable, match="no message of the kind"):
        as_facts("unheard_of", {})


def test_a_template_that_names_a_fact_there_is_not_fails(live: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(JobParked):
        kind = "webhook_parked"

    with pytest.raises(UndefinedError):
        write(Wrong("payments.check", 1, 8), "ko", live)


def test_practice_and_urgency_stand_in_front(live: Settings) -> None:
    critical, info = SAMPLES["invariant_broken"], SAMPLES["test_message"]
    practice = load(_env_file=None)
    assert write(critical, "en", live).subject.startswith("[Jangbu · Critical] ")
    assert write(critical, "ko", practice).subject.startswith("[장부 · 긴급 · SANDBOX] ")
    assert write(info, "ko", live).subject == "[장부] 시험 알림"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("\u2028줄\u2029바꿈\x85여기", "줄 바꿈 여기"),
        ("gnp.\u202etxt\u2066", "gnp.txt"),
        ("  a \t b\x00 ", "a b"),
        ("가" * 300, "가" * 199 + "…"),
        ("\ud800", ""),
    ],
)
def test_text_from_outside_is_one_visible_line(text: str, line: str) -> None:
    assert plain(text) == line


def test_slack_escapes_three_characters() -> None:
    assert messages.escaped_for_slack("<a&b>") == "&lt;a&amp;b&gt;"


def test_waits_grow_to_a_limit_and_take_about_three_days() -> None:
    waits = [wait_after(attempts) for attempts in range(1, ATTEMPTS_MAX)]
    assert waits == sorted(waits) and waits[-1] == LONGEST_WAIT
    assert timedelta(days=2.5) < sum(waits, timedelta()) < timedelta(days=3)
    assert wait_after(10_000) == LONGEST_WAIT
