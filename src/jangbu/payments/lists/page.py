"""What the console's list of payments shows: shapes and wording only, no I/O."""

from dataclasses import dataclass
from datetime import datetime

from jangbu.money import Money
from jangbu.web.chrome import Choice
from jangbu.web.texts import Catalogue

STATUS_CHIPS = (
    "PAID", "PARTIAL_CANCELLED", "CANCELLED", "VIRTUAL_ACCOUNT_ISSUED", "READY", "PAY_PENDING", "FAILED", "MISMATCH",
)  # fmt: skip
"""The states people ask for, in the order of a payment's life."""


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One line of the list. `review` says that a person should look."""

    href: str
    requested_at: datetime
    order_name: str
    amount: Money
    status: str
    method: str
    portone_payment_id: str
    cancelled: Money | None = None
    review: bool = False


@dataclass(frozen=True, slots=True)
class SumOf:
    """What the payments of one currency add up to: what was taken, less what was given back, is what is left."""

    count: int
    taken_count: int
    taken: Money
    cancelled: Money
    unpaid: Money
    suspense_count: int

    @property
    def left(self) -> Money:
        """What is neither given back nor unpaid."""
        return self.taken - self.cancelled


@dataclass(frozen=True, slots=True)
class FilterForm:
    """The filter bar as it was filled in. `is_open`: something beyond the search and the chips is set."""

    query: str = ""
    status: str = ""
    review: str = ""
    disputed: str = ""
    by: str = "created"
    since: str = ""
    until: str = ""
    least: str = ""
    most: str = ""
    currency: str = ""
    method: str = ""
    channel: str = ""

    @property
    def is_open(self) -> bool:
        return any((self.since, self.until, self.least, self.most, self.currency, self.method, self.channel))

    @property
    def narrows(self) -> bool:
        return self.is_open or bool(self.query or self.status or self.review or self.disputed)


@dataclass(frozen=True, slots=True)
class ListPager:
    """Links made from cursors; None where there is no such page. `looked_to`: the page stopped there for once."""

    newest_href: str | None = None
    newer_href: str | None = None
    older_href: str | None = None
    looked_to: datetime | None = None
    further_href: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentsListPage:
    """All that templates/payments_list.html may use. `problem` is the sentence of what cannot be read, or ""."""

    form: FilterForm
    action: str
    chips: tuple[Choice, ...]
    currencies: tuple[str, ...]
    methods: tuple[str, ...]
    rows: tuple[PaymentRow, ...]
    sums: tuple[SumOf, ...]
    is_whole: bool
    pager: ListPager
    exports: tuple[tuple[str, str], ...] = ()
    """File format and the address that gives it; empty for who may not."""
    problem: str = ""

    @property
    def count(self) -> int:
        """How many payments the sums are of."""
        return sum(one.count for one in self.sums)


LIST_TEXTS: Catalogue = {
    "lists.filter": ("결제 조건", "Filters"),
    "lists.more": ("상세 조건", "More filters"),
    "lists.apply": ("적용", "Apply"),
    "lists.clear": ("모두 지우기", "Clear all"),
    "lists.search.hint": ("ID 전체, 또는 주문명 앞부분", "A whole id, or how the order's name begins"),
    "lists.all": ("전체", "All"),
    "lists.review": ("확인 필요", "Needs a look"),
    "lists.disputed": ("분쟁 중", "In dispute"),
    "lists.by": ("기준일", "Day of"),
    "lists.by.created": ("요청일", "Request"),
    "lists.by.paid": ("결제일", "Payment"),
    "lists.since": ("시작일", "From"),
    "lists.until": ("종료일", "To"),
    "lists.least": ("최소 금액", "Least amount"),
    "lists.most": ("최대 금액", "Most"),
    "lists.currency": ("통화", "Currency"),
    "lists.any": ("모두", "Any"),
    "lists.channel": ("채널 키", "Channel key"),
    "lists.sum.of": ("{count}건 중 결제 {taken}건", "{taken} of {count} paid"),
    "lists.sum.left": ("− 취소 {cancelled} = {left}", "− {cancelled} given back = {left}"),
    "lists.sum.unpaid": ("미결제 {amount} 제외", "{amount} not paid, left out"),
    "lists.sum.suspense": ("가수금 {count}건 별도", "{count} in suspense, apart"),
    "lists.sum.part": (
        "최근 {count}건까지만 살펴본 합계입니다. 기간을 좁히거나 파일로 내려받으면 모두 더합니다.",
        "Of the latest {count} only. Narrow the days, or download the file, to add up all.",
    ),
    "lists.export": ("내려받기", "Download"),
    "lists.newer": ("더 최근 내역", "Newer"),
    "lists.cut": (
        "{at}까지 찾아보았습니다. 그 너머에 더 있을 수 있습니다.",
        "Looked as far as {at}. There may be more beyond.",
    ),
    "lists.cut.on": ("이어서 찾기", "Look further"),
    "lists.not_found": ("조건에 맞는 결제가 없습니다", "No payment matches"),
    "lists.not_found.explained": ("조건을 줄이거나 기간을 넓혀 보세요.", "Take a condition away, or widen the days."),
    "payments.not_found": ("‘{query}’에 맞는 결제가 없습니다", "No payment matches ‘{query}’"),
}  # fmt: skip
