"""PortOne's V1 API (api.iamport.kr), one method an operation, answering as V2's client does. Nothing is retried here
but what a token that has run out kept from being looked at.

V1 knows no Idempotency-Key. What keeps a cancel from acting twice is its `checksum`: what we believe is left to give
back, which V1 refuses to act on once it is not (portone-facts §6.4).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from jangbu.money import Money
from jangbu.portone.calling import Account, Line, Observe, clean, query_of, segment
from jangbu.portone.outcomes import V1_REFUSED, Done, Outcome, Refused, Unknown, Why
from jangbu.portone.wire import Cancellation, Payment, PaymentPage, Unreadable, payment_page, text
from jangbu.portone.wire_v1 import (
    BANKS,
    EVER,
    encode,
    major,
    minor,
    read_attempts,
    read_envelope,
    read_order,
    read_payment,
)

if TYPE_CHECKING:
    from jangbu.portone.transport import Transport

T = TypeVar("T")

MERCHANT_UID_LONGEST = 40
ATTEMPTS_MAX = 1000
RENEW_BEFORE_S = 60
"""In a token's last minute V1 pushes its end by five (portone-facts §6.1), so that is when to ask for it again."""
_CODE_OF = {word: code for code, word in BANKS.items()}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    value: str
    renew_at: float


class PortOneV1:
    """A caller of V1, with the key and secret of one store. Safe to share between tasks.

    `root` is what comes before every path. `refund_banks` are the codes that the merchant's PG has for banks, by V2's
    words, where they are not the clearing house's: V1 hands them to the PG as they are (portone-facts §6.4).
    """

    def __init__(
        self,
        transport: "Transport",
        *,
        api_key: str,
        api_secret: str,
        store_id: str,
        root: str = "",
        refund_banks: Mapping[str, str] | None = None,
        observe: Observe | None = None,
    ) -> None:
        key, secret = (clean(each, what="V1 REST API key or secret", where="V1 API") for each in (api_key, api_secret))
        self._line = Line(transport, api="PortOne V1", observe=observe)
        self._credentials = {"imp_key": key, "imp_secret": secret}
        self._root = root
        self._banks = {**_CODE_OF, **(refund_banks or {})}
        self._token: _Token | None = None
        self._refusal: tuple[float, Refused | Unknown] | None = None
        self._renewing = asyncio.Lock()
        self.store_id = store_id

    def __repr__(self) -> str:
        return f"PortOneV1(store_id={self.store_id!r})"

    async def prepare(self, merchant_uid: str, *, total: Money) -> Outcome[None]:
        """Fix the amount a window may ask for under `merchant_uid` (portone-facts §6.2). Done as well when it is fixed
        so already: V1 may refuse to do it again, and an earlier answer may have been lost.
        """
        assert len(merchant_uid) <= MERCHANT_UID_LONGEST, "V1 takes no longer merchant_uid"
        _log.info("Preparing payment with PortOne V1", merchant_uid=merchant_uid, amount=total.amount_minor)
        wanted = {"merchant_uid": merchant_uid, "amount": major(total.amount_minor, total.currency)}

        def is_ours(response: Any) -> bool:
            if not isinstance(response, dict) or text(response, "merchant_uid") != merchant_uid:
                raise Unreadable("the answer is about another payment")
            currency = text(response, "currency") or total.currency
            return (minor(response.get("amount"), currency), currency) == (total.amount_minor, total.currency)

        first = await self._call(
            "v1_prepare", "POST", "/payments/prepare", body=wanted | {"currency": total.currency}, read=is_ours
        )
        found = first
        if isinstance(first, Refused) and first.http_status not in {401, 403}:
            held = await self._call(
                "v1_get_prepared", "GET", f"/payments/prepare/{segment(merchant_uid)}", read=is_ours
            )
            found = first if isinstance(held, Refused) else held
        if not isinstance(found, Done):
            return found
        if not found.value:
            return Refused(type="PREPARED_WITH_OTHER_TERMS", http_status=409, raw=found.raw)
        return Done(None, found.raw)

    async def get_order(self, merchant_uid: str, *, booked: str | None = None) -> Outcome[Payment]:
        """What became of a merchant_uid, all its attempts seen (portone-facts §6.3), or Refused with PAYMENT_NOT_FOUND.

        `booked` is the attempt whose money is in the books: whatever else was paid, that one stands for the order.
        Test channels' payments too, which V1 hides by default: whether their money is real is for the caller to judge.
        """

        def this_order(response: Any) -> Payment:
            order = read_order(read_attempts(response), store_id=self.store_id, booked=booked)
            # A cache or proxy that mixes up two answers must not turn somebody else's PAID into ours.
            if order.id != merchant_uid:
                raise Unreadable("the answer is about another payment")
            return order

        query = {"include_sandbox": "true", "sorting": "-started", "limit": str(ATTEMPTS_MAX)}
        path = f"/payments/findAll/{segment(merchant_uid)}"
        return await self._call("v1_get_order", "GET", path, query=query, read=this_order)

    async def get_attempt(self, imp_uid: str) -> Outcome[Payment]:
        """One attempt, by the imp_uid that somebody showed us: whose it is, its `id` (merchant_uid) tells."""

        def this_attempt(response: Any) -> Payment:
            if not isinstance(response, dict):
                raise Unreadable("no payment")
            found = read_payment(response, store_id=self.store_id)
            if found.transaction_id != imp_uid:
                raise Unreadable("the answer is about another payment")
            return found

        path = f"/payments/{segment(imp_uid)}"
        return await self._call("v1_get_attempt", "GET", path, query={"include_sandbox": "true"}, read=this_attempt)

    async def list_payments(
        self, *, changed_since: datetime, changed_until: datetime, number: int, size: int
    ) -> Outcome[PaymentPage]:
        """A page of the attempts whose status changed in that time, oldest change first (portone-facts §6.3), as
        `PortOne.list_payments` has them: `number` counts from 0. At most 90 days.
        """
        query = {
            "from": str(int(changed_since.timestamp())),
            "to": str(int(changed_until.timestamp())),
            "sorting": "updated",
            "page": str(number + 1),
            "limit": str(size),
            "include_sandbox": "true",
        }

        def page(response: Any) -> PaymentPage:
            found = response if isinstance(response, dict) else {}
            read = partial(read_payment, store_id=self.store_id)
            return payment_page(found.get("list"), found.get("total"), read=read, id_key="merchant_uid")

        return await self._call("v1_list_payments", "GET", "/payments/status/all", query=query, read=page)

    async def cancel(
        self,
        imp_uid: str,
        *,
        amount: Money,
        tax_free: Money,
        cancellable: Money,
        reason: str,
        requester: str = "",
        account: Account | None = None,
    ) -> Outcome[Cancellation]:
        """Give money back (portone-facts §6.4). The entry of the history that has our reason is the one it made.

        `cancellable` goes as the checksum: a call that arrives twice, one after the other, acts once.
        """
        assert amount.currency == tax_free.currency == cancellable.currency, "one payment has one currency"
        # V1 reads an amount of 0 as all of it.
        assert 0 < amount.amount_minor <= cancellable.amount_minor, "at most what is left is given back"
        assert 0 <= tax_free.amount_minor <= amount.amount_minor, "the tax-free part is a part of the amount"
        _log.info("Cancelling payment at PortOne V1", imp_uid=imp_uid, amount=amount.amount_minor)

        def cancellation(response: Any) -> Cancellation:
            if not isinstance(response, dict):
                raise Unreadable("no payment")
            found = read_payment(response, store_id=self.store_id)
            if found.transaction_id != imp_uid:
                raise Unreadable("the answer is about another payment")
            ours = [one for one in found.cancellations if one.reason and reason in one.reason]
            left = found.amount.total - found.amount.cancelled
            if not ours and left == cancellable.amount_minor - amount.amount_minor:
                # A PG may cut the reason short. What is left tells that nobody else was there meanwhile.
                latest = sorted(found.cancellations, key=lambda one: one.cancelled_at or EVER)[-1:]
                ours = [one for one in latest if one.total_amount == amount.amount_minor]
            if len(ours) != 1 or found.currency != amount.currency:
                raise Unreadable("the payment does not show this cancellation")
            return ours[0]

        body: dict[str, Any] = {
            "imp_uid": imp_uid,
            "amount": major(amount.amount_minor, amount.currency),
            "tax_free": major(tax_free.amount_minor, tax_free.currency),
            "checksum": major(cancellable.amount_minor, cancellable.currency),
            "reason": reason,
        }
        if requester:
            body["extra"] = {"requester": requester.lower()}
        if account is not None:
            code = self._banks.get(account.bank)
            if code is None:
                return Refused(type="REFUND_BANK_WITHOUT_V1_CODE", http_status=422)
            body |= {"refund_bank": code, "refund_account": account.number, "refund_holder": account.holder}
            body |= {"refund_tel": account.phone} if account.phone else {}
        return await self._call("v1_cancel", "POST", "/payments/cancel", body=body, read=cancellation)

    async def close_virtual_account(self, imp_uid: str) -> Outcome[None]:
        """Let nobody pay into the account of this attempt any more (portone-facts §6.5).

        Why it is refused cannot be told apart: paid, closed already, or a PG that would not.
        """
        _log.info("Closing virtual account at PortOne V1", imp_uid=imp_uid)

        def closed(response: Any) -> None:
            if not isinstance(response, dict) or text(response, "imp_uid") != imp_uid:
                raise Unreadable("the answer is about another payment")

        return await self._call("v1_close_vbank", "DELETE", f"/vbanks/{segment(imp_uid)}", read=closed)

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        read: Callable[[Any], T],
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> Outcome[T]:
        token = await self._good_token()
        if not isinstance(token, _Token):
            return token
        outcome = await self._once(operation, method, path, token=token, read=read, body=body, query=query)
        if isinstance(outcome, Refused) and outcome.http_status == 401:
            # A token that ran out on its way: V1 looked at nothing, so that asking again does nothing twice.
            renewed = await self._good_token(instead_of=token)
            if not isinstance(renewed, _Token):
                return renewed
            outcome = await self._once(operation, method, path, token=renewed, read=read, body=body, query=query)
        return outcome

    async def _good_token(self, *, instead_of: _Token | None = None) -> "_Token | Refused | Unknown":
        """The token to use, fetched at most once for everybody who wants one just now; or why there is none.

        Without one, a call was provably not made; and a refusal of the key says nothing about the payment.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._renewing:
            now, held = loop.time(), self._token
            if held is not None and held is not instead_of and now < held.renew_at:
                return held
            if self._refusal is not None and self._refusal[0] >= asked_at:
                # Who waited while somebody asked in vain does not wait for as long again.
                return self._refusal[1]

            def token(response: Any) -> _Token:
                if not isinstance(response, dict):
                    raise Unreadable("no token")
                value, said_at, ends = text(response, "access_token"), response.get("now"), response.get("expired_at")
                if not value or not isinstance(said_at, int) or not isinstance(ends, int):
                    raise Unreadable("no token")
                return _Token(value, now + max(ends - said_at - RENEW_BEFORE_S, 0))

            self._token = None
            outcome = await self._once("v1_token", "POST", "/users/getToken", body=self._credentials, read=token)
            match outcome:
                case Done(value=fresh):
                    self._token = fresh
                    return fresh
                case Refused():
                    why: Refused | Unknown = Refused("UNAUTHORIZED", http_status=401, message=outcome.message)
                case _:
                    why = Unknown(Why.NOT_SENT, http_status=outcome.http_status, detail=f"no token: {outcome.why}")
            self._refusal = (loop.time(), why)
            return why

    async def _once(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        read: Callable[[Any], T],
        token: _Token | None = None,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
    ) -> Outcome[T]:
        return await self._line.call(
            operation,
            method,
            self._root + path + query_of(query),
            headers={} if token is None else {"Authorization": f"Bearer {token.value}"},
            body=None if body is None else encode(body),
            judged=partial(judge, read=read),
        )


def judge(http_status: int, body: bytes, read: Callable[[Any], T]) -> Outcome[T]:
    """What an answer of V1 means. A `code` that is not 0 is a failure even at 200 (portone-facts §6.1).

    Only `code` 0 at 200 with a response that can be read is done, and only a `code` that is not 0 is a refusal;
    everything else is unknown, as with V2.
    """
    if http_status in {408, 429}:
        why = Why.RATE_LIMITED if http_status == 429 else Why.TIMED_OUT
        return Unknown(why, http_status=http_status)
    problem = "the status and the code do not agree"
    try:
        code, message, response = read_envelope(body)
        if http_status == 200 and code == 0:
            value = read(response)
            return Done(value, {})
        if code != 0 and (http_status == 200 or 400 <= http_status < 500):
            return Refused(
                type={401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "PAYMENT_NOT_FOUND"}.get(http_status, V1_REFUSED),
                http_status=http_status,
                message=message,
                pg_message=message,
            )
    except Unreadable as failure:
        problem = str(failure)
    why = Why.SERVER_ERROR if http_status >= 500 else Why.UNREADABLE
    return Unknown(why, http_status=http_status, detail=problem)
