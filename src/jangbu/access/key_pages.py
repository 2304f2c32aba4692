"""The console's page of API keys: listed, made, revoked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import SCOPES, Scoped, givable_to_keys
from jangbu.access.service import keys
from jangbu.access.store import ApiKey
from jangbu.errors import Refusal
from jangbu.periods import moment
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.errors import InvalidRequest

KEYS = "/console/keys"
MANAGE = "keys:manage"
STORE_CHARACTERS_MAX = 200
_TONES = {"valid": "good", "expired": "neutral", "revoked": "neutral"}

Reader = Annotated[Caller, guard(Scoped("keys:read"))]
Manager = Annotated[Caller, guard(Scoped(MANAGE, fresh=True))]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in the list. `state` is a key of the catalogue's keys.state; `revoke_href` may be ""."""

    key: ApiKey
    state: str
    tone: str
    revoke_href: str


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """A scope that a key can be given."""

    name: str
    meaning: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class KeysPage:
    """All that keys.html may use. `secret` is that of a key just made, else ""."""

    rows: tuple[KeyRow, ...]
    scopes: tuple[ScopeChoice, ...]
    may_manage: bool
    action: str
    payers_href: str
    made: str = ""
    secret: str = ""
    problem: str = ""
    name: str = ""
    store: str = ""
    expires: str = ""


def routes(run: Runtime) -> APIRouter:
    """`/console/keys…`."""
    router = APIRouter(include_in_schema=False)

    @router.get(KEYS)
    async def show(request: Request, caller: Reader) -> Response:
        return await _page(request, caller, run)

    @router.post(KEYS)
    async def make(request: Request, caller: Manager) -> Response:
        async with request.form(max_files=0, max_fields=60) as form:
            name, store, expires = (str(form.get(field, "")).strip() for field in ("name", "store", "expires"))
            scopes = frozenset(str(one) for one in form.getlist("scopes"))
        try:
            made, secret = await keys.create_api_key(
                name,
                scopes,
                checked_store(store),
                moment(expires, "expires", is_end=True),
                actor=caller.actor,
                by=caller.role,
                run=run,
            )
        except Refusal as refusal:
            return await _page(
                request, caller, run, refusal=refusal, name=name, store=store, expires=expires, scopes=scopes
            )
        return await _page(request, caller, run, made=made.name, secret=secret)

    @router.post(KEYS + "/{key_id}/revoke")
    async def revoke(key_id: UUID, caller: Manager) -> Response:
        await keys.revoke_api_key(str(key_id), actor=caller.actor, run=run)
        return RedirectResponse(KEYS, 303)

    return router


async def _page(
    request: Request,
    caller: Caller,
    run: Runtime,
    *,
    made: str = "",
    secret: str = "",
    refusal: Refusal | None = None,
    name: str = "",
    store: str = "",
    expires: str = "",
    scopes: frozenset[str] = frozenset(),
) -> Response:
    t, may = rendering.words(request), MANAGE in caller.scopes
    givable = givable_to_keys(caller.role)
    shown = KeysPage(
        # What is in use first, the latest first.
        rows=tuple(
            sorted(
                (_row(one, may, run.clock.now()) for one in reversed(await keys.list_api_keys(run=run))),
                key=lambda row: row.state != "valid",
            )
        ),
        scopes=tuple(
            ScopeChoice(scope.name, scope.ko if t.language == "ko" else scope.en, scope.name in scopes)
            for scope in SCOPES.values()
            if scope.name in givable
        ),
        may_manage=may,
        action=KEYS,
        payers_href=f"{KEYS}/payers",
        made=made,
        secret=secret,
        problem=rendering.problem(request, refusal),
        name=name,
        store=store,
        expires=expires,
    )
    return rendering.page(request, "keys.html", shown, refusal=refusal)


def _row(key: ApiKey, may: bool, now: datetime) -> KeyRow:
    state = "valid"
    if key.revoked_at is not None:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= now:
        state = "expired"
    return KeyRow(key, state, _TONES[state], f"{KEYS}/{key.id}/revoke" if may and state == "valid" else "")


def checked_store(text: str) -> str | None:
    """A store as typed into a form; None for nothing. Raises InvalidRequest for what cannot be one."""
    if len(text) > STORE_CHARACTERS_MAX or not text.isprintable():
        raise InvalidRequest(details=[{"field": "store", "problem": "not a store's id"}])
    return text or None
