"""All SQL of cash receipts. Whoever writes here holds the payment's row (store.lock)."""

from uuid import UUID

from jangbu.db import Query, Tx, assigned, names_of, values_of
from jangbu.keeping import Kept
from jangbu.payments.after.receipt_rules import Receipt

ENCRYPTED = Kept("payment_receipts", "number_encrypted")
"""Whose receipt it is to be, until PortOne has issued it."""
_NAMES = names_of(Receipt)
_COLUMNS = ", ".join(_NAMES)
_MOVES = tuple(name for name in _NAMES if name not in {"id", "payment_id", "created_at"})

SAVE = Query(
    type(None),
    f"""
    INSERT INTO payment_receipts ({_COLUMNS}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (id) DO UPDATE SET {assigned(_MOVES)}
    """,
)
OF_PAYMENT = Query(Receipt, f"SELECT {_COLUMNS} FROM payment_receipts WHERE payment_id = :payment_id")


async def save(tx: Tx, one: Receipt) -> None:
    """Write a receipt down, or back."""
    await tx.run(SAVE, **values_of(one, _NAMES))


async def of_payment(tx: Tx, payment_id: UUID) -> Receipt | None:
    """The receipt of a payment."""
    return await tx.maybe(OF_PAYMENT, payment_id=payment_id)
