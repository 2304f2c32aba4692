"""How V2 is called: its secret, its store, and its idempotency keys."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from jangbu.portone.calling import Line, Observe, clean, query_of, segment
from jangbu.portone.outcomes import Outcome, judge

if TYPE_CHECKING:
    from jangbu.portone.transport import Transport

T = TypeVar("T")

_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{16,256}")


class V2:
    """A caller of V2, with one API secret and, where the merchant has several stores, for one of them."""

    def __init__(
        self, transport: "Transport", *, api_secret: str, store_id: str | None = None, observe: Observe | None = None
    ) -> None:
        secret = clean(api_secret, what="V2 API secret", where="V2 API")
        self._authorization = f"PortOne {secret}"
        self._line = Line(transport, api="PortOne", observe=observe)
        self.store_id = store_id

    async def _call(
        self,
        operation: str,
        method: str,
        path: list[str],
        *,
        read: Callable[[dict[str, Any]], T],
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Outcome[T]:
        """One request, one outcome. The store goes into the body where there is one, else into the query.

        A `query` of the caller's own holds the store already.
        """
        target = "/" + "/".join(segment(part) for part in path)
        headers = {"Authorization": self._authorization}
        if method != "GET":
            assert idempotency_key is not None, "a call that changes something carries an idempotency key"
            # PortOne's limits, and only the characters it recommends: no other can break out of the quotes.
            assert _IDEMPOTENCY_KEY.fullmatch(idempotency_key), "an idempotency key is 16-256 of A-Z a-z 0-9 _ -"
            headers["Idempotency-Key"] = f'"{idempotency_key}"'
        store = {} if self.store_id is None else {"storeId": self.store_id}
        if body is None:
            target += query_of(store if query is None else query)
        return await self._line.call(
            operation,
            method,
            target,
            headers=headers,
            body=None if body is None else msgspec.json.encode(store | body),
            judged=partial(judge, read=read),
        )


def nothing(_answer: dict[str, Any]) -> None:
    """Reads an answer whose only news is that it came; what became of the payment is read afterwards."""
