"""The cards of a payment's page: each side of it that a person may have to do something about."""

from collections.abc import Collection, Iterator, Mapping

from jangbu.clock import seoul
from jangbu.money import written
from jangbu.payments import people, review_rules
from jangbu.payments.after.dispute_rules import Dispute, DisputeStatus
from jangbu.payments.after.receipt_rules import UNDER_WAY, Receipt, ReceiptStatus, is_of_kind
from jangbu.payments.rules import Status
from jangbu.payments.story.escrow_card import escrow_cards
from jangbu.payments.story.page import Card, Field, Form, Tone
from jangbu.payments.story.service import Story
from jangbu.payments.story.telling import DISPUTE_TONES, LIST
from jangbu.web.chrome import Fact
from jangbu.web.texts import Catalogue, Words

_RECEIPT_TONES: dict[ReceiptStatus, Tone] = {
    ReceiptStatus.WANTED: "waiting",
    ReceiptStatus.ISSUING: "waiting",
    ReceiptStatus.ISSUED: "good",
    ReceiptStatus.FAILED: "bad",
    ReceiptStatus.CANCELLING: "waiting",
}


def cards_of(story: Story, t: Words, scopes: Collection[str], problems: Mapping[str, str]) -> tuple[Card, ...]:
    """What the page shows between the head and the timeline; `problems` by the card's name."""
    may = "payments:cancel" in scopes
    return (
        *_review(story, t, may, problems),
        *_disputes(story, t, may, problems),
        *_account(story, t, may, problems),
        *_receipt(story, t, may, problems),
        *escrow_cards(story.payment, t, may, problems),
    )


def _review(story: Story, t: Words, may: bool, problems: Mapping[str, str]) -> Iterator[Card]:
    payment = story.payment
    if not payment.review and "review" not in problems:
        return
    waits, looked_at = payment.needs_look, payment.review_looked_at
    facts = [Fact(t("review.word"), payment.review, exact=True)]
    if looked_at is not None:
        who = people.in_words(payment.review_looked_by, story.names, t.language)
        facts.append(Fact(t("review.looked"), f"{who} · {seoul(looked_at)[:16]}"))
    looked = Form(
        f"{LIST}/{payment.id}/looked-at",
        t("review.look"),
        (
            Field("review", "", payment.review, kind="hidden"),
            Field("note", t("review.note"), longest=review_rules.NOTE_LONGEST),
        ),
    )
    yield Card(
        review_rules.why(payment.review, t.language) if payment.review else t("review.none"),
        t("review.waits" if waits else "review.looked_at" if looked_at else "review.over"),
        "bad" if waits else "neutral",
        tuple(facts) if payment.review else (),
        review_rules.todo(payment.review, t.language),
        (looked,) if waits and may and payment.review in review_rules.ENDS_BY_LOOKING else (),
        problems.get("review", ""),
    )


def _account(story: Story, t: Words, may: bool, problems: Mapping[str, str]) -> Iterator[Card]:
    payment = story.payment
    if payment.status is not Status.VIRTUAL_ACCOUNT_ISSUED and "account" not in problems:
        return
    waits = payment.status is Status.VIRTUAL_ACCOUNT_ISSUED
    close = Form(f"{LIST}/{payment.id}/close-account", t("account.close"))
    yield Card(
        t("account.title"),
        t("account.waits" if waits else "account.over"),
        "waiting" if waits else "neutral",
        note=t("account.close.explained") if waits and may else "",
        forms=(close,) if waits and may else (),
        problem=problems.get("account", ""),
    )


def _disputes(story: Story, t: Words, may: bool, problems: Mapping[str, str]) -> Iterator[Card]:
    for one in story.disputes:
        is_to_decide = one.status is DisputeStatus.UNTOLD
        outcomes = ("won", "lost") if may and is_to_decide else ()
        at = f"{LIST}/{story.payment.id}/disputes/{one.id}"
        yield Card(
            t("dispute.title"),
            t(f"dispute.{one.status.value}"),
            DISPUTE_TONES[one.status],
            tuple(_dispute_facts(one, t)),
            t("dispute.untold.explained") if is_to_decide else "",
            tuple(Form(f"{at}/{outcome}", t(f"dispute.decide.{outcome}")) for outcome in outcomes),
            problems.get(f"dispute:{one.id}", ""),
        )


def _receipt(story: Story, t: Words, may: bool, problems: Mapping[str, str]) -> Iterator[Card]:
    payment, one = story.payment, story.receipt
    status = ReceiptStatus.NOT_NEEDED if one is None else one.status
    may_issue = payment.is_captured and payment.cancellable_amount > 0 and is_of_kind(payment)
    if status is ReceiptStatus.NOT_NEEDED and not may_issue:
        return
    at, forms = f"{LIST}/{payment.id}/receipt", []
    if may and may_issue and status not in {*UNDER_WAY, ReceiptStatus.ISSUED}:
        types = (("PERSONAL", t("receipt.PERSONAL")), ("CORPORATE", t("receipt.CORPORATE")))
        fields = (
            Field("type", t("receipt.type"), choices=types),
            Field("number", t("receipt.number"), longest=40, hint=t("receipt.number.hint")),
        )
        forms.append(Form(f"{at}/issue", t("receipt.issue"), fields))
    if may and status is ReceiptStatus.ISSUED:
        forms.append(Form(f"{at}/cancel", t("receipt.cancel")))
    is_partly_back = status is ReceiptStatus.ISSUED and 0 < payment.cancelled_amount < payment.amount
    yield Card(
        t("receipt.title"),
        t(f"receipt.{status.value}"),
        _RECEIPT_TONES.get(status, "neutral"),
        tuple(_receipt_facts(one, t)) if one is not None else (),
        t("receipt.partly_back") if is_partly_back else "",
        tuple(forms),
        problems.get("receipt", ""),
    )


def _receipt_facts(one: Receipt, t: Words) -> Iterator[Fact]:
    if one.type:
        yield Fact(t("receipt.type"), t(f"receipt.{one.type}"))
    if one.number_shown:
        yield Fact(t("receipt.number"), one.number_shown)
    if one.issue_number:
        yield Fact(t("receipt.issue_number"), one.issue_number, exact=True)
    if one.issued_at is not None:
        yield Fact(t("receipt.issued_at"), f"{seoul(one.issued_at)} {t('app.kst')}")
    if one.failure:
        yield Fact(t("receipt.failure"), str(one.failure.get("pgMessage") or one.failure.get("type") or ""))


def _dispute_facts(one: Dispute, t: Words) -> Iterator[Fact]:
    yield Fact(t("dispute.reason"), one.reason)
    yield Fact(t("dispute.opened"), f"{seoul(one.opened_at)} {t('app.kst')}")
    if one.held_amount:
        yield Fact(t("dispute.held"), written(one.held))
    if one.portone_dispute_id:
        yield Fact(t("dispute.pg_id"), one.portone_dispute_id, exact=True)
    if one.wanted_outcome:
        yield Fact(t("dispute.wanted"), f"{t(f'dispute.{one.wanted_outcome}')} · {one.wanted_by}")
    if one.decided_by:
        yield Fact(t("dispute.decided_by"), one.decided_by)


TEXTS: Catalogue = {
    "receipt.title": ("현금영수증", "Cash receipt"),
    "receipt.WANTED": ("결제되면 발급", "Issued once it is paid"),
    "receipt.ISSUING": ("결과 확인 중", "Outcome not known yet"),
    "receipt.ISSUED": ("발급됨", "Issued"),
    "receipt.FAILED": ("발급 실패", "Could not be issued"),
    "receipt.CANCELLING": ("취소 확인 중", "Being taken back"),
    "receipt.CANCELLED": ("취소됨", "Taken back"),
    "receipt.NOT_NEEDED": ("발급하지 않음", "None"),
    "receipt.PERSONAL": ("소득공제용(개인)", "Personal"),
    "receipt.CORPORATE": ("지출증빙용(사업자)", "Business"),
    "receipt.type": ("용도", "For"),
    "receipt.number": ("신분 확인 번호", "Number"),
    "receipt.number.hint": ("휴대폰, 카드 또는 사업자 번호", "Mobile, card or business number"),
    "receipt.issue_number": ("승인 번호", "Issue number"),
    "receipt.issued_at": ("발급 시각", "Issued at"),
    "receipt.failure": ("원인", "Why"),
    "receipt.issue": ("현금영수증 발급", "Issue a receipt"),
    "receipt.cancel": ("현금영수증 취소", "Take it back"),
    "receipt.partly_back": (
        "일부가 환불되었지만 영수증은 처음 금액 그대로입니다. 취소한 뒤 남은 금액으로 다시 발급하세요.",
        "A part was given back, and the receipt still states what it did. Take it back and issue one for the rest.",
    ),
    "story.receipt.asked": ("현금영수증 발급을 요청했습니다", "Cash receipt asked for"),
    "story.receipt.cancel_asked": ("현금영수증 취소를 요청했습니다", "Taking the receipt back was asked for"),
    "story.receipt.issued": ("현금영수증이 발급되었습니다", "Cash receipt issued"),
    "story.receipt.cancelled": ("현금영수증이 취소되었습니다", "Cash receipt taken back"),
    "story.receipt.failed": ("현금영수증 요청이 실패했습니다", "The receipt could not be had"),
    "story.call.issue_receipt": ("현금영수증 발급", "Cash receipt issued"),
    "story.call.cancel_receipt": ("현금영수증 취소", "Cash receipt taken back"),
    "account.title": ("가상계좌", "Virtual account"),
    "account.waits": ("입금 대기", "Waits for the deposit"),
    "account.over": ("입금을 기다리지 않음", "Waits for nothing"),
    "account.close": ("가상계좌 말소", "Close the account"),
    "account.close.explained": (
        "말소하면 더는 입금할 수 없습니다. 그 사이 입금되면 입금이 우선합니다.",
        "Nobody can pay in afterwards. A deposit that comes first wins.",
    ),
    "dispute.title": ("분쟁", "Dispute"),
    "dispute.OPEN": ("PG 확인 중", "At the PG"),
    "dispute.UNTOLD": ("결과를 입력하세요", "How did it end?"),
    "dispute.WON": ("승소", "Won"),
    "dispute.LOST": ("패소", "Lost"),
    "dispute.RETURNED": ("환불로 종료", "Given back"),
    "dispute.reason": ("이의 사유", "Reason"),
    "dispute.opened": ("제기 시각", "Opened"),
    "dispute.held": ("묶인 금액", "Held"),
    "dispute.pg_id": ("PG 분쟁 ID", "PG's dispute id"),
    "dispute.wanted": ("두 번째 담당자 대기", "Waits for a second person"),
    "dispute.decided_by": ("결정한 담당자", "Decided by"),
    "dispute.decide.won": ("승소했습니다", "We won"),
    "dispute.decide.lost": ("패소했습니다", "We lost"),
    "dispute.untold.explained": (
        "포트원은 결과를 알려 주지 않습니다. PG사에서 확인해 입력하세요. 패소한 금액은 손실로 처리합니다.",
        "PortOne does not say how it ended. Enter what the PG told you. What is lost is written off.",
    ),
    "story.dispute.OPEN": ("구매자가 이의를 제기했습니다", "The payer disputes it"),
    "story.dispute.WON": ("분쟁에서 이겼습니다", "The dispute was won"),
    "story.dispute.LOST": ("분쟁에서 졌습니다", "The dispute was lost"),
    "story.dispute.RETURNED": ("모두 환불되어 분쟁이 끝났습니다", "All was given back: the dispute is over"),
    "story.dispute.UNTOLD": ("분쟁이 끝났고 결과는 모릅니다", "The dispute is over; how, is not told"),
    "story.dispute.decided.won": ("승소로 기록했습니다", "Recorded as won"),
    "story.dispute.decided.lost": ("패소로 기록했습니다", "Recorded as lost"),
    "story.dispute.wanted": ("결과 입력, 두 번째 담당자 대기", "Outcome entered; a second person is needed"),
    "story.entry.payment.dispute_held": ("분쟁 금액을 따로 묶음", "Held apart for a dispute"),
    "story.entry.payment.dispute_released": ("분쟁 금액을 풀어 줌", "Released from a dispute"),
    "story.entry.payment.dispute_written_off": ("분쟁 손실 처리", "Written off as lost"),
    "story.entry.payment.dispute_recovered": ("분쟁 손실을 되돌림", "Loss taken back: a cancellation says so"),
}  # fmt: skip
