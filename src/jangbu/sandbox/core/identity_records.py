"""What PortOne keeps of an identity verification, and of the person who was verified."""

from datetime import datetime
from typing import Literal

import msgspec

from jangbu.sandbox.core.records import Failure, Window

Operator = Literal["SKT", "KT", "LGU", "SKT_MVNO", "KT_MVNO", "LGU_MVNO"]


class Person(msgspec.Struct):
    """Whom a telephone operator knows. The identity number is not kept: what follows from it is."""

    name: str
    phone_number: str
    birth_date: str
    gender: Literal["MALE", "FEMALE"]
    is_foreigner: bool
    operator: Operator | None = None
    id: str | None = None


class IdentityVerification(msgspec.Struct):
    """One verification under the merchant's id (portone-facts §8); each time a code is asked for is one more try."""

    id: str
    store_id: str
    channel_key: str
    transaction_id: str
    person: Person | None
    """None while a window is open and nobody has said who they are."""
    requested_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    status: Literal["READY", "VERIFIED", "FAILED"] = "READY"
    method: Literal["SMS", "APP"] = "SMS"
    otp: str | None = None
    """None: nothing was sent."""
    is_approved_in_app: bool = False
    wrong_codes: int = 0
    tries: int = 0
    custom_data: str | None = None
    pg_tx_id: str | None = None
    verified_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None
    version: Literal["V1", "V2"] = "V2"
    merchant_uid: str | None = None
    """V1's name for it, beside its `imp_uid`."""
    window: Window | None = None
    """None: it was begun by a server's call."""
