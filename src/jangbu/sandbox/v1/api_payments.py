"""V1: the token, the amount that is fixed before, reading, and giving back (portone-facts §6.1 to §6.4)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import cancels
from jangbu.sandbox.core.bodies import major_of, shortest
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt, PreRegistration
from jangbu.sandbox.v1 import payments
from jangbu.sandbox.v1.fields import MerchantUid, minor_of, of_any_currency, time_of, unix
from jangbu.sandbox.v1.gate import Call, Operations, token_of
from jangbu.sandbox.v1.problems import V1Refusal
from jangbu.sandbox.v1.wire import payment_json

operations = Operations()
UIDS_MAX = 100
WINDOW = timedelta(days=90)


class _Key(msgspec.Struct):
    imp_key: str = ""
    imp_secret: str = ""


class _Prepare(msgspec.Struct):
    merchant_uid: MerchantUid
    amount: Decimal
    currency: str | None = None
    """Without one it is not compared, and the amount is of the window's, whichever that is
    [I: v1_prepared_currency].
    """


class _Read(msgspec.Struct):
    include_sandbox: bool = False
    sorting: str | None = None
    page: int | None = None
    limit: int | None = None


class _Uids(msgspec.Struct):
    imp_uid: list[str] | str = []
    merchant_uid: list[str] | str = []
    include_sandbox: bool = False


class _Between(_Read):
    from_: int | None = msgspec.field(default=None, name="from")
    to: int | None = None


class _Extra(msgspec.Struct):
    requester: Literal["customer", "admin"] | None = None


class _Cancel(msgspec.Struct):
    imp_uid: str | None = None
    merchant_uid: str | None = None
    amount: Decimal | None = None
    tax_free: Decimal | None = None
    vat_amount: Decimal | None = None
    checksum: Decimal | None = None
    reason: str | None = None
    refund_holder: str | None = None
    refund_bank: str | None = None
    refund_account: str | None = None
    refund_tel: str | None = None
    retain_promotion: bool = False
    enable_webhook: bool = False
    extra: _Extra | None = None


@operations.add("POST", "/users/getToken", is_open=True)
async def v1_get_token(call: Call) -> dict[str, Any]:
    """portone-facts §6.1."""
    asked = call.asked(_Key)
    token = token_of(call.world, asked.imp_key, asked.imp_secret, call.now)
    return {"access_token": token.value, "now": unix(call.now), "expired_at": unix(token.expires_at)}


@operations.add("POST", "/payments/prepare")
async def v1_prepare(call: Call) -> dict[str, Any]:
    """portone-facts §6.2."""
    asked = call.asked(_Prepare)
    if _prepared(call, asked.merchant_uid) is not None and call.world.inferred.v1_prepare_again_is_refused:
        raise V1Refusal(200, "이미 등록된 merchant_uid입니다.")
    return _prepare(call, asked)


@operations.add("PUT", "/payments/prepare", 404)
async def v1_change_prepared(call: Call) -> dict[str, Any]:
    """portone-facts §6.2: 404 when there is none."""
    asked = call.asked(_Prepare)
    if _prepared(call, asked.merchant_uid) is None:
        raise V1Refusal(404, "사전 등록된 결제정보가 존재하지 않습니다.")
    return _prepare(call, asked)


@operations.add("GET", "/payments/prepare/{merchant_uid}")
async def v1_get_prepared(call: Call) -> dict[str, Any]:
    """portone-facts §6.2."""
    merchant_uid = call.path("merchant_uid")
    fixed = _prepared(call, merchant_uid)
    if fixed is None:
        raise V1Refusal(404, "사전 등록된 결제정보가 존재하지 않습니다.")
    return _prepared_json(merchant_uid, fixed)


def _prepared(call: Call, merchant_uid: str) -> PreRegistration | None:
    payment = call.world.payment(call.store.id, merchant_uid)
    return payment.preregistration if payment is not None else None


def _prepare(call: Call, asked: _Prepare) -> dict[str, Any]:
    named = asked.currency
    call.world.pre_register(
        call.store,
        asked.merchant_uid,
        total_minor=minor_of(asked.amount, named) if named else None,
        total_major=None if named else of_any_currency(asked.amount),
        tax_free_minor=None,
        currency=asked.currency,
        now=call.now,
        replaces=True,
    )
    fixed = _prepared(call, asked.merchant_uid)
    assert fixed is not None, "it was just registered"
    return _prepared_json(asked.merchant_uid, fixed)


def _prepared_json(merchant_uid: str, fixed: PreRegistration) -> dict[str, Any]:
    unnamed = fixed.total_major
    amount = shortest(unnamed) if unnamed is not None else major_of(fixed.total_minor or 0, fixed.currency or "KRW")
    return {"merchant_uid": merchant_uid, "amount": amount, "currency": fixed.currency}


@operations.add("GET", "/payments/{imp_uid}", 404)
async def v1_get_payment(call: Call) -> dict[str, Any]:
    """portone-facts §6.3."""
    with_tests = call.asked(_Read).include_sandbox
    return payment_json(call.world, payments.by_imp_uid(call, call.path("imp_uid"), with_tests=with_tests))


@operations.add("GET", "/payments/{imp_uid}/balance", 404)
async def v1_get_balance(call: Call) -> dict[str, Any]:
    """portone-facts §6.3: what is left of the payment, by its parts."""
    with_tests = call.asked(_Read).include_sandbox
    attempt = payments.by_imp_uid(call, call.path("imp_uid"), with_tests=with_tests)
    return _balance_json(call, attempt)


@operations.add("GET", "/payments", 404)
async def v1_get_payments(call: Call) -> list[dict[str, Any]]:
    """portone-facts §6.3: 207 when only a part was found."""
    asked = call.asked(_Uids)
    imp_uids, merchant_uids = _several(asked.imp_uid), _several(asked.merchant_uid)
    if not 1 <= len(imp_uids) + len(merchant_uids) <= UIDS_MAX:
        raise V1Refusal(400, f"imp_uid와 merchant_uid는 합하여 1개 이상 {UIDS_MAX}개 이하여야 합니다.")
    found: list[Attempt] = []
    missing = 0
    for imp_uid in imp_uids:
        try:
            found.append(payments.by_imp_uid(call, imp_uid, with_tests=asked.include_sandbox))
        except ApiError:
            missing += 1
    for merchant_uid in merchant_uids:
        attempts = payments.by_merchant_uid(call, merchant_uid, with_tests=asked.include_sandbox)
        found += attempts[-1:]
        missing += 0 if attempts else 1
    if not found:
        raise ApiError("PAYMENT_NOT_FOUND", "None of them is found.")
    call.status = 207 if missing else 200
    return [payment_json(call.world, attempt) for attempt in found]


@operations.add("GET", "/payments/find/{merchant_uid}", 404)
async def v1_find_payment(call: Call) -> dict[str, Any]:
    """portone-facts §6.3: the newest, unless it is sorted in another way."""
    return _find(call, None)


@operations.add("GET", "/payments/find/{merchant_uid}/{payment_status}", 404)
async def v1_find_payment_of_status(call: Call) -> dict[str, Any]:
    """portone-facts §6.3."""
    return _find(call, call.path("payment_status"))


@operations.add("GET", "/payments/findAll/{merchant_uid}", 400, 404)
async def v1_find_payments(call: Call) -> dict[str, Any]:
    """portone-facts §6.3."""
    return _find_all(call, None)


@operations.add("GET", "/payments/findAll/{merchant_uid}/{payment_status}", 400, 404)
async def v1_find_payments_of_status(call: Call) -> dict[str, Any]:
    """portone-facts §6.3."""
    return _find_all(call, call.path("payment_status"))


@operations.add("GET", "/payments/status/{payment_status}", 400)
async def v1_list_payments(call: Call) -> dict[str, Any]:
    """portone-facts §6.3: at most 90 days, by the time of the status [I: v1_list_time]."""
    asked = call.asked(_Between)
    until = time_of(asked.to) if asked.to is not None else call.now
    since = time_of(asked.from_) if asked.from_ is not None else until - WINDOW
    if not timedelta() <= until - since <= WINDOW:
        raise V1Refusal(400, "조회 기간은 최대 90일입니다.")
    every = (attempt for payment in call.world.payments() for attempt in payment.attempts)
    rows = [
        attempt
        for attempt in payments.with_status(call, every, call.path("payment_status"))
        if payments.is_visible(call, attempt, with_tests=asked.include_sandbox)
        and since <= attempt.status_changed_at <= until
    ]
    return payments.page_of(call, payments.sorted_by(rows, asked.sorting), asked.page, asked.limit)


def _find(call: Call, status: str | None) -> dict[str, Any]:
    rows = _rows(call, status, call.asked(_Read))
    if not rows:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    return payment_json(call.world, rows[0])


def _find_all(call: Call, status: str | None) -> dict[str, Any]:
    asked = call.asked(_Read)
    rows = _rows(call, status, asked)
    if not rows:
        raise ApiError("PAYMENT_NOT_FOUND", "The payment is not found.")
    return payments.page_of(call, rows, asked.page, asked.limit)


def _rows(call: Call, status: str | None, asked: _Read) -> list[Attempt]:
    every = payments.by_merchant_uid(call, call.path("merchant_uid"), with_tests=asked.include_sandbox)
    return payments.sorted_by(payments.with_status(call, every, status), asked.sorting)


@operations.add("POST", "/payments/cancel", to_pg="`extra` (NaverPay)")
async def v1_cancel(call: Call) -> dict[str, Any]:
    """portone-facts §6.4: no webhook unless it is asked for (§4.5)."""
    asked = call.asked(_Cancel)
    attempt = _to_cancel(call, asked)
    currency = attempt.order.currency

    def minor(amount: Decimal | None) -> int | None:
        return minor_of(amount, currency) if amount is not None else None

    payment = call.world.payment(attempt.store_id, attempt.payment_id)
    assert payment is not None, "an attempt belongs to a payment"
    if payment.current is not attempt:
        raise ApiError("PAYMENT_NOT_PAID", "Another attempt of this merchant_uid has paid.")
    wish = cancels.Asked(
        reason=asked.reason or "",
        # 0 counts as absent: all that is left.
        amount_minor=minor(asked.amount) or None,
        tax_free_minor=minor(asked.tax_free),
        vat_minor=minor(asked.vat_amount),
        current_cancellable_minor=minor(asked.checksum),
        skip_webhook=not asked.enable_webhook,
        refund_account=_refund_account(asked),
        retains_discount=asked.retain_promotion,
    )
    cancellation = cancels.cancel(call.world, call.faults, payment, wish, call.now)
    if cancellation.status == "FAILED":
        raise V1Refusal(200, "취소에 실패하였습니다.")
    return payment_json(call.world, attempt)


def _to_cancel(call: Call, asked: _Cancel) -> Attempt:
    """`imp_uid` wins. What is not there is a refusal in the envelope, at 200."""
    if asked.imp_uid is not None:
        attempt = call.world.attempt(asked.imp_uid)
        if attempt is not None and payments.is_visible(call, attempt, with_tests=True):
            return attempt
    elif asked.merchant_uid is not None:
        payment = call.world.payment(call.store.id, asked.merchant_uid)
        attempt = payment.current if payment is not None else None
        if attempt is not None and payments.is_visible(call, attempt, with_tests=True):
            return attempt
    else:
        raise V1Refusal(400, "imp_uid 또는 merchant_uid 중 하나는 필수입니다.")
    raise V1Refusal(200, "취소할 결제건이 존재하지 않습니다.")


def _refund_account(asked: _Cancel) -> dict[str, Any] | None:
    """All three, or none [I: v1_refund_account]."""
    if not (asked.refund_holder and asked.refund_bank and asked.refund_account):
        return None
    account = {"bank": asked.refund_bank, "number": asked.refund_account, "holderName": asked.refund_holder}
    return account | ({"holderPhoneNumber": asked.refund_tel} if asked.refund_tel else {})


def _several(given: list[str] | str) -> list[str]:
    return [given] if isinstance(given, str) else given


def _balance_json(call: Call, attempt: Attempt) -> dict[str, Any]:
    """What is left, in parts. Here a payment has one method only, and no points."""
    order = attempt.order
    left = cancels.remaining_of(call.world, attempt)

    def part(tax_free: int, supply: int, vat: int) -> dict[str, Any]:
        named = {"tax_free": tax_free, "supply": supply, "vat": vat, "service": 0}
        return {name: major_of(minor, order.currency) for name, minor in named.items()}

    nothing = part(0, 0, 0)
    return {
        "amount": major_of(order.total_minor, order.currency),
        "cash_receipt": nothing,
        "primary": part(left.tax_free, left.total - left.tax_free - left.vat, left.vat),
        "secondary": nothing,
        "discount": nothing,
        "histories": [],
    }
