"""A payer's own payments, by a link that their shop asked for, or by a token that it made."""

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
    payer = payer_of(token, now=run.clock.now(), secret=signing_secret(run.settings))
    return await payments_of(payer, before=before, run=run)


async def payments_of(
    payer: Payer, *, before: tuple[datetime, UUID] | None = None, most: int = PAGE, run: Runtime
) -> HistoryPage:
    """A page of a payer's payments, newest first."""
    at, row_id = before or (run.clock.now().replace(year=9999), UUID(int=2**128 - 1))
    async with run.db.transaction() as tx:
        found = await store.history(
            tx,
            store_id=payer.store_id,
            customer_id=payer.customer_id,
            before_at=at,
            before_id=row_id,
            most=most + 1,
        )
    shown = found[:most]
    return HistoryPage(tuple(shown), (shown[-1].created_at, shown[-1].id) if len(found) > most else None)
