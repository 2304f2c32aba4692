"""PortOne's V2 API, one method an operation. Nothing is retried here.

What a call raises: `PortoneIdUnusable`, before anything is sent. What PortOne or the network do is never
raised but answered, as Done, Refused or Unknown; an Unknown is the caller's to settle.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import structlog

from jangbu import __version__
from jangbu.clock import rfc3339
from jangbu.errors import Refusal, SetupProblem
from jangbu.money import Money
from jangbu.portone.after import AfterPayment
from jangbu.portone.identity import IdentityVerification, read_identity_verification
from jangbu.portone.outcomes import Done, Outcome, Refused, Unknown, Why, judge
from jangbu.portone.wire import (
    Cancellation,
    EventPage,
    Payment,
    PaymentPage,
    Unreadable,
    read_cancellation,
    read_event_page,
    read_payment,
    read_payment_page,
)

if TYPE_CHECKING:
    from jangbu.portone.transport import Transport
    from jangbu.portone.v1 import PortOneV1

T = TypeVar("T")

Observe = Callable[[str, str, float], None]
"""Hears of every call: the operation, what came of it in a word, and how many seconds it took."""

PORTONE_ID_CHARACTERS_MAX = 255

_log = structlog.get_logger(__name__)
_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{16,256}")


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
        """As PortOne wants it (portone-facts §2.8)."""
        sent = {"bank": self.bank, "number": self.number, "holderName": self.holder}
        return sent | ({"holderPhoneNumber": self.phone} if self.phone else {})


class PortOne(AfterPayment):
    """A caller of PortOne, with one API secret and, where the merchant has several stores, for one of them.

    Safe to share between tasks. Each changing call takes an idempotency key: PortOne answers the same key
    with the same answer for 3 hours (portone-facts §1.4), so a caller that repeats a call uses the same key,
    and later only asks.
    """

    def __init__(
        self, transport: "Transport", *, api_secret: str, store_id: str | None = None, observe: Observe | None = None
    ) -> None:
        if not api_secret or not api_secret.isascii() or not api_secret.isprintable() or " " in api_secret:
            raise SetupProblem(
                "The PortOne V2 API secret is empty or has spaces or odd characters in it. Copy it again "
                "from the PortOne console (Payment integration, API keys, V2 API)."
            )
        self._transport = transport
        self._authorization = f"PortOne {api_secret}"
        self.store_id = store_id
        self._observe = observe
        self.v1: PortOneV1 | None = None
        """The same merchant's V1, where it is set up."""

    def __repr__(self) -> str:
        return f"PortOne(store_id={self.store_id!r})"

    async def pre_register(
        self, payment_id: str, *, total: Money, tax_free: Money, idempotency_key: str
    ) -> Outcome[None]:
        """Fix the amount and currency a payment window may ask for under `payment_id` (portone-facts §2.4).

        Refused with ALREADY_PAID once it is paid. Moves no money. Whether a second call replaces the first is
        not documented, so a payment whose price has changed takes a new id.
        """
        assert total.currency == tax_free.currency, "one payment has one currency"
        assert 0 <= tax_free.amount_minor <= total.amount_minor, "the tax-free part is a part of the total"
        _log.info("Pre-registering payment with PortOne", payment_id=payment_id, amount=total.amount_minor)
        return await self._call(
            "pre_register",
            "POST",
            ["payments", payment_id, "pre-register"],
            body={
                "totalAmount": total.amount_minor,
                "taxFreeAmount": tax_free.amount_minor,
                "currency": total.currency,
            },
            idempotency_key=idempotency_key,
            read=_nothing,
        )

    async def list_payments(
        self, *, changed_since: datetime, changed_until: datetime, number: int, size: int
    ) -> Outcome[PaymentPage]:
        """A page of the payments whose status changed in that time, oldest change first (portone-facts §2.13).

        `number` counts from 0, and PortOne shows no row beyond 60,000. A payment that changes while you turn the pages
        leaves its place, and the one behind it slips onto the page you have read: compare the totals of your pages.
        """
        asked = {
            "page": {"number": number, "size": size},
            "filter": {
                "timestampType": "STATUS_CHANGED_AT",
                "from": rfc3339(changed_since),
                "until": rfc3339(changed_until),
                "sortBy": "STATUS_CHANGED_AT",
                "sortOrder": "ASC",
            }
            | ({} if self.store_id is None else {"storeId": self.store_id}),
        }
        query = {"requestBody": msgspec.json.encode(asked).decode()}
        return await self._call("list_payments", "GET", ["payments"], query=query, read=read_payment_page)

    async def list_payment_events(
        self, *, since: datetime, until: datetime, cursor: str = "", size: int
    ) -> Outcome[EventPage]:
        """What was paid and given back in that time, behind `cursor` (portone-facts §2.13; not a stable operation).

        An empty page is the end.
        """
        asked = {"from": rfc3339(since), "until": rfc3339(until), "size": size}
        asked |= {"cursor": cursor} if cursor else {}
        asked |= {} if self.store_id is None else {"storeId": self.store_id}
        query = {"requestBody": msgspec.json.encode(asked).decode()}
        return await self._call(
            "list_payment_events", "GET", ["payment-events-by-cursor"], query=query, read=read_event_page
        )

    async def get_payment(self, payment_id: str) -> Outcome[Payment]:
        """The payment as PortOne has it now (portone-facts §2.2), or Refused with PAYMENT_NOT_FOUND."""

        def this_payment(answer: dict[str, Any]) -> Payment:
            payment = read_payment(answer)
            # A cache or proxy that mixes up two answers must not turn somebody else's PAID into ours.
            if payment.id != payment_id:
                raise Unreadable("the answer is about another payment")
            return payment

        return await self._call("get_payment", "GET", ["payments", payment_id], read=this_payment)

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        token: str,
        transaction_id: str | None,
        total: Money,
        tax_free: Money,
        is_test: bool,
        idempotency_key: str,
    ) -> Outcome[None]:
        """Approve what the payer agreed to, on a channel with manual approval (portone-facts §2.5). This takes money.

        PortOne refuses with INFORMATION_MISMATCH when the payer agreed to anything else than is said here. Its answer
        states neither status nor amount, and an account that was issued looks like a payment: read it afterwards.
        """
        assert total.currency == tax_free.currency, "one payment has one currency"
        _log.info("Confirming payment at PortOne", payment_id=payment_id, amount=total.amount_minor)
        return await self._call(
            "confirm_payment",
            "POST",
            ["payments", payment_id, "confirm"],
            body={
                "paymentToken": token,
                "currency": total.currency,
                "totalAmount": total.amount_minor,
                "taxFreeAmount": tax_free.amount_minor,
                "isTest": is_test,
            }
            | ({} if transaction_id is None else {"txId": transaction_id}),
            idempotency_key=idempotency_key,
            read=_nothing,
        )

    async def cancel_payment(
        self,
        payment_id: str,
        *,
        amount: Money,
        tax_free: Money,
        cancellable: Money,
        reason: str,
        requester: str = "",
        account: Account | None = None,
        idempotency_key: str,
    ) -> Outcome[Cancellation]:
        """Give money back (portone-facts §2.8). Done is not yet given back: look at the cancellation's status.

        `cancellable` is what we believe is left; PortOne refuses with CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN when it
        is not, so that a call which arrives twice, or late, acts at most once.
        """
        assert amount.currency == tax_free.currency == cancellable.currency, "one payment has one currency"
        assert 0 < amount.amount_minor <= cancellable.amount_minor, "at most what is left is given back"
        assert 0 <= tax_free.amount_minor <= amount.amount_minor, "the tax-free part is a part of the amount"
        _log.info("Cancelling payment at PortOne", payment_id=payment_id, amount=amount.amount_minor)

        def cancellation(answer: dict[str, Any]) -> Cancellation:
            return read_cancellation(answer.get("cancellation"))

        return await self._call(
            "cancel_payment",
            "POST",
            ["payments", payment_id, "cancel"],
            body={
                "amount": amount.amount_minor,
                "taxFreeAmount": tax_free.amount_minor,
                "currentCancellableAmount": cancellable.amount_minor,
                "reason": reason,
            }
            | ({"requester": requester} if requester else {})
            | ({} if account is None else {"refundAccount": account.body}),
            idempotency_key=idempotency_key,
            read=cancellation,
        )

    async def get_identity_verification(self, verification_id: str) -> Outcome[IdentityVerification]:
        """An identity verification as PortOne has it now (portone-facts §8), or Refused with
        IDENTITY_VERIFICATION_NOT_FOUND, as long as its window was never opened.
        """

        def this_one(answer: dict[str, Any]) -> IdentityVerification:
            found = read_identity_verification(answer)
            if found.id != verification_id:
                raise Unreadable("the answer is about another verification")
            return found

        path = ["identity-verifications", verification_id]
        return await self._call("get_identity_verification", "GET", path, read=this_one)

    async def _call(
        self,
        operation: str,
        method: str,
        path: list[str],
        *,
        read: Callable[[dict[str, Any]], T],
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome[T]:
        """One request, one outcome. The store goes into the body where there is one, else into the query.

        A `query` of the caller's own holds the store already.
        """
        target = "/" + "/".join(segment(part) for part in path)
        headers = {
            "Authorization": self._authorization,
            "Accept": "application/json",
            "User-Agent": f"jangbu/{__version__}",
        }
        if method != "GET":
            assert idempotency_key is not None, "a call that changes something carries an idempotency key"
            # PortOne's limits, and only the characters it recommends: no other can break out of the quotes.
            assert _IDEMPOTENCY_KEY.fullmatch(idempotency_key), "an idempotency key is 16-256 of A-Z a-z 0-9 _ -"
            headers["Idempotency-Key"] = f'"{idempotency_key}"'
        store = {} if self.store_id is None else {"storeId": self.store_id}
        if body is None:
            sent = b""
            asked = store if query is None else query
            target += "?" + urlencode(asked, quote_via=quote, safe="") if asked else ""
        else:
            sent = msgspec.json.encode(store | body)
            headers["Content-Type"] = "application/json"

        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome = await self._outcome(method, target, headers, sent, read)
        if self._observe is not None:
            self._observe(operation, kind_of(outcome), loop.time() - started)
        match outcome:
            case Refused():
                _log.info("PortOne refused", operation=operation, type=outcome.type, http_status=outcome.http_status)
            case Unknown():
                _log.warning(
                    "PortOne's outcome is unknown",
                    operation=operation,
                    why=outcome.why.value,
                    http_status=outcome.http_status,
                    type=outcome.type,
                    detail=outcome.detail,
                )
            case Done():
                pass
        return outcome

    async def _outcome(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        read: Callable[[dict[str, Any]], T],
    ) -> Outcome[T]:
        answer = await sent_by(self._transport, method, target, headers, body)
        return answer if isinstance(answer, Unknown) else judge(*answer, read)


async def sent_by(
    transport: "Transport", method: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, Mapping[str, str], bytes] | Unknown:
    """The answer to one request, or why there is none."""
    try:
        return await transport.send(method, target, headers, body)
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


def kind_of(outcome: Outcome[Any]) -> str:
    """An outcome as a word, of which there are few: PortOne's own types are its to invent."""
    match outcome:
        case Done():
            return "done"
        case Refused():
            return "refused"
        case Unknown():
            return f"unknown_{outcome.why.value}"


def _nothing(_answer: dict[str, Any]) -> None:
    """Reads an answer whose only news is that it came."""


def segment(value: str) -> str:
    """One percent-encoded piece of a path. `.` and `..` are refused: encoding does not disarm them."""
    if not value or len(value) > PORTONE_ID_CHARACTERS_MAX or not value.isprintable() or value in {".", ".."}:
        raise PortoneIdUnusable(maximum=PORTONE_ID_CHARACTERS_MAX)
    return quote(value, safe="")
