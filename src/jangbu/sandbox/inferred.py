"""What the facts leave open about PortOne, as switches: tests run our client with each of them both ways."""

from dataclasses import dataclass, fields
from typing import Literal


@dataclass(frozen=True, slots=True)
class Inferred:
    """One field per inferred behaviour, `[I]` in portone-facts; the default is our working assumption."""

    preregister_overwrites: bool = True
    """A second pre-register replaces the first; off: the first stands, and the answer is 200 all the same
    (§2.4).
    """

    preregistered_only_is_not_found: bool = True
    """GET of a paymentId that was only pre-registered is 404; off: a READY payment with an empty name (§2.4).
    """

    vat_rounding: Literal["half_up", "down", "up"] = "half_up"
    """How "taxable ÷ 11" becomes whole minor units (§2.3 gives the division, not the rounding)."""

    close_makes_failed: bool = True
    """Closing the window fails the attempt, and Transaction.Failed is sent; off: it stays READY (§10.6
    hints).
    """

    close_code: str = "PGProviderError"
    """`code` of the browser's answer when the shopper closes the window (§7.1)."""

    browser_refusals_are_thrown: bool = False
    """Refusals of the server before the window opens are thrown; off: returned with `code` (§7.1 has both).
    """

    idempotency_reuse_is_refused: bool = True
    """A key reused with another path or body is 400; off: the first answer is replayed (§1.4)."""

    idempotency_malformed_is_refused: bool = True
    """An unquoted, short or long key is 400 INVALID_REQUEST; off: the header is ignored (§1.4)."""

    idempotency_replays_errors: bool = True
    """4xx and 5xx answers are replayed as well; off: only 200 is, and the rest is done again (§1.4)."""

    idempotency_scope: Literal["secret", "store"] = "store"
    """Who shares a key space: callers with the same credential, or all of the store (§1.4)."""

    refreshes_end_by: Literal["secret", "store"] = "store"
    """Whose earlier refresh token a login invalidates: "one user" is not defined (§1.1, §14.10)."""

    webhook_signs_with_every_secret: bool = True
    """With two active secrets the header carries two signatures; off: only the newer one's (§4.2)."""

    webhook_retry_keeps_id: bool = True
    """Retries and manual resends keep `webhook-id`; off: each try has its own (§4.2, §14.4)."""

    webhook_retry_signs_afresh: bool = True
    """Each try has a new timestamp and signature; off: those of the first try are sent again (§4.2)."""

    webhook_accepts_any_2xx: bool = False
    """Any 2xx ends the retries; off: only 200 does (§4.3, §14.3)."""

    webhook_resends_max: int = 20
    """Manual resends per webhook id before MAX_WEBHOOK_RETRY_COUNT_REACHED (§2.12 does not publish the
    number).
    """

    requested_cancellation_reserves: bool = True
    """A cancellation the PG has not settled counts as gone from what can be cancelled; off: it does not (§2.8).
    """

    failed_cancel_announces: str = "Transaction.Paid"
    """Type of the webhook when an asynchronous cancellation fails; empty: none is sent (§2.8, §14.6)."""

    cancellations_max: int | None = None
    """Cancellations per payment before MAX_CANCEL_COUNT_REACHED; none: no limit (§14.5)."""

    list_until_is_inclusive: bool = True
    """A payment changed exactly at `until` is listed (§2.13)."""

    list_sort_by: Literal["REQUESTED_AT", "STATUS_CHANGED_AT"] = "REQUESTED_AT"
    """Order of GET /payments when `sortBy` is not given, newest first (§2.13)."""


def switches() -> list[str]:
    """The names of all switches, for tests that run each both ways."""
    return [field.name for field in fields(Inferred)]
