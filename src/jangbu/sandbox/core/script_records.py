"""The rows of a script: what was ordered for a time, or for a moment, and what became of it."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core.faults import Fault


class Step(msgspec.Struct, rename="camel", omit_defaults=True):
    """One step: a fault to be ordered, or an order to be carried out."""

    line: int
    """Where the script says so, counted from 1."""
    kind: Literal["fault", "order", "key_order"]
    name: str
    about: str | None = None
    """The paymentId or billing key; None of an order: whatever payment `on` is about."""
    on: str | None = None
    """An order waits for this operation or webhook type. A fault has its own."""
    after_s: float = 0
    """After the script was ordered; of an order with `on`, after that moment."""
    at: datetime | None = None
    fault: Fault | None = None
    fields: dict[str, Any] = {}
    due_at: datetime | None = None
    """None while it waits for `on`."""
    done_at: datetime | None = None
    refusal: str | None = None
    """Why it could not be done when its time came."""
