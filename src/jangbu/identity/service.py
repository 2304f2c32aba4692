"""Verifying who somebody is: start, ask PortOne, look, reveal, forget."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from jangbu import audit, events
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.identity import store
from jangbu.identity.announcements import FAILED, VERIFIED
from jangbu.identity.refusals import (
    IdentityChannelMissing,
    IdentityForgotten,
    IdentityNotVerified,
    IdentityStoreUnknown,
    IdentityUnclear,
    IdentityUnknown,
    RevealReasonMissing,
)
from jangbu.identity.rules import (
    ASKED_LATELY,
    FINAL,
    NOT_OPENED,
    REASON_LONGEST,
    Decision,
    Person,
    Seen,
    Status,
    Verification,
    decide,
    masked,
    person_in,
    token_digest,
)
from jangbu.ids import secret_token
from jangbu.portone import Done, IdentityVerification, PortOne, Refused
from jangbu.runtime import Runtime

log = structlog.get_logger()

FORGETTER = Actor("job:identity.forget")
PERSON = Actor("person")
SEEN_BEFORE_MAX = 20
BATCH = 200


@dataclass(frozen=True, slots=True)
class Looked:
    """A verification and, masked, who it is; `seen_before` are other verifications of the same person, oldest first."""

    verification: Verification
    person: Person | None
    seen_before: list[UUID]


@dataclass(frozen=True, slots=True)
class Page:
    """Verifications with whoever is known, masked; `older` is where the next page begins."""

    rows: list[tuple[Verification, Person | None]]
    older: tuple[datetime, UUID] | None


async def start(
    *, channel_key: str = "", reference: str = "", store_id: str | None = None, actor: Actor, run: Runtime
) -> tuple[Verification, str]:
    """A new verification, and the token with which the person's own browser may ask how it stands; shown only now.

    PortOne hears of it when the browser opens the window: a window needs nothing said before (portone-facts §8).
    Raises IdentityChannelMissing, IdentityStoreUnknown.
    """
    channel_key = channel_key or run.settings.identity_channel_key
    if not channel_key:
        raise IdentityChannelMissing
    if store_id not in (None, run.settings.portone_store_id):
        raise IdentityStoreUnknown(store_id=store_id)
    made = Verification(
        id=run.ids.uuid(),
        store_id=run.settings.portone_store_id,
        verification_id=run.ids.uuid().hex,
        channel_key=channel_key,
        reference=reference,
        status=Status.STARTED,
        reason="",
        asked_at=None,
        verified_at=None,
        forgotten_at=None,
        created_at=run.clock.now(),
    )
    token = secret_token()
    async with run.db.transaction() as tx:
        await store.insert(tx, made, token_digest(token))
        await _note(tx, "started", made, actor=actor, run=run)
    return made, token


async def confirm(
    reference: str, *, store_id: str | None = None, actor: Actor, run: Runtime, portone: PortOne
) -> Looked:
    """Ask PortOne what became of it, and write that down. What is final stays as it is.

    Raises IdentityUnknown; IdentityUnclear when PortOne did not answer, which is neither yes nor no.
    """
    found = await find(reference, store_id=store_id, run=run)
    if found.status not in FINAL:
        found = await _asked(found, actor=actor, run=run, portone=portone)
    return await _looked(found, store_id=store_id, run=run)


async def confirm_own(token: str, *, run: Runtime, portone: PortOne) -> Verification:
    """The same for the person's own browser, which hears how it stands and nothing of who it is.

    Raises IdentityUnknown for a token that is none, IdentityUnclear.
    """
    async with run.db.transaction() as tx:
        found = await store.by_token(tx, token_digest(token))
    if found is None:
        raise IdentityUnknown
    was_asked = found.asked_at is not None and run.clock.now() - found.asked_at < ASKED_LATELY
    if found.status in FINAL or was_asked:
        return found
    return await _asked(found, actor=PERSON, run=run, portone=portone)


async def find(reference: str, *, store_id: str | None = None, run: Runtime) -> Verification:
    """One by our id or PortOne's. Raises IdentityUnknown, also for another store's than `store_id`."""
    async with run.db.transaction() as tx:
        found = await store.find(tx, reference)
    if found is None or store_id not in (None, found.store_id):
        raise IdentityUnknown
    return found


async def look(reference: str, *, store_id: str | None = None, run: Runtime) -> Looked:
    """One with its person masked. Asks nobody outside. Raises IdentityUnknown."""
    return await _looked(await find(reference, store_id=store_id, run=run), store_id=store_id, run=run)


async def reveal(reference: str, reason: str, *, store_id: str | None = None, actor: Actor, run: Runtime) -> Person:
    """Who it is, in full. Who looked, and why, is written down before anything is shown.

    Raises IdentityUnknown, RevealReasonMissing, IdentityNotVerified, IdentityForgotten.
    """
    reason = reason.strip()[:REASON_LONGEST]
    if not reason:
        raise RevealReasonMissing
    found = await find(reference, store_id=store_id, run=run)
    if found.status is not Status.VERIFIED:
        raise IdentityNotVerified
    async with run.db.transaction() as tx:
        text = (await store.people(tx, [found.id], run.settings.vault)).get(found.id)
        if text is None:
            raise IdentityForgotten
        await _note(tx, "revealed", found, actor=actor, run=run, reason=reason)
    return person_in(text)


async def page(*, before: tuple[datetime, UUID] | None, most: int, run: Runtime) -> Page:
    """The latest verifications, persons masked."""
    async with run.db.transaction() as tx:
        found = await store.page(tx, before=before, most=most + 1)
        known = await store.people(tx, [one.id for one in found[:most]], run.settings.vault)
    rows = [(one, masked(person_in(known[one.id])) if one.id in known else None) for one in found[:most]]
    last = found[most - 1] if len(found) > most else None
    return Page(rows, None if last is None else (last.created_at, last.id))


async def forget(*, run: Runtime) -> int:
    """Delete who was verified longer ago than they are kept; how many. Safe to run again, and cut off."""
    now, done = run.clock.now(), 0
    before = now - timedelta(days=run.settings.identity_keep_days)
    while True:
        async with run.db.transaction() as tx:
            ids = await store.forget(tx, before=before, now=now, most=BATCH)
            for one in ids:
                await audit.record(
                    tx, at=now, actor=FORGETTER, action="identity.forgotten", subject=f"identity:{one}",
                    kept_days=run.settings.identity_keep_days,
                )  # fmt: skip
            failpoint("identity.forget.before_commit")
        done += len(ids)
        if len(ids) < BATCH:
            return done


async def _asked(found: Verification, *, actor: Actor, run: Runtime, portone: PortOne) -> Verification:
    outcome = await portone.get_identity_verification(found.verification_id)
    failpoint("identity.confirm.answered")
    match outcome:
        case Done(answer, _):
            seen = _seen(answer)
        case Refused(type=kind) if kind == NOT_OPENED:
            seen = Seen("READY", None, is_live_channel=False, person=None, pg_code=None)
        case _:
            raise IdentityUnclear
    async with run.db.transaction() as tx:
        current = await store.lock(tx, found.id)
        if current.status in FINAL:
            return current
        needs_live = run.settings.mode == "live"
        decision = decide(current.status, seen, channel_key=current.channel_key, needs_live=needs_live)
        await store.record(tx, current.id, decision, now=run.clock.now(), vault=run.settings.vault)
        if decision.status != current.status:
            await _tell(tx, current, decision, actor=actor, run=run)
        failpoint("identity.confirm.before_commit")
        return await store.lock(tx, found.id)


async def _tell(tx: Tx, current: Verification, decision: Decision, *, actor: Actor, run: Runtime) -> None:
    """Audit and event: how it stands, never who it is."""
    if decision.status is Status.STARTED:
        return
    await _note(tx, decision.status.value, current, actor=actor, run=run, reason=decision.reason)
    data: dict[str, object] = {"id": str(current.id), "identityVerificationId": current.verification_id}
    if decision.person is not None:
        ci, vault = decision.person.ci, run.settings.vault
        others = [] if ci is None else await store.same_person(
            tx, current.id, ci, store_id="", vault=vault, most=SEEN_BEFORE_MAX
        )  # fmt: skip
        data["seenBefore"] = len(others)
    else:
        data |= {"status": decision.status.value, "reason": decision.reason}
        log.info("an identity was not verified", id=str(current.id), status=decision.status.value)
    kind = VERIFIED if decision.status is Status.VERIFIED else FAILED
    now = run.clock.now()
    await events.announce(tx, events.Event(run.ids.uuid(), kind, current.subject, now, data, store_id=current.store_id))


def _seen(answer: IdentityVerification) -> Seen:
    who, channel = answer.customer, answer.channel
    person = None
    if who is not None:
        person = Person(
            name=who.name,
            birth_date=who.birth_date,
            gender=who.gender,
            phone_number=who.phone_number,
            operator=who.operator,
            is_foreigner=who.is_foreigner,
            ci=who.ci,
            di=who.di,
        )
    return Seen(
        status=answer.status,
        channel_key=None if channel is None else channel.key,
        is_live_channel=channel is not None and channel.type == "LIVE",
        person=person,
        pg_code=answer.pg_code,
    )


async def _looked(found: Verification, *, store_id: str | None, run: Runtime) -> Looked:
    vault = run.settings.vault
    async with run.db.transaction() as tx:
        text = (await store.people(tx, [found.id], vault)).get(found.id)
        if text is None:
            return Looked(found, None, [])
        person = person_in(text)
        others: list[UUID] = []
        if person.ci is not None:
            others = await store.same_person(
                tx, found.id, person.ci, store_id=store_id or "", vault=vault, most=SEEN_BEFORE_MAX
            )
    return Looked(found, masked(person), others)


async def _note(tx: Tx, what: str, found: Verification, *, actor: Actor, run: Runtime, **facts: object) -> None:
    await audit.record(tx, at=run.clock.now(), actor=actor, action=f"identity.{what}", subject=found.subject, **facts)
