"""The columns of the files with payments and refunds, and what stands in them. Korean, for accountants. No I/O.

Amounts are as people write them in the currency that stands beside them; days are Korean days.
"""

from collections.abc import Mapping
from typing import Any

from jangbu.money import Money, written
from jangbu.payments import methods
from jangbu.payments.lists.export_store import ExportedRefund
from jangbu.payments.lists.store import ListedPayment
from jangbu.payments.people import in_words
from jangbu.payments.review_rules import why
from jangbu.payments.story.method_words import TEXTS as METHOD_TEXTS
from jangbu.sheets import Column, Table
from jangbu.web.texts import TEXTS

_REFUND_WORDS = {
    "WAITING": "승인 대기", "SENDING": "결과 확인 중", "REQUESTED": "PG 처리 중", "SUCCEEDED": "취소 완료",
    "FAILED": "실패", "REJECTED": "반려",
}  # fmt: skip

PAYMENTS = Table(
    "결제",
    (
        Column("요청일", "day"),
        Column("요청 시각", "time"),
        Column("결제일", "day"),
        Column("결제 시각", "time"),
        Column("상태"),
        Column("상태 코드"),
        Column("주문명"),
        Column("주문 번호"),
        Column("결제 수단"),
        Column("통화", "currency"),
        Column("요청 금액", "amount"),
        Column("면세 금액", "amount"),
        Column("부가세", "amount"),
        Column("결제 금액", "amount"),
        Column("취소 금액", "amount"),
        Column("취소 가능 금액", "amount"),
        Column("최근 취소 시각", "time"),
        Column("가수금"),
        Column("PG"),
        Column("채널 키"),
        Column("상점"),
        Column("포트원 결제 ID"),
        Column("포트원 거래 ID"),
        Column("PG 거래 ID"),
        Column("장부 결제 ID"),
        Column("확인 필요"),
    ),
)
REFUNDS = Table(
    "취소",
    (
        Column("취소일", "day"),
        Column("취소 시각", "time"),
        Column("요청 시각", "time"),
        Column("상태"),
        Column("상태 코드"),
        Column("주문명"),
        Column("주문 번호"),
        Column("통화", "currency"),
        Column("취소 금액", "amount"),
        Column("면세 금액", "amount"),
        Column("부가세", "amount"),
        Column("사유"),
        Column("요청한 사람"),
        Column("결정한 사람"),
        Column("취소한 곳"),
        Column("결제 시각", "time"),
        Column("PG"),
        Column("상점"),
        Column("포트원 결제 ID"),
        Column("포트원 취소 ID"),
        Column("PG 취소 ID"),
        Column("장부 결제 ID"),
        Column("장부 취소 ID"),
    ),
)


def _suspense(one: ListedPayment) -> str | None:
    # With its currency, which may be another than was asked for; so no column of amounts can hold it.
    return None if one.suspense_currency is None else written(Money(one.suspense_amount, one.suspense_currency))


def payment_row(one: ListedPayment) -> list[Any]:
    """A payment under the headings of `PAYMENTS`."""
    method = methods.read(one.method)
    return [
        one.created_at, one.created_at, one.paid_at, one.paid_at, TEXTS[f"status.{one.status.value}"][0],
        one.status.value, one.order_name, one.order_id, METHOD_TEXTS[f"method.{method.kind}"][0] if method else None,
        one.currency, one.amount, one.tax_free_amount, one.vat_amount,
        # What was asked for is no money yet: a declined payment stands here too, and must not swell anybody's total.
        one.amount if one.paid_at else 0, one.cancelled_amount, one.cancellable_amount, one.cancelled_at,
        _suspense(one), one.pg_provider, one.channel_key, one.store_id, one.provider_order_id,
        one.provider_transaction_id, one.pg_transaction_id, str(one.id),
        why(one.review, "ko") if one.needs_look else None,
    ]  # fmt: skip


def refund_row(one: ExportedRefund, names: Mapping[str, str]) -> list[Any]:
    """A cancellation under the headings of `REFUNDS`; `names` are those of people and keys."""
    asked, decided = in_words(one.requested_by, names, "ko"), in_words(one.decided_by, names, "ko")
    return [
        one.cancelled_at, one.cancelled_at, one.created_at, _REFUND_WORDS.get(one.status, one.status), one.status,
        one.order_name, one.order_id, one.currency, one.amount, one.tax_free_amount, one.vat_amount, one.reason,
        asked, decided or None, "장부" if one.origin == "ours" else "장부 밖", one.paid_at,
        one.pg_provider, one.store_id, one.provider_order_id, one.portone_cancellation_id, one.pg_cancellation_id,
        str(one.payment_id), str(one.id),
    ]  # fmt: skip
