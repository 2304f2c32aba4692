"""A window that asks who somebody is (`requestIdentityVerification`), and their telephone (portone-facts §7.1)."""

from typing import Any, Literal
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jangbu.sandbox.core import declines, identity, params
from jangbu.sandbox.core.identity_records import IdentityVerification
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, ApiError, BrowserRefusal, NotOurs
from jangbu.sandbox.core.records import Store, Version, Window
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.v1 import window as v1_window
from jangbu.sandbox.window import pages
from jangbu.sandbox.window.callers import decides, opens
from jangbu.sandbox.window.words import WORDS

MISMATCH = declines.Decline("mismatch", True, "IDENTITY_MISMATCH", "일치하는 가입자가 없습니다.", "No match")


class RequestVerification(msgspec.Struct, rename="camel"):
    store_id: str
    identity_verification_id: str
    channel_key: str
    custom_data: str | None = None
    window_type: params.WindowTypes | None = None
    redirect_url: str | None = None
    force_redirect: bool = False
    locale: str | None = None


class RequestCertification(msgspec.Struct):
    """V1's, and `imp`, which `IMP.init` was given (portone-facts §7.2)."""

    imp: str
    tier: str | None = None
    merchant_uid: str | None = None
    channel_key: str | None = msgspec.field(default=None, name="channelKey")
    m_redirect_url: str | None = None


class Decision(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What the person does, and on `verify` who they are."""

    action: Literal["verify", "decline", "close"]
    reason: Literal["mismatch"] | None = None
    name: str = "김장부"
    phone_number: str = "01012345678"
    identity_number: str = "9001011"


def begin(
    parts: Parts, raw: bytes, *, is_mobile: bool = False, opener_origin: str | None = None
) -> IdentityVerification:
    """Open the window. Refuses as a BrowserRefusal."""
    asked = params.decoded(raw, RequestVerification)
    store = parts.world.state.stores.get(asked.store_id)
    if store is None:
        raise BrowserRefusal("StoreNotFound", f"store {asked.store_id} is not found")
    window = _window(asked, is_mobile=is_mobile, opener_origin=opener_origin)
    return _begin(parts, store, asked.identity_verification_id, asked.channel_key, window, asked.custom_data)


def begin_v1(
    parts: Parts, raw: bytes, *, is_mobile: bool = False, opener_origin: str | None = None
) -> IdentityVerification:
    """`IMP.certification`: the same window under an `imp_uid`. Refuses as a BrowserRefusal."""
    asked, world = params.decoded(raw, RequestCertification), parts.world
    store, _ = v1_window.store_of(world, asked.imp, asked.tier)
    channels = (each for each in world.state.channels.values() if each.store_id == store.id)
    usual = next((each.key for each in channels if each.pg_provider in identity.PGS), "")
    imp_uid = f"imp_{world.ids.chance().randrange(10**12):012d}"
    channel_key = asked.channel_key or usual
    like_v2 = RequestVerification(store.id, imp_uid, channel_key, redirect_url=asked.m_redirect_url)
    window = _window(like_v2, is_mobile=is_mobile, opener_origin=opener_origin)
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
        code = {"CHANNEL_NOT_FOUND": "ChannelNotFound"}.get(refusal.body["type"], "IdentityVerificationAlreadyVerified")
        raise BrowserRefusal(code, refusal.body["message"]) from None
    found.window = window
    return found


def _window(asked: RequestVerification, *, is_mobile: bool, opener_origin: str | None) -> Window:
    like_payment = params.RequestPayment(
        asked.store_id,
        asked.identity_verification_id,
        "",
        0,
        "KRW",
        "IDENTITY",
        window_type=asked.window_type,
        redirect_url=asked.redirect_url,
        force_redirect=asked.force_redirect,
        locale=asked.locale,
    )
    return params.window_of(like_payment, is_mobile=is_mobile, opener_origin=opener_origin)


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
        asks_person=True,
        declines=(pages.DeclineChoice(MISMATCH.name, label, MISMATCH.is_hard),),
    )


def decide(parts: Parts, found: IdentityVerification, decision: Decision) -> dict[str, Any]:
    """Do what the person did; answers what the browser gets. Deciding again changes nothing."""
    now = parts.clock.now()
    if found.status == "READY":
        match decision.action:
            case "verify":
                found.person = identity.person_of(decision.name, decision.phone_number, decision.identity_number, "SKT")
                identity.verify(parts.world, found, now)
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
        return {
            "windowId": found.transaction_id,
            "windowUrl": f"/__browser__/identity-verifications/{found.transaction_id}/window",
            "display": found.window.display,
        }

    def where(request: Request) -> dict[str, Any]:
        is_mobile = bool(params.MOBILE.search(request.headers.get("user-agent", "")))
        return {"is_mobile": is_mobile, "opener_origin": request.headers.get("origin")}

    def verification_of(request: Request) -> IdentityVerification | None:
        wanted = unquote(request.path_params["transactionId"])
        every = (each for of in parts.world.state.identity_verifications.values() for each in of.values())
        return next((each for each in every if each.transaction_id == wanted), None)

    async def open_(request: Request) -> Response:
        try:
            found = begin(parts, await request.body(), **where(request))
        except BrowserRefusal as refusal:
            body = {"code": refusal.code, "message": refusal.message}
            return json_response(400 if refusal.code == "RequestParseFailed" else 200, body)
        return json_response(200, {"identityVerificationTxId": found.transaction_id} | opened(found))

    async def open_v1(request: Request) -> Response:
        try:
            found = begin_v1(parts, await request.body(), **where(request))
        except BrowserRefusal as refusal:
            body = {"error_code": refusal.code, "error_msg": refusal.message}
            return json_response(400 if refusal.code == "RequestParseFailed" else 200, body)
        return json_response(200, {"imp_uid": found.id} | opened(found))

    async def window(request: Request) -> Response:
        found = verification_of(request)
        if found is None or found.window is None:
            return pages.unknown()
        return pages.shown(window_page(parts, found, found.window))

    async def decision(request: Request) -> Response:
        found = verification_of(request)
        if found is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such window"})
        try:
            result = decide(parts, found, msgspec.json.decode(await request.body(), type=Decision))
        except (*UNREADABLE, ApiError) as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})
        parts.nudge()
        return json_response(200, pages.redirected(found.window, result))

    return [
        opens("/identity-verifications", open_),
        opens("/v1/certifications", open_v1),
        Route("/identity-verifications/{transactionId}/window", window),
        decides("/identity-verifications/{transactionId}/decision", decision),
    ]
