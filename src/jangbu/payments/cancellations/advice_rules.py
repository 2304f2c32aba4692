"""Before the click: may this be refunded, how much, by when, when has the payer the money, what does it take? No I/O.

PortOne keeps most of this in prose, and its API answers by failing. What PGs do is written down here as dated data,
each line with where it comes from; what nobody wrote down is said to be not known. Advice never stops a refund: the
rules in `rules.py` and PortOne do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from jangbu.clock import SEOUL
from jangbu.money import Money
from jangbu.payments import methods
from jangbu.payments.cancellations.accounts import PHONE_NEEDED_BY, goes_to_an_account
from jangbu.payments.cancellations.rules import OPEN, Cancellation, CancellationStatus, left_of
from jangbu.payments.methods import Kind
from jangbu.payments.rules import Payment

Topic = Literal["until", "part", "arrives", "cost", "needs", "mind"]
TOPICS: tuple[Topic, ...] = ("until", "part", "arrives", "cost", "needs", "mind")
AS_OF = date(2026, 8, 6)
"""The day of the PortOne documents that these lines were taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of what is known. It applies where each of `kinds`, `pgs`, `wallets` is empty or names the payment."""

    topic: Topic
    ko: str
    en: str
    source: str
    as_of: date = AS_OF
    kinds: frozenset[Kind] = frozenset()
    pgs: frozenset[str] = frozenset()
    wallets: frozenset[str] = frozenset()
    behind: Literal["", "card", "balance"] = ""
    """What stands behind the wallet."""
    days: int | None = None
    is_about: bool = False
    same_month: bool = False
    never: bool = False
    no_part: bool = False
    parts_most: int | None = None
    needs: tuple[str, ...] = ()


def _kinds(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


# Where a shop can read it up; our own notes of it are portone-facts §10.9, §10.10 and §2.8, and reconciliation §3, 18.
_PGS = "developers.portone.io: opi/ko/integration/pg/v2"
_ACCOUNTS = "developers.portone.io: opi/ko/integration/virtual-account"
_CANCEL_CALL = "developers.portone.io: api/rest-v2 (cancelPayment)"
_CUSTOM = "what Korean card companies do; PortOne does not write it down"
RULES: tuple[Rule, ...] = (
    Rule(
        topic="until", kinds=_kinds(Kind.CONVENIENCE_STORE), never=True, source=_PGS,
        ko="편의점 결제는 입금 전에만 취소할 수 있습니다.",
        en="What was paid at a convenience store can only be cancelled before it is paid.",
    ),
    Rule(
        topic="until", kinds=_kinds(Kind.MOBILE), same_month=True, source=_PGS,
        ko="휴대폰 결제는 결제한 달(한국 시간)에만 취소할 수 있습니다.",
        en="A payment by telephone bill can be cancelled within its calendar month (Korean time) only.",
    ),
    Rule(
        topic="until", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), source=_ACCOUNTS,
        ko="가상계좌 환불에는 기한이 없습니다.", en="Giving back a deposit has no time limit.",
    ),
    Rule(
        topic="until", pgs=frozenset({"KSNET"}), days=183, is_about=True, source=_PGS,
        ko="KSNET은 결제 후 6개월까지 취소할 수 있습니다.", en="KSNET cancels for six months after the payment.",
    ),
    Rule(
        topic="until", wallets=frozenset({"KAKAOPAY"}), behind="balance", days=5 * 365, is_about=True, source=_PGS,
        ko="카카오페이머니는 결제 후 5년까지 취소할 수 있습니다.",
        en="KakaoPay money can be given back for five years.",
    ),
    Rule(
        topic="until", wallets=frozenset({"KAKAOPAY"}), behind="card", days=365, source=_PGS,
        ko="카카오페이에 등록한 카드는 결제 후 1년까지 취소할 수 있습니다.",
        en="A card in KakaoPay can be cancelled for one year.",
    ),
    Rule(
        topic="until", wallets=frozenset({"NAVERPAY"}), days=1095, source=_PGS,
        ko="네이버페이는 결제 후 1,095일까지 취소할 수 있습니다.", en="NaverPay cancels for 1,095 days.",
    ),
    Rule(
        topic="until", wallets=frozenset({"PAYPAL"}), days=180, source=_PGS,
        ko="페이팔은 결제 후 180일까지 취소할 수 있습니다.", en="PayPal cancels for 180 days.",
    ),
    Rule(
        topic="until", kinds=_kinds(Kind.CARD), days=365, is_about=True, source=_PGS,
        ko="카드 결제는 보통 1년까지 취소할 수 있습니다. 정확한 기한은 카드사에 따라 다릅니다.",
        en="A card can usually be cancelled for about a year; the issuer decides.",
    ),
    Rule(
        topic="part", kinds=_kinds(Kind.MOBILE), pgs=frozenset({"KSNET"}), no_part=True, source=_PGS,
        ko="KSNET 휴대폰 결제는 부분 취소할 수 없습니다.",
        en="KSNET gives back no part of a payment by telephone bill.",
    ),
    Rule(
        topic="part", pgs=frozenset({"KSNET"}), parts_most=9, source=_PGS,
        ko="KSNET은 부분 취소를 9번까지 받습니다.", en="KSNET takes nine partial cancels at most.",
    ),
    Rule(
        topic="part", kinds=_kinds(Kind.GIFT_CERTIFICATE), pgs=frozenset({"TOSSPAYMENTS"}), no_part=True,
        source=_PGS,
        ko="토스페이먼츠 상품권 결제는 부분 취소할 수 없습니다.", en="Toss gives back no part of a gift certificate.",
    ),
    Rule(
        topic="arrives", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), source=_ACCOUNTS,
        ko="구매자 계좌로 영업일 1~2일 뒤에 들어갑니다.", en="On the payer's account in one to two business days.",
    ),
    Rule(
        topic="arrives", kinds=_kinds(Kind.CARD), source=_CUSTOM,
        ko="카드사가 매입한 뒤라면 영업일 3~4일이 걸립니다.",
        en="Three to four bank days, once the issuer has bought the slip.",
    ),
    Rule(
        topic="arrives", wallets=frozenset({"PAYPAL"}), source=_CANCEL_CALL,
        ko="PG가 나중에 확정합니다. 확정되면 결제 취소 이벤트로 알려 드립니다.",
        en="The PG decides later; an event tells when it has.",
    ),
    Rule(
        topic="arrives", pgs=frozenset({"KICC", "KICC_V2", "TRIPLE_A"}), source=_CANCEL_CALL,
        ko="PG가 나중에 확정합니다. 확정되면 결제 취소 이벤트로 알려 드립니다.",
        en="The PG decides later; an event tells when it has.",
    ),
    Rule(
        topic="cost", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), source=_ACCOUNTS,
        ko="건당 약 300원의 이체 수수료가 듭니다.", en="A transfer fee of about ₩300.",
    ),
    Rule(
        topic="needs", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), pgs=PHONE_NEEDED_BY, source=_CANCEL_CALL,
        needs=("refundAccount", "refundAccount.holderPhoneNumber"),
        ko="구매자의 환불 계좌와 예금주 전화번호가 필요합니다.",
        en="The payer's account, with the telephone number of its holder.",
    ),
    Rule(
        topic="needs", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), source=_ACCOUNTS, needs=("refundAccount",),
        ko="구매자의 환불 계좌(은행, 계좌번호, 예금주)가 필요합니다.",
        en="The payer's account: bank, number, holder.",
    ),
    Rule(
        topic="mind", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), pgs=frozenset({"KSNET"}), source=_ACCOUNTS,
        ko="KSNET 가상계좌 환불은 06:00~23:00에만 됩니다.", en="KSNET gives deposits back from 06:00 to 23:00 only.",
    ),
    Rule(
        topic="mind", pgs=frozenset({"KSNET"}), source=_PGS,
        ko="KSNET에서는 현금영수증이 함께 취소되지 않습니다.", en="With KSNET a cash receipt is not cancelled along.",
    ),
    Rule(
        topic="mind", kinds=_kinds(Kind.VIRTUAL_ACCOUNT), source=_ACCOUNTS,
        ko="가상계좌 환불은 PG와 환불 계약이 있어야 합니다(토스페이먼츠는 필요 없음).",
        en="The PG must have a contract with you for refunds of deposits (Toss needs none).",
    ),
)  # fmt: skip
"""The first line of a topic that applies is the one that counts; of `mind`, all that apply."""

NOT_KNOWN: dict[Topic, tuple[str, str]] = {
    "until": ("취소 기한이 알려져 있지 않습니다.", "Until when it can be cancelled is not known."),
    "part": ("부분 취소 제한이 알려진 것은 없습니다.", "No limit on giving back a part is known."),
    "arrives": ("구매자에게 언제 들어가는지 알려져 있지 않습니다.", "When the payer has the money is not known."),
    "cost": ("환불에 드는 비용이 알려져 있지 않습니다.", "What a refund costs is not known."),
}


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence of the advice. `source` is empty where nobody wrote it down."""

    topic: Topic
    ko: str
    en: str
    source: str = ""
    as_of: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`allowed` is "unlikely" where a limit that is only known about has passed. `why` is the refusal's code, or ""."""

    allowed: Literal["yes", "no", "unlikely"]
    why: str
    most: Money | None
    in_parts: bool
    until: datetime | None
    needs: tuple[str, ...]
    notes: tuple[Note, ...]


def advise(payment: Payment, known: Sequence[Cancellation], now: datetime) -> Advice:
    """What is known about refunding this payment now."""
    left, rules = left_of(payment, known), _applying(payment)
    until = _until(payment, rules)
    parts = [one for one in known if one.status in {CancellationStatus.SUCCEEDED, CancellationStatus.REQUESTED}]
    in_parts = not any(rule.no_part or len(parts) >= (rule.parts_most or len(parts) + 1) for rule in rules)
    why = _why_not(left, known, rules)
    allowed: Literal["yes", "no", "unlikely"] = "no" if why else "yes"
    if not why and until is not None and now >= until[0]:
        allowed, why = ("unlikely", "") if until[1] else ("no", "CANCEL_PERIOD_EXPIRED")
    return Advice(
        allowed=allowed,
        why=why,
        most=left,
        in_parts=in_parts,
        until=None if until is None else until[0],
        needs=_needs(payment, rules),
        notes=_notes(rules),
    )


def _applying(payment: Payment) -> list[Rule]:
    method = methods.read(payment.method)
    kind = Kind.OTHER if method is None else method.kind
    wallet = method.provider if method is not None and method.kind is Kind.EASY_PAY else ""
    behind = "card" if method is not None and method.card is not None else "balance"
    found: list[Rule] = []
    for rule in RULES:
        fits = (
            (not rule.kinds or kind in rule.kinds)
            and (not rule.pgs or payment.pg_provider in rule.pgs)
            and (not rule.wallets or wallet in rule.wallets)
            and rule.behind in ("", behind)
        )
        if fits and (rule.topic == "mind" or all(rule.topic != earlier.topic for earlier in found)):
            found.append(rule)
    return found


def _why_not(left: Money | None, known: Sequence[Cancellation], rules: Sequence[Rule]) -> str:
    if left is None:
        return "PAYMENT_NOT_PAID"
    if left.amount_minor == 0:
        return "PAYMENT_ALREADY_CANCELLED"
    if any(one.status in OPEN and one.is_ours for one in known):
        return "CANCELLATION_IN_PROGRESS"
    return "CANCEL_NOT_SUPPORTED" if any(rule.never for rule in rules) else ""


def _until(payment: Payment, rules: Sequence[Rule]) -> tuple[datetime, bool] | None:
    """When it ends, and whether that is only known about."""
    rule = next((rule for rule in rules if rule.topic == "until"), None)
    if rule is None or payment.paid_at is None:
        return None
    if rule.same_month:
        local = payment.paid_at.astimezone(SEOUL)
        year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
        return datetime(year, month, 1, tzinfo=SEOUL), False
    return None if rule.days is None else (payment.paid_at + timedelta(days=rule.days), rule.is_about)


def _needs(payment: Payment, rules: Sequence[Rule]) -> tuple[str, ...]:
    needs = next((rule.needs for rule in rules if rule.needs), ())
    assert bool(needs) == goes_to_an_account(payment), "the advice and the refund ask for the same"
    # A part of an order that has both: PortOne takes it all from the taxable goods unless told (portone-facts §10.12).
    is_mixed = payment.is_captured and 0 < payment.tax_free_amount < payment.amount
    return (*needs, "taxFreeAmount (in part)") if is_mixed else needs


def _notes(rules: Sequence[Rule]) -> tuple[Note, ...]:
    notes: list[Note] = []
    for topic in TOPICS:
        said = [Note(topic, rule.ko, rule.en, rule.source, rule.as_of) for rule in rules if rule.topic == topic]
        if not said and topic in NOT_KNOWN:
            said = [Note(topic, *NOT_KNOWN[topic])]
        notes += said
    return tuple(notes)
