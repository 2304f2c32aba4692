"""The pages that a payer sees (`/pay/…`), rendered here; what moves is one small script of ours and PortOne's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Held
from jangbu.checkout.item_rules import Line
from jangbu.checkout.refusals import HistoryLinkInvalid, SessionUnknown
from jangbu.checkout.rules import Phase
from jangbu.checkout.service.complete import complete
from jangbu.checkout.service.confirm import confirm_session
from jangbu.checkout.service.history import history
from jangbu.checkout.service.sessions import Shown, show
from jangbu.checkout.store import Past
from jangbu.checkout.views import failure_of, session_view
from jangbu.errors import Refusal, Unavailable
from jangbu.money import Money
from jangbu.payments.confirm.refusals import ConfirmInProgress
from jangbu.payments.confirm.service import Agreed
from jangbu.payments.refusals import PortOneUnclear
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.settings import Settings
from jangbu.web import rendering
from jangbu.web.cursors import cursor_of, cursor_text

Payer = Annotated[Caller, guard(Held("whoever knows the unguessable id of a session is its payer"))]
Holder = Annotated[Caller, guard(Held("the link is signed by us for one customer"))]
SessionId = Annotated[str, Path(max_length=64)]
TONES = {Phase.PAID: "good", Phase.DECLINED: "bad", Phase.READY: "waiting", Phase.IN_REVIEW: "bad"}


@dataclass(frozen=True, slots=True)
class PageLine:
    """One line of the order, in the page's language."""

    name: str
    quantity: int
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPage:
    """What every page of a session may use. `known` is the session as the API tells it, for the page's script."""

    order_name: str
    lines: tuple[PageLine, ...]
    total: Money
    known: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPage(OrderPage):
    """What pay.html may use besides."""

    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage(OrderPage):
    """What pay_account.html may use besides."""

    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPage(OrderPage):
    """What pay_result.html may use besides. `moves`: it may become another one by itself."""

    phase: str
    tone: str
    moves: bool
    reason: str
    paid_at: datetime | None
    retry_href: str
    back_href: str


@dataclass(frozen=True, slots=True)
class MissingPage:
    """All that pay_missing.html may use. `heading` is a key of the catalogue."""

    heading: str
    sentence: str


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One payment of a payer's."""

    name: str
    total: Money
    returned: Money | None
    at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """All that pay_history.html may use."""

    rows: tuple[HistoryRow, ...]
    newest_href: str | None
    older_href: str | None


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """`/pay/…`: the history first, because its path would otherwise read as a session's."""
    router = APIRouter(include_in_schema=False, prefix="/pay")

    @router.get("/history/{token}")
    async def payers_history(
        request: Request,
        token: Annotated[str, Path(max_length=1200)],
        caller: Holder,  # noqa: ARG001 (the guard is the point)
        before: str = "",
    ) -> Response:
        try:
            found = await history(token, before=cursor_of(before), run=run)
        except HistoryLinkInvalid as invalid:
            return missing(request, run, "history.invalid", invalid)
        older = None if found.older is None else rendering.address(request, before=cursor_text(*found.older))
        newest = rendering.address(request, before=None) if before else None
        return payers_page(
            request, run, "pay_history.html", HistoryPage(tuple(_past(one) for one in found.payments), newest, older)
        )

    async def looked(request: Request, session_id: str, answer: Callable[[Shown], Response]) -> Response:
        try:
            return answer(await show(session_id, run=run))
        except SessionUnknown as unknown:
            return missing(request, run, "pay.missing", unknown)

    @router.get("/{session_id}")
    async def pay(request: Request, session_id: SessionId, caller: Payer) -> Response:  # noqa: ARG001
        return await looked(request, session_id, lambda shown: _as_it_stands(request, shown, run))

    @router.get("/{session_id}/return")
    async def come_back(request: Request, session_id: SessionId, caller: Payer) -> Response:
        """Where PortOne sends a phone back to. What its query says is not believed: PortOne is asked."""
        token, tx_id = request.query_params.get("paymentToken"), request.query_params.get("txId")
        try:
            if token and "code" not in request.query_params:
                # The channel approves manually: the payer has agreed, and the money is taken by our word.
                agreed = Agreed(token, tx_id or None)
                shown = await confirm_session(session_id, agreed, actor=caller.actor, run=run, portone=portone)
            else:
                shown = await complete(session_id, actor=caller.actor, run=run, portone=portone)
        except SessionUnknown as unknown:
            return missing(request, run, "pay.missing", unknown)
        except (PortOneUnclear, ConfirmInProgress):
            return _result(request, await show(session_id, run=run), Phase.PENDING, run)
        except Unavailable:
            raise
        except Refusal:
            return _to(session_id, "/fail")
        if shown.phase is Phase.PAID:
            return _to(session_id, "/success")
        if shown.phase in (Phase.READY, Phase.DECLINED):
            has_failed = _says_failed(request.query_params)
            # Without a code it should be paid: PortOne may know in a moment, and a decline is that of the try before.
            return _to(session_id, "/fail") if has_failed else _result(request, shown, Phase.PENDING, run)
        return _to(session_id)

    @router.get("/{session_id}/success")
    async def success(request: Request, session_id: SessionId, caller: Payer) -> Response:  # noqa: ARG001
        def paid(shown: Shown) -> Response:
            return _result(request, shown, Phase.PAID, run) if shown.phase is Phase.PAID else _to(session_id)

        return await looked(request, session_id, paid)

    @router.get("/{session_id}/fail")
    async def fail(request: Request, session_id: SessionId, caller: Payer) -> Response:  # noqa: ARG001
        def unpaid(shown: Shown) -> Response:
            is_open = shown.phase in (Phase.READY, Phase.DECLINED)
            return _result(request, shown, shown.phase, run, retry=True) if is_open else _to(session_id)

        return await looked(request, session_id, unpaid)

    return router


def _says_failed(query: Mapping[str, str]) -> bool:
    """What an address that PortOne sent back to claims; V1's has other names (portone-facts §7.1, §7.2)."""
    return "code" in query or bool(query.get("error_code")) or query.get("imp_success") == "false"


def package() -> FilePath:
    """Where the package `js` is that the pages' script stands on: inside the installed one, or in the checkout."""
    packaged = FilePath(__file__).parent / "_js"
    return packaged if packaged.is_dir() else FilePath(__file__).parents[3] / "js" / "src"


V1_ORIGINS = ("https://*.iamport.kr",)
"""Where V1's windows are, beside those of V2 (JANGBU_CHECKOUT_FRAME_ORIGINS)."""
PAYPAL_ORIGINS = ("https://*.paypal.com", "https://*.paypalobjects.com")
"""Where PayPal's own script comes from, which draws its button into our page where PayPal is offered."""


def policy(settings: Settings) -> str:
    """The Content-Security-Policy of the payer's pages: our script and PortOne's, nothing inline, no frame around."""
    parts = urlsplit(settings.browser_sdk_url)
    sdk = f"{parts.scheme}://{parts.netloc}"
    paypal = PAYPAL_ORIGINS if "PAYPAL" in settings.channels and settings.mode != "sandbox" else ()
    v1 = V1_ORIGINS if settings.checkout_v1_code and settings.mode != "sandbox" else ()
    scripts, theirs = " ".join((sdk, *paypal)), " ".join((sdk, *settings.frame_origins, *v1, *paypal))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data: {theirs}; "
        f"connect-src 'self' {theirs}; frame-src {theirs}; form-action 'self' {theirs}; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def payers_page(request: Request, run: Runtime, template: str, context: object, *, status: int = 200) -> Response:
    """A page for payers, under their policy."""
    response = rendering.page(request, template, context, status=status)
    response.headers["content-security-policy"] = policy(run.settings)
    # A payment window may be a pop-up that has to find its way back to us.
    response.headers["cross-origin-opener-policy"] = "same-origin-allow-popups"
    # The address is the key to the session: others learn where we are, and not this.
    response.headers["referrer-policy"] = "strict-origin"
    return response


def _to(session_id: str, more: str = "") -> Response:
    return RedirectResponse(f"/pay/{session_id}{more}", 303)


def missing(request: Request, run: Runtime, heading: str, refusal: Refusal) -> Response:
    """The page that says kindly that there is nothing here."""
    sentence = refusal.sentence(rendering.words(request).language)
    return payers_page(request, run, "pay_missing.html", MissingPage(heading, sentence), status=404)


def _as_it_stands(request: Request, shown: Shown, run: Runtime) -> Response:
    session = shown.session
    match shown.phase:
        case Phase.READY | Phase.DECLINED if run.clock.now() < session.expires_at:
            page = PayPage(**_order(request, shown, run), expires_at=session.expires_at)
            return payers_page(request, run, "pay.html", page)
        case Phase.READY | Phase.DECLINED:
            return _result(request, shown, Phase.EXPIRED, run)
        case Phase.AWAITS_DEPOSIT:
            assert shown.payment is not None, "an account was issued for it"
            account = AccountPage(**_order(request, shown, run), due_at=shown.payment.deposit_due)
            return payers_page(request, run, "pay_account.html", account)
        case Phase.PAID:
            return _to(session.session_id, "/success")
        case phase:
            return _result(request, shown, phase, run)


def _result(request: Request, shown: Shown, phase: Phase, run: Runtime, *, retry: bool = False) -> Response:
    session = shown.session
    result = ResultPage(
        **_order(request, shown, run),
        phase=phase.value,
        tone=TONES.get(phase, "waiting"),
        moves=phase in (Phase.PENDING, Phase.REFUNDING, Phase.IN_REVIEW),
        reason=(failure_of(shown) or "") if phase is Phase.DECLINED else "",
        paid_at=session.paid_at if phase is Phase.PAID else None,
        retry_href=f"/pay/{session.session_id}" if retry else "",
        back_href=session.redirect_url,
    )
    return payers_page(request, run, "pay_result.html", result)


def _order(request: Request, shown: Shown, run: Runtime) -> dict[str, Any]:
    language = rendering.words(request).language

    def of(line: Line) -> PageLine:
        total = Money(line.unit_price * line.quantity, shown.session.currency)
        return PageLine(line.name_in(language), line.quantity, total)

    return {
        "order_name": shown.session.order_name,
        "lines": tuple(of(line) for line in shown.lines),
        "total": shown.session.total,
        "known": session_view(shown, run),
    }


def _past(past: Past) -> HistoryRow:
    returned = Money(past.cancelled_amount, past.currency) if past.cancelled_amount else None
    total = Money(past.amount, past.currency)
    return HistoryRow(past.item_name, total, returned, past.paid_at or past.created_at, past.status)
