"""Webhooks: where they go, what was sent, each try with what came back."""

import json
from dataclasses import dataclass
from typing import get_args

from jangbu.sandbox.console.frame import PAGES, Asked, Button, Chip, Listed, chips_of, link, listed, payment_link, shown
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import DeliveryState
from jangbu.sandbox.core.webhook_records import Delivery, Try

STATES: tuple[str, ...] = get_args(DeliveryState)
HERE = f"{PAGES}webhooks"


@dataclass(frozen=True, slots=True)
class WebhookRow:
    type: str
    about: str
    href: str
    state: str
    tries: int
    answer: str
    at: str
    next_try: str
    resend: Button | None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store's webhooks go, and how."""

    url: str
    version: str
    is_form: bool
    v1_url: str
    v1_is_form: bool
    has_v1: bool


@dataclass(frozen=True, slots=True)
class WebhooksPage:
    """All that templates/webhooks.html uses beside the frame."""

    search: str
    state: str
    chips: tuple[Chip, ...]
    webhooks: Listed[WebhookRow]
    address: Address


@dataclass(frozen=True, slots=True)
class TryRow:
    webhook_id: str
    at: str
    answered_at: str
    status: str
    headers: str
    response_headers: str
    response_body: str


@dataclass(frozen=True, slots=True)
class WebhookPage:
    """All that templates/webhook.html uses beside the frame."""

    row: WebhookRow
    facts: tuple[tuple[str, str], ...]
    payment_href: str
    body: str
    tries: tuple[TryRow, ...]


def webhook_row(delivery: Delivery, words: Words) -> WebhookRow:
    last = delivery.tries[-1] if delivery.tries else None
    resend = None
    # PortOne sends again what is about a payment (portone-facts §2.12), and only that.
    if delivery.payment_id:
        sends = {"about": delivery.payment_id, "webhook": delivery.id}
        resend = Button(words["resend"], "resend", sends)
    return WebhookRow(
        type=delivery.type,
        about=delivery.about,
        href=link(f"{PAGES}webhook", number=delivery.number),
        state=delivery.state,
        tries=len(delivery.tries),
        answer="" if last is None else _answer(last, words),
        at=shown(delivery.triggered_at),
        next_try=shown(delivery.next_try_at) if delivery.state == "WAITING" else "",
        resend=resend,
    )


def webhooks_page(asked: Asked) -> WebhooksPage:
    search, state = asked.query.get("q", "").strip(), asked.query.get("state", "")
    words, world = asked.words, asked.parts.world
    fitting = [
        each
        for each in world.state.deliveries
        if any(search.casefold() in text.casefold() for text in (each.about, each.type, each.id))
    ]
    chosen = [each for each in reversed(fitting) if state in ("", each.state)]
    return WebhooksPage(
        search=search,
        state=state,
        chips=chips_of(asked, HERE, "state", "delivery", STATES, [each.state for each in fitting], q=search),
        webhooks=listed(chosen, lambda each: webhook_row(each, words), asked, HERE, q=search, state=state),
        address=_address(asked),
    )


def _address(asked: Asked) -> Address:
    store = next(iter(asked.parts.world.state.stores.values()))
    # A person sets both environments at once, as `control.configure` does.
    settings, v1 = store.webhooks["TEST"], store.v1
    return Address(
        url=settings.url or "",
        version=settings.version,
        is_form=settings.is_form,
        v1_url=(v1.webhook_url if v1 is not None else None) or "",
        v1_is_form=v1 is not None and v1.webhook_is_form,
        has_v1=v1 is not None,
    )


def webhook_page(asked: Asked) -> WebhookPage:
    """Refuses a webhook that the sandbox does not know."""
    said, words = asked.query.get("number", ""), asked.words
    found = next((each for each in asked.parts.world.state.deliveries if str(each.number) == said), None)
    if found is None:
        raise NotOurs(f"no webhook {said}")
    row = webhook_row(found, words)
    facts = (
        ("webhook_id", found.id),
        ("url", found.url),
        ("triggered_at", row.at),
        ("next_try", row.next_try),
        ("trigger", found.trigger or ""),
        ("content_type", found.content_type),
    )
    return WebhookPage(
        row=row,
        facts=tuple((words[name], value) for name, value in facts if value),
        payment_href=payment_link(found.payment_id) if found.payment_id else "",
        body=_readable(found.body),
        tries=tuple(_try_row(each, words) for each in reversed(found.tries)),
    )


def _try_row(attempt: Try, words: Words) -> TryRow:
    return TryRow(
        webhook_id=attempt.webhook_id,
        at=shown(attempt.requested_at),
        answered_at=shown(attempt.responded_at),
        status=_answer(attempt, words),
        headers=_lines(attempt.headers),
        response_headers=_lines(attempt.response_headers),
        response_body=attempt.response_body,
    )


def _answer(attempt: Try, words: Words) -> str:
    if attempt.status is not None:
        return str(attempt.status)
    return f"{words['no_answer']}: {attempt.problem}" if attempt.problem else words["on_its_way"]


def _lines(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def _readable(body: str) -> str:
    """JSON with indents; anything else, a form say, as it is."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except ValueError:
        return body
