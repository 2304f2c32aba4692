"""What a call to PortOne came to: it was done, it was refused, or we cannot tell.

The three rules that keep money from moving twice: only HTTP 200 with a readable body is *done*; only an
answer in which PortOne itself names a refusal (`type`) is *refused*; everything else is *unknown*, and
whoever called asks again with GET (design §4.1).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from jangbu.portone.wire import Unreadable, decode_object, text

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

STILL_RUNNING_TYPE = "IDEMPOTENCY_OUTSTANDING_REQUEST"
PG_TYPES = frozenset({"PG_PROVIDER", "CHANNEL_SPECIFIC"})
"""Refusals in which PortOne passes on what a PG said. They come as 502, and are the ordinary "declined"."""
V1_REFUSED = "V1_REFUSED"
"""The type of V1's refusals, which are sentences without a code: its own and a PG's look alike (portone-facts §6.1)."""


class Why(StrEnum):
    """Why an outcome is unknown."""

    NOT_SENT = "not_sent"
    """No connection could be made, so PortOne provably knows nothing of the call."""
    TIMED_OUT = "timed_out"
    """No answer in time. Closing the connection does not stop PortOne's work (portone-facts §1.5)."""
    DROPPED = "dropped"
    """The line went away before the answer was complete."""
    STILL_RUNNING = "still_running"
    """An earlier request with this idempotency key has not finished: come back with the same key (F05)."""
    RATE_LIMITED = "rate_limited"
    """Turned away for now (429). PortOne documents none, so whether it looked at the request is not known."""
    SERVER_ERROR = "server_error"
    """A 5xx: PortOne, or a machine before it, broke somewhere along the way."""
    UNREADABLE = "unreadable"
    """An answer came that we cannot believe: not JSON, no `type`, money that is no integer, a redirect."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """PortOne did it. `raw` is the answer as it came."""

    value: T_co
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """PortOne says no. `type` is its stable word, perhaps one new to us; `message` is for people only."""

    type: str
    http_status: int
    message: str | None = None
    pg_code: str | None = None
    pg_message: str | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def certain(self) -> bool:
        """Whether PortOne's own rules refused, so that this very request moved nothing.

        False where a PG's answer was passed on: a PG also reports its own timeouts and half-finished work
        this way, and CHANNEL_SPECIFIC may have succeeded on some channels. Such a call counts as declined,
        but read the payment before you move the same money under another id.
        """
        return self.type not in PG_TYPES and self.type != V1_REFUSED

    @property
    def said(self) -> dict[str, Any]:
        """It as it may be kept: PortOne's words and the PG's. The whole answer may hold who paid."""
        return {
            "type": self.type,
            "httpStatus": self.http_status,
            "message": self.message,
            "pgMessage": self.pg_message,
            "certain": self.certain,
        }


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened or not; never treat it as failed. `type` is PortOne's word, if there was one."""

    why: Why
    http_status: int | None = None
    type: str | None = None
    detail: str = ""

    @property
    def said(self) -> dict[str, Any]:
        """It as it may be kept."""
        return {"why": self.why.value, "httpStatus": self.http_status}


Outcome = Done[T] | Refused | Unknown


def judge(http_status: int, body: bytes, read: Callable[[dict[str, Any]], T]) -> Outcome[T]:
    """What an HTTP answer means. `read` turns a 200's object into a value, or raises Unreadable."""
    try:
        answer = decode_object(body)
        if http_status == 200:
            return Done(read(answer), answer)
        problem = ""
    except Unreadable as failure:
        answer, problem = {}, str(failure)

    kind = text(answer, "type") or None
    declared = 400 <= http_status < 500 or (http_status == 502 and kind in PG_TYPES)
    why = _why_unknown(http_status, kind)
    if why is None and declared and kind is not None:
        return Refused(
            type=kind,
            http_status=http_status,
            message=text(answer, "message"),
            pg_code=text(answer, "pgCode"),
            pg_message=text(answer, "pgMessage"),
            raw=answer,
        )
    # A status PortOne does not document (201, 204, 302, …) lands here too: 202 would mean "not yet done", and
    # a redirect was not answered by the API at all.
    return Unknown(
        why=why or (Why.SERVER_ERROR if http_status >= 500 else Why.UNREADABLE),
        http_status=http_status,
        type=kind,
        detail=problem or ("" if kind else "no type"),
    )


def _why_unknown(http_status: int, kind: str | None) -> Why | None:
    if http_status == 429:
        return Why.RATE_LIMITED
    if http_status == 408:
        return Why.TIMED_OUT
    if http_status != 200 and kind == STILL_RUNNING_TYPE:
        return Why.STILL_RUNNING
    return None
