"""The whole story of one payment, as the console tells it. Its route is in `pages.py`."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jangbu import audit
from jangbu.events import Event
from jangbu.money import Money, written
from jangbu.payments import people
from jangbu.payments.rules import Payment
from jangbu.payments.story import method_words, page
from jangbu.payments.story.service import Asked, Attempt, PostedLeg, SeenWebhook, Story
from jangbu.web.chrome import Fact
from jangbu.web.texts import Catalogue, Words

LIST = "/console/payments"
_MILLISECOND = timedelta(milliseconds=1)
_OUTCOMES: dict[str, page.Outcome] = {
    "sent": "running",
    "done": "succeeded",
    "refused": "refused",
    "unknown": "unknown",
}
_ACTS = {
    "payment.initialized": "story.initialized",
    "payment.confirm_refused": "story.confirm.refused",
    "payment.cancellation_asked": "story.cancellation.asked",
    "payment.cancellation_approved": "story.cancellation.approved",
    "payment.cancellation_rejected": "story.cancellation.rejected",
    "payment.send_parcel_asked": "story.escrow.send",
    "payment.correct_parcel_asked": "story.escrow.correct",
    "payment.complete_escrow_asked": "story.escrow.complete",
    "payment.receipt_asked": "story.receipt.asked",
    "payment.receipt_cancel_asked": "story.receipt.cancel_asked",
    "payment.receipt_issued": "story.receipt.issued",
    "payment.receipt_cancelled": "story.receipt.cancelled",
    "payment.receipt_failed": "story.receipt.failed",
    "payment.close_asked": "story.close_asked",
    "payment.looked_at": "story.looked_at",
    "payment.dispute_won": "story.dispute.decided.won",
    "payment.dispute_lost": "story.dispute.decided.lost",
    "payment.dispute_decision_wanted": "story.dispute.wanted",
}

DISPUTE_TONES: dict[str, page.Tone] = {
    "OPEN": "waiting",
    "UNTOLD": "waiting",
    "WON": "good",
    "LOST": "bad",
    "RETURNED": "neutral",
}


def story_page_of(
    story: Story, t: Words, refund: page.RefundForm | None = None, cards: tuple[page.Card, ...] = ()
) -> page.StoryPage:
    """The story as the page shows it."""
    payment = story.payment
    return page.StoryPage.of(
        t,
        page.PaymentHead(
            order_name=payment.order_name,
            amount=payment.total,
            status=payment.status.value,
            requested_at=payment.created_at,
            payment_id=str(payment.id),
            portone_payment_id=payment.provider_order_id,
            transaction_id=payment.provider_transaction_id,
            pg_transaction_id=(payment.portone or {}).get("pgTxId"),
            facts=_head_facts(payment, t),
        ),
        _figures(story, t),
        _moments(story, t),
        asked_at=payment.portone_changed_at,
        back_href=LIST,
        refund=refund,
        cards=cards,
    )


def _head_facts(payment: Payment, t: Words) -> tuple[Fact, ...]:
    facts = []
    if payment.api == "v1":
        facts.append(Fact("API", "V1"))
    if payment.order_id:
        facts.append(Fact(t("story.fact.order"), payment.order_id, exact=True))
    if payment.pg_provider:
        facts.append(Fact("PG", payment.pg_provider))
    facts += method_words.facts(payment, t)
    return tuple(facts)


def _figures(story: Story, t: Words) -> list[page.Figure]:
    payment, currency = story.payment, story.payment.currency
    amount = (payment.portone or {}).get("amount") or {}
    taken_there = (payment.portone or {}).get("status") in {"PAID", "PARTIAL_CANCELLED", "CANCELLED"}
    # A dispute moves money that is ours aside and back: neither is a capture, nor given back.
    owed = [leg for leg in story.legs if leg.path == "assets:pg_receivable"]
    receivable = [leg.amount_minor for leg in owed if not leg.kind.startswith("payment.dispute_")]
    captured, given_back = sum(minor for minor in receivable if minor > 0), -sum(m for m in receivable if m < 0)
    asked = payment.portone is not None

    def theirs(minor: Any) -> Money | None:
        return Money(minor, currency) if asked and isinstance(minor, int) else None

    return [
        page.Figure(
            t("story.figure.captured"),
            theirs(amount.get("total") if taken_there else 0),
            Money(payment.amount if payment.is_captured else 0, currency),
            Money(captured, currency),
        ),
        page.Figure(
            t("story.figure.cancelled"),
            theirs(amount.get("cancelled", 0)),
            Money(payment.cancelled_amount, currency),
            Money(given_back, currency),
        ),
    ]


def _moments(story: Story, t: Words) -> list[page.Moment]:
    moments = [_acted(line, story.names, t) for line in story.audit if line.action in _ACTS]
    moments += [_call(attempt, t) for attempt in story.attempts]
    moments += [_asked(question, t) for question in story.questions]
    moments += [_webhook(delivery, t) for delivery in story.webhooks]
    moments += [_changed(change, t) for change in story.changes]
    by_key: defaultdict[str, list[PostedLeg]] = defaultdict(list)
    for leg in story.legs:
        by_key[leg.key].append(leg)
    moments += [_entry(key, legs, t) for key, legs in by_key.items()]
    return moments


def _acted(line: audit.Line, names: Mapping[str, str], t: Words) -> page.Moment:
    who = people.in_words(line.actor, names, t.language)
    moment = page.acted(t, line.at, who=who, title=t(_ACTS[line.action]), reason=line.facts.get("reason", ""))
    if "cancellation_id" not in line.facts:
        return moment
    amount = written(Money(line.facts["amount"], line.facts["currency"]))
    return replace(moment, facts=(Fact(t("refunds.amount"), amount), *moment.facts))


def _changed(change: Event, t: Words) -> page.Moment:
    before, after, given = change.data["before"], change.data["status"], change.data.get("cancellation")
    if disputed := change.data.get("dispute"):
        return _disputed(change, disputed, t)
    if given is None:
        return page.changed(t, change.happened_at, before=before, after=after)
    facts = [Fact(t("refunds.amount"), written(Money(given["amount"], given["currency"])))]
    if given["made"] == "elsewhere":
        facts.append(Fact(t("story.cancellation.elsewhere"), given["reason"]))
    return page.Moment(
        "state",
        change.happened_at,
        t(f"story.cancellation.{given['status']}"),
        {"SUCCEEDED": "good", "FAILED": "bad"}.get(given["status"], "waiting"),  # type: ignore[arg-type]
        facts=tuple(facts),
        change=(before, after) if before != after else None,
    )


def _disputed(change: Event, dispute: dict[str, Any], t: Words) -> page.Moment:
    facts = [Fact(t("dispute.reason"), dispute["reason"])]
    if dispute["heldAmount"]:
        facts.append(Fact(t("dispute.held"), written(Money(dispute["heldAmount"], dispute["currency"]))))
    status = "OPEN" if change.type == "payment.dispute_created" else dispute["status"]
    tone = DISPUTE_TONES[status]
    return page.Moment("state", change.happened_at, t(f"story.dispute.{status}"), tone, facts=tuple(facts))


def _call(attempt: Attempt, t: Words) -> page.Moment:
    said, finished = attempt.outcome or {}, attempt.finished_at
    lost_its_answer = "why" in said
    facts = (Fact(t("story.call.settled"), t("story.call.settled.later")),) if "settled" in said else ()
    call = page.Call(
        operation=attempt.operation,
        key=str(attempt.id),
        outcome="unknown" if lost_its_answer else _OUTCOMES[attempt.state],
        intent_at=attempt.started_at,
        outcome_at=finished,
        duration_ms=None if finished is None else (finished - attempt.started_at) // _MILLISECOND,
        said=str(said.get("type") or said.get("why") or ""),
    )
    return page.called(t, call, title=t(f"story.call.{attempt.operation}"), facts=facts, raw=_json(attempt.request))


def _asked(question: Asked, t: Words) -> page.Moment:
    facts = [Fact(t("story.asked.took"), f"{question.took_ms:,} ms")]
    if question.times > 1:
        facts.append(Fact(t("story.asked.times"), str(question.times)))
    if question.code:
        facts.append(Fact(t("story.asked.why"), question.code, exact=True))
    facts.append(Fact("webhook-id", question.question_id, exact=True))
    tone: page.Tone = "neutral" if question.answer == "yes" else "bad"
    title, note = t(f"story.asked.{question.answer}"), t(f"story.asked.{question.answer}.explained")
    return page.Moment("question", question.asked_at, title, tone, note, tuple(facts), raw=_json(question.asked))


def _webhook(delivery: SeenWebhook, t: Words) -> page.Moment:
    result: Any = "duplicate" if delivery.status == "skipped" else delivery.status
    return page.webhook(
        t,
        delivery.received_at,
        webhook_id=delivery.webhook_id,
        type_=delivery.webhook_type or "",
        result=result,
        problem=delivery.error_message or "",
        raw=_json(delivery.request_body),
    )


def _entry(key: str, legs: list[PostedLeg], t: Words) -> page.Moment:
    postings = tuple(
        page.Posting(t(f"account.{leg.path}"), leg.path, debit=Money(leg.amount_minor, leg.currency))
        if leg.amount_minor > 0
        else page.Posting(t(f"account.{leg.path}"), leg.path, credit=Money(-leg.amount_minor, leg.currency))
        for leg in legs
    )
    title = t(f"story.entry.{legs[0].kind}")
    return page.posted(t, legs[0].recorded_at, page.Entry(key, postings), title=title, sealed_as=legs[0].seq)


def page_of_entry(key: str) -> str:
    """Where the payment of a ledger entry is shown; "" for an entry that is no payment's."""
    room, _, rest = key.partition(":")
    return f"{LIST}/{rest.partition(':')[0]}" if room == "payment" else ""


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, indent=2)


TEXTS: Catalogue = {
    "story.fact.order": ("주문 번호", "Order"),
    "story.figure.captured": ("승인 금액", "Captured"),
    "story.figure.cancelled": ("취소 금액", "Cancelled"),
    "story.close_asked": ("가상계좌 말소를 요청했습니다", "Closing of the account asked for"),
    "story.looked_at": ("담당자가 확인했습니다", "A person looked at it"),
    "story.initialized": ("결제가 등록되었습니다", "Payment initialized"),
    "story.call.close_account": ("가상계좌 말소", "Virtual account closed"),
    "story.call.pre_register": ("결제 금액 사전 등록", "Amount pre-registered"),
    "story.call.confirm": ("결제 승인 요청", "Approval asked of PortOne"),
    "story.confirm.refused": ("승인하지 않았습니다", "Not approved"),
    "story.asked.yes": ("승인해도 되는지 물었고, '예'라고 답했습니다", "May it be approved? We said yes"),
    "story.asked.yes.explained": ("", ""),
    "story.asked.no": ("승인해도 되는지 물었고, '아니요'라고 답했습니다", "May it be approved? We said no"),
    "story.asked.no.explained": ("승인되지 않았고 돈은 움직이지 않았습니다.", "It was not approved. No money moved."),
    "story.asked.unknown": (
        "승인해도 되는지 물었지만, 제때 알 수 없었습니다",
        "May it be approved? We could not tell in time",
    ),
    "story.asked.unknown.explained": (
        "모르면 '아니요'입니다. 승인되지 않았고 돈은 움직이지 않았습니다.",
        "Not knowing is a no. It was not approved, and no money moved.",
    ),
    "story.asked.why": ("이유", "Why"),
    "story.asked.took": ("걸린 시간", "Took"),
    "story.asked.times": ("횟수", "Times asked"),
    "story.call.settled": ("이후", "Afterwards"),
    "story.call.settled.later": ("포트원에 다시 물어 확인했습니다", "settled: PortOne was asked again"),
    "story.entry.payment.captured": ("승인 분개", "Capture posted"),
    "story.entry.payment.mismatched": ("불일치 금액을 가수금으로 분개", "Mismatch posted to suspense"),
}
"""What this page says beyond the words of `page.py`."""
