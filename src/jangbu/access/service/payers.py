"""Whom a shop's tokens name, and the secrets they are signed with: made, shown once, two at a time, ended."""

import structlog

from jangbu import audit
from jangbu.access import payer_store
from jangbu.access.caller import Caller
from jangbu.access.payer_store import ENCRYPTED, PayerSecret
from jangbu.access.payer_tokens import Unfit, customer_of, read
from jangbu.access.refusals import PayerSecretUnknown, TooManyPayerSecrets, Unauthorized
from jangbu.audit import Actor
from jangbu.ids import secret_token
from jangbu.runtime import Runtime

RUNNING_MAX = 2
"""Of one store, so that a shop can change over, and no third lies forgotten."""

log = structlog.get_logger()


async def create_payer_secret(store_id: str | None = None, *, actor: Actor, run: Runtime) -> tuple[PayerSecret, str]:
    """A new secret of a store, by default our own, and its text, which is shown now and never again.

    Raises TooManyPayerSecrets.
    """
    text = secret_token(32)
    made = PayerSecret(
        id=run.ids.uuid(),
        kid=f"jbp_{run.ids.token(8)}",
        store_id=store_id or run.settings.portone_store_id,
        made_by=actor.name,
        created_at=run.clock.now(),
        ended_at=None,
    )
    async with run.db.transaction() as tx:
        if await payer_store.running(tx, made.store_id) >= RUNNING_MAX:
            raise TooManyPayerSecrets
        await payer_store.insert(tx, made, encrypted=ENCRYPTED.encrypt(run.settings.vault, text, made.id))
        await audit.record(
            tx,
            at=made.created_at,
            actor=actor,
            action="access.payer_secret_created",
            subject=f"payer_secret:{made.id}",
            kid=made.kid,
            store_id=made.store_id,
        )
    return made, text


async def end_payer_secret(named: str, *, actor: Actor, run: Runtime) -> PayerSecret:
    """Take no more tokens of a secret, from now on; `named` is its id or kid. Again changes nothing.

    Raises PayerSecretUnknown.
    """
    now = run.clock.now()
    async with run.db.transaction() as tx:
        found = await payer_store.named(tx, named)
        if found is None:
            raise PayerSecretUnknown
        if await payer_store.end(tx, found.id, now) is not None:
            await audit.record(
                tx,
                at=now,
                actor=actor,
                action="access.payer_secret_ended",
                subject=f"payer_secret:{found.id}",
                kid=found.kid,
            )
    return found


async def list_payer_secrets(*, run: Runtime) -> list[PayerSecret]:
    """Every secret, those in use first."""
    async with run.db.transaction() as tx:
        return await payer_store.secrets(tx)


async def authenticate_payer(token: str, *, run: Runtime, request_id: str = "") -> Caller:
    """The payer whom a shop's token names. Raises Unauthorized, whatever is wrong with it."""
    try:
        presented = read(token)
        signing = await run.db.statement(payer_store.SIGNING, kid=presented.kid)
        if signing is None:
            raise Unfit("no such secret")
        secret = ENCRYPTED.decrypt(run.settings.vault, signing.secret_encrypted, signing.id)
        customer = customer_of(presented, secret, run.clock.now())
    except Unfit as unfit:
        log.info("access.payer_refused", why=str(unfit))
        raise Unauthorized from None
    return Caller(
        Actor(f"payer:{customer}", request_id), store_id=signing.store_id, customer_id=customer, name=customer
    )
