"""One kind's facts become one message: subject, plain text, HTML and Slack, in Korean or English.

A kind has one template per language (`templates/messages/<language>/<kind>.txt`) with the blocks subject, happened,
means, todo and details; the frames around them are here, so that no message can leave one out. Facts come from
outside, so each form escapes them in its own way: HTML entities, Slack's three, and one line of visible text for all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from jangbu.clock import seoul
from jangbu.notices.rules import Facts, Severity, plain
from jangbu.notices.texts import TEXTS
from jangbu.settings import Settings
from jangbu.web.language import Language
from jangbu.web.texts import Words

BLOCKS: Final = ("subject", "happened", "means", "todo", "details")
SUBJECT_CHARACTERS_MAX = 180
SLACK_CHARACTERS_MAX = 2900
"""A section of Slack's takes 3,000."""

_OPERATIONS: Mapping[str, tuple[str, str]] = {
    "pre_register": ("결제 금액 사전 등록", "pre-registering the amount"),
    "confirm": ("결제 승인", "approving the payment"),
    "cancel": ("결제 취소", "cancelling the payment"),
    "close_account": ("가상계좌 말소", "closing the virtual account"),
    "issue_receipt": ("현금영수증 발급", "issuing the cash receipt"),
    "cancel_receipt": ("현금영수증 취소", "cancelling the cash receipt"),
    "send_parcel": ("에스크로 배송 등록", "registering the escrow delivery"),
    "correct_parcel": ("에스크로 배송 수정", "correcting the escrow delivery"),
    "complete_escrow": ("에스크로 구매 확정", "confirming the escrow purchase"),
}
_MARKS = {Severity.CRITICAL: ":rotating_light:", Severity.WARNING: ":warning:", Severity.INFO: ":information_source:"}


@dataclass(frozen=True, slots=True)
class Message:
    """A message in every form it may travel in."""

    subject: str
    """With severity and mode in front, as it stands in an inbox."""
    title: str
    happened: str
    means: str
    todo: str
    details: tuple[tuple[str, str], ...]
    """Label and value."""
    link: str
    text: str
    html: str
    slack: dict[str, Any]


def write(facts: Facts, language: Language, settings: Settings) -> Message:
    """The message. The same facts and settings always give the same one."""
    t = Words(language, TEXTS)
    said = _blocks(_TEXT, facts, language)
    link = settings.url + facts.path
    marks = [t("message.from"), *([] if facts.severity is Severity.INFO else [t(f"message.severity.{facts.severity}")])]
    # Nobody is to be frightened by practice money.
    marks += [] if settings.mode == "live" else [settings.mode.upper()]
    subject = plain(f"[{' · '.join(marks)}] {said['subject']}", SUBJECT_CHARACTERS_MAX)
    return Message(
        subject=subject,
        title=said["subject"],
        happened=said["happened"],
        means=said["means"],
        todo=said["todo"],
        details=_pairs(said["details"]),
        link=link,
        text=_text(said, link, t),
        html=_html(_blocks(_HTML, facts, language), facts, link, t),
        slack=_slack(_blocks(_SLACK, facts, language), facts, link, t, marks),
    )


def _environment(*, autoescape: bool, finalize: Callable[[Any], Any] | None = None) -> Environment:
    environment = Environment(
        loader=PackageLoader("jangbu.notices"),
        autoescape=autoescape,  # noqa: S701 (the other two forms are not HTML and escape in their own way)
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["seoul"] = seoul
    return environment


def escaped_for_slack(value: Any) -> Any:
    """Slack's own escaping: without it a name like `<!channel>` would call everybody."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_TEXT = _environment(autoescape=False)
_HTML = _environment(autoescape=True)
_SLACK = _environment(autoescape=False, finalize=escaped_for_slack)


def _blocks(environment: Environment, facts: Facts, language: Language) -> dict[str, str]:
    template = environment.get_template(f"messages/{language}/{facts.kind}.txt")
    known = {field.name: _plain(getattr(facts, field.name)) for field in fields(facts)}
    values: dict[str, Any] = {"facts": known}
    if "operation" in known:
        words = _OPERATIONS.get(known["operation"])
        values["operation"] = known["operation"] if words is None else words[0 if language == "ko" else 1]
    context = template.new_context(values)
    return {name: "".join(template.blocks[name](context)).strip() for name in BLOCKS}


def _plain(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def _pairs(details: str) -> tuple[tuple[str, str], ...]:
    return tuple((label, value) for label, _, value in (line.partition(": ") for line in details.splitlines()))


def _text(said: Mapping[str, str], link: str, t: Words) -> str:
    parts = [
        said["subject"],
        f"{t('message.happened')}\n{said['happened']}",
        f"{t('message.means')}\n{said['means']}",
        f"{t('message.todo')}\n{said['todo']}",
        said["details"],
        f"{t('message.open')}: {link}",
        f"-- \n{t('message.foot')}",
    ]
    return "\n\n".join(parts) + "\n"


_COLOURS = {Severity.CRITICAL: "#b3251e", Severity.WARNING: "#885400", Severity.INFO: "#23498f"}


def _html(said: Mapping[str, str], facts: Facts, link: str, t: Words) -> str:
    # The blocks come out of an environment that escaped the facts; Markup says so to the frame.
    return _HTML.get_template("messages/frame.html").render(
        language=t.language,
        colour=_COLOURS[facts.severity],
        mark=t(f"message.severity.{facts.severity}"),
        title=Markup(said["subject"]),  # noqa: S704
        parts=[(t(f"message.{name}"), Markup(said[name])) for name in ("happened", "means", "todo")],  # noqa: S704
        details=[(label, Markup(value)) for label, value in _pairs(said["details"])],  # noqa: S704
        link=link,
        open_=t("message.open"),
        foot=t("message.foot"),
    )


def _slack(said: Mapping[str, str], facts: Facts, link: str, t: Words, marks: list[str]) -> dict[str, Any]:
    title = f"{_MARKS[facts.severity]} *[{' · '.join(marks)}]* {said['subject']}"
    parts = [
        title,
        *(f"*{t(f'message.{name}')}*\n{said[name]}" for name in ("happened", "means", "todo")),
        "\n".join(f"{label}: {value}" for label, value in _pairs(said["details"])),
        f"<{link}|{t('message.open')}>",
    ]
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": part[:SLACK_CHARACTERS_MAX], "verbatim": True}}
        for part in parts
    ]
    # `text` is what a phone's lock screen shows.
    return {"text": title, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}
