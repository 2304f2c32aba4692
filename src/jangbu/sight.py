"""Which stores' rows a request may see: row-level security's side of a caller's `store_id` (requirements B9).

The web floor begins each request blind; whoever finds out who is calling opens its eyes. A connection under the request
role tells PostgreSQL with every BEGIN, in the same round trip, and PostgreSQL's policies do the rest: a statement that
forgets its WHERE still shows no other store. Outside of requests, in tests and at start, nothing is hidden.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import asyncpg

EVERY_STORE = "*"
NO_STORE = "(none)"
_stores: ContextVar[str] = ContextVar("jangbu_stores", default=EVERY_STORE)
_payer: ContextVar[str] = ContextVar("jangbu_payer", default="")


def see(store_id: str | None, customer_id: str | None = None) -> None:
    """From here to the end of the request, see this store, None: all of them; of it, one customer's only if named."""
    # A store that is called like "all of them", or not called at all, is no store.
    is_name = store_id is None or (store_id not in ("", EVERY_STORE) and "\0" not in store_id)
    _stores.set((EVERY_STORE if store_id is None else store_id) if is_name else NO_STORE)
    _payer.set((customer_id or "").replace("\0", ""))
    if customer_id is not None and not _payer.get():
        # A payer without a name is nobody's payer, and not everybody's.
        _stores.set(NO_STORE)


@contextmanager
def blind() -> Iterator[None]:
    """See no store at all in here, unless somebody calls `see`; afterwards all is as it was."""
    before, payer = _stores.set(NO_STORE), _payer.set("")
    try:
        yield
    finally:
        _stores.reset(before)
        _payer.reset(payer)


class Sighted(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose transactions begin with what may be seen. Local to the transaction: poolers lose the rest."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """As the driver's own, which begins transactions with it."""
        if query.startswith("BEGIN"):
            query = f"{query.rstrip(';')}; SET LOCAL jangbu.stores = {_quoted(_stores.get())}"
            if _payer.get():
                query += f"; SET LOCAL jangbu.payer = {_quoted(_payer.get())}"
        status: str = await super().execute(query, *args, timeout=timeout)
        return status


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
