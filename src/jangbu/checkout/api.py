"""Checkout over HTTP: `/api/v1/payments/sessions…` for shops and payers, and links to a payer's history (C1, C2)."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Held, Scoped
from jangbu.checkout.item_rules import LINES_MAX, Wish
from jangbu.checkout.rules import REDIRECT_LONGEST
from jangbu.checkout.service.complete import complete
from jangbu.checkout.service.confirm import confirm_session
from jangbu.checkout.service.history import history_token
from jangbu.checkout.service.items import item_id
from jangbu.checkout.service.payers import UNDECIDED_MAX, customer_for, refuse_others
from jangbu.checkout.service.prepare import prepare
from jangbu.checkout.service.sessions import NewSession, abandon, create_session, show
from jangbu.checkout.views import session_view
from jangbu.checkout.windows import window_request
from jangbu.clock import rfc3339
from jangbu.payments.after.bodies import ReceiptBody
from jangbu.payments.confirm.service import Agreed
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web import language
from jangbu.web.bodies import Body
from jangbu.web.envelope import ok

_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
_Text = Annotated[str | None, Field(default=None, max_length=100, pattern=_PRINTABLE)]
Shop = Annotated[Caller, guard(Scoped("checkout:create"))]
Buyer = Annotated[Caller, guard(Scoped("checkout:create", payers=True))]
Payer = Annotated[Caller, guard(Held("whoever knows the unguessable id of a session is its payer", payers=True))]
SessionId = Annotated[str, Path(max_length=64, description="The session's public id, `cs_…`.")]


class LineBody(Body):
    """An item and how many of it. The price is ours."""

    item_id: str = Field(max_length=64, examples=["0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44"])
    quantity: int = Field(default=1, examples=[2])


class BuyerBody(Body):
    """Whom the payment window may name. All of it is optional; PortOne and the PG are told."""

    full_name: _Text = None
    email: _Text = None
    phone_number: _Text = None


class SessionBody(Body):
    """What somebody wants to buy. There is no field for an amount: prices are those of the items."""

    lines: list[LineBody] = Field(min_length=1, max_length=LINES_MAX)
    order_id: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=_PRINTABLE, description="Your order. It has one session."
    )
    customer_id: str = Field(
        default="", max_length=100, pattern=_PRINTABLE, description="Your own id of the customer; no name, no e-mail."
    )
    buyer: BuyerBody | None = None
    redirect_url: str = Field(
        default="", max_length=REDIRECT_LONGEST, description="Where the payer may go on; an origin of ALLOWED_ORIGINS."
    )
    is_escrow: bool = Field(default=False, description="The PG keeps the money until the goods have arrived.")


class PrepareBody(Body):
    """How the payer wants to pay."""

    method: str = Field(default="CARD", max_length=40, description="One of the session's `methods`.")
    buyer: BuyerBody | None = None
    cash_receipt: ReceiptBody | None = Field(
        default=None, description="Issued once this is paid by transfer or to a virtual account; else not needed."
    )


class ConfirmBody(Body):
    """What the payment window brought back on a channel with manual approval."""

    payment_token: str = Field(min_length=1, max_length=1000, description="`paymentToken`, as the browser got it.")
    tx_id: str | None = Field(default=None, min_length=1, max_length=255, description="`txId`; PortOne compares it.")


class HistoryLinkBody(Body):
    """Whose history."""

    customer_id: str = Field(min_length=1, max_length=100, pattern=_PRINTABLE)


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """The shop's routes and the payer's."""
    router = APIRouter(prefix="/api/v1/payments", tags=["checkout"])
    _for_shops(router, run)
    _for_payers(router, run, portone)
    return router


def _for_shops(router: APIRouter, run: Runtime) -> None:
    @router.post("/sessions", summary="Make a checkout session of items", status_code=201)
    async def create(body: SessionBody, caller: Buyer) -> Response:
        """Send the payer to `url`, or open the window yourself with what `prepare` answers.

        The same `orderId` with the same contents gives the same session. A payer's token makes one for its payer,
        without `orderId`.
        """
        customer_id = customer_for(body.customer_id, body.order_id, caller)
        new = NewSession(
            wishes=tuple(Wish(item_id(line.item_id), line.quantity) for line in body.lines),
            order_id=body.order_id,
            customer_id=customer_id,
            buyer=_buyer(body.buyer),
            redirect_url=body.redirect_url,
            is_escrow=body.is_escrow,
        )
        most = None if caller.customer_id is None else UNDECIDED_MAX
        made = await create_session(new, store_id=caller.store_id, actor=caller.actor, run=run, most=most)
        return ok(session_view(made, run), status=201, clock=run.clock)

    @router.post("/sessions/{session_id}/abandon", summary="Call a session off; its stock is for sale again")
    async def abandon_session(session_id: SessionId, caller: Shop) -> Response:
        """Money that still comes is sent back; what comes to a virtual account, by a person."""
        shown = await abandon(session_id, store_id=caller.store_id, actor=caller.actor, run=run)
        return ok(session_view(shown, run), clock=run.clock)

    @router.post("/history-links", summary="A link with which one customer sees their own payments")
    async def history_link(body: HistoryLinkBody, caller: Shop) -> Response:
        """Hand it to nobody but that customer. It is good for a day."""
        token, until = history_token(body.customer_id, store_id=caller.store_id, run=run)
        view = {"url": f"{run.settings.url}/pay/history/{token}", "expiresAt": rfc3339(until)}
        return ok(view, clock=run.clock)


def _for_payers(router: APIRouter, run: Runtime, portone: PortOne) -> None:
    @router.get("/sessions/{session_id}", summary="A session as its payer sees it")
    async def read(session_id: SessionId, caller: Payer) -> Response:
        """Asks nobody: what is known here. `phase` says what to show."""
        await refuse_others(session_id, caller, run=run)
        return ok(session_view(await show(session_id, run=run), run), clock=run.clock)

    @router.post("/sessions/{session_id}/prepare", summary="Hold the stock and fix the amount at PortOne")
    async def prepare_session(request: Request, session_id: SessionId, body: PrepareBody, caller: Payer) -> Response:
        """Pass `request` to `PortOne.requestPayment`. Again, or after a decline, it is the same payment.

        Where the session's `api` is `v1`: `request.userCode` to `IMP.init`, `request.pay` to `IMP.request_pay`.
        """
        await refuse_others(session_id, caller, run=run)
        prepared = await prepare(
            session_id,
            method=body.method,
            buyer=_buyer(body.buyer),
            receipt=None if body.cash_receipt is None else body.cash_receipt.wish,
            actor=caller.actor,
            run=run,
            portone=portone,
        )
        view = {
            "session": session_view(prepared.shown, run),
            "sdk": run.settings.browser_sdk_url,
            "request": window_request(prepared, language.for_page(request), run),
        }
        return ok(view, clock=run.clock)

    @router.post("/sessions/{session_id}/confirm", summary="Approve what the payer agreed to, and deliver")
    async def confirm_payment(session_id: SessionId, body: ConfirmBody, caller: Payer) -> Response:
        """Only on a channel with manual approval, where the window answers with a `paymentToken`."""
        await refuse_others(session_id, caller, run=run)
        agreed = Agreed(body.payment_token, body.tx_id)
        shown = await confirm_session(session_id, agreed, actor=caller.actor, run=run, portone=portone)
        return ok(session_view(shown, run), clock=run.clock)

    @router.post("/sessions/{session_id}/verify", summary="Ask PortOne whether it is paid, and deliver if it is")
    async def verify_session(session_id: SessionId, caller: Payer) -> Response:
        """Paid when `phase` is `paid`. Whatever the browser claims counts for nothing."""
        await refuse_others(session_id, caller, run=run)
        shown = await complete(session_id, actor=caller.actor, run=run, portone=portone)
        return ok(session_view(shown, run), clock=run.clock)


def _buyer(given: BuyerBody | None) -> dict[str, Any] | None:
    return None if given is None else given.model_dump(by_alias=True, exclude_none=True)
