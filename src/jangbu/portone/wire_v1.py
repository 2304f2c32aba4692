"""V1's answers read into the shape of V2's, so that one payment has one life whichever API it was made with.

V1 differs in what would hurt (portone-facts §6): amounts are in major units, times are unix seconds, a part given back
has no status of its own, and one merchant_uid has a payment for every attempt. All of that ends here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.money import AMOUNT_MINOR_MAX, EXPONENTS
from jangbu.portone.wire import (
    Amount,
    Cancellation,
    Channel,
    Failure,
    Payment,
    PaymentStatus,
    Unreadable,
    required,
    text,
    without_nul,
)

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""An amount may have decimals, and a float would change it."""
_ENCODER = msgspec.json.Encoder(decimal_format="number")

BANKS = {
    "002": "KDB", "003": "IBK", "004": "KOOKMIN", "007": "SUHYUP", "011": "NONGHYUP", "012": "LOCAL_NONGHYUP",
    "020": "WOORI", "023": "STANDARD_CHARTERED", "027": "CITI", "031": "DAEGU", "032": "BUSAN", "034": "KWANGJU",
    "035": "JEJU", "037": "JEONBUK", "039": "KYONGNAM", "045": "KFCC", "048": "SHINHYUP", "050": "SAVINGS_BANK",
    "064": "NFCF", "071": "POST", "081": "HANA", "088": "SHINHAN", "089": "K_BANK", "090": "KAKAO", "092": "TOSS",
}  # fmt: skip
"""The clearing house's code of a bank → V2's word for it."""
_GIFT_CERTIFICATES = {
    "cultureland": "CULTURELAND",
    "smartculture": "SMART_MUNSANG",
    "booknlife": "BOOKNLIFE",
    "happymoney": "HAPPYMONEY",
    "culturegift": "CULTUREGIFT",
}
_WALLETS = frozenset(
    {"samsung", "kakaopay", "payco", "lpay", "ssgpay", "tosspay", "naverpay", "applepay", "paypal", "kpay", "chai"}
)
EVER = datetime.fromtimestamp(0, UTC)
"""Before everything: where V1 says no time."""
_WITH_MONEY = frozenset({PaymentStatus.PAID.value, PaymentStatus.PARTIAL_CANCELLED.value})


def encode(body: dict[str, Any]) -> bytes:
    """A body as V1 takes it: amounts are plain numbers."""
    return _ENCODER.encode(body)


def major(amount_minor: int, currency: str) -> int | Decimal:
    """A sum in major units, exactly: 12300 won are 12300, 1420 cents are 14.20."""
    exponent = EXPONENTS[currency]
    return Decimal(amount_minor).scaleb(-exponent) if exponent else amount_minor


def minor(value: Any, currency: str) -> int:
    """A sum of V1's in minor units. Raises Unreadable for what is no sum in that currency: nothing is rounded."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or currency not in EXPONENTS:
        raise Unreadable("an amount is not a number, or its currency is not known")
    exact = Decimal(value)
    # Its size is looked at first: Decimal rounds where a number is beyond its own limits.
    if not exact.is_finite() or not 0 <= exact <= AMOUNT_MINOR_MAX:
        raise Unreadable("an amount is out of range")
    scaled = exact.scaleb(EXPONENTS[currency])
    if scaled != int(scaled) or scaled > AMOUNT_MINOR_MAX:
        raise Unreadable("an amount is no whole number of the currency's minor units")
    return int(scaled)


def read_envelope(body: bytes) -> tuple[int, str | None, Any]:
    """`code`, `message` and `response` of an answer (portone-facts §6.1). Raises Unreadable."""
    try:
        answer = _DECODER.decode(body)
    except (ValueError, RecursionError) as failure:
        raise Unreadable(f"not JSON ({type(failure).__name__})") from None
    if not isinstance(answer, dict):
        raise Unreadable("JSON, but not an object")
    code = answer.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        raise Unreadable("no code")
    response = answer.get("response")
    return code, text(answer, "message"), without_nul(response) if b"\\u0000" in body else response


def read_attempts(response: Any) -> list[dict[str, Any]]:
    """The payments of one page that has all of them. Raises Unreadable."""
    rows = response.get("list") if isinstance(response, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise Unreadable("not a list of payments")
    if response.get("next"):
        raise Unreadable("more attempts than a page holds")
    return rows


def read_order(rows: Sequence[dict[str, Any]], *, store_id: str, booked: str | None = None) -> Payment:
    """What became of one merchant_uid, of which `rows` are all the attempts.

    The one that took money stands for it, else the newest; of several that of the imp_uid `booked`, else the first that
    did not give all of it back. V1 says no time of change, so the latest of all that happened stands for that. Raises
    Unreadable.
    """
    attempts = [read_payment(row, store_id=store_id) for row in rows]
    paid = [one for one in attempts if _took_money(one)]
    # A deposit may be told of later than it was made, and then be older than the sale that is in the books.
    paid.sort(
        key=lambda one: (
            one.transaction_id != booked,
            one.status not in _WITH_MONEY,
            one.paid_at or EVER,
            one.transaction_id or "",
        )
    )
    newest = max(attempts, key=lambda one: one.requested_at or EVER)
    changes = [one.updated_at for one in attempts if one.updated_at is not None]
    stands = paid[0] if paid else newest
    return msgspec.structs.replace(
        stands,
        updated_at=max(changes, default=None),
        also_paid=[one.transaction_id or "" for one in paid[1:] if one.status in _WITH_MONEY],
    )


def read_payment(raw: dict[str, Any], *, store_id: str) -> Payment:
    """One attempt as V2 would show it. V1 names no store: the key we ask with belongs to one. Raises Unreadable.

    `raw` keeps V1's own answer whole under `v1`, beside what V2 calls the same by other names.
    """
    currency = required(raw, "currency")
    total, cancelled = minor(raw.get("amount"), currency), minor(raw.get("cancel_amount") or 0, currency)
    discount = _discount(raw, currency)
    method = _method(raw)
    status = _status(raw, total, cancelled)
    history = _cancellations(raw, currency)
    moments = {name: _moment(raw, name) for name in ("started_at", "paid_at", "failed_at", "cancelled_at")}
    happened = [*moments.values(), _moment(raw, "vbank_issued_at"), *(one.cancelled_at for one in history)]
    merchant_uid = required(raw, "merchant_uid")
    amount = Amount(
        total=total, tax_free=0, discount=discount, paid=total - discount, cancelled=cancelled, cancelled_tax_free=0
    )
    return Payment(
        id=merchant_uid,
        status=status,
        transaction_id=required(raw, "imp_uid"),
        store_id=store_id,
        merchant_id=None,
        version="V1",
        channel=_channel(raw),
        amount=amount,
        currency=currency,
        order_name=text(raw, "name"),
        method=method,
        requested_at=moments["started_at"],
        updated_at=max((at for at in happened if at is not None), default=None),
        status_changed_at=None,
        paid_at=moments["paid_at"],
        failed_at=moments["failed_at"],
        cancelled_at=moments["cancelled_at"],
        failure=_failure(raw),
        cancellations=history,
        disputes=[],
        pg_tx_id=text(raw, "pg_tid"),
        receipt_url=text(raw, "receipt_url"),
        raw={
            "version": "V1",
            "id": merchant_uid,
            "status": status,
            "amount": {"total": total, "cancelled": cancelled, "discount": discount},
            "currency": currency,
            "pgTxId": text(raw, "pg_tid"),
            "receiptUrl": text(raw, "receipt_url"),
            # Without who bought, as V2's.
            "v1": _plain({name: value for name, value in raw.items() if not name.startswith("buyer_")}),
        },
    )


def _took_money(one: Payment) -> bool:
    return one.paid_at is not None or one.status in _WITH_MONEY


def _status(raw: dict[str, Any], total: int, cancelled: int) -> str:
    """V2's word. A part that was given back has none in V1: its sums tell (portone-facts §6.3)."""
    word = required(raw, "status")
    if word in {"paid", "cancelled"} and cancelled:
        return PaymentStatus.PARTIAL_CANCELLED if cancelled < total else PaymentStatus.CANCELLED
    if word == "ready" and text(raw, "pay_method") == "vbank" and text(raw, "vbank_num"):
        return PaymentStatus.VIRTUAL_ACCOUNT_ISSUED
    # A word that is new to us passes through, and nothing is concluded from it.
    return PaymentStatus(word.upper()) if word in {"ready", "paid", "failed", "cancelled"} else word


def _channel(raw: dict[str, Any]) -> Channel:
    """`pg_provider.pg_id` is how V1 names a channel itself; whether its money is real, `sandbox` says."""
    is_test, provider, merchant = raw.get("sandbox"), text(raw, "pg_provider"), text(raw, "pg_id")
    return Channel(
        type=("TEST" if is_test else "LIVE") if isinstance(is_test, bool) else None,
        key=".".join(part for part in (provider, merchant) if part) or None,
        id=None,
        name=None,
        pg_provider=provider.upper() if provider else None,
        pg_merchant_id=merchant,
    )


def _discount(raw: dict[str, Any], currency: str) -> int:
    promotion = raw.get("promotion")
    return minor(promotion.get("discount") or 0, currency) if isinstance(promotion, dict) else 0


def _failure(raw: dict[str, Any]) -> Failure | None:
    reason = text(raw, "fail_reason")
    return Failure(reason=reason, pg_code=None, pg_message=None) if reason else None


def _cancellations(raw: dict[str, Any], currency: str) -> list[Cancellation]:
    """What was given back. V1 lists nothing else, and says neither who asked for it nor how much was free of tax."""
    history = raw.get("cancel_history")
    if history is None:
        return []
    # Leaving out an entry we cannot read would hide a refund, and the same money could be given back twice.
    if not isinstance(history, list) or not all(isinstance(one, dict) for one in history):
        raise Unreadable("cancel_history is not a list")
    found = []
    # The oldest first: which end of the list V1 adds to is not written down.
    timed = sorted(((_moment(one, "cancelled_at"), one) for one in history), key=lambda each: each[0] or EVER)
    for number, (at, one) in enumerate(timed, 1):
        found.append(
            Cancellation(
                status="SUCCEEDED",
                # Entries of long ago may have no id of their own; their place in time does not change.
                id=text(one, "cancellation_id") or f"{required(raw, 'imp_uid')}-{number}",
                total_amount=minor(one.get("amount"), currency),
                tax_free_amount=None,
                vat_amount=None,
                reason=text(one, "reason"),
                trigger=None,
                pg_cancellation_id=text(one, "pg_tid"),
                requested_at=at,
                cancelled_at=at,
                receipt_url=text(one, "receipt_url"),
                raw=_plain(one),
            )
        )
    return found


def _method(raw: dict[str, Any]) -> dict[str, Any] | None:
    """`pay_method` and its fields as V2's `method` object. A way that is new to us keeps its own name."""
    word = text(raw, "pay_method")
    # A wallet that is a PG of its own may say "card" or "point" of what was behind it.
    wallet = text(raw, "emb_pg_provider") or next(
        (name for name in (word, text(raw, "pg_provider")) if name in _WALLETS), None
    )
    if not word or (text(raw, "status") == "ready" and word != "vbank"):
        # Nothing was chosen yet: the word is what the window was opened for.
        return None
    if wallet:
        return {"type": "PaymentMethodEasyPay", "provider": wallet.upper(), "easyPayMethod": _inside(raw)}
    if word in _GIFT_CERTIFICATES:
        return {"type": "PaymentMethodGiftCertificate", "giftCertificateType": _GIFT_CERTIFICATES[word]}
    match word:
        case "card":
            return _card(raw)
        case "trans":
            return {"type": "PaymentMethodTransfer", "bank": _bank(raw, "bank")}
        case "phone":
            return {"type": "PaymentMethodMobile"}
        case "vbank":
            return {
                "type": "PaymentMethodVirtualAccount",
                "bank": _bank(raw, "vbank"),
                "accountNumber": text(raw, "vbank_num"),
                "remitteeName": text(raw, "vbank_holder"),
                "issuedAt": _written(raw, "vbank_issued_at"),
                "expiredAt": _written(raw, "vbank_date"),
            }
        case "cvs":
            return {"type": "PaymentMethodConvenienceStore"}
        case _:
            return {"type": word}


def _inside(raw: dict[str, Any]) -> dict[str, Any] | None:
    """What a wallet was opened with, where it was a card or an account."""
    if text(raw, "card_name") or text(raw, "card_number"):
        return _card(raw)
    bank = _bank(raw, "bank")
    return {"type": "PaymentMethodTransfer", "bank": bank} if bank else None


def _card(raw: dict[str, Any]) -> dict[str, Any]:
    months = raw.get("card_quota")
    return {
        "type": "PaymentMethodCard",
        "card": {
            "name": text(raw, "card_name"),
            "issuer": text(raw, "card_issuer_name") or text(raw, "card_name"),
            "number": text(raw, "card_number"),
        },
        "approvalNumber": text(raw, "apply_num"),
        "installment": {"month": months if isinstance(months, int) and not isinstance(months, bool) else 0},
    }


def _bank(raw: dict[str, Any], prefix: str) -> str | None:
    code, name = text(raw, f"{prefix}_code"), text(raw, f"{prefix}_name")
    return BANKS.get((code or "").zfill(3), name)


def _moment(raw: dict[str, Any], key: str) -> datetime | None:
    """A time from unix seconds; 0 is V1's word for never."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _written(raw: dict[str, Any], key: str) -> str | None:
    at = _moment(raw, key)
    return None if at is None else rfc3339(at)


def _plain(value: Any) -> Any:
    """The same JSON value with its decimals as text, which every reader keeps exactly."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
