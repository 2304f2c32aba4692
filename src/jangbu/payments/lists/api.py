"""The shop's list of payments, and one payment: `/api/payments`."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import rfc3339
from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.payments import methods
from jangbu.payments.after import escrow_rules
from jangbu.payments.after.api import escrow_view, receipt_view
from jangbu.payments.after.service.dispute_record import dispute_view
from jangbu.payments.api import payment_view
from jangbu.payments.cancellations.api import cancellation_view
from jangbu.payments.lists.rules import (
    PAGE_DEFAULT,
    PAGE_MAX,
    SEARCH_LONGEST,
    CursorUnreadable,
    Filter,
    Place,
)
from jangbu.payments.lists.service.listing import ListedPayment, detail, listed
from jangbu.payments.refusals import StoreUnknown
from jangbu.payments.rules import Status
from jangbu.periods import moment
from jangbu.runtime import Runtime
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.envelope import ok

_Amount = Annotated[int | None, Field(ge=0, le=AMOUNT_MINOR_MAX)]
_Bound = Annotated[str, Field(max_length=40)]
_Word = Annotated[str, Field(max_length=200)]
MethodWord = Literal[
    "", "CARD", "EASY_PAY", "TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE", "GIFT_CERTIFICATE", "CONVENIENCE_STORE", "CRYPTO"
]
_DAYS = "A day in Korea (`2026-08-01`) or a moment with its offset."


class FilterQuery(BaseModel):
    """What may stand in the query. A name that is not here is refused: a filter that is ignored makes wrong sums."""

    # Not strict, because everything in a query is text.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)

    status: list[Status] = Field(default_factory=list, max_length=20, description="One or several (repeat it).")
    created_from: _Bound = Field(default="", description=_DAYS, examples=["2026-08-01"])
    created_until: _Bound = Field(
        default="", description="A day counts whole; a moment is exclusive.", examples=["2026-08-31"]
    )
    paid_from: _Bound = Field(default="", description=_DAYS)
    paid_until: _Bound = Field(default="", description="A day counts whole; a moment is exclusive.")
    amount_min: _Amount = Field(default=None, description="In minor units; give `currency` with it.")
    amount_max: _Amount = Field(default=None, description="In minor units, inclusive.")
    currency: str = Field(default="", pattern="^([A-Z]{3})?$", description="ISO 4217.", examples=["KRW"])
    method: MethodWord = Field(default="", description="A `method.type`.")
    channel_key: _Word = Field(default="", description="The PortOne channel it was paid through.")
    review: bool = Field(default=False, description="Only those that wait for a person (`needsLook`).")
    disputed: bool = Field(default=False, description="Only those with a dispute whose end nobody has told.")
    q: str = Field(
        default="",
        max_length=SEARCH_LONGEST,
        description="A whole id (ours, PortOne's, the transaction's, the PG's, your order's) or how the order's name "
        "begins.",
    )
    store_id: _Word = Field(default="", description="Only where this installation serves several stores.")


class ListQuery(FilterQuery):
    """The filters, and which page."""

    cursor: str = Field(default="", max_length=200, description="The `next` of the page before.")
    limit: int = Field(default=PAGE_DEFAULT, ge=1, le=PAGE_MAX, description="How many at most.")


EXAMPLE: dict[str, Any] = {
    "data": {
        "payments": [
            {
                "id": "01986a2f-5b7c-7e1a-9c40-2f6d8b1e3a57",
                "paymentId": "01986a2f5b7c7e1a9c402f6d8b1e3a57",
                "transactionId": "01986a2f-6d10-4b8f-a7c2-93e5f0d41b68",
                "pgTransactionId": "tviva20260801120312B7Kq",
                "storeId": "store-1",
                "orderId": "order-1042",
                "orderName": "보리차 2병",
                "status": "PARTIAL_CANCELLED",
                "amount": 11_000,
                "taxFreeAmount": 0,
                "cancelledAmount": 3_000,
                "cancellableAmount": 8_000,
                "currency": "KRW",
                "method": {"type": "CARD", "card": {"name": "신한카드", "last": "123*", "installmentMonths": 0}},
                "pgProvider": "TOSSPAYMENTS",
                "channelKey": "channel-key-1",
                "review": None,
                "needsLook": False,
                "createdAt": "2026-08-01T03:00:09.120Z",
                "paidAt": "2026-08-01T03:03:12.000Z",
                "failedAt": None,
                "cancelledAt": "2026-08-02T01:10:00.000Z",
                "expiresAt": "2026-08-02T03:00:09.120Z",
            }
        ],
        "next": "2026-08-01T03:00:09.120Z.120331.01986a2f5b7c7e1a9c402f6d8b1e3a57",
        "hasMore": True,
    },
    "message": "",
    "timestamp": "2026-08-02T03:00:00.000Z",
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page.", "content": {"application/json": {"example": EXAMPLE}}}
}


def routes(run: Runtime) -> APIRouter:
    """`GET /api/payments` and `GET /api/payments/{payment_id}`."""
    router = APIRouter(prefix="/api/payments", tags=["payments"])
    Reader = Annotated[Caller, guard(Scoped("payments:read"))]  # noqa: N806 (a type)

    @router.get("", summary="Payments, the newest first", responses=_ANSWERS)
    async def list_payments(query: Annotated[ListQuery, Query()], caller: Reader) -> Response:
        """Ask again with `cursor` set to `next` until `hasMore` is false; payments made meanwhile change nothing.

        Each page is bounded work. A page of rare payments may therefore hold fewer than `limit`, even none, while
        `hasMore` is true: it looked far enough for once, and `next` goes on from there.
        """
        page = (await listed(wanted_of(query, caller), start=place_of(query.cursor), most=query.limit, run=run)).page
        shown = {
            "payments": [listed_view(payment) for payment in page.payments],
            "next": None if page.further is None else cursor_text(*page.further),
            "hasMore": page.further is not None,
        }
        return ok(shown, clock=run.clock)

    @router.get("/{payment_id}", summary="One payment, what was given back of it, its disputes and receipt")
    async def show_payment(payment_id: str, caller: Reader) -> Response:
        """By our id or PortOne's paymentId, as it stands in our books: PortOne is not asked (`verify` does)."""
        found = await detail(payment_id, store_id=caller.store_id, run=run)
        payment = found.payment
        view = payment_view(payment) | {
            "transactionId": payment.provider_transaction_id,
            "pgTransactionId": (payment.portone or {}).get("pgTxId"),
            "pgProvider": payment.pg_provider,
            "channelKey": payment.channel_key,
            "review": payment.review or None,
            "needsLook": payment.needs_look,
            "createdAt": payment.created_at,
            "failedAt": payment.failed_at,
            "cancelledAt": payment.cancelled_at,
            "cancellations": [cancellation_view(one) for one in found.cancellations],
            "escrow": escrow_view(escrow_rules.read(payment.portone)),
            "cashReceipt": receipt_view(found.receipt),
            "disputes": [dispute_view(one) for one in found.disputes],
        }
        return ok(view, clock=run.clock)

    return router


def wanted_of(query: FilterQuery, caller: Caller) -> Filter:
    """What is asked for, within the store that the caller may see. Raises StoreUnknown, and what `Filter` refuses."""
    if caller.store_id is not None and query.store_id not in ("", caller.store_id):
        raise StoreUnknown(store_id=query.store_id)
    return Filter(
        store_id=caller.store_id or query.store_id,
        statuses=tuple(dict.fromkeys(status.value for status in query.status)),
        created_from=moment(query.created_from, "createdFrom"),
        created_until=moment(query.created_until, "createdUntil", is_end=True),
        paid_from=moment(query.paid_from, "paidFrom"),
        paid_until=moment(query.paid_until, "paidUntil", is_end=True),
        amount_min=query.amount_min,
        amount_max=query.amount_max,
        currency=query.currency,
        method=query.method,
        channel_key=query.channel_key,
        in_review=query.review,
        in_dispute=query.disputed,
        search=query.q.strip(),
    )


def place_of(cursor: str) -> Place | None:
    """Where a page begins; None at the newest. Raises CursorUnreadable."""
    if not cursor:
        return None
    found = cursor_of(cursor)
    if found is None:
        raise CursorUnreadable
    return Place(*found)


def listed_view(payment: ListedPayment) -> dict[str, Any]:
    """A payment of the list as the shop sees it; the names are those of `payment_view`."""
    return {
        "id": str(payment.id),
        "paymentId": payment.provider_order_id,
        "transactionId": payment.provider_transaction_id,
        "pgTransactionId": payment.pg_transaction_id,
        "storeId": payment.store_id,
        "orderId": payment.order_id,
        "orderName": payment.order_name,
        "status": payment.status.value,
        "amount": payment.amount,
        "taxFreeAmount": payment.tax_free_amount,
        "cancelledAmount": payment.cancelled_amount,
        "cancellableAmount": payment.cancellable_amount,
        "currency": payment.currency,
        "method": methods.view(methods.read(payment.method), is_waiting=payment.awaits_money),
        "pgProvider": payment.pg_provider,
        "channelKey": payment.channel_key,
        "review": payment.review or None,
        "needsLook": payment.needs_look,
        "createdAt": payment.created_at,
        "paidAt": payment.paid_at,
        "failedAt": payment.failed_at,
        "cancelledAt": payment.cancelled_at,
        "expiresAt": rfc3339(payment.deadline),
    }
