"""A window that asks who somebody is (`requestIdentityVerification`), and their telephone (portone-facts §7.1)."""

from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jangbu.sandbox.core import choices, declines, identity, opening
from jangbu.sandbox.core.customers import customer_of
from jangbu.sandbox.core.identity_records import IdentityVerification, Operator
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, ApiError, BrowserRefusal, NotOurs
from jangbu.sandbox.core.records import Offer, Store, Version, Window
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.v1 import window as v1_window
from jangbu.sandbox.window import pages
from jangbu.sandbox.window.callers import decides, leaves, opens
from jangbu.sandbox.window.words import WORDS

PAY_METHOD = "IDENTITY"
"""What such a window is opened for, where others have a payMethod."""
MISMATCH = declines.Decline("mismatch", True, "IDENTITY_MISMATCH", "일치하는 가입자가 없습니다.", "No match")
TOO_YOUNG = declines.Decline("too_young", True, "UNDER_AGE", "인증할 수 있는 나이가 아닙니다.", "Too young")
CARRIERS = {"SKT": ["SKT"], "KTF": ["KT"], "LGT": ["LGU"], "MVNO": ["SKT_MVNO", "KT_MVNO", "LGU_MVNO"]}
"""V1's words for whose customers may verify themselves."""

CODES = {
    "CHANNEL_NOT_FOUND": "ChannelNotFound",
    "IDENTITY_VERIFICATION_ALREADY_VERIFIED": "IdentityVerificationAlreadyVerified",
    "MAX_TRANSACTION_COUNT_REACHED": "InvalidEntityState",
}
"""What the browser is told of the API's refusals: codes that the SDK knows [I: identity_codes_in_browser]."""


class RequestVerification(opening.RequestWindow, rename="camel", kw_only=True):
    identity_verification_id: str
    channel_key: str
    custom_data: str | None = None


class RequestCertification(msgspec.Struct):
    """V1's, and `imp`, which `IMP.init` was given (portone-facts §7.2)."""

    imp: str
    tier: str | None = None
    merchant_uid: str | None = None
    channel_key: str | None = msgspec.field(default=None, name="channelKey")
    pg: str | None = None
    min_age: int | None = None
    name: str | None = None
    phone: str | None = None
    carrier: Literal["SKT", "KTF", "LGT", "MVNO"] | None = None
    m_redirect_url: str | None = None
    popup: bool = False


class Decision(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What the person does, and on `verify` who they are."""

    action: Literal["verify", "decline", "close"]
    reason: Literal["mismatch"] | None = None
    name: str = "김장부"
    phone_number: str = "01012345678"
    identity_number: str = "9001011"
    operator: Operator = "SKT"


def begin(
    parts: Parts, raw: bytes, *, is_mobile: bool = False, opener_origin: str | None = None
) -> IdentityVerification:
    """Open the window. Refuses as a BrowserRefusal."""
    asked = opening.decoded(raw, RequestVerification)
    store = parts.world.state.stores.get(asked.store_id)
    if store is None:
        raise BrowserRefusal("StoreNotFound", f"store {asked.store_id} is not found")
    window = opening.window_of(asked, PAY_METHOD, is_mobile=is_mobile, opener_origin=opener_origin)
    window.typed = _typed(customer_of(asked.customer))
    return _begin(parts, store, asked.identity_verification_id, asked.channel_key, window, asked.custom_data)


def begin_v1(
    parts: Parts, raw: bytes, *, is_mobile: bool = False, opener_origin: str | None = None
) -> IdentityVerification:
    """`IMP.certification`: the same window under an `imp_uid`. Refuses as a BrowserRefusal."""
    asked, world = opening.decoded(raw, RequestCertification), parts.world
    store = v1_window.store_of(world, asked.imp, asked.tier)
    imp_uid = f"imp_{world.ids.chance().randrange(10**12):012d}"
    channel_key = v1_window.channel_named(world, store, asked.channel_key, asked.pg, verifies=True)
    # On a computer it is a popup whatever is asked for.
    kinds = opening.WindowTypes(pc="POPUP", mobile="POPUP" if asked.popup else "REDIRECTION")
    like_v2 = opening.RequestWindow(store_id=store.id, redirect_url=asked.m_redirect_url, window_type=kinds)
    offer = Offer(choices={"operator": CARRIERS[asked.carrier]} if asked.carrier else {})
    window = opening.window_of(like_v2, PAY_METHOD, is_mobile=is_mobile, opener_origin=opener_origin, offer=offer)
    window.min_age = asked.min_age
    window.typed = {name: said for name, said in (("name", asked.name), ("phoneNumber", asked.phone)) if said}
    found = _begin(parts, store, imp_uid, channel_key, window, None, version="V1")
    found.transaction_id, found.merchant_uid = imp_uid, asked.merchant_uid
    return found


def _begin(
    parts: Parts,
    store: Store,
    verification_id: str,
    channel_key: str,
    window: Window,
    custom_data: str | None,
    *,
    version: Version = "V2",
) -> IdentityVerification:
    world, now = parts.world, parts.clock.now()
    try:
        channel = identity.channel_for(world, store, channel_key)
        found = identity.begin(world, store, verification_id, channel, now, custom_data=custom_data, version=version)
    except ApiError as refusal:
        raise BrowserRefusal(CODES[refusal.body["type"]], refusal.body["message"]) from None
    found.window = window
    return found


def window_page(parts: Parts, found: IdentityVerification, window: Window) -> pages.WindowPage:
    """The window as data: who it is may be typed."""
    words, url = WORDS[window.language], f"/__browser__/identity-verifications/{found.transaction_id}"
    label = MISMATCH.ko if window.language == "ko" else MISMATCH.en
    return pages.WindowPage(
        window=window,
        window_id=found.transaction_id,
        decision_url=f"{url}/decision",
        store_name=parts.world.state.stores[found.store_id].name,
        heading=words["verify_title"],
        reference=f"{words['verify_id']} {found.id}",
        is_live=parts.world.state.channels[found.channel_key].type == "LIVE",
        approve_label=words["verify"],
        approve_action="verify",
        over="" if found.status == "READY" else words["over"],
        pays=False,
        operators=pages.choices_in(window, "operator"),
        declines=(pages.DeclineChoice(MISMATCH.name, label, MISMATCH.is_hard),),
    )


def decide(parts: Parts, found: IdentityVerification, decision: Decision) -> dict[str, Any]:
    """Do what the person did; answers what the browser gets. Deciding again changes nothing."""
    now = parts.clock.now()
    if found.status == "READY":
        match decision.action:
            case "verify":
                _verify(parts, found, decision, now)
            case "decline":
                identity.fail(found, MISMATCH.failure("PGProviderError"), now)
            case "close":
                identity.fail(found, declines.CLOSED.failure(parts.world.inferred.close_code), now)
    failure = found.failure
    if found.version == "V1":
        return v1_window.answer(found.id, found.merchant_uid, failure)
    told = {
        "transactionType": "IDENTITY_VERIFICATION",
        "identityVerificationId": found.id,
        "identityVerificationTxId": found.transaction_id,
    }
    return told | pages.told_of(failure) if failure is not None else told


def _verify(parts: Parts, found: IdentityVerification, decision: Decision, now: datetime) -> None:
    """The operator knows them; whoever is too young for the merchant's purpose fails all the same."""
    assert found.window is not None, "only in a window somebody decides"
    choices.refuse_others("operator", decision.operator, found.window.offer)
    person = identity.person_of(decision.name, decision.phone_number, decision.identity_number, decision.operator)
    found.person = person
    if found.window.min_age is not None and _age(person.birth_date, now) < found.window.min_age:
        identity.fail(found, TOO_YOUNG.failure("PGProviderError"), now)
    else:
        identity.verify(parts.world, found, now)


def _age(birth_date: str, now: datetime) -> int:
    """In whole years, in Korea's days."""
    born, today = date.fromisoformat(birth_date), now.astimezone(KST).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _typed(customer: dict[str, Any]) -> dict[str, str]:
    """What the merchant knows of somebody: the window's fields say it at first."""
    typed: dict[str, str] = {name: customer[name] for name in ("name", "phoneNumber") if name in customer}
    year, month, day = (customer.get(f"birth{part}", "") for part in ("Year", "Month", "Day"))
    if len(year) == 4 and f"{year}{month}{day}".isdecimal() and customer.get("gender") in ("MALE", "FEMALE"):
        sex = (1 if customer["gender"] == "MALE" else 2) + (2 if year >= "2000" else 0)
        typed["identityNumber"] = f"{year[2:]}{month:0>2}{day:0>2}{sex}"
    return typed


def telephones(parts: Parts) -> list[dict[str, Any]]:
    """Every verification with the code that came by SMS: what the person reads on their telephone."""
    stores = parts.world.state.identity_verifications.values()
    return [
        {
            "identityVerificationId": each.id,
            "status": each.status,
            "method": each.method,
            "otp": each.otp,
            "tries": each.tries,
        }
        for of_store in stores
        for each in of_store.values()
    ]


def carry_out(parts: Parts, verification_id: str, name: str) -> dict[str, Any]:
    """`approve`: the person agrees in the operator's app. Refuses an unknown order or verification."""
    stores = parts.world.state.identity_verifications.values()
    found = next((of_store[verification_id] for of_store in stores if verification_id in of_store), None)
    if found is None:
        raise NotOurs(f"no identity verification {verification_id}")
    if name != "approve":
        raise NotOurs(f"no order {name!r}; known: approve")
    identity.approve_in_app(found)
    return {"identityVerificationId": found.id, "status": found.status}


def routes(parts: Parts) -> list[BaseRoute]:
    """The JSON API under `/__browser__`."""

    def opened(found: IdentityVerification) -> dict[str, Any]:
        assert found.window is not None, "it has just been opened"
        parts.nudge()
        return pages.opened(found.window, found.transaction_id, f"/identity-verifications/{found.transaction_id}")

    def where(request: Request) -> dict[str, Any]:
        is_mobile = bool(opening.MOBILE.search(request.headers.get("user-agent", "")))
        return {"is_mobile": is_mobile, "opener_origin": request.headers.get("origin")}

    def verification_of(request: Request) -> IdentityVerification | None:
        wanted = unquote(request.path_params["transactionId"])
        every = (each for of in parts.world.state.identity_verifications.values() for each in of.values())
        return next((each for each in every if each.transaction_id == wanted), None)

    async def open_(request: Request) -> Response:
        try:
            found = begin(parts, await request.body(), **where(request))
        except BrowserRefusal as refusal:
            return pages.refused(parts.world.inferred, refusal, transactionType="IDENTITY_VERIFICATION")
        return json_response(200, {"identityVerificationTxId": found.transaction_id} | opened(found))

    async def open_v1(request: Request) -> Response:
        try:
            found = begin_v1(parts, await request.body(), **where(request))
        except BrowserRefusal as refusal:
            return v1_window.refused(refusal)
        return json_response(200, {"imp_uid": found.id} | opened(found))

    async def window(request: Request) -> Response:
        found = verification_of(request)
        if found is None or found.window is None:
            return pages.unknown()
        return pages.shown(window_page(parts, found, found.window))

    def window_of(request: Request) -> Window | None:
        found = verification_of(request)
        return found.window if found is not None else None

    async def left(request: Request) -> Response:
        found = verification_of(request)
        assert found is not None, "it has a window"
        return json_response(200, decide(parts, found, Decision("close")))

    async def decision(request: Request) -> Response:
        found = verification_of(request)
        if found is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such window"})
        try:
            result = decide(parts, found, msgspec.json.decode(await request.body(), type=Decision))
        except (*UNREADABLE, ApiError, NotOurs) as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})
        parts.nudge()
        return json_response(200, pages.redirected(found.window, result))

    return [
        opens("/identity-verifications", open_),
        opens("/v1/certifications", open_v1),
        leaves("/identity-verifications/{transactionId}/left", window_of, left),
        Route("/identity-verifications/{transactionId}/window", window),
        decides("/identity-verifications/{transactionId}/decision", decision),
    ]
