"""What the story of one payment shows. Shapes and wording only, no I/O.

`pages.py` builds the moments with `called`, `webhook`, `changed`, `posted` and `acted`, in any order; `StoryPage.of`
puts them in order and works out the days and the silences between them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from jangbu.clock import seoul_day
from jangbu.money import Money
from jangbu.web.chrome import Fact
from jangbu.web.texts import Words

Tone = Literal["neutral", "good", "bad", "waiting", "unknown"]
Kind = Literal["call", "webhook", "question", "state", "entry", "person"]
Outcome = Literal["succeeded", "refused", "running", "unknown"]

# A call that went well is the usual thing; green is kept for what it led to.
_TONE_OF: dict[Outcome, Tone] = {
    "succeeded": "neutral", "refused": "bad", "running": "waiting", "unknown": "unknown",
}  # fmt: skip
LONG_SILENCE = timedelta(hours=1)
"""From here on the timeline itself shows that nothing happened for a while."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg of an entry: exactly one of the two sides is set. `account` is what `path` is called."""

    account: str
    path: str = ""
    debit: Money | None = None
    credit: Money | None = None

    def __post_init__(self) -> None:
        assert (self.debit is None) != (self.credit is None), f"{self.account}: a posting has one side"


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry with its two sums."""

    key: str
    postings: tuple[Posting, ...]

    @property
    def debits(self) -> Money:
        """The left side."""
        return _sum([posting.debit for posting in self.postings if posting.debit], self._currency)

    @property
    def credits(self) -> Money:
        """The right side."""
        return _sum([posting.credit for posting in self.postings if posting.credit], self._currency)

    @property
    def balances(self) -> bool:
        """Always true of what the ledger accepted; shown, not assumed."""
        return self.debits == self.credits

    @property
    def _currency(self) -> str:
        first = self.postings[0].debit or self.postings[0].credit
        assert first is not None
        return first.currency


@dataclass(frozen=True, slots=True)
class Call:
    """An attempt outside: what we meant to do, written down first, and what came of it."""

    operation: str
    key: str
    outcome: Outcome
    intent_at: datetime
    outcome_at: datetime | None
    duration_ms: int | None
    said: str = ""
    """PortOne's own words, if it said any."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened. `quiet` ones (duplicates, re-reads without news) are drawn small."""

    kind: Kind
    at: datetime
    title: str
    tone: Tone = "neutral"
    note: str = ""
    facts: tuple[Fact, ...] = ()
    call: Call | None = None
    change: tuple[str, str] | None = None
    entry: Entry | None = None
    raw: str | None = None
    """JSON as it was received or sent, already without secrets and card numbers."""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A moment where it stands on the timeline: after which silence, and whether a new business day begins with it."""

    moment: Moment
    after: timedelta | None
    new_day: bool

    @property
    def long_silence(self) -> bool:
        """Whether so little happened for so long that the eye should notice."""
        return self.after is not None and self.after >= LONG_SILENCE


@dataclass(frozen=True, slots=True)
class Figure:
    """One amount as three sources state it. None: that source has not said."""

    label: str
    portone: Money | None
    ours: Money
    ledger: Money

    @property
    def agreement(self) -> Literal["equal", "unequal", "unasked"]:
        """Whether all three say the same."""
        if self.ours != self.ledger or self.portone not in (None, self.ours):
            return "unequal"
        return "unasked" if self.portone is None else "equal"


@dataclass(frozen=True, slots=True)
class PaymentHead:
    """The top of the story: what was sold, for how much, how it stands, and every id somebody might search by."""

    order_name: str
    amount: Money
    status: str
    requested_at: datetime
    payment_id: str
    portone_payment_id: str
    transaction_id: str | None
    pg_transaction_id: str | None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the three sources agree, in one sentence. `checked_at` is when PortOne was last asked."""

    tone: Tone
    title: str
    sentence: str
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundForm:
    """What somebody who may refund sees. `key` makes a double click one refund; `problem` is what went wrong, or "".
    Where the money goes to an account that has to be named, `banks` are those there are. `advice` is what to know."""

    action: str
    left: Money
    key: str
    needs_tax_free: bool
    banks: tuple[str, ...]
    advice: tuple[str, ...]
    problem: str
    amount: str
    reason: str
    reason_longest: int


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a card's form. With `choices` (value and label) it is a list to choose from."""

    name: str
    label: str
    value: str = ""
    kind: Literal["text", "hidden", "date", "tel"] = "text"
    choices: tuple[tuple[str, str], ...] = ()
    longest: int = 100
    hint: str = ""
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """Something that may be done on a card. `is_strong` is what it is there for."""

    action: str
    submit: str
    fields: tuple[Field, ...] = ()
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One side of a payment with what may be done about it. `problem` is what went wrong just now, or ""."""

    title: str
    state: str
    tone: Tone
    facts: tuple[Fact, ...] = ()
    note: str = ""
    forms: tuple[Form, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StoryPage:
    """All that templates/payment_story.html may use."""

    payment: PaymentHead
    figures: tuple[Figure, ...]
    verdict: Verdict
    moments: tuple[Moment, ...]
    back_href: str
    refund: RefundForm | None = None
    cards: tuple[Card, ...] = ()

    def __post_init__(self) -> None:
        assert all(a.at <= b.at for a, b in zip(self.moments, self.moments[1:], strict=False)), (
            "a story is told in order"
        )

    @classmethod
    def of(
        cls, t: Words, payment: PaymentHead, figures: Sequence[Figure], moments: Iterable[Moment], *,
        asked_at: datetime | None, back_href: str, refund: RefundForm | None = None,
        cards: tuple[Card, ...] = (),
    ) -> "StoryPage":  # fmt: skip
        """The page, with its moments in order and its verdict drawn from `figures`."""
        told = tuple(sorted(moments, key=lambda moment: moment.at))
        return cls(payment, tuple(figures), _verdict(t, figures, asked_at), told, back_href, refund, cards)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The moments with what lies between them."""
        steps: list[Step] = []
        before: datetime | None = None
        day: date | None = None
        for moment in self.moments:
            after = None if before is None else moment.at - before
            steps.append(Step(moment, after, seoul_day(moment.at) != day))
            before, day = moment.at, seoul_day(moment.at)
        return tuple(steps)


def called(t: Words, call: Call, *, title: str, facts: tuple[Fact, ...] = (), raw: str | None = None) -> Moment:
    """A call to PortOne, at the time of its intent."""
    note = t(f"story.call.{call.outcome}")
    return Moment("call", call.intent_at, title, _TONE_OF[call.outcome], note, facts, call=call, raw=raw)


def webhook(
    t: Words, at: datetime, *, webhook_id: str, type_: str,
    result: Literal["processed", "duplicate", "failed", "received"], problem: str = "", raw: str | None = None,
) -> Moment:  # fmt: skip
    """A delivery from PortOne. Duplicates are quiet: they are PortOne's habit, not news."""
    tones: dict[str, Tone] = {
        "processed": "neutral",
        "duplicate": "neutral",
        "failed": "bad",
        "received": "waiting",
    }
    facts = [Fact(t("story.webhook.type"), type_, exact=True), Fact("webhook-id", webhook_id, exact=True)]
    if problem:
        facts.append(Fact(t("story.webhook.problem"), problem))
    title = t(f"story.webhook.{result}")
    return Moment("webhook", at, title, tones[result], "", tuple(facts), raw=raw, quiet=result == "duplicate")


def changed(t: Words, at: datetime, *, before: str, after: str, because: str = "") -> Moment:
    """A change of the payment's state, as our own rules decided it."""
    tone: Tone = "good" if after == "PAID" else "bad" if after == "FAILED" else "neutral"
    return Moment("state", at, t("story.state.changed"), tone, because, change=(before, after))


def posted(t: Words, at: datetime, entry: Entry, *, title: str, sealed_as: int | None = None) -> Moment:
    """A ledger entry. `sealed_as` is its place in the seal, once it has one."""
    seal = t("story.entry.unsealed") if sealed_as is None else f"#{sealed_as:,}"
    facts = (Fact(t("story.entry.key"), entry.key, exact=True), Fact(t("story.entry.seal"), seal))
    return Moment("entry", at, title, "neutral" if entry.balances else "bad", "", facts, entry=entry)


def acted(t: Words, at: datetime, *, who: str, title: str, reason: str = "") -> Moment:
    """Something a person did."""
    facts = [Fact(t("story.person.who"), who)]
    if reason:
        facts.append(Fact(t("story.person.reason"), reason))
    return Moment("person", at, title, facts=tuple(facts))


def _verdict(t: Words, figures: Sequence[Figure], asked_at: datetime | None) -> Verdict:
    found = {figure.agreement for figure in figures}
    if "unequal" in found:
        apart = ", ".join(figure.label for figure in figures if figure.agreement == "unequal")
        return Verdict("bad", t("story.verdict.unequal"), t("story.verdict.unequal.explained", what=apart), asked_at)
    if "unasked" in found:
        return Verdict("waiting", t("story.verdict.unasked"), t("story.verdict.unasked.explained"), asked_at)
    return Verdict("good", t("story.verdict.equal"), t("story.verdict.equal.explained"), asked_at)


def _sum(amounts: Sequence[Money], currency: str) -> Money:
    return sum(amounts, Money(0, currency))
