"""`GET /api/v1/me/payments`: a payer's own payments, by a token their shop made (requirements C2, C3)."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Payers
from jangbu.checkout.links import Payer
from jangbu.checkout.service.history import PAGE, payments_of
from jangbu.checkout.store import Past
from jangbu.clock import rfc3339
from jangbu.runtime import Runtime
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.envelope import ok

PER_PAGE_MAX = 100
Own = Annotated[Caller, guard(Payers("only this payer's payments in this store"))]


def routes(run: Runtime) -> APIRouter:
    """`/api/v1/me/payments`."""
    router = APIRouter(prefix="/api/v1/me", tags=["checkout"])

    @router.get("/payments", summary="The payments of whoever the token names")
    async def mine(
        caller: Own,
        limit: Annotated[int, Query(ge=1, le=PER_PAGE_MAX)] = PAGE,
        cursor: Annotated[str, Query(max_length=100, description="The `next` of the page before.")] = "",
    ) -> Response:
        """The newest first, those of checkout sessions with this `customerId`. The token is your backend's to make."""
        payer = Payer(caller.store_id or "", caller.customer_id or "")
        found = await payments_of(payer, before=cursor_of(cursor), most=limit, run=run)
        view = {
            "payments": [past_view(one) for one in found.payments],
            "next": None if found.older is None else cursor_text(*found.older),
            "hasMore": found.older is not None,
        }
        return ok(view, clock=run.clock)

    return router


def past_view(past: Past) -> dict[str, Any]:
    """One payment as its payer may see it."""
    return {
        "sessionId": past.session_id,
        "orderName": past.item_name,
        "amount": past.amount,
        "cancelledAmount": past.cancelled_amount,
        "currency": past.currency,
        "status": past.status,
        "createdAt": rfc3339(past.created_at),
        "paidAt": None if past.paid_at is None else rfc3339(past.paid_at),
    }
