"""The page of a hosted checkout: PortOne's own shop counter for merchants without one (portone-facts §8)."""

import re
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from jangbu.sandbox.core import checkout, opening
from jangbu.sandbox.core.currencies import written
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, BrowserRefusal
from jangbu.sandbox.core.small_records import PaymentSession
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.window.callers import decides
from jangbu.sandbox.window.pages import TEMPLATES, unknown
from jangbu.sandbox.window.words import CHECKOUT_WORDS

COLOR = re.compile(r"[#a-zA-Z0-9(),.% /-]{1,64}")
"""What a CSS colour is written with; it reaches the page through the CSSOM alone."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class Choice(msgspec.Struct, forbid_unknown_fields=True):
    method: str


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    """All that templates/checkout.html uses. `state` says which of its three faces it has."""

    session: PaymentSession
    state: Literal["open", "paid", "over"]
    language: Literal["ko", "en"]
    store_name: str
    amount: str
    methods: tuple[tuple[str, str], ...]
    trouble: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        return self.session.asked

    @property
    def words(self) -> dict[str, str]:
        return CHECKOUT_WORDS[self.language]

    @property
    def skips(self) -> bool:
        """The merchant named the method, and there is nothing to fill in: straight to its window."""
        return self.state == "open" and "paymentMethod" in self.asked and not self.agreements

    def color(self, name: str) -> str:
        said = str((self.asked.get("colors") or {}).get(name, ""))
        return said if COLOR.fullmatch(said) else ""

    @property
    def image(self) -> str:
        return _followed(self.asked.get("orderImageUrl"))

    @property
    def items(self) -> list[tuple[str, str]]:
        """What is bought, and for how much each."""
        return [
            (each["name"], f"{written(each['unitPrice'], self.asked['currency'])} × {each['quantity']}")
            for each in self.asked.get("products") or []
        ]

    @property
    def agreements(self) -> list[tuple[str, str]]:
        """What the shopper has to agree to, and where it stands."""
        return [(each["name"], _followed(each["url"])) for each in self.asked.get("agreements") or []]


def _followed(url: str | None) -> str:
    """A merchant's link is followed, a script is not."""
    return url if url is not None and url.startswith(("https://", "http://")) else ""


def url_of(session: PaymentSession) -> str:
    return f"/__browser__/checkout/{session.id}"


def page_of(parts: Parts, session: PaymentSession, language: Literal["ko", "en"]) -> CheckoutPage:
    """The page as data: the order form, that it is paid, or that the session is over."""
    asked, world = session.asked, parts.world
    payment = world.payment(session.store_id, asked["paymentId"])
    current = payment.current if payment is not None else None
    state: Literal["open", "paid", "over"] = "open"
    if current is not None and current.status not in ("READY", "FAILED"):
        state = "paid"
    elif checkout.is_over(session, parts.clock.now()):
        state = "over"
    at = 1 if language == "ko" else 2
    return CheckoutPage(
        session=session,
        state=state,
        language=language,
        store_name=asked.get("storeName") or world.state.stores[session.store_id].name,
        amount=written(asked["totalAmount"], asked["currency"]),
        methods=tuple(
            (rule.payment_method, checkout.METHODS[rule.payment_method][at])
            for rule in checkout.offered(world, session)
        ),
        trouble=current.failure.reason if current is not None and current.failure is not None else "",
    )


def routes(parts: Parts) -> list[BaseRoute]:
    """The page, and its one button."""

    def session_of(request: Request) -> PaymentSession | None:
        return parts.world.state.payment_sessions.get(request.path_params["sessionId"])

    async def page(request: Request) -> Response:
        session = session_of(request)
        if session is None:
            return unknown()
        shown = TEMPLATES.get_template("checkout.html").render(page=page_of(parts, session, _language_of(request)))
        headers = {
            "content-security-policy": POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        }
        return HTMLResponse(shown, headers=headers)

    async def pay(request: Request) -> Response:
        session, now = session_of(request), parts.clock.now()
        if session is None or checkout.is_over(session, now):
            return json_response(410, {"code": "SessionExpired", "message": "the checkout is over"})
        agent = request.headers.get("user-agent", "")
        origin = {
            "platformType": "MOBILE" if opening.MOBILE.search(agent) else "PC",
            "ipAddress": request.client.host if request.client else "127.0.0.1",
        }
        if agent:
            origin["userAgent"] = agent
        try:
            method = msgspec.json.decode(await request.body(), type=Choice).method
            language = _language_of(request)
            attempt = checkout.begin(
                parts.world, session, method, page=url_of(session), language=language, origin=origin, now=now
            )
        except UNREADABLE as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})
        except BrowserRefusal as refusal:
            return json_response(400, {"code": refusal.code, "message": refusal.message})
        parts.nudge()
        return json_response(200, {"windowUrl": f"/__browser__/transactions/{attempt.transaction_id}/window"})

    return [Route("/checkout/{sessionId}", page), decides("/checkout/{sessionId}/pay", pay)]


def _language_of(request: Request) -> Literal["ko", "en"]:
    """The shopper's browser says it: a hosted checkout is for shoppers abroad."""
    return "ko" if request.headers.get("accept-language", "").lower().startswith("ko") else "en"
