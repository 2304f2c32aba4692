"""A window that asks who somebody is (`requestIdentityVerification`), and their telephone (portone-facts §7.1)."""

from typing import Any, Literal
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from jangbu.sandbox.core import declines, identity
from jangbu.sandbox.core.identity_records import IdentityVerification
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import ApiError, BrowserRefusal, NotOurs
from jangbu.sandbox.gate import json_response


class RequestVerification(msgspec.Struct, rename="camel"):
    store_id: str
    identity_verification_id: str
    channel_key: str
    custom_data: str | None = None


class Decision(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What the person does, and on `verify` who they are."""

    action: Literal["verify", "decline", "close"]
    name: str = "김장부"
    phone_number: str = "01012345678"
    identity_number: str = "9001011"


def begin(parts: Parts, raw: bytes) -> IdentityVerification:
    """Open the window. Refuses as a BrowserRefusal."""
    try:
        asked = msgspec.json.decode(raw, type=RequestVerification)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BrowserRefusal("RequestParseFailed", str(problem)) from None
    world = parts.world
    store = world.state.stores.get(asked.store_id)
    if store is None:
        raise BrowserRefusal("StoreNotFound", f"store {asked.store_id} is not found")
    try:
        channel = identity.channel_for(world, store, asked.channel_key)
        verification_id, now = asked.identity_verification_id, parts.clock.now()
        return identity.begin(world, store, verification_id, channel, now, custom_data=asked.custom_data)
    except ApiError as refusal:
        code = {"CHANNEL_NOT_FOUND": "ChannelNotFound"}.get(refusal.body["type"], "IdentityVerificationAlreadyVerified")
        raise BrowserRefusal(code, refusal.body["message"]) from None


def decide(parts: Parts, found: IdentityVerification, decision: Decision) -> dict[str, Any]:
    """Do what the person did; answers what the browser gets. Deciding again changes nothing."""
    now = parts.clock.now()
    if found.status == "READY":
        match decision.action:
            case "verify":
                found.person = identity.person_of(decision.name, decision.phone_number, decision.identity_number, "SKT")
                identity.verify(parts.world, found, now)
            case "decline":
                reason = declines.Decline(
                    "mismatch", True, "IDENTITY_MISMATCH", "일치하는 가입자가 없습니다.", "No match"
                )
                identity.fail(found, reason.failure("PGProviderError"), now)
            case "close":
                identity.fail(found, declines.CLOSED.failure(parts.world.inferred.close_code), now)
    told = {
        "transactionType": "IDENTITY_VERIFICATION",
        "identityVerificationId": found.id,
        "identityVerificationTxId": found.transaction_id,
    }
    failure = found.failure
    if failure is None:
        return told
    return told | {"code": failure.code, "message": failure.reason, "pgCode": failure.pg_code}


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

    async def open_(request: Request) -> Response:
        try:
            found = begin(parts, await request.body())
        except BrowserRefusal as refusal:
            body = {"code": refusal.code, "message": refusal.message}
            return json_response(400 if refusal.code == "RequestParseFailed" else 200, body)
        parts.nudge()
        return json_response(200, {"identityVerificationTxId": found.transaction_id})

    async def decision(request: Request) -> Response:
        wanted = unquote(request.path_params["transactionId"])
        every = (each for of in parts.world.state.identity_verifications.values() for each in of.values())
        found = next((each for each in every if each.transaction_id == wanted), None)
        if found is None:
            return json_response(404, {"code": "TransactionNotFound", "message": "no such window"})
        try:
            result = decide(parts, found, msgspec.json.decode(await request.body(), type=Decision))
        except (msgspec.DecodeError, ApiError) as problem:
            return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})
        parts.nudge()
        return json_response(200, result)

    return [
        Route("/identity-verifications", open_, methods=["POST"]),
        Route("/identity-verifications/{transactionId}/decision", decision, methods=["POST"]),
    ]
