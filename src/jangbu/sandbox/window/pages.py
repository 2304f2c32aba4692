"""What a window shows, whatever it was opened for, and how it sends the shopper back (portone-facts §7.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jinja2
from starlette.responses import HTMLResponse, Response

from jangbu.sandbox.core import choices, declines, payers
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.problems import BrowserRefusal
from jangbu.sandbox.core.records import Failure, Window
from jangbu.sandbox.core.wallets import WALLETS
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.window.words import WORDS

HERE = Path(__file__).parent
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)


@dataclass(frozen=True, slots=True)
class DeclineChoice:
    name: str
    label: str
    is_hard: bool


@dataclass(frozen=True, slots=True)
class MethodChoice:
    """A way to pay, and what there is to pick within it."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IssuedAccount:
    """Where the money is to be paid in: an account, or a convenience store's counter."""

    rows: tuple[tuple[str, str], ...]
    copied: str
    deposit_url: str


@dataclass(frozen=True, slots=True)
class WindowPage:
    """All that templates/window.html may use. `window_id` is what the opener knows the window by."""

    window: Window
    window_id: str
    decision_url: str
    store_name: str
    heading: str
    reference: str
    is_live: bool
    approve_label: str
    approve_action: str = "approve"
    amount: str = ""
    pays: bool = True
    over: str = ""
    can_wait: bool = False
    methods: tuple[MethodChoice, ...] = ()
    months: tuple[tuple[int, str], ...] = ()
    operators: tuple[tuple[str, str], ...] = ()
    """Whose customer somebody is who says who they are."""
    sign_in_url: str = ""
    declines: tuple[DeclineChoice, ...] = ()
    account: IssuedAccount | None = None

    @property
    def opener(self) -> str:
        """The origin that alone is answered and may frame the window; empty where none is known, as of a file."""
        said = self.window.opener_origin or ""
        return said if ORIGIN.fullmatch(said) else ""

    @property
    def payer(self) -> payers.Payer | None:
        """PayPal's buyer, once one signed in."""
        return payers.of(self.window)

    @property
    def free_months(self) -> tuple[str, ...]:
        """Whose interest the merchant pays, in a line each."""
        offer, at = self.window.offer, 0 if self.window.language == "ko" else 1
        if offer.pays_interest:
            return (self.words["interest_free"],)
        return tuple(
            self.words["interest_free_of"].format(
                company=choices.label("card", company)[at], months=", ".join(map(str, months))
            )
            for company, months in offer.free_months.items()
        )

    @property
    def asks_sign_in(self) -> bool:
        """PayPal shows nothing to agree to before somebody signed in."""
        return self.window.pay_method == "PAYPAL" and self.payer is None

    @property
    def buyers(self) -> tuple[tuple[str, str], ...]:
        """PayPal's test buyers, and what becomes of their payments."""
        return tuple((each.email, self._fate(each)) for each in payers.PAYERS.values())

    @property
    def password(self) -> str:
        return payers.PASSWORD

    def _fate(self, payer: payers.Payer) -> str:
        if payer.refusal is None:
            return self.words["buyer_pays"]
        reason = declines.reason_named(payer.refusal)
        return reason.ko if self.window.language == "ko" else reason.en

    @property
    def words(self) -> Mapping[str, str]:
        return WORDS[self.window.language]


def method_choices(window: Window, names: tuple[str, ...]) -> tuple[MethodChoice, ...]:
    """The ways to pay in the window's language."""
    at = 0 if window.language == "ko" else 1
    return tuple(
        MethodChoice(
            name,
            (WALLETS[name].ko, WALLETS[name].en)[at] if name in WALLETS else WORDS[window.language][name],
            choices_in(window, name),
        )
        for name in names
    )


def choices_in(window: Window, name: str) -> tuple[tuple[str, str], ...]:
    """What there is to pick within a way to pay, in the window's language."""
    at = 0 if window.language == "ko" else 1
    return tuple((choice, choices.label(name, choice)[at]) for choice in choices.offered(name, window.offer))


def month_choices(window: Window, months: tuple[int, ...]) -> tuple[tuple[int, str], ...]:
    """Over how many months a card may pay; nothing, where it is at once in any case."""
    words = WORDS[window.language]
    if months == (0,):
        return ()
    return tuple((each, words["months"].format(months=each) if each > 1 else words["at_once"]) for each in months)


def decline_choices(window: Window) -> tuple[DeclineChoice, ...]:
    """Soft ones first: what a shopper would try again comes before what they would not."""
    reasons = sorted(declines.offered(window.pay_method), key=lambda reason: reason.is_hard)
    return tuple(
        DeclineChoice(reason.name, reason.ko if window.language == "ko" else reason.en, reason.is_hard)
        for reason in reasons
    )


def issued_account(window: Window, method: Mapping[str, Any], deposit_url: str) -> IssuedAccount:
    """What the shopper writes down; the end is told in Korean time, where the banks are."""
    words = WORDS[window.language]
    if method["type"] == "PaymentMethodVirtualAccount":
        number, until = method["accountNumber"], method["expiredAt"]
        rows = [
            (words["bank"], choices.bank_label(method["bank"])[0 if window.language == "ko" else 1]),
            (words["account"], number),
            (words["holder"], method["remitteeName"]),
        ]
    else:
        number, until = method["receiptNumber"], method["paymentDeadline"]
        rows = [
            (words["store"], method["convenienceStoreBrand"]),
            (words["receipt_number"], number),
            (words["confirmation_number"], method["confirmationNumber"]),
        ]
    deadline = datetime.fromisoformat(until).astimezone(KST)
    rows.append((words["until"], f"{deadline:%Y-%m-%d %H:%M} (KST)"))
    return IssuedAccount(tuple(rows), number, deposit_url)


def opened(window: Window, window_id: str, path: str) -> dict[str, Any]:
    """Where a window is, for the script that shows it; `path` is what it was opened for."""
    here = f"/__browser__{path}"
    return {
        "windowId": window_id,
        "windowUrl": f"{here}/window",
        "leftUrl": f"{here}/left",
        "display": window.display,
    }


def told_of(failure: Failure) -> dict[str, str]:
    """What a browser's answer says of a failure; of the PG's own words what there is."""
    told = {"code": failure.code, "message": failure.reason, "pgCode": failure.pg_code, "pgMessage": failure.pg_message}
    return {name: value for name, value in told.items() if value}


def told_of_refusal(refusal: BrowserRefusal) -> dict[str, str]:
    """What a browser's answer says of a refusal before any window opened, the PG's own words included."""
    told = {"code": refusal.code, "message": refusal.message}
    if refusal.pg_code:
        told |= {"pgCode": refusal.pg_code, "pgMessage": refusal.pg_message or ""}
    return told


def refused(inferred: Inferred, refusal: BrowserRefusal, **more: str) -> Response:
    """The answer to a call of V2's SDK: 400 is what the script throws, 200 with a `code` what it returns.

    `more` are its other fields.
    """
    is_thrown = refusal.code == "RequestParseFailed" or inferred.browser_refusals_are_thrown
    return json_response(400 if is_thrown else 200, more | told_of_refusal(refusal))


def redirected(window: Window | None, result: dict[str, Any]) -> dict[str, Any]:
    """The result, and where a window that took the whole page goes with it."""
    if window is None or window.display != "REDIRECTION":
        return result
    return result | {"redirectTo": redirect_target(window, result)}


def redirect_target(window: Window, result: Mapping[str, Any]) -> str:
    """redirectUrl with the same values as query parameters, beside those it has (portone-facts §7.1)."""
    assert window.redirect_url is not None, "a redirection has a redirectUrl"
    url = urlsplit(window.redirect_url)
    told = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in result.items()]
    query = [*parse_qsl(url.query, keep_blank_values=True), *told]
    return urlunsplit((url.scheme, url.netloc, url.path, urlencode(query), url.fragment))


def shown(page: WindowPage) -> Response:
    """The page, under a policy of nothing inline, nothing from elsewhere; only the origin that opened the window may
    frame it, where it has a name.
    """
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'"
    )
    # Not even `*` lets a file frame it. A popup that the browser blocked is framed.
    framed_by = "'none'" if page.window.display == "REDIRECTION" else page.opener
    if framed_by:
        policy += f"; frame-ancestors {framed_by}"
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
    return HTMLResponse(TEMPLATES.get_template("window.html").render(page=page), headers=headers)


def unknown() -> Response:
    return Response("없는 결제창입니다. No such payment window.", 404, media_type="text/plain")
