"""Escrow: the money of a paid order waits until the goods have arrived (portone-facts §2.2, §2.10)."""

from datetime import datetime
from typing import Any

from jangbu.clock import rfc3339
from jangbu.sandbox.core.problems import pg_refusal
from jangbu.sandbox.core.records import Attempt


def register(attempt: Attempt, logistics: dict[str, Any], now: datetime) -> None:
    """BEFORE_REGISTERED → REGISTERED: the goods are on their way."""
    _expect(attempt, "BEFORE_REGISTERED")
    attempt.escrow = {"status": "REGISTERED", **_shown(logistics), "appliedAt": rfc3339(now)}
    attempt.updated_at = now


def modify(attempt: Attempt, logistics: dict[str, Any], now: datetime) -> None:
    """Another parcel than was said; the state stays."""
    escrow = _expect(attempt, "REGISTERED", "DELIVERED")
    attempt.escrow = {**escrow, **_shown(logistics)}
    attempt.updated_at = now


def complete(attempt: Attempt, now: datetime) -> None:
    """→ CONFIRMED: the purchase stands."""
    escrow = _expect(attempt, "REGISTERED", "DELIVERED")
    attempt.escrow = {**escrow, "status": "CONFIRMED", "isAutomaticallyConfirmed": False}
    attempt.updated_at = now


def _expect(attempt: Attempt, *statuses: str) -> dict[str, Any]:
    """Which refusal it is, is not stated: the PG's [I: escrow_refusals]."""
    if attempt.escrow is None:
        raise pg_refusal("NOT_ESCROW", "에스크로 거래가 아닙니다.")
    if attempt.escrow["status"] not in statuses:
        raise pg_refusal("ESCROW_STATE", "현재 에스크로 상태에서는 처리할 수 없습니다.")
    return attempt.escrow


def _shown(logistics: dict[str, Any]) -> dict[str, Any]:
    return {name: logistics[name] for name in ("company", "invoiceNumber", "sentAt")}
