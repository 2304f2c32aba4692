"""What PortOne says of an identity verification (portone-facts §8): the narrow part we read."""

from datetime import datetime
from typing import Any

import msgspec

from jangbu.portone.wire import Channel, Unreadable, moment, read_channel, required, text


class VerifiedCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is. Which of these a PG tells depends on the PG and on the contract; a name is always there."""

    name: str
    birth_date: str | None
    gender: str | None
    phone_number: str | None
    operator: str | None
    is_foreigner: bool | None
    ci: str | None
    di: str | None

    def __repr__(self) -> str:
        # Whoever prints an answer by accident prints nobody.
        return "VerifiedCustomer(…)"


class IdentityVerification(msgspec.Struct, frozen=True, kw_only=True):
    """READY, VERIFIED, FAILED, or a status new to us. `customer` is there once it is VERIFIED."""

    id: str
    status: str
    channel: Channel | None
    customer: VerifiedCustomer | None
    verified_at: datetime | None
    pg_code: str | None


def read_identity_verification(raw: dict[str, Any]) -> IdentityVerification:
    """Raises Unreadable when the answer does not say which verification, in what state, or, once verified, whose."""
    status = required(raw, "status")
    customer, failure = raw.get("verifiedCustomer"), raw.get("failure")
    if status == "VERIFIED" and not isinstance(customer, dict):
        raise Unreadable("verified, and nobody in it")
    return IdentityVerification(
        id=required(raw, "id"),
        status=status,
        channel=read_channel(raw.get("channel")),
        customer=_customer(customer) if status == "VERIFIED" and isinstance(customer, dict) else None,
        verified_at=moment(raw, "verifiedAt"),
        pg_code=text(failure, "pgCode") if isinstance(failure, dict) else None,
    )


def _customer(raw: dict[str, Any]) -> VerifiedCustomer:
    is_foreigner = raw.get("isForeigner")
    return VerifiedCustomer(
        name=required(raw, "name"),
        birth_date=text(raw, "birthDate"),
        gender=text(raw, "gender"),
        phone_number=text(raw, "phoneNumber"),
        operator=text(raw, "operator"),
        is_foreigner=is_foreigner if isinstance(is_foreigner, bool) else None,
        ci=text(raw, "ci") or None,
        di=text(raw, "di") or None,
    )
