"""A payer's own payments, by a link that their shop asked for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jangbu.access.secret import signing_secret
from jangbu.checkout import store
from jangbu.checkout.links import Payer, payer_of, token_for
from jangbu.checkout.store import Past
from jangbu.runtime import Runtime

PAGE = 20
LINK_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Payments, newest first; `older` is where the next page begins."""

    payments: tuple[Past, ...]
    older: tuple[datetime, UUID] | None


def history_token(customer_id: str, *, store_id: str | None, run: Runtime) -> tuple[str, datetime]:
    """A link's token for one customer, and until when it is good."""
    until = run.clock.now() + LINK_LIFE
    payer = Payer(store_id or run.settings.portone_store_id, customer_id)
    return token_for(payer, until=until, secret=signing_secret(run.settings)), until


async def history(token: str, *, before: tuple[datetime, UUID] | None = None, run: Runtime) -> HistoryPage:
    """A page of the payments of whoever the link is for. Raises HistoryLinkInvalid."""
    now = run.clock.now()
    payer = payer_of(token, now=now, secret=signing_secret(run.settings))
    at, row_id = before or (now.replace(year=9999), UUID(int=2**128 - 1))
    async with run.db.transaction() as tx:
        found = await store.history(
            tx,
            store_id=payer.store_id,
            customer_id=payer.customer_id,
            before_at=at,
            before_id=row_id,
            most=PAGE + 1,
        )
    shown = found[:PAGE]
    return HistoryPage(tuple(shown), (shown[-1].created_at, shown[-1].id) if len(found) > PAGE else None)
