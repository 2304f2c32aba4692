"""The console's page of the secrets that payers' tokens are signed with: listed, made, ended."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.key_pages import KEYS, MANAGE, checked_store
from jangbu.access.payer_store import PayerSecret
from jangbu.access.payer_tokens import AUDIENCE, LIFE_MAX_S
from jangbu.access.rules import Scoped
from jangbu.access.service import payers
from jangbu.errors import Refusal
from jangbu.runtime import Runtime
from jangbu.web import rendering

PAYERS = f"{KEYS}/payers"

Reader = Annotated[Caller, guard(Scoped("keys:read"))]
Manager = Annotated[Caller, guard(Scoped(MANAGE, fresh=True))]


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret in the list; `end_href` may be ""."""

    secret: PayerSecret
    end_href: str


@dataclass(frozen=True, slots=True)
class PayersPage:
    """All that payers.html may use. `kid` and `text` are those of a secret just made, else ""."""

    rows: tuple[SecretRow, ...]
    may_manage: bool
    action: str
    back_href: str
    audience: str
    minutes_most: int
    own_store: str
    kid: str = ""
    text: str = ""
    problem: str = ""
    store: str = ""


def routes(run: Runtime) -> APIRouter:
    """`/console/keys/payers…`."""
    router = APIRouter(include_in_schema=False)

    @router.get(PAYERS)
    async def show(request: Request, caller: Reader) -> Response:
        return await _page(request, caller, run)

    @router.post(PAYERS)
    async def make(request: Request, caller: Manager) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            store = str(form.get("store", "")).strip()
        try:
            made, text = await payers.create_payer_secret(checked_store(store), actor=caller.actor, run=run)
        except Refusal as refusal:
            return await _page(request, caller, run, refusal=refusal, store=store)
        return await _page(request, caller, run, kid=made.kid, text=text)

    @router.post(PAYERS + "/{secret_id}/end")
    async def end(secret_id: UUID, caller: Manager) -> Response:
        await payers.end_payer_secret(str(secret_id), actor=caller.actor, run=run)
        return RedirectResponse(PAYERS, 303)

    return router


async def _page(
    request: Request,
    caller: Caller,
    run: Runtime,
    *,
    kid: str = "",
    text: str = "",
    refusal: Refusal | None = None,
    store: str = "",
) -> Response:
    may = MANAGE in caller.scopes
    shown = PayersPage(
        rows=tuple(
            SecretRow(one, f"{PAYERS}/{one.id}/end" if may and one.ended_at is None else "")
            for one in await payers.list_payer_secrets(run=run)
        ),
        may_manage=may,
        action=PAYERS,
        back_href=KEYS,
        audience=AUDIENCE,
        minutes_most=LIFE_MAX_S // 60,
        own_store=run.settings.portone_store_id,
        kid=kid,
        text=text,
        problem=rendering.problem(request, refusal),
        store=store,
    )
    return rendering.page(request, "payers.html", shown, refusal=refusal)
