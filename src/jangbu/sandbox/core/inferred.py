"""What the facts leave open about PortOne, as switches: tests run our client with each of them both ways."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import msgspec

from jangbu.sandbox.core.problems import NotOurs

Number = Annotated[int, msgspec.Meta(ge=0, le=10**9)]


@dataclass(frozen=True, slots=True)
class Inferred:
    """One field per inferred behaviour, `[I]` in portone-facts; the default is our working assumption.

    What is too small for a switch is in `assumed`.
    """

    preregister_overwrites: bool = True
    """A second pre-register of V2 replaces the first; off: the first stands, and the answer is 200 all the same
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
    """Refusals of the server before a window of V2's opens are thrown, whatever it is to open for; off: returned with
    `code` (§7.1 has both).
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

    webhook_resends_max: Number = 20
    """Manual resends per webhook id before MAX_WEBHOOK_RETRY_COUNT_REACHED (§2.12 does not publish the
    number).
    """

    resend_answers_first: bool = False
    """`resend-webhook` answers, with what came of the try before, and sends then; off: it sends, and answers with what
    the merchant said (§2.12).
    """

    payment_token_life_s: Number = 600
    """How long the server has to confirm (§2.5 "soon"; PGs differ)."""

    confirm_question_names_store: bool = True
    """The body of Transaction.Confirm has `storeId`; off: as in the guide's sample (§4.1)."""

    confirm_question_timeout_s: float = 10.0
    """How long PortOne waits for the confirmUrl's answer (§4.4 gives it for V1 only)."""

    paypal_waits: bool = True
    """A PayPal approval is PAY_PENDING at first; off: PAID at once (§2.2 "PayPal and others")."""

    convenience_store_waits_as: Literal["PAY_PENDING", "VIRTUAL_ACCOUNT_ISSUED"] = "PAY_PENDING"
    """The status until the shopper pays at the counter (§2.2 has none of its own)."""

    expired_account_becomes: Literal["FAILED", "CANCELLED", "VIRTUAL_ACCOUNT_ISSUED"] = "FAILED"
    """The status of a payment whose virtual account lapsed; the last: it stays (§2.9, §14.6)."""

    closed_account_becomes: Literal["FAILED", "CANCELLED"] = "CANCELLED"
    """The status of a payment whose virtual account was closed by the API (§2.9, §14.6)."""

    end_of_account_is_announced: bool = False
    """Closing or lapsing sends Transaction.Failed or Transaction.Cancelled; off: silence (§2.9, §10.9)."""

    due_dates_are_in: Literal["KST", "UTC"] = "KST"
    """The zone of a due date that names none, in a window or in a body (§10.15, §14.12)."""

    wrong_deposit_is_refused: bool = True
    """The bank refuses a deposit of another sum; off: it takes it, and the payment is PAID (§10.9)."""

    late_deposit_is_refused: bool = True
    """The bank refuses a deposit after the account lapsed; off: the payment becomes PAID (§10.6, §10.9)."""

    order_names_are_counted_in: Literal["UTF-8", "EUC-KR"] = "UTF-8"
    """What a PG's bytes of an `orderName` are: Hangul has three in the one, two in the other; KSNET's are EUC-KR
    (§10.3).
    """

    cancels_max: Number = 100
    """Cancellations per payment before MAX_CANCEL_COUNT_REACHED; failed ones do not count (§14.5)."""

    pending_cancel_holds_amount: bool = True
    """A REQUESTED cancellation lessens what a further one may take; off: only a SUCCEEDED one does (§2.8)."""

    requested_cancel_leaves_status: bool = True
    """A REQUESTED cancellation leaves the payment's `status`, `amount` as it is either way; off: the payment is
    PARTIAL_CANCELLED or CANCELLED already, and goes back when the PG says no (§13.3).
    """

    full_cancel_takes_tax_free: bool = True
    """Without `amount` a cancel takes the tax-free part as well; off: "absent = everything taxable" holds
    here too, and a mixed order is refused (§2.8).
    """

    cancel_vat_evens_out: bool = True
    """A computed VAT never passes what is left, and the last cancel takes the rest; off: taxable ÷ 11 each
    time (§2.8).
    """

    cancel_vat_beyond_rest_is_refused: bool = True
    """A stated `vatAmount` above what is left is refused like a taxable part; off: accepted (§2.8)."""

    refused_cancel_is_recorded: bool = False
    """After a 502 PG_PROVIDER the payment shows a FAILED cancellation; off: nothing (§2.8)."""

    missing_refund_account_is: Literal["PG_PROVIDER", "INVALID_REQUEST"] = "PG_PROVIDER"
    """Cancelling a deposit without the `refundAccount` it needs (§10.9)."""

    skip_webhook_silences_cancel_pending: bool = False
    """`skipWebhook` on a cancel also silences Transaction.CancelPending (§2.3 says the success only)."""

    failed_async_cancel_webhook: Literal[
        "Transaction.CancelPending", "Transaction.Paid", "Transaction.Failed", "none"
    ] = "Transaction.CancelPending"
    """The type that the webhook of a failed asynchronous cancel carries (§2.8, §14.6)."""

    each_cancel_moves_status_changed_at: bool = True
    """A second partial cancel moves `statusChangedAt`, though the status stays; off: it does not (§2.13)."""

    transactions_max: Number = 100
    """Attempts per paymentId before MAX_TRANSACTION_COUNT_REACHED (§2.1, §14.5)."""

    declined_charge_is_announced: bool = True
    """A charge that the PG declines sends Transaction.Failed, beside the 502; off: the answer is all (§2.3)."""

    declined_issue_and_pay_keeps_key: bool = True
    """An issue-and-pay whose payment the PG declines leaves a key that can be charged; off: there is none, and
    BillingKey.Failed is sent (§3.1, §3.4).
    """

    unconfirmed_key_is_not_issued: bool = True
    """Deleting a key whose window is not finished is BILLING_KEY_NOT_ISSUED; off: BILLING_KEY_NOT_FOUND (§3.1)."""

    schedule_in_past_is_refused: bool = True
    """A `timeToPay` that is past is 400 INVALID_REQUEST; off: it is paid at once (§3.3)."""

    charge_of_schedules_payment_is_refused: bool = True
    """Charging a paymentId that a schedule waits for is PAYMENT_SCHEDULE_ALREADY_EXISTS; off: it is charged, and
    the schedule fails at its time (§3.2, §3.3).
    """

    identity_tries_max: Number = 20
    """Tries per identityVerificationId before MAX_TRANSACTION_COUNT_REACHED (§8, §14.5)."""

    identity_send_needs_a_window: bool = False
    """V2's `send` for an id that no window was opened for is IDENTITY_VERIFICATION_NOT_FOUND; off: it begins one
    (§8).
    """

    identity_contract_tells_phone: bool = True
    """Danal's contract includes the telephone, its operator and where one is from; off: it does not (§8)."""

    session_ttl_max_s: Number = 86_400
    """The longest life of a hosted checkout before MAX_TTL_EXCEEDED (§8, §14.8)."""

    pg_pays_out_after_days: Number = 2
    """Which day a transaction is of in the report by settlement (§8)."""

    v1_partly_cancelled_is: Literal["paid", "cancelled"] = "paid"
    """V1's `status` of a payment that was cancelled in part (§6.3, §14.11)."""

    v1_declined_charge_is: Literal["failed", "code"] = "failed"
    """A declined `again` or `onetime`: `code` 0 with a payment that failed, or a `code` that is not (§6.5)."""

    v1_prepare_again_is_refused: bool = True
    """A second POST of `prepare` for a merchant_uid is refused; off: it replaces the first, as PUT does (§6.2)."""

    v1_sees_v2_payments: bool = False
    """V1 finds payments that were made through V2, whose ids are longer than V1 allows (§6.3)."""

    v1_tiers_are_apart: bool = True
    """A call with a `Tier` sees the payments of that sub-store alone, one without it those of none; off: all see all.
    The merchant_uids and customer_uids are the store's, whatever the sub-store (§6.1)."""

    v1_schedules_are_all_or_nothing: bool = True
    """One bad row refuses all of `schedules`; off: those before it are made (§6.5)."""

    v1_schedule_lists_are_pages: bool = False
    """V1's lists of schedules have `total`, `previous`, `next`; off: they are plain lists (§6.5, §6.3)."""

    list_until_is_inclusive: bool = True
    """A payment changed exactly at `until` is listed (§2.13)."""

    cursor_lists_are_newest_first: bool = False
    """Order of the lists by cursor; off: oldest first, so that a cursor at the end waits for what comes
    (§2.13).
    """

    transactions_are_newest_first: bool = False
    """Order of a payment's transactions (§2.13)."""

    list_sort_by: Literal["REQUESTED_AT", "STATUS_CHANGED_AT"] = "REQUESTED_AT"
    """Order of GET /payments when `sortBy` is not given, newest first (§2.13)."""


def switches() -> list[str]:
    """The names of all switches, for tests that run each both ways."""
    return [field.name for field in fields(Inferred)]


def switched(inferred: Inferred, said: Mapping[str, Any]) -> Inferred:
    """`inferred` with these switches set. Refuses an unknown name, and a value that the switch does not have."""
    for name in said:
        if name not in switches():
            near = get_close_matches(name, switches(), 1)
            raise NotOurs(f"no switch {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    try:
        told = msgspec.convert(dict(said), Inferred)
    except msgspec.ValidationError as problem:
        raise NotOurs(f"a switch has no such value: {problem}") from None
    return replace(inferred, **{name: getattr(told, name) for name in said})


def values_of(inferred: Inferred) -> dict[str, Any]:
    """How each switch stands, by name."""
    return {name: getattr(inferred, name) for name in switches()}


def words_of(name: str) -> tuple[str, ...]:
    """The words a switch may be set to; of one that takes a number or any text there are none."""
    kind = Inferred.__dataclass_fields__[name].type
    if kind is bool:
        return ("true", "false")
    return tuple(getattr(kind, "__args__", ())) if getattr(kind, "__origin__", None) is Literal else ()
