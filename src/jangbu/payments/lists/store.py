"""The reads behind lists of payments: bounded work for each page, however many payments there are.

A page walks one index from its cursor and looks at `CANDIDATES_MOST` payments at most. Whatever that index does not
know (the method, the amount…) is asked of those candidates. So a page never costs more than a bounded walk; it may hold
fewer payments than wanted, and then says how far it looked. Which index it is depends on what is asked: see `Walk`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jangbu.db import Query, Tx, names_of
from jangbu.payments import methods
from jangbu.payments.lists.rules import ABOVE_ALL, BELOW_ALL, Filter, Place
from jangbu.payments.review_rules import RETURNED
from jangbu.payments.rules import AWAITS_MONEY, Status

CANDIDATES_MOST = 10_000
"""How many payments a page looks at: some 20 ms on a small machine."""
NAMED_MOST = 2_000
"""Beyond this many of one order name, the walk finds them sooner than the index of names."""
FOUND_MOST = NAMED_MOST + 1_000
"""Room for all that a search by name and by id can find."""
TOTALS_MOST = 10_000
"""How many payments are added up for a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPayment:
    """A payment as lists show it: without PortOne's answer. `method` is a part of it, to be read by `methods` only."""

    id: UUID
    store_id: str
    order_id: str | None
    provider_order_id: str
    provider_transaction_id: str | None
    pg_transaction_id: str | None
    order_name: str
    status: Status
    currency: str
    amount: int
    tax_free_amount: int
    vat_amount: int
    cancelled_amount: int
    cancellable_amount: int
    suspense_amount: int
    suspense_currency: str | None
    pg_provider: str | None
    channel_key: str | None
    method: dict[str, Any] | None
    review: str
    review_looked_at: datetime | None
    created_at: datetime
    paid_at: datetime | None
    failed_at: datetime | None
    cancelled_at: datetime | None
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))

    @property
    def needs_look(self) -> bool:
        """As a payment does."""
        return self.review not in ("", RETURNED) and self.review_looked_at is None

    @property
    def awaits_money(self) -> bool:
        """As a payment does."""
        return self.status in AWAITS_MONEY

    @property
    def deadline(self) -> datetime:
        """As a payment has it."""
        return max(self.expires_at, methods.due_of(self.method) or self.expires_at)


@dataclass(frozen=True, slots=True)
class Total:
    """What payments of one currency add up to, in minor units.

    Only what was taken as asked is money: the rest is `unpaid_minor`, or waits in suspense and is counted only, because
    what came there may be of another currency.
    """

    currency: str
    count: int
    taken_count: int
    taken_minor: int
    cancelled_minor: int
    unpaid_minor: int
    suspense_count: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums by currency. `is_whole` is False when only the first `TOTALS_MOST` payments were added up."""

    sums: tuple[Total, ...]
    is_whole: bool

    @property
    def count(self) -> int:
        """How many payments, of every currency."""
        return sum(total.count for total in self.sums)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, the newest first.

    `further` is where to go on in the direction that was asked for, or None at the end. `is_cut` says that the page
    has room left and only stopped because it looked far enough for once.
    """

    payments: list[ListedPayment]
    further: Place | None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Sum(Total):
    """Of a currency; of all of them together, where it names none. `seen` is how many payments were looked at."""

    seen: int


@dataclass(frozen=True, slots=True)
class _End:
    created_at: datetime
    id: UUID
    seen: int


_TAKEN_APART = {"pg_transaction_id": "portone ->> 'pgTxId'"}
COLUMNS = ", ".join(
    f"{_TAKEN_APART[name]} AS {name}" if name in _TAKEN_APART else name for name in names_of(ListedPayment)
)
# As they lie there: taking a large answer apart for every candidate, and not for the few that are shown, costs more
# than all the rest.
_RAW = ", ".join([*(name for name in names_of(ListedPayment) if name not in _TAKEN_APART), "portone"])

# Row-level security keeps indexes from what people search by; the function asks them, and shows nobody another's rows.
_IDS = "SELECT payments_found(:search, :search_id::uuid, NULL, 0)"

_NARROWED = """
           (:store_id = '' OR store_id = :store_id)
       AND (:statuses::text[] IS NULL OR status = ANY(:statuses::text[]))
       AND (:paid_from::timestamptz IS NULL OR paid_at >= :paid_from)
       AND (:paid_until::timestamptz IS NULL OR paid_at < :paid_until)
       AND (:amount_min::bigint IS NULL OR amount >= :amount_min)
       AND (:amount_max::bigint IS NULL OR amount <= :amount_max)
       AND (:currency = '' OR currency = :currency)
       AND (:method_type = '' OR method ->> 'type' = :method_type)
       AND (:channel_key = '' OR channel_key = :channel_key)
       AND (NOT :in_review::boolean OR review <> '' AND review <> 'returned' AND review_looked_at IS NULL)
       AND (NOT :in_dispute::boolean OR id IN (SELECT payment_id FROM payment_disputes
                                                WHERE status IN ('OPEN', 'UNTOLD')))
"""
NARROWED = f"{_NARROWED} AND (:search = '' OR order_name LIKE :named OR id IN ({_IDS}))"
"""All that a filter asks but the time a payment was made, of rows with the columns of `payments`."""


class Walk:
    """One way through the list: its condition, served by an index in the list's order, and the statements on it."""

    def __init__(self, name: str, condition: str, *, knows_the_search: bool = False) -> None:
        self.name = name
        self._condition = condition
        self._asks = _NARROWED if knows_the_search else NARROWED
        self.older = self._page("DESC")
        self.newer = self._page("ASC")
        self.oldest_seen = self._end("DESC")
        self.newest_seen = self._end("ASC")
        self.totals = self._totals()

    def _candidates(self, order: str, columns: str = _RAW) -> str:
        # The LIMIT inside keeps the rest of the question out: PostgreSQL must not make a condition of the walk of it,
        # which would then go on until enough is found.
        return f"""
            SELECT {columns} FROM payments
             WHERE {self._condition} AND (created_at, id) {"<" if order == "DESC" else ">"} (:from_at, :from_id)
               AND created_at >= :since AND created_at < :until
             ORDER BY created_at {order}, id {order} LIMIT :candidates_most::bigint
        """

    def _page(self, order: str) -> Query[ListedPayment]:
        return Query(
            ListedPayment,
            f"""
            SELECT {COLUMNS} FROM ({self._candidates(order)}) AS candidate WHERE {self._asks}
             ORDER BY created_at {order}, id {order} LIMIT :most::bigint
            """,
        )

    def _end(self, order: str) -> Query[_End]:
        back = "ASC" if order == "DESC" else "DESC"
        return Query(
            _End,
            f"""
            SELECT created_at, id, count(*) OVER () AS seen
              FROM ({self._candidates(order, "created_at, id")}) AS candidate
             ORDER BY created_at {back}, id {back} LIMIT 1
            """,
        )

    def _totals(self) -> Query[_Sum]:
        return Query(
            _Sum,
            f"""
            WITH candidate AS MATERIALIZED ({self._candidates("DESC")})
            SELECT coalesce(currency, '') AS currency, count(*) AS count, count(paid_at) AS taken_count,
                   coalesce(sum(amount) FILTER (WHERE paid_at IS NOT NULL), 0)::bigint AS taken_minor,
                   coalesce(sum(cancelled_amount), 0)::bigint AS cancelled_minor,
                   coalesce(sum(amount) FILTER (WHERE paid_at IS NULL AND suspense_currency IS NULL), 0)::bigint
                       AS unpaid_minor,
                   count(suspense_currency) AS suspense_count,
                   (SELECT count(*) FROM candidate) AS seen
              FROM candidate WHERE {self._asks}
             GROUP BY GROUPING SETS ((currency), ()) ORDER BY 1
            """,
        )


# What somebody looks for by its id, or by the beginning of a name that is not common, is one of few.
FOUND = Walk(
    "found",
    f"id = ANY(ARRAY(SELECT payments_found(:search, :search_id::uuid, :named, {NAMED_MOST})))",
    knows_the_search=True,
)
# Payments in dispute are few, and found by their disputes.
IN_DISPUTE = Walk(
    "in dispute", "id = ANY(ARRAY(SELECT payment_id FROM payment_disputes WHERE status IN ('OPEN', 'UNTOLD')))"
)
IN_REVIEW = Walk("in review", "review <> ''")
OF_STATUS = Walk("of a status", "status = (:statuses::text[])[1]")
OF_STORE = Walk("of a store", "store_id = :store_id")
EVERY = Walk("every", "true")
_BY_ID = (FOUND, IN_DISPUTE)
NAMED = Query(int, "SELECT count(*) FROM payments_found(NULL, NULL, :named, :most::bigint)")
# One statement serves every combination of filters; planned for the values at hand, what is not asked falls away.
PLAN_FOR_VALUES = Query(str, "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)")
# A walk has an index in its order. Behind a policy PostgreSQL takes its rows for few, and would rather sort them all.
PLAN_IN_ORDER = Query(
    str,
    """
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true) || set_config('enable_bitmapscan', 'off', true)
           || set_config('enable_sort', 'off', true) || set_config('enable_seqscan', 'off', true)
    """,
)


async def walk_of(tx: Tx, wanted: Filter) -> Walk:
    """Which way to go for `wanted`."""
    if wanted.search:
        named = await tx.one(NAMED, named=_beginning(wanted.search), most=NAMED_MOST + 1)
        if named <= NAMED_MOST:
            return FOUND
    if wanted.in_dispute:
        return IN_DISPUTE
    if wanted.in_review:
        return IN_REVIEW
    if wanted.store_id:
        # Before the status: whoever may see one store alone would else walk past everybody's.
        return OF_STORE
    return OF_STATUS if len(wanted.statuses) == 1 else EVERY


async def page(tx: Tx, walk: Walk, wanted: Filter, *, start: Place | None, newer: bool, most: int) -> Page:
    """The payments next to `start`, on its older or its newer side; None begins at the newest."""
    start = start or (BELOW_ALL if newer else ABOVE_ALL)
    candidates_most = FOUND_MOST if walk is FOUND else CANDIDATES_MOST
    asked = arguments(wanted) | {"from_at": start.at, "from_id": start.id, "candidates_most": candidates_most}
    await tx.one(PLAN_FOR_VALUES if walk in _BY_ID else PLAN_IN_ORDER)
    query = walk.newer if newer else walk.older
    found = await tx.all(query, **_taken_by(query, asked | {"most": most + 1}))
    shown = found[:most]
    if len(found) > most:
        return _page_of(shown, newer, Place(shown[-1].created_at, shown[-1].id))
    ending = walk.newest_seen if newer else walk.oldest_seen
    end = await tx.maybe(ending, **_taken_by(ending, asked))
    if end is None or end.seen < candidates_most:
        return _page_of(shown, newer, None)
    return _page_of(shown, newer, Place(end.created_at, end.id), is_cut=True)


def _page_of(shown: list[ListedPayment], newer: bool, further: Place | None, *, is_cut: bool = False) -> Page:
    return Page(shown[::-1] if newer else shown, further, is_cut)


async def totals(tx: Tx, walk: Walk, wanted: Filter) -> Totals:
    """What the payments add up to, the newest `TOTALS_MOST` that the walk meets."""
    asked = arguments(wanted) | {"from_at": ABOVE_ALL.at, "from_id": ABOVE_ALL.id, "candidates_most": TOTALS_MOST}
    await tx.one(PLAN_FOR_VALUES if walk in _BY_ID else PLAN_IN_ORDER)
    found = await tx.all(walk.totals, **_taken_by(walk.totals, asked))
    return Totals(tuple(one for one in found if one.currency), is_whole=found[0].seen < TOTALS_MOST)


def arguments(wanted: Filter) -> dict[str, Any]:
    """The filter as the statements' parameters."""
    until = wanted.created_until or ABOVE_ALL.at
    if wanted.paid_until is not None:
        # Nothing is paid before it is made, so the walk begins at what was paid last; a day, because PortOne's clock
        # says when it was paid and ours when it was made.
        until = min(until, wanted.paid_until + timedelta(days=1))
    return {
        "store_id": wanted.store_id,
        "statuses": list(wanted.statuses) or None,
        "since": wanted.created_from or BELOW_ALL.at,
        "until": until,
        "paid_from": wanted.paid_from,
        "paid_until": wanted.paid_until,
        "amount_min": wanted.amount_min,
        "amount_max": wanted.amount_max,
        "currency": wanted.currency,
        "method_type": methods.TYPES[methods.Kind(wanted.method)] if wanted.method else "",
        "channel_key": wanted.channel_key,
        "in_review": wanted.in_review,
        "in_dispute": wanted.in_dispute,
        "search": wanted.search,
        "search_id": _uuid(wanted.search),
        "named": _beginning(wanted.search),
    }


def _taken_by(query: Query[Any], asked: dict[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in query.names}


def _beginning(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
