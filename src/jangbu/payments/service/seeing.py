"""What PortOne sent, in our words: from the wire's shapes to those the rules decide on."""

from typing import Any

from jangbu.payments.seen import Seen, SeenCancellation, SeenDispute, SeenReceipt
from jangbu.portone.after import Receipt as WireReceipt
from jangbu.portone.after import read_receipt
from jangbu.portone.wire import Cancellation as WireCancellation
from jangbu.portone.wire import Payment as WirePayment


def seen(wire: WirePayment) -> Seen:
    """The wire's payment in our words."""
    channel = wire.channel
    is_live = None if channel is None or channel.type is None else channel.type == "LIVE"
    return Seen(
        status=wire.status,
        transaction_id=wire.transaction_id,
        store_id=wire.store_id or "",
        total=wire.amount.total,
        currency=wire.currency,
        vat=wire.amount.vat,
        is_live=is_live,
        channel_key=channel.key if channel else None,
        pg_provider=channel.pg_provider if channel else None,
        method=wire.method,
        failure=None
        if wire.failure is None
        else {
            "reason": wire.failure.reason,
            "pgCode": wire.failure.pg_code,
            "pgMessage": wire.failure.pg_message,
        },
        changed_at=wire.updated_at or wire.status_changed_at,
        paid_at=wire.paid_at,
        failed_at=wire.failed_at,
        raw=wire.raw,
        cancelled=wire.amount.cancelled,
        cancellations=tuple(
            seen_cancellation(one) for one in wire.cancellations if one.id and one.total_amount is not None
        ),
        also_paid=tuple(wire.also_paid),
        disputes=tuple(
            SeenDispute(
                pg_id=one.pg_dispute_id or "",
                reason=one.reason or "",
                opened_at=one.created_at,
                is_over=one.status == "RESOLVED",
                resolved_at=one.resolved_at,
            )
            for one in wire.disputes
        ),
        receipt=_seen_receipt(wire.raw.get("cashReceipt")),
    )


def seen_receipt(wire: WireReceipt) -> SeenReceipt:
    """PortOne's cash receipt in our words."""
    return SeenReceipt(wire.status, wire.type, wire.issue_number, wire.url, wire.issued_at, wire.cancelled_at)


def _seen_receipt(shown: Any) -> SeenReceipt | None:
    # One that does not say what became of it is not there: it states no money of ours.
    has_state = isinstance(shown, dict) and isinstance(shown.get("status"), str) and shown["status"] != ""
    return seen_receipt(read_receipt(shown)) if has_state else None


def seen_cancellation(wire: WireCancellation) -> SeenCancellation:
    """One cancellation in our words. Only for one that says which it is and how much."""
    assert wire.id is not None
    assert wire.total_amount is not None
    return SeenCancellation(
        id=wire.id,
        status=wire.status,
        amount=wire.total_amount,
        tax_free=wire.tax_free_amount or 0,
        reason=wire.reason or "",
        trigger=wire.trigger or "",
        pg_id=wire.pg_cancellation_id,
        requested_at=wire.requested_at,
        cancelled_at=wire.cancelled_at,
    )
