"""What PGs refuse: cancels, each PG by its own rules (portone-facts §10.10), and keyed-in cards."""

from datetime import datetime, timedelta

from jangbu.sandbox.core import choices, declines
from jangbu.sandbox.core.inputs import Credential
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.records import Attempt

CANCELLABLE_DAYS = {"PAYPAL_V2": 180, "NAVERPAY": 1095, "KSNET": 183}
"""Others allow a year [I: cancel_period]: a card "about 1 year"."""

KSNET_PARTIAL_CANCELS_MAX = 9

CARD_DIGITS = range(13, 20)


def refusal(pg_provider: str, attempt: Attempt, amount_minor: int, now: datetime) -> tuple[str, str] | None:
    """The PG's code and sentence when it refuses to give `amount_minor` back now."""
    assert attempt.paid_at is not None, "only a paid attempt comes so far"
    kind = attempt.method["type"] if attempt.method else None
    is_partial = amount_minor < attempt.order.total_minor
    partials = sum(1 for each in attempt.cancellations if each.status != "FAILED")
    # A deposit goes back to a bank account, at any time (§10.9).
    has_limit = kind != "PaymentMethodVirtualAccount"
    if has_limit and now - attempt.paid_at > timedelta(days=CANCELLABLE_DAYS.get(pg_provider, 365)):
        return "CANCEL_PERIOD_EXPIRED", "취소 가능 기간이 지났습니다."
    if kind == "PaymentMethodMobile" and _month(now) != _month(attempt.paid_at):
        return "CANCEL_PERIOD_EXPIRED", "휴대폰 결제는 결제한 달에만 취소할 수 있습니다."
    if kind == "PaymentMethodConvenienceStore":
        return "CANCEL_NOT_SUPPORTED", "편의점 결제는 입금 후 취소할 수 없습니다."
    no_partial = (kind, pg_provider) in {
        ("PaymentMethodGiftCertificate", "TOSSPAYMENTS"),
        ("PaymentMethodMobile", "KSNET"),
    }
    is_over_limit = pg_provider == "KSNET" and is_partial and partials >= KSNET_PARTIAL_CANCELS_MAX
    if (no_partial and is_partial) or is_over_limit:
        return "PARTIAL_CANCEL_NOT_SUPPORTED", "부분 취소할 수 없는 거래입니다."
    return None


def of_keyed_in(card: Credential, now: datetime) -> declines.Decline | None:
    """Why a PG takes no money from this card, judged by what was keyed in alone."""
    if not card.number.isdecimal() or len(card.number) not in CARD_DIGITS:
        return declines.WRONG_NUMBER
    year, month = card.expiry_year, card.expiry_month
    if not (year.isdecimal() and month.isdecimal() and len(year) == 2 and 1 <= int(month) <= 12):
        return declines.WRONG_EXPIRY
    is_test_card = card.number[:4] in choices.TEST_CARDS and (year, month) == ("25", "12")
    is_past = (2000 + int(year), int(month)) < _month(now) and not is_test_card
    return declines.REASONS["expired_card"] if is_past else None


def _month(at: datetime) -> tuple[int, int]:
    """The calendar month is a Korean one (portone-facts §10.15) [I: days_are_korean]."""
    return at.astimezone(KST).year, at.astimezone(KST).month
