"""What PortOne keeps of billing keys and schedules."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core.records import ChannelType, Failure, Order, Window


class ChannelGroup(msgspec.Struct):
    """Channels that are chosen from; a billing key of a group is a super billing key (portone-facts §3.1)."""

    id: str
    name: str
    store_id: str
    channel_keys: list[str]
    type: ChannelType


class BillingKey(msgspec.Struct):
    """A card or wallet to charge again (portone-facts §3.1): of a card nothing is kept but its mask."""

    id: str
    store_id: str
    channel_keys: list[str]
    requested_at: datetime
    customer: dict[str, Any]
    status: Literal["READY", "NEEDS_CONFIRMATION", "ISSUED", "FAILED", "DELETED"] = "READY"
    """PortOne's API tells of ISSUED and DELETED only; the others are a window's."""
    method: dict[str, Any] | None = None
    custom_data: str | None = None
    issue_id: str | None = None
    issue_name: str | None = None
    notice_urls: list[str] = []
    platform: Literal["PC", "MOBILE", "API"] = "API"
    user_agent: str | None = None
    """What the window was opened with; nobody is shown it, but it is searched."""
    channel_group_id: str | None = None
    responses: list[dict[str, Any]] = []
    """What each channel of a group answered, in PortOne's shape."""
    issued_at: datetime | None = None
    deleted_at: datetime | None = None
    window: Window | None = None
    failure: Failure | None = None
    issue_token: str | None = None
    transaction_id: str | None = None
    """The payment that is made with the issue, in the same window."""
    refuses: str | None = None
    """A name of `declines.REASONS`: what the PG says to every charge, until it is told otherwise."""
    refuses_times: int | None = None
    """How many charges it refuses; None: all."""
    schedule_ids: list[str] = []
    version: Literal["V1", "V2"] = "V2"


class Schedule(msgspec.Struct):
    """One payment at a later time (portone-facts §3.3)."""

    id: str
    number: int
    store_id: str
    payment_id: str
    billing_key: str
    order: Order
    time_to_pay: datetime
    created_at: datetime
    channel_key: str | None = None
    installment_months: int = 0
    merchant_pays_interest: bool = False
    uses_card_points: bool = False
    ip_address: str | None = None
    starts_at: datetime | None = None
    """When its agenda looks at it next; None: nothing more to do."""
    started_at: datetime | None = None
    transaction_id: str | None = None
    """The attempt that it made, which knows how it ended."""
    failed_at: datetime | None = None
    """It ended without an attempt."""
    revoked_at: datetime | None = None
