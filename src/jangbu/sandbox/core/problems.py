"""PortOne's refusals: an API error with its `type` and status, and a browser refusal with its `code`."""

from typing import Any

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading somebody's JSON raises: it is none, it is not UTF-8, or it is nested too deeply."""

STATUS_OF_TYPE: dict[str, int] = {
    "INVALID_REQUEST": 400,
    "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT": 400,
    "INVALID_PAYMENT_TOKEN": 400,
    "MAX_TRANSACTION_COUNT_REACHED": 400,
    "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT": 400,
    "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED": 400,
    "MAX_WEBHOOK_RETRY_COUNT_REACHED": 400,
    "PROMOTION_PAY_METHOD_DOES_NOT_MATCH": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "MAX_TTL_EXCEEDED": 400,
    "BILLING_KEY_NOT_FOUND": 404,
    "BILLING_KEY_NOT_ISSUED": 404,
    "CASH_RECEIPT_NOT_FOUND": 404,
    "CASH_RECEIPT_NOT_ISSUED": 404,
    "CHANNEL_NOT_FOUND": 404,
    "IDENTITY_VERIFICATION_NOT_FOUND": 404,
    "IDENTITY_VERIFICATION_NOT_SENT": 404,
    "PAYMENT_CANCELLATION_NOT_FOUND": 404,
    "PAYMENT_NOT_FOUND": 404,
    "PAYMENT_SCHEDULE_NOT_FOUND": 404,
    "PROFILE_SETTINGS_NOT_FOUND": 404,
    "PROMOTION_NOT_FOUND": 404,
    "SESSION_NOT_FOUND": 404,
    "WEBHOOK_NOT_FOUND": 404,
    "ALREADY_PAID": 409,
    "ALREADY_PAID_OR_WAITING": 409,
    "BILLING_KEY_ALREADY_DELETED": 409,
    "BILLING_KEY_ALREADY_ISSUED": 409,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": 409,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": 409,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": 409,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": 409,
    "CASH_RECEIPT_ALREADY_ISSUED": 409,
    "IDENTITY_VERIFICATION_ALREADY_SENT": 409,
    "IDENTITY_VERIFICATION_ALREADY_VERIFIED": 409,
    "INFORMATION_MISMATCH": 409,
    "MAX_CANCEL_COUNT_REACHED": 409,
    "PAYMENT_CANCELLATION_NOT_PENDING": 409,
    "PAYMENT_ALREADY_CANCELLED": 409,
    "PAYMENT_NOT_PAID": 409,
    "PAYMENT_NOT_WAITING_FOR_DEPOSIT": 409,
    "PAYMENT_SCHEDULE_ALREADY_EXISTS": 409,
    "PAYMENT_SCHEDULE_ALREADY_PROCESSED": 409,
    "PAYMENT_SCHEDULE_ALREADY_REVOKED": 409,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": 409,
    "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT": 409,
    "IDEMPOTENCY_OUTSTANDING_REQUEST": 409,
    "CHANNEL_SPECIFIC": 502,
    "SESSION_EXPIRED": 410,
    "PG_PROVIDER": 502,
}
"""portone-facts §1.2, §1.4, §12: only types that some operation here can answer."""


LONGEST_S = 36_600 * 86_400
"""Nothing here waits for longer than a century, nor does the clock move further at once."""


class ApiError(Exception):
    """An error body `{type, message, …}` with the status that its type has (portone-facts §1.2)."""

    def __init__(self, type_: str, message: str, **more: Any) -> None:
        super().__init__(f"{type_}: {message}")
        self.status = STATUS_OF_TYPE[type_]
        self.body: dict[str, Any] = {"type": type_, "message": message, **more}


def pg_refusal(pg_code: str, pg_message: str) -> ApiError:
    """The PG says no: PG_PROVIDER with its own code and sentence."""
    return ApiError("PG_PROVIDER", "The PG refused.", pgCode=pg_code, pgMessage=pg_message)


class BrowserRefusal(Exception):  # noqa: N818 (the shopper is told no; nothing broke)
    """A `code` of TxServicePayErrorCode for the browser (portone-facts §7.1)."""

    def __init__(self, code: str, message: str, pg_code: str | None = None, pg_message: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.pg_code = pg_code
        self.pg_message = pg_message


class NotOurs(Exception):  # noqa: N818
    """The control or browser API was asked something it does not know: 400 with this sentence."""
