"""PortOne's V2 operations on one payment that do not give money back."""

from typing import Any

from jangbu.clock import rfc3339
from jangbu.sandbox import accounts
from jangbu.sandbox.api_v2 import found
from jangbu.sandbox.gate import Call, Operations

operations = Operations()


@operations.add("POST", "/payments/{paymentId}/virtual-account/close")
async def close_virtual_account(call: Call) -> dict[str, Any]:
    """portone-facts §2.9."""
    payment = found(call.world.payment(call.store(call.query("storeId")).id, call.path("paymentId")))
    return {"closedAt": rfc3339(accounts.close(call.world, payment, call.now))}
