"""`/payment/success` and `/payment/fail` (requirements C7): addresses that shops have written down already.

They lead to the session's own page, which asks PortOne what became of it. Nothing else in the query is believed, and a
session's id is the only thing that finds one: a paymentId is known to many, and would tell them the payer's address.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import guard
from jangbu.access.rules import Public
from jangbu.checkout.pages import missing
from jangbu.checkout.refusals import SessionUnknown
from jangbu.runtime import Runtime

OPEN = guard(Public("only says where a session's page is; the page asks for the session's id itself"))
_SESSION = re.compile(r"cs_[A-Za-z0-9]{1,60}")
_Given = Annotated[str, Query(max_length=64)]


def routes(run: Runtime) -> APIRouter:
    """`/payment/…`."""
    router = APIRouter(include_in_schema=False, prefix="/payment")

    @router.get("/success", dependencies=[OPEN])
    async def success(request: Request, session_id: _Given = "", sessionId: _Given = "") -> Response:  # noqa: N803
        return _led(request, session_id or sessionId, "", run)

    @router.get("/fail", dependencies=[OPEN])
    async def fail(request: Request, session_id: _Given = "", sessionId: _Given = "") -> Response:  # noqa: N803
        return _led(request, session_id or sessionId, "?code=FAILED", run)

    return router


def _led(request: Request, session_id: str, more: str, run: Runtime) -> Response:
    if not _SESSION.fullmatch(session_id):
        return missing(request, run, "pay.missing", SessionUnknown())
    return RedirectResponse(f"/pay/{session_id}/return{more}", 303)
