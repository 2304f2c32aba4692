"""PayPal's buyer signs in before there is anything to agree to (requirements D12)."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from jangbu.sandbox.core import payers
from jangbu.sandbox.core.problems import UNREADABLE, NotOurs
from jangbu.sandbox.core.records import Window
from jangbu.sandbox.gate import json_response
from jangbu.sandbox.window.words import WORDS


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    email: str = ""
    password: str = ""


async def answer(request: Request, window: Window | None) -> Response:
    """Who signed in; 403 with a sentence for the page when nobody did."""
    if window is None:
        return json_response(404, {"code": "TransactionNotFound", "message": "no such window"})
    try:
        asked = msgspec.json.decode(await request.body(), type=SignIn)
    except UNREADABLE as problem:
        return json_response(400, {"code": "RequestParseFailed", "message": str(problem)})
    try:
        payer = payers.sign_in(window, asked.email, asked.password)
    except NotOurs:
        return json_response(403, {"message": WORDS[window.language]["wrong_sign_in"]})
    return json_response(200, {"name": payer.name, "email": payer.email})
