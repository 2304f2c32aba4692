"""What every V1 call passes through: ordered faults, the token, the envelope (portone-facts §6.1)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from jangbu.sandbox.core.faults import Fault, Faults, Kind
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Store, Token, V1Settings
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import HTML_502, NoAnswer, bent, done
from jangbu.sandbox.v1 import PREFIX
from jangbu.sandbox.v1.fields import decoded
from jangbu.sandbox.v1.problems import WORDS, V1Refusal, v1_refusal_of

Shape = TypeVar("Shape", bound=msgspec.Struct)
TOKEN_LIFE = timedelta(minutes=30)
LAST_MINUTE = timedelta(minutes=1)
PUSHED_BY = timedelta(minutes=5)
UNAUTHORIZED = 401
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Call:
    """One call of V1, as its handler sees it."""

    def __init__(self, parts: Parts, request: Request, raw: bytes) -> None:
        self.parts = parts
        self.now: datetime = parts.clock.now()
        self.status = 200
        """207 where only a part was found."""
        self._request = request
        self._raw = raw
        self._store: Store | None = None

    @property
    def world(self) -> World:
        return self.parts.world

    @property
    def faults(self) -> Faults:
        return self.parts.faults

    @property
    def store(self) -> Store:
        assert self._store is not None, "this operation is open to anyone, it has no store"
        return self._store

    @property
    def settings(self) -> V1Settings:
        assert self.store.v1 is not None, "a store without V1 has no token for it"
        return self.store.v1

    @property
    def tier(self) -> str | None:
        """The sub-store that the call is of, by its header (portone-facts §6.1)."""
        return self._request.headers.get("tier") or None

    def path(self, name: str) -> str:
        return unquote(self._request.path_params[name])

    def fields(self) -> dict[str, Any]:
        """The query, where `name[]` and `name` are one, and over it the body."""
        query = decoded(self._request.url.query.encode(), "application/x-www-form-urlencoded")
        return query | decoded(self._raw, self._request.headers.get("content-type", ""))

    def asked(self, shape: type[Shape]) -> Shape:
        """The fields as `shape`. Refuses wrong types and missing ones; unknown ones are ignored."""
        # An empty string counts as absent, which is how a form leaves a field out.
        given = {name: value for name, value in self.fields().items() if value not in ("", None)}
        try:
            return msgspec.convert(given, shape, strict=False)
        except msgspec.ValidationError as problem:
            raise V1Refusal(400, f"요청 값이 올바르지 않습니다. ({problem})") from None

    def authorize(self) -> None:
        """`Bearer <token>` or the bare token, and a tier of the store. Refuses others, and expired ones, with 401
        (portone-facts §6.1).
        """
        given = self._request.headers.get("authorization", "").removeprefix("Bearer ")
        token = next(
            (t for t in self.world.state.tokens if t.kind == "V1" and t.value == given and t.expires_at > self.now),
            None,
        )
        if token is None:
            raise V1Refusal(*WORDS["UNAUTHORIZED"])
        self._store = self.world.state.stores[token.store_id]
        if self.tier is not None and self.tier not in self.settings.tiers:
            raise V1Refusal(UNAUTHORIZED, f"등록되지 않은 하위 상점(Tier)입니다. ({self.tier})")


def token_of(world: World, imp_key: str, imp_secret: str, now: datetime) -> Token:
    """The store's token: the same one until it expires, and longer when asked for in its last minute (§6.1)."""
    state = world.state
    store = next(
        (
            store
            for store in state.stores.values()
            if store.v1 is not None and (store.v1.imp_key, store.v1.imp_secret) == (imp_key, imp_secret)
        ),
        None,
    )
    if store is None:
        raise V1Refusal(*WORDS["UNAUTHORIZED"])
    for token in state.tokens:
        if token.kind == "V1" and token.store_id == store.id and token.expires_at > now:
            if token.expires_at - now <= LAST_MINUTE:
                token.expires_at += PUSHED_BY
            return token
    fresh = Token(world.ids.token(40), "V1", store.id, imp_secret, now + TOKEN_LIFE)
    state.tokens = [token for token in state.tokens if token.expires_at > now] + [fresh]
    return fresh


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path: str
    handler: Handler
    refuses_with: tuple[int, ...]
    is_open: bool
    lacks: str = ""
    """What of PortOne's operation this one does not do, for docs/reference/sandbox.md."""
    to_pg: str = ""
    """As in V2: fields that PortOne itself only hands on to the PG."""

    def status_of(self, refusal: V1Refusal) -> int:
        """The refusal's own status where this operation has it; else it is in the envelope alone, at 200."""
        if refusal.status == UNAUTHORIZED or refusal.status in self.refuses_with:
            return refusal.status
        return 400 if refusal.status == 200 and 400 in self.refuses_with else 200


@dataclass(slots=True)
class Operations:
    """A register that handlers enter themselves in; a literal path comes before one with a parameter."""

    all: list[Operation] = field(default_factory=list)

    def add(
        self, method: str, path: str, *statuses: int, is_open: bool = False, lacks: str = "", to_pg: str = ""
    ) -> Callable[[Handler], Handler]:
        """`statuses` are those that the operation refuses with, beside 401 (portone-facts §6.1)."""

        def enter(handler: Handler) -> Handler:
            name: str = handler.__name__
            assert name.startswith("v1_"), f"{name}: faults tell V1's operations by their names"
            self.all.append(Operation(name, method, path, handler, statuses, is_open, lacks, to_pg))
            return handler

        return enter


def routes(parts: Parts, operations: list[Operation]) -> list[BaseRoute]:
    """All of V1 under its prefix."""
    ordered = sorted(operations, key=lambda each: [part.startswith("{") for part in each.path.split("/")])
    return [Mount(PREFIX, routes=[Route(each.path, _endpoint(parts, each), methods=[each.method]) for each in ordered])]


def enveloped(status: int, code: int, message: str | None, response: Any) -> Response:
    """`{code, message, response}`: a `code` that is not 0 is a failure even at 200."""
    body = {"code": code, "message": message, "response": response}
    return Response(_ENCODER.encode(body), status, media_type="application/json")


def _endpoint(parts: Parts, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        raw = await request.body()
        call = Call(parts, request, raw)

        async def act(pause_s: float) -> Response:
            return await _act(call, operation, request, pause_s)

        fault = parts.faults.take(Kind.CALL, operation.name, _payment_id_of(call, request))
        return await bent(fault, act, _answer_without_acting)

    return answer


async def _act(call: Call, operation: Operation, request: Request, pause_s: float) -> Response:
    try:
        if not operation.is_open:
            call.authorize()
        answer = await operation.handler(call)
        response = enveloped(call.status, 0, None, answer)
    except V1Refusal as refusal:
        response = _refused(operation, refusal)
    except ApiError as error:
        response = _refused(operation, v1_refusal_of(error))
    await done(call.parts, request, pause_s)
    return response


def _refused(operation: Operation, refusal: V1Refusal) -> Response:
    status = operation.status_of(refusal)
    return enveloped(status, 1 if status == 200 else -1, refusal.message, None)


def _payment_id_of(call: Call, request: Request) -> str | None:
    """What a fault for one payment is compared with, wherever the call names it."""
    try:
        named = call.fields() | request.path_params
    except V1Refusal:
        return None
    imp_uid, merchant_uid = named.get("imp_uid"), named.get("merchant_uid")
    attempt = call.world.attempt(imp_uid) if isinstance(imp_uid, str) else None
    return attempt.payment_id if attempt is not None else merchant_uid if isinstance(merchant_uid, str) else None


def _answer_without_acting(fault: Fault) -> Response | None:
    match fault.name:
        case "not_reached":
            return NoAnswer()
        case "status_429":
            return enveloped(429, -1, "요청이 너무 많습니다.", None)
        case "status_500" | "idempotency_outstanding":
            return enveloped(500, -1, "서버 오류가 발생하였습니다.", None)
        case "status_502" | "html_502":
            return Response(HTML_502, 502, media_type="text/html")
        case _:
            return None
