"""Who buys: name, e-mail and telephone, for PortOne's window. Encrypted, and dropped once the session is long over."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from jangbu import audit, installation
from jangbu.audit import Actor
from jangbu.checkout import store
from jangbu.checkout.rules import Session
from jangbu.checkout.store import ENCRYPTED
from jangbu.db import Tx
from jangbu.failpoints import failpoint
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
