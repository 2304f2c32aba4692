"""The pages that a payer sees (`/pay/…`), rendered here; what moves is one small script of ours and PortOne's own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Held
from jangbu.checkout.refusals import HistoryLinkInvalid, SessionUnknown
from jangbu.checkout.rules import Line, Phase, ways_to_pay
from jangbu.checkout.service.complete import complete
from jangbu.checkout.service.confirm import confirm_session
from jangbu.checkout.service.history import history
from jangbu.checkout.service.sessions import Shown, show
from jangbu.checkout.store import Past
from jangbu.checkout.views import failure_of
from jangbu.errors import Refusal, Unavailable
from jangbu.money import Money
from jangbu.payments.refusals import ConfirmInProgress, PortOneUnclear
from jangbu.payments.service.confirm import Agreed
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


@dataclass(frozen=True, slots=True)
class PayPage:
    """All that pay.html may use."""

    session_id: str
    order_name: str
    lines: tuple[PageLine, ...]
    total: Money
    methods: tuple[str, ...]
    sdk: str
    expires_at: datetime
    asks_buyer: bool


@dataclass(frozen=True, slots=True)
class ResultPage:
    """All that pay_result.html may use. `polls` is "verify", "read" or ""."""

    session_id: str
    order_name: str
    lines: tuple[PageLine, ...]
    total: Money
    phase: str
    tone: str
    reason: str
    paid_at: datetime | None
    retry_href: str
    back_href: str
    polls: str


@dataclass(frozen=True, slots=True)
class AccountPage:
    """All that pay_account.html may use."""

    session_id: str
    order_name: str
    lines: tuple[PageLine, ...]
    total: Money
    bank: str
    number: str
    holder: str
    due_at: datetime | None


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
        return _page(
            request, run, "pay_history.html", HistoryPage(tuple(_past(one) for one in found.payments), newest, older)
        )

    @router.get("/{session_id}")
    async def pay(request: Request, session_id: SessionId, caller: Payer) -> Response:  # noqa: ARG001
        try:
            shown = await show(session_id, run=run)
        except SessionUnknown as unknown:
            return missing(request, run, "pay.missing", unknown)
        match shown.phase:
            case Phase.READY | Phase.DECLINED if run.clock.now() < shown.session.expires_at:
                return _page(request, run, "pay.html", _pay_page(request, shown, run))
            case Phase.READY | Phase.DECLINED:
                return _result(request, shown, Phase.EXPIRED, run)
            case Phase.AWAITS_DEPOSIT:
                return _page(request, run, "pay_account.html", _account_page(request, shown))
            case Phase.PAID:
                return _to(session_id, "/success")
            case phase:
                return _result(request, shown, phase, run)

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
            has_failed = "code" in request.query_params or shown.phase is Phase.DECLINED
            # Without a code it should be paid: PortOne may know in a moment.
            return _to(session_id, "/fail") if has_failed else _result(request, shown, Phase.PENDING, run)
        return _to(session_id)

    @router.get("/{session_id}/success")
    async def success(request: Request, session_id: SessionId, caller: Payer) -> Response:  # noqa: ARG001
        try:
            shown = await show(session_id, run=run)
        except SessionUnknown as unknown:
            return missing(request, run, "pay.missing", unknown)
        return _result(request, shown, Phase.PAID, run) if shown.phase is Phase.PAID else _to(session_id)

    @router.get("/{session_id}/fail")
    async def fail(request: Request, session_id: SessionId, caller: Payer) -> Response:  # noqa: ARG001
        try:
            shown = await show(session_id, run=run)
        except SessionUnknown as unknown:
            return missing(request, run, "pay.missing", unknown)
        is_open = shown.phase in (Phase.READY, Phase.DECLINED)
        return _result(request, shown, shown.phase, run, retry=True) if is_open else _to(session_id)

    return router


PAYPAL_ORIGINS = ("https://*.paypal.com", "https://*.paypalobjects.com")
"""Where PayPal's own script comes from, which draws its button into our page where PayPal is offered."""


def policy(settings: Settings) -> str:
    """The Content-Security-Policy of the payer's pages: our script and PortOne's, nothing inline, no frame around."""
    parts = urlsplit(settings.browser_sdk_url)
    sdk = f"{parts.scheme}://{parts.netloc}"
    paypal = PAYPAL_ORIGINS if "PAYPAL" in settings.channels and settings.mode != "sandbox" else ()
    scripts, theirs = " ".join((sdk, *paypal)), " ".join((sdk, *settings.frame_origins, *paypal))
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data: {theirs}; "
        f"connect-src 'self' {theirs}; frame-src {theirs}; form-action 'self' {theirs}; frame-ancestors 'none'; "
        "base-uri 'none'"
    )


def _page(request: Request, run: Runtime, template: str, context: object, *, status: int = 200) -> Response:
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
    return _page(request, run, "pay_missing.html", MissingPage(heading, sentence), status=404)


def _pay_page(request: Request, shown: Shown, run: Runtime) -> PayPage:
    session = shown.session
    return PayPage(
        session_id=session.session_id,
        order_name=session.order_name,
        lines=_lines(request, shown),
        total=session.total,
        methods=tuple(ways_to_pay(run.settings.channels, session.currency)),
        sdk=run.settings.browser_sdk_url,
        expires_at=session.expires_at,
        asks_buyer=not session.has_buyer,
    )


def _result(request: Request, shown: Shown, phase: Phase, run: Runtime, *, retry: bool = False) -> Response:
    session = shown.session
    result = ResultPage(
        session_id=session.session_id,
        order_name=session.order_name,
        lines=_lines(request, shown),
        total=session.total,
        phase=phase.value,
        tone=TONES.get(phase, "waiting"),
        reason=(failure_of(shown) or "") if phase is Phase.DECLINED else "",
        paid_at=session.paid_at if phase is Phase.PAID else None,
        retry_href=f"/pay/{session.session_id}" if retry else "",
        back_href=session.redirect_url,
        polls={Phase.PENDING: "verify", Phase.REFUNDING: "read"}.get(phase, ""),
    )
    return _page(request, run, "pay_result.html", result)


def _account_page(request: Request, shown: Shown) -> AccountPage:
    session, payment = shown.session, shown.payment
    assert payment is not None, "an account was issued for it"
    method = payment.method or {}
    return AccountPage(
        session_id=session.session_id,
        order_name=session.order_name,
        lines=_lines(request, shown),
        total=session.total,
        bank=str(method.get("bank") or ""),
        number=str(method.get("accountNumber") or ""),
        holder=str(method.get("remitteeName") or ""),
        due_at=payment.deposit_due,
    )


def _lines(request: Request, shown: Shown) -> tuple[PageLine, ...]:
    is_english = rendering.words(request).language == "en"

    def of(line: Line) -> PageLine:
        total = Money(line.unit_price * line.quantity, shown.session.currency)
        return PageLine(line.name_en if is_english else line.name_ko, line.quantity, total)

    return tuple(of(line) for line in shown.lines)


def _past(past: Past) -> HistoryRow:
    returned = Money(past.cancelled_amount, past.currency) if past.cancelled_amount else None
    total = Money(past.amount, past.currency)
    return HistoryRow(past.item_name, total, returned, past.paid_at or past.created_at, past.status)
