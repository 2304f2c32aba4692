"""The console's list of payments, on the same rules as `/api/payments`. Works without JavaScript."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.errors import Refusal
from jangbu.money import EXPONENTS, Money, typed
from jangbu.payments import methods
from jangbu.payments.lists.page import (
    STATUS_CHIPS,
    FilterForm,
    ListPager,
    PaymentRow,
    PaymentsListPage,
    SumOf,
)
from jangbu.payments.lists.rules import Filter, Place
from jangbu.payments.lists.service.listing import ListedPayment, Listing, Page, listed
from jangbu.payments.rules import Status
from jangbu.payments.story.method_words import in_short
from jangbu.payments.story.telling import LIST
from jangbu.periods import moment
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Choice
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.listing import as_files, filled_in
from jangbu.web.texts import Words

TEXT_LONGEST = 255


def form_of(request: Request) -> FilterForm:
    """What was filled in; anything longer than a field takes is cut."""

    def text(name: str) -> str:
        return filled_in(request, name, most=TEXT_LONGEST)

    return FilterForm(
        query=text("q"),
        status=text("status"),
        review="1" if text("review") else "",
        disputed="1" if text("disputed") else "",
        by="paid" if text("by") == "paid" else "created",
        since=text("from"),
        until=text("until"),
        least=text("min"),
        most=text("max"),
        currency=text("currency") if text("currency") in EXPONENTS else "",
        method=text("method") if text("method") in methods.TYPES else "",
        channel=text("channel"),
    )


Form = Annotated[FilterForm, Depends(form_of)]


def wanted_of(form: FilterForm, store_id: str = "") -> Filter:
    """The filter a person means. Raises MomentUnreadable, RangeBackwards, AmountUnreadable, AmountOutOfRange.

    Amounts are typed as people write them; without a currency, won is meant.
    """
    currency = form.currency or "KRW"
    since, until = moment(form.since, "from"), moment(form.until, "until", is_end=True)
    return Filter(
        store_id=store_id,
        statuses=(form.status,) if form.status in Status.__members__ else (),
        amount_min=typed(form.least, currency).amount_minor if form.least else None,
        amount_max=typed(form.most, currency).amount_minor if form.most else None,
        currency=currency if form.least or form.most else form.currency,
        method=form.method,
        channel_key=form.channel,
        in_review=bool(form.review),
        in_dispute=bool(form.disputed),
        search=form.query,
        **{f"{form.by}_from": since, f"{form.by}_until": until},
    )


@dataclass(frozen=True, slots=True)
class _Where:
    """Where in the list a link leads."""

    start: Place | None
    newer: bool


def _where(before: str, after: str) -> _Where:
    cursor = cursor_of(after or before)
    return _Where(Place(*cursor) if cursor else None, newer=bool(after and cursor))


def routes(run: Runtime) -> APIRouter:
    """`/console/payments`."""
    router = APIRouter(include_in_schema=False)

    @router.get(LIST)
    async def payments_list(
        request: Request,
        caller: Annotated[Caller, guard(Scoped("payments:read"))],
        form: Form,
        before: str = "",
        after: str = "",
    ) -> Response:
        where = _where(before, after)
        try:
            wanted = wanted_of(form)
        except Refusal as refusal:
            t = rendering.words(request)
            shown = _shown(request, form, None, where, t, problem=refusal.sentence(t.language), may_export=False)
            return rendering.page(request, "payments_list.html", shown, status=refusal.http_status)
        found = await listed(wanted, start=where.start, newer=where.newer, with_totals=True, run=run)
        may_export = "payments:export" in caller.scopes
        shown = _shown(request, form, found, where, rendering.words(request), may_export=may_export)
        return rendering.page(request, "payments_list.html", shown)

    return router


def _shown(
    request: Request,
    form: FilterForm,
    found: Listing | None,
    where: _Where,
    t: Words,
    *,
    may_export: bool,
    problem: str = "",
) -> PaymentsListPage:
    totals = found.totals if found else None
    return PaymentsListPage(
        form=form,
        action=LIST,
        chips=_chips(request, form, t),
        currencies=tuple(EXPONENTS),
        methods=tuple(methods.TYPES),
        rows=tuple(_row(payment, t) for payment in found.page.payments) if found else (),
        sums=tuple(
            SumOf(
                one.count,
                one.taken_count,
                Money(one.taken_minor, one.currency),
                Money(one.cancelled_minor, one.currency),
                Money(one.unpaid_minor, one.currency),
                one.suspense_count,
            )
            for one in (totals.sums if totals else ())
        ),
        is_whole=totals is None or totals.is_whole,
        pager=_pager(request, found.page, where) if found else ListPager(),
        exports=as_files(LIST, _query_of(form)) if may_export else (),
        problem=problem,
    )


def _chips(request: Request, form: FilterForm, t: Words) -> tuple[Choice, ...]:
    def to(**changes: str | None) -> str:
        return rendering.address(request, before=None, after=None, **changes)

    # What is not among the chips but stands in the address is shown too, so that it can be taken back.
    statuses = STATUS_CHIPS if form.status in ("", *STATUS_CHIPS) else (*STATUS_CHIPS, form.status)
    known = [status for status in statuses if t.known(f"status.{status}")]
    return (
        Choice(
            t("lists.all"),
            to(status=None, review=None, disputed=None),
            not form.status and not form.review and not form.disputed,
        ),
        Choice(t("lists.review"), to(review=None if form.review else "1"), bool(form.review)),
        Choice(t("lists.disputed"), to(disputed=None if form.disputed else "1"), bool(form.disputed)),
        *(
            Choice(t(f"status.{status}"), to(status=None if form.status == status else status), form.status == status)
            for status in known
        ),
    )


def _pager(request: Request, page: Page, where: _Where) -> ListPager:
    def to(**place: str) -> str:
        return rendering.address(request, **({"before": None, "after": None} | place))

    further = None if page.further is None else cursor_text(*page.further)
    first, last = (page.payments[0], page.payments[-1]) if page.payments else (None, None)
    if where.newer:
        newer = None if further is None else to(after=further)
        older = None if last is None else to(before=cursor_text(last.created_at, last.id))
    else:
        newer = to(after=cursor_text(first.created_at, first.id)) if where.start and first else None
        older = None if further is None else to(before=further)
    return ListPager(
        newest_href=to() if where.start else None,
        newer_href=newer,
        older_href=older,
        looked_to=page.further.at if page.is_cut and page.further else None,
        further_href=newer if where.newer else older,
    )


def _row(payment: ListedPayment, t: Words) -> PaymentRow:
    return PaymentRow(
        href=f"{LIST}/{payment.id}",
        requested_at=payment.created_at,
        order_name=payment.order_name,
        amount=Money(payment.amount, payment.currency),
        status=payment.status.value,
        method=in_short(methods.read(payment.method), t),
        portone_payment_id=payment.provider_order_id,
        cancelled=Money(payment.cancelled_amount, payment.currency) if payment.cancelled_amount else None,
        review=payment.needs_look,
    )


def _query_of(form: FilterForm) -> dict[str, str]:
    """The page's filter as it stands in an address: a file has exactly what the page means."""
    return {
        "q": form.query, "status": form.status, "review": form.review, "disputed": form.disputed, "by": form.by,
        "from": form.since, "until": form.until, "min": form.least, "max": form.most, "currency": form.currency,
        "method": form.method, "channel": form.channel,
    }  # fmt: skip
