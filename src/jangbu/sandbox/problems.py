"""PortOne's refusals: an API error with its `type` and status, and a browser refusal with its `code`."""

from typing import Any

STATUS_OF_TYPE: dict[str, int] = {
    "INVALID_REQUEST": 400,
    "MAX_WEBHOOK_RETRY_COUNT_REACHED": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "PAYMENT_NOT_FOUND": 404,
    "WEBHOOK_NOT_FOUND": 404,
    "ALREADY_PAID": 409,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": 409,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": 409,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": 409,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": 409,
    "MAX_CANCEL_COUNT_REACHED": 409,
    "PAYMENT_ALREADY_CANCELLED": 409,
    "PAYMENT_NOT_PAID": 409,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": 409,
    "IDEMPOTENCY_OUTSTANDING_REQUEST": 409,
    "PG_PROVIDER": 502,
}
"""portone-facts §1.2, §1.4, §12: only types that some operation here can answer."""


class ApiError(Exception):
    """An error body `{type, message, …}` with the status that its type has (portone-facts §1.2)."""

    def __init__(self, type_: str, message: str, **more: str) -> None:
        super().__init__(f"{type_}: {message}")
        self.status = STATUS_OF_TYPE[type_]
        self.body: dict[str, Any] = {"type": type_, "message": message, **more}


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
