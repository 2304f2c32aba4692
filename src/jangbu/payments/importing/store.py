"""The look-ups of an import."""

from jangbu.db import Query, Tx
from jangbu.payments.rules import Payment

ORDER_TAKEN = Query(
    str,
    """
    SELECT provider_order_id FROM payments
     WHERE store_id = :store_id AND order_id = :order_id AND provider_order_id <> :provider_order_id
    """,
)


async def order_taken(tx: Tx, payment: Payment) -> str | None:
    """PortOne's id of another payment that has this payment's order."""
    return await tx.maybe(
        ORDER_TAKEN,
        store_id=payment.store_id,
        order_id=payment.order_id,
        provider_order_id=payment.provider_order_id,
    )
