"""All SQL of identity verifications."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.db import Query, Tx
from jangbu.identity.rules import Decision, Verification, ci_in, written
from jangbu.keeping import Kept
from jangbu.vault import Vault

ENCRYPTED = Kept("identity_verifications", "person_encrypted", fingerprint="ci_fingerprint", of=ci_in)

_COLUMNS = """
    id, store_id, verification_id, channel_key, reference, status, reason, asked_at, verified_at, forgotten_at,
    created_at
"""
INSERT = Query(
    type(None),
    """
    INSERT INTO identity_verifications
        (id, store_id, verification_id, channel_key, reference, token_sha256, status, created_at)
    VALUES (:id, :store_id, :verification_id, :channel_key, :reference, :token_sha256, 'started', :created_at)
    """,
)
FIND = Query(
    Verification,
    f"SELECT {_COLUMNS} FROM identity_verifications WHERE verification_id = :reference OR id::text = :reference",
)
BY_TOKEN = Query(Verification, f"SELECT {_COLUMNS} FROM identity_verifications WHERE token_sha256 = :digest")
LOCK = Query(Verification, f"SELECT {_COLUMNS} FROM identity_verifications WHERE id = :id FOR UPDATE")
PAGE = Query(
    Verification,
    f"""
    SELECT {_COLUMNS} FROM identity_verifications
     WHERE (created_at, id) < (:before_at, :before_id) ORDER BY created_at DESC, id DESC LIMIT :most
    """,
)
FIRST_PAGE = Query(
    Verification, f"SELECT {_COLUMNS} FROM identity_verifications ORDER BY created_at DESC, id DESC LIMIT :most"
)
RECORD = Query(
    type(None),
    """
    UPDATE identity_verifications
       SET status = :status, reason = :reason, asked_at = :now, person_encrypted = :person, ci_fingerprint = :ci,
           verified_at = CASE WHEN :status = 'verified' THEN :now::timestamptz END
     WHERE id = :id
    """,
)


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """The token of whoever was verified."""

    id: UUID
    token: str


PEOPLE = Query(
    StoredPerson,
    """
    SELECT id, person_encrypted AS token FROM identity_verifications
     WHERE id = ANY(:ids::uuid[]) AND person_encrypted IS NOT NULL
    """,
)
SAME_PERSON = Query(
    UUID,
    """
    SELECT id FROM identity_verifications
     WHERE ci_fingerprint = ANY(:fingerprints::text[]) AND id <> :id AND (:store_id = '' OR store_id = :store_id)
     ORDER BY created_at, id LIMIT :most
    """,
)
FORGET = Query(
    UUID,
    """
    UPDATE identity_verifications
       SET person_encrypted = NULL, ci_fingerprint = NULL, reference = '', forgotten_at = :now
     WHERE id IN (SELECT id FROM identity_verifications
                   WHERE person_encrypted IS NOT NULL AND verified_at < :before
                   ORDER BY verified_at LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """,
)


async def insert(tx: Tx, made: Verification, token_sha256: bytes) -> None:
    """A verification that begins."""
    await tx.run(
        INSERT,
        id=made.id,
        store_id=made.store_id,
        verification_id=made.verification_id,
        channel_key=made.channel_key,
        reference=made.reference,
        token_sha256=token_sha256,
        created_at=made.created_at,
    )


async def find(tx: Tx, reference: str) -> Verification | None:
    """One, by our id or the one PortOne knows."""
    return await tx.maybe(FIND, reference=reference)


async def by_token(tx: Tx, digest: bytes) -> Verification | None:
    """One, by the token of the person's own browser."""
    return await tx.maybe(BY_TOKEN, digest=digest)


async def lock(tx: Tx, verification_id: UUID) -> Verification:
    """One there is, held until the transaction ends."""
    return await tx.one(LOCK, id=verification_id)


async def page(tx: Tx, *, before: tuple[datetime, UUID] | None, most: int) -> list[Verification]:
    """The latest first, below a place in the list."""
    if before is None:
        return await tx.all(FIRST_PAGE, most=most)
    return await tx.all(PAGE, before_at=before[0], before_id=before[1], most=most)


async def record(tx: Tx, verification_id: UUID, decision: Decision, *, now: datetime, vault: Vault) -> None:
    """What became of it; the person goes into the vault."""
    text = None if decision.person is None else written(decision.person)
    await tx.run(
        RECORD,
        id=verification_id,
        status=decision.status,
        reason=decision.reason,
        now=now,
        person=None if text is None else ENCRYPTED.encrypt(vault, text, verification_id),
        ci=None if text is None else ENCRYPTED.fingerprint(vault, text),
    )


async def people(tx: Tx, ids: list[UUID], vault: Vault) -> dict[UUID, str]:
    """The persons that are still known, as the vault keeps them. Raises VaultProblem."""
    return {row.id: ENCRYPTED.decrypt(vault, row.token, row.id) for row in await tx.all(PEOPLE, ids=ids)}


async def same_person(tx: Tx, verification_id: UUID, ci: str, *, store_id: str, vault: Vault, most: int) -> list[UUID]:
    """Other verifications of whoever has this CI, oldest first; of one store, or of all."""
    wanted = ENCRYPTED.fingerprints(vault, ci)
    return await tx.all(SAME_PERSON, fingerprints=wanted, id=verification_id, store_id=store_id, most=most)


async def forget(tx: Tx, *, before: datetime, now: datetime, most: int) -> list[UUID]:
    """Delete who was verified before that time, some at once; which."""
    return await tx.all(FORGET, before=before, now=now, most=most)
