"""One call to PortOne, by whichever API: sent once, timed, told to the log, and answered as an outcome."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import structlog

from jangbu import __version__
from jangbu.errors import Refusal, SetupProblem
from jangbu.portone.outcomes import Done, Outcome, Refused, Unknown, Why

if TYPE_CHECKING:
    from jangbu.portone.transport import Transport

T = TypeVar("T")

Observe = Callable[[str, str, float], None]
"""Hears of every call: the operation, what came of it in a word, and how many seconds it took."""

PORTONE_ID_CHARACTERS_MAX = 255

_log = structlog.get_logger(__name__)


class PortoneIdUnusable(Refusal):
    """An id that cannot stand in an address at PortOne. It may have come in a URL or an unsigned webhook."""

    code = "PORTONE_ID_UNUSABLE"
    http_status = 422
    ko = "포트원에서 사용할 수 없는 식별자입니다. 1~{maximum}자의 출력 가능한 문자여야 합니다."
    en = "This identifier cannot be used with PortOne. It must be 1 to {maximum} printable characters."


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """A payer's bank account that a deposit goes back to: PortOne's word for the bank, digits alone."""

    bank: str
    number: str
    holder: str
    phone: str = ""

    @property
    def body(self) -> dict[str, str]:
        """As V2 wants it (portone-facts §2.8)."""
        sent = {"bank": self.bank, "number": self.number, "holderName": self.holder}
        return sent | ({"holderPhoneNumber": self.phone} if self.phone else {})


class Line:
    """A transport to one of PortOne's APIs, which is named `api` in the log. Nothing on it is sent twice."""

    def __init__(self, transport: "Transport", *, api: str, observe: Observe | None) -> None:
        self._transport = transport
        self._api = api
        self._observe = observe

    async def call(
        self,
        operation: str,
        method: str,
        target: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        judged: Callable[[int, bytes], Outcome[T]],
    ) -> Outcome[T]:
        """What came of one request; `judged` makes an outcome of an answer. Never raises what the network does."""
        sent = {"Accept": "application/json", "User-Agent": f"jangbu/{__version__}", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = await self._send(method, target, sent, body or b"")
        outcome = answer if isinstance(answer, Unknown) else judged(*answer)
        if self._observe is not None:
            self._observe(operation, _word_for(outcome), loop.time() - started)
        match outcome:
            case Refused(type=type_, http_status=status):
                _log.info(f"{self._api} refused", operation=operation, type=type_, http_status=status)
            case Unknown():
                _log.warning(
                    f"{self._api}'s outcome is unknown",
                    operation=operation,
                    why=outcome.why.value,
                    http_status=outcome.http_status,
                    type=outcome.type,
                    detail=outcome.detail,
                )
            case Done():
                pass
        return outcome

    async def _send(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes] | Unknown:
        try:
            status, _, answer = await self._transport.send(method, target, headers, body)
            return status, answer
        except ConnectionRefusedError as failure:
            return Unknown(Why.NOT_SENT, detail=_named(failure))
        except TimeoutError as failure:
            return Unknown(Why.TIMED_OUT, detail=_named(failure))
        # Whatever else a transport may raise, the request may have been sent, and that is all that matters
        # for the money. A cancelled task is no answer and passes through.
        except Exception as failure:  # noqa: BLE001
            return Unknown(Why.DROPPED, detail=_named(failure))


def _named(failure: Exception) -> str:
    """The kind of a failure. Its text stays out: it may quote the request, and with it the secret."""
    return type(failure).__name__


def _word_for(outcome: Outcome[Any]) -> str:
    """There are few of them: PortOne's own types are its to invent."""
    match outcome:
        case Done():
            return "done"
        case Refused():
            return "refused"
        case Unknown():
            return f"unknown_{outcome.why.value}"


def segment(value: str) -> str:
    """One percent-encoded piece of a path. `.` and `..` are refused: encoding does not disarm them."""
    if not value or len(value) > PORTONE_ID_CHARACTERS_MAX or not value.isprintable() or value in {".", ".."}:
        raise PortoneIdUnusable(maximum=PORTONE_ID_CHARACTERS_MAX)
    return quote(value, safe="")


def query_of(asked: Mapping[str, str] | None) -> str:
    """The end of an address: nothing where nothing is asked."""
    return f"?{urlencode(asked, quote_via=quote, safe='')}" if asked else ""


def clean(secret: str, *, what: str, where: str) -> str:
    """The secret, if it can be one. Raises SetupProblem, which tells what to copy again and where from."""
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise SetupProblem(
            f"The PortOne {what} is empty or has spaces or odd characters in it. Copy it again from the PortOne "
            f"console (Payment integration, API keys, {where})."
        )
    return secret
