"""What every V2 call passes through: ordered faults, the credential, the Idempotency-Key, and the error
shape.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jangbu.sandbox.core import idempotency
from jangbu.sandbox.core.access import Caller, caller_of
from jangbu.sandbox.core.faults import Fault, Kind
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE, ApiError
from jangbu.sandbox.core.records import Store
from jangbu.sandbox.core.world import World

Body = TypeVar("Body", bound=msgspec.Struct)
HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
LINE = "jangbu.sandbox.line"


@dataclass(slots=True)
class Line:
    """What ordered faults did to one request's connection."""

    is_dropped: bool = False
    slow_s: float = 0


class NoAnswer(Response):
    """Leaves the caller without an answer: `lines.Lines` drops the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        line: Line = scope[LINE]
        line.is_dropped = True


class Call:
    """One call of an operation, as its handler sees it."""

    def __init__(self, parts: Parts, operation: "Operation", request: Request, raw: bytes) -> None:
        self.parts = parts
        self.operation = operation
        self.now: datetime = parts.clock.now()
        self._request = request
        self._raw = raw
        self._caller: Caller | None = None

    @property
    def world(self) -> World:
        return self.parts.world

    def path(self, name: str) -> str:
        """A percent-decoded part of the path; it may hold `/` and `=` (portone-facts §1.1)."""
        return unquote(self._request.path_params[name])

    @property
    def home(self) -> str:
        """Where the caller reached this PortOne: what it tells of its own pages begins with it."""
        return f"{self._request.url.scheme}://{self._request.url.netloc}"

    def query(self, name: str) -> str | None:
        return self._request.query_params.get(name)

    def store(self, store_id: str | None) -> Store:
        """The store the call is about. Refuses one the credential may not access."""
        assert self._caller is not None, f"{self.operation.name} is open to anyone, it has no store"
        return self._caller.may_use(store_id)

    def body(self, shape: type[Body]) -> Body:
        """The JSON body; on GET and DELETE also as `?requestBody=`, and there it may be absent (portone-facts
        §1.3).

        Refuses malformed JSON and wrong types as INVALID_REQUEST. Unknown fields are ignored, as a compatible
        API must.
        """
        raw = self._raw
        if self._request.method in ("GET", "DELETE") and not raw:
            raw = (self.query("requestBody") or "{}").encode()
        try:
            return msgspec.json.decode(raw, type=shape)
        except UNREADABLE as problem:
            raise ApiError("INVALID_REQUEST", f"The request body is not understood: {problem}") from None

    def authorize(self) -> Caller:
        self._caller = caller_of(self.world, self._request.headers.get("authorization"), self.now)
        return self._caller


Handler = Callable[[Call], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of PortOne's API. Its name is what a fault is ordered for."""

    name: str
    method: str
    path: str
    handler: Handler
    is_open: bool = False
    """Declares no auth (portone-facts §1.1)."""
    lacks: str = ""
    """What of PortOne's operation this one does not do, for docs/reference/sandbox.md."""
    to_pg: str = ""
    """Fields that PortOne itself only hands on to the PG: read, checked, and seen nowhere afterwards."""


@dataclass(slots=True)
class Operations:
    """A register that handlers enter themselves in: `@operations.add("POST", "/payments/{paymentId}/…")`."""

    all: list[Operation] = field(default_factory=list)

    def add(
        self, method: str, path: str, *, is_open: bool = False, lacks: str = "", to_pg: str = ""
    ) -> Callable[[Handler], Handler]:
        def enter(handler: Handler) -> Handler:
            name: str = handler.__name__
            assert name not in self.names(), f"{name} is there already"
            self.all.append(Operation(name, method, path, handler, is_open, lacks, to_pg))
            return handler

        return enter

    def names(self) -> list[str]:
        return [operation.name for operation in self.all]

    def routes(self, parts: Parts) -> list[Route]:
        return [
            Route(operation.path, _endpoint(parts, operation), methods=[operation.method]) for operation in self.all
        ]


def joined(*registers: Operations) -> Operations:
    """All registers as one."""
    whole = Operations([operation for register in registers for operation in register.all])
    assert len(set(whole.names())) == len(whole.all), "two operations of one name"
    return whole


def json_response(status: int, body: Any) -> Response:
    """PortOne answers JSON, and success is 200 exactly (portone-facts §1.2, §11)."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _endpoint(parts: Parts, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        raw = await request.body()
        payment_id = request.path_params.get("paymentId")
        fault = parts.faults.take(Kind.CALL, operation.name, unquote(payment_id) if payment_id is not None else None)

        async def act(pause_s: float) -> Response:
            return await _act(parts, operation, request, raw, pause_s=pause_s)

        return await bent(fault, act, _answer_without_acting)

    return answer


async def bent(
    fault: Fault | None,
    act: Callable[[float], Awaitable[Response]],
    answer_without_acting: Callable[[Fault], Response | None],
) -> Response:
    """What the caller gets when `fault` struck: `act` is given the seconds that its answer is to take."""
    if fault is None:
        return await act(0)
    instead = answer_without_acting(fault)
    if instead is not None and not fault.acts:
        return instead
    acted = await act(fault.seconds if fault.name == "slow" else 0)
    if fault.name == "answer_lost":
        return NoAnswer()
    if fault.name == "bad_json":
        whole = bytes(acted.body)
        return Response(whole[: len(whole) // 2] or b"{", 200, media_type="application/json")
    return instead or acted


def _answer_without_acting(fault: Fault) -> Response | None:
    """What these faults answer in PortOne's place. 429 and 500 are in no schema of V2 (portone-facts §1.2)
    [I: fault_bodies].
    """
    match fault.name:
        case "not_reached":
            return NoAnswer()
        case "status_429":
            return json_response(429, {"type": "TOO_MANY_REQUESTS", "message": "Too many requests."})
        case "status_500":
            return json_response(500, {"type": "INTERNAL_SERVER_ERROR", "message": "Something went wrong."})
        case "status_502":
            error = ApiError("PG_PROVIDER", "The PG did not answer.", pgCode="TIMEOUT", pgMessage="응답 지연")
            return json_response(error.status, error.body)
        case "html_502":
            return Response(HTML_502, 502, media_type="text/html")
        case "idempotency_outstanding":
            waiting = ApiError("IDEMPOTENCY_OUTSTANDING_REQUEST", "A request with this key is in progress.")
            return json_response(waiting.status, waiting.body)
        case _:
            return None


async def done(parts: Parts, request: Request, pause_s: float) -> None:
    """The work is done: a caller who gives up waiting does not undo it (portone-facts §1.5)."""
    parts.nudge()
    if pause_s:
        line: Line = request.scope[LINE]
        line.slow_s = pause_s
        await parts.pause(pause_s)


async def _act(parts: Parts, operation: Operation, request: Request, raw: bytes, *, pause_s: float) -> Response:
    """Authorize, look the Idempotency-Key up, act, remember the answer.

    A slow answer keeps its key outstanding. Where nobody need say who they are, it is ignored
    [I: idempotency_without_auth].
    """
    call = Call(parts, operation, request, raw)
    key = None
    try:
        if not operation.is_open:
            target = request.url.path + "?" + request.url.query
            header = request.headers.get("idempotency-key")
            key = idempotency.key_of(parts.world, call.authorize(), request.method, target, header, raw, call.now)
        replayed = key.replay() if key is not None else None
        if replayed is not None:
            return Response(replayed[1], replayed[0], media_type="application/json")
    except ApiError as refusal:
        return json_response(refusal.status, refusal.body)
    try:
        response = json_response(200, await operation.handler(call))
    except ApiError as refusal:
        response = json_response(refusal.status, refusal.body)
    except BaseException:
        if key is not None:
            key.abandon()
        raise
    await done(parts, request, pause_s)
    if key is not None:
        key.finish(response.status_code, bytes(response.body))
    return response
