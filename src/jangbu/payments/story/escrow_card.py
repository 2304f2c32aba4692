"""The card of a payment in escrow: where the goods are, and what the PG is told of them."""

from collections.abc import Iterator, Mapping

from jangbu.clock import rfc3339, seoul
from jangbu.payments.after.escrow_rules import CARRIERS, INVOICE_LONGEST, Escrow, next_parcel, read
from jangbu.payments.after.refusals import EscrowNotPossible
from jangbu.payments.rules import Payment
from jangbu.payments.story.page import Card, Field, Form, Tone
from jangbu.payments.story.telling import LIST
from jangbu.web.chrome import Fact
from jangbu.web.texts import Catalogue, Words

_TONES: dict[str, Tone] = {
    "BEFORE_REGISTERED": "waiting",
    "REGISTERED": "waiting",
    "DELIVERED": "waiting",
    "CONFIRMED": "good",
    "REJECTED": "bad",
    "REJECT_CONFIRMED": "bad",
}


def escrow_cards(payment: Payment, t: Words, may: bool, problems: Mapping[str, str]) -> Iterator[Card]:
    """One card where the payment is in escrow, else none."""
    escrow = read(payment.portone)
    if escrow is None:
        return
    yield Card(
        t("escrow.title"),
        t.or_else(f"escrow.{escrow.status}", escrow.status),
        _TONES.get(escrow.status, "neutral"),
        tuple(_facts(escrow, t)),
        t("escrow.explained") if escrow.status == "BEFORE_REGISTERED" else "",
        tuple(_forms(payment, escrow, t)) if may else (),
        problems.get("escrow", ""),
    )


def _facts(escrow: Escrow, t: Words) -> Iterator[Fact]:
    if escrow.company:
        yield Fact(t("escrow.company"), _carrier(escrow.company, t))
    if escrow.invoice_number:
        yield Fact(t("escrow.invoice"), escrow.invoice_number, exact=True)
    if escrow.sent_at is not None:
        yield Fact(t("escrow.sent_at"), f"{seoul(escrow.sent_at)} {t('app.kst')}")


def _forms(payment: Payment, escrow: Escrow, t: Words) -> Iterator[Form]:
    try:
        is_new = next_parcel(payment) == "send_parcel"
    except EscrowNotPossible:
        return
    at = f"{LIST}/{payment.id}/escrow"
    yield Form(
        f"{at}/parcel",
        t("escrow.send" if is_new else "escrow.correct"),
        (
            Field("company", t("escrow.company"), escrow.company, choices=tuple((c, _carrier(c, t)) for c in CARRIERS)),
            Field("invoice", t("escrow.invoice"), escrow.invoice_number, longest=INVOICE_LONGEST),
            # Another carrier is no other day.
            Field("sent_at", "", "" if escrow.sent_at is None else rfc3339(escrow.sent_at), kind="hidden"),
        ),
        is_strong=is_new,
    )
    if not is_new:
        yield Form(f"{at}/complete", t("escrow.complete"))


def _carrier(company: str, t: Words) -> str:
    names = CARRIERS.get(company)
    return company if names is None else names[0 if t.language == "ko" else 1]


TEXTS: Catalogue = {
    "escrow.title": ("에스크로", "Escrow"),
    "escrow.BEFORE_REGISTERED": ("배송 등록 전", "Not sent yet"),
    "escrow.REGISTERED": ("배송 등록됨", "On its way"),
    "escrow.DELIVERED": ("배송 완료", "Delivered"),
    "escrow.CONFIRMED": ("구매 확정", "Confirmed"),
    "escrow.REJECTED": ("구매 거절", "Rejected by the buyer"),
    "escrow.REJECT_CONFIRMED": ("구매 거절 확정", "Rejection confirmed"),
    "escrow.CANCELLED": ("취소됨", "Cancelled"),
    "escrow.explained": (
        "상품을 보낸 뒤 배송 정보를 등록해야 PG가 대금을 정산합니다.",
        "The PG pays out once it knows that the goods are on their way and the buyer has them.",
    ),
    "escrow.company": ("택배사", "Carrier"),
    "escrow.invoice": ("운송장 번호", "Invoice number"),
    "escrow.sent_at": ("발송 시각", "Sent at"),
    "escrow.send": ("배송 등록", "Register the delivery"),
    "escrow.correct": ("배송 정보 수정", "Correct the delivery"),
    "escrow.complete": ("구매 확정", "Confirm the purchase"),
    "story.escrow.send": ("배송 등록을 요청했습니다", "Registering the delivery was asked for"),
    "story.escrow.correct": ("배송 정보 수정을 요청했습니다", "Correcting the delivery was asked for"),
    "story.escrow.complete": ("구매 확정을 요청했습니다", "Confirming the purchase was asked for"),
    "story.call.send_parcel": ("에스크로 배송 등록", "Escrow delivery registered"),
    "story.call.correct_parcel": ("에스크로 배송 수정", "Escrow delivery corrected"),
    "story.call.complete_escrow": ("에스크로 구매 확정", "Escrow purchase confirmed"),
}  # fmt: skip
