"""Who buys: name, e-mail and telephone, for PortOne's window. Encrypted, and dropped once the session is long over."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from jangbu import audit, installation
from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.refusals import BuyerNeeded
from jangbu.checkout.rules import Session, ways_to_pay
from jangbu.checkout.store import ENCRYPTED
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.payments.channels.pg_rules import buyer_needs
from jangbu.payments.channels.service import pgs_of
from jangbu.runtime import Runtime
from jangbu.vault import Vault, VaultProblem

FORGET = "checkout.forget_buyers"
FORGETTER = Actor("job:checkout.forget_buyers")
BATCH = 500

log = structlog.get_logger()


def buyer_of(session: Session, vault: Vault) -> dict[str, Any]:
    """What is known of who buys in a session; nothing once it was dropped."""
    known: dict[str, Any] = {}
    if session.buyer_encrypted is not None:
        try:
            known = msgspec.json.decode(ENCRYPTED.decrypt(vault, session.buyer_encrypted, session.id), type=dict)
        except VaultProblem as problem:
            # Somebody wants to pay: the window asks again for what it needs. `doctor` says which key is missing.
            log.error("checkout.buyer_does_not_open", why=str(problem))
    # The plain column is what the release before wrote last, while there is one.
    return known | session.buyer


async def with_buyer(tx: Tx, session: Session, more: dict[str, Any] | None, *, run: Runtime) -> Session:
    """The session with what is now known besides; to be written in this transaction."""
    if not more:
        return session
    buyer = buyer_of(session, run.settings.vault) | more
    sealed = ENCRYPTED.encrypt(run.settings.vault, msgspec.json.encode(buyer).decode(), session.id)
    return replace(session, buyer=buyer if await installation.keeps_plain_buyers(tx) else {}, buyer_encrypted=sealed)


async def lacking(tx: Tx, session: Session, *, run: Runtime) -> dict[str, tuple[str, ...]]:
    """What the PG of each way to pay needs of who buys and is not known yet; ways that lack nothing are left out."""
    if not session.is_undecided:
        return {}
    settings = run.settings
    ways = ways_to_pay(settings.channels, session.currency, settings.checkout_api)
    pgs = await pgs_of(tx, set(ways.values()))
    known = buyer_of(session, settings.vault) if any(buyer_needs(pg) for pg in pgs.values()) else {}
    left = {method: _left(buyer_needs(pgs.get(channel)), known) for method, channel in ways.items()}
    return {method: fields for method, fields in left.items() if fields}


def refuse_if_lacking(session: Session, pg: str | None, *, run: Runtime) -> None:
    """Raises BuyerNeeded when the PG would not open its window for what is known of the buyer."""
    needs = buyer_needs(pg)
    if needs and (fields := _left(needs, buyer_of(session, run.settings.vault))):
        raise BuyerNeeded(fields)


def _left(needs: tuple[str, ...], known: dict[str, Any]) -> tuple[str, ...]:
    return tuple(field for field in needs if not str(known.get(field) or "").strip())


async def forget(*, run: Runtime) -> int:
    """Drop who bought in sessions that ended longer ago than is kept; how many. Safe to run again, and cut off."""
    now, days, done = run.clock.now(), run.settings.buyer_keep_days, 0
    before = now - timedelta(days=days)
    while True:
        async with run.db.transaction() as tx:
            dropped = await store.forget_buyers(tx, before=before, most=BATCH)
            if dropped:
                await audit.record(
                    tx,
                    at=now,
                    actor=FORGETTER,
                    action="checkout.buyers_forgotten",
                    subject="checkout",
                    sessions=len(dropped),
                    kept_days=days,
                )
            failpoint("checkout.forget_buyers.before_commit")
        done += len(dropped)
        if len(dropped) < BATCH:
            return done
