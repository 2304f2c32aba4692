"""The form that gives money back, on a payment's page."""

from collections.abc import Iterator
from datetime import timedelta

from jangbu.clock import seoul
from jangbu.payments.banks import BANKS, NOT_FOR_REFUNDS
from jangbu.payments.cancellations import rules as cancellation_rules
from jangbu.payments.cancellations.accounts import goes_to_an_account
from jangbu.payments.cancellations.advice_rules import Advice
from jangbu.payments.cancellations.rules import REASON_LONGEST, Cancellation
from jangbu.payments.rules import Payment
from jangbu.payments.story import page as story_page
from jangbu.payments.story.telling import LIST
from jangbu.web.texts import Words

BANK_NAMES = tuple(sorted(name for code, name in BANKS.items() if code not in NOT_FOR_REFUNDS))


def refund_form(
    payment: Payment,
    cancellations: list[Cancellation],
    *,
    key: str,
    advice: Advice,
    t: Words,
    problem: str = "",
    amount: str = "",
    reason: str = "",
) -> story_page.RefundForm | None:
    """The form on a payment's page; None where nothing can be given back."""
    left = cancellation_rules.left_of(payment, cancellations)
    if left is None:
        return None
    is_open = any(one.is_ours and one.status in cancellation_rules.OPEN for one in cancellations)
    if (left.amount_minor == 0 or is_open) and not problem:
        return None
    return story_page.RefundForm(
        action=f"{LIST}/{payment.id}/refund",
        left=left,
        key=key,
        banks=BANK_NAMES if goes_to_an_account(payment) else (),
        advice=tuple(_advice(advice, t)),
        needs_tax_free=0 < payment.tax_free_amount < payment.amount,
        problem=problem,
        amount=amount,
        reason=reason,
        reason_longest=REASON_LONGEST,
    )


def _advice(found: Advice, t: Words) -> Iterator[str]:
    """What is known, in sentences; first whatever speaks against it."""
    if found.until is not None and found.allowed != "yes":
        yield t("refund.advice.over", until=seoul(found.until)[:10])
    elif found.until is not None:
        # The last day, not the first moment after it.
        yield t("refund.advice.until", until=seoul(found.until - timedelta(seconds=1))[:10])
    for note in found.notes:
        if note.source:
            yield note.ko if t.language == "ko" else note.en
    unknown = [t(f"refund.unknown.{note.topic}") for note in found.notes if not note.source]
    if unknown:
        yield t("refund.advice.unknown", what=", ".join(unknown))
