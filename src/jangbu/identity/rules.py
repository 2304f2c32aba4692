"""States of a verification, what PortOne's answer makes of it, and how a person is shown without being shown."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

REASON_LONGEST = 200
WORD_LONGEST = 100
ASKED_LATELY = timedelta(seconds=2)
"""A browser's own question is answered from here when PortOne was asked just before."""
NOT_OPENED = "IDENTITY_VERIFICATION_NOT_FOUND"
"""PortOne's word for a verification whose window nobody has opened."""


class Status(StrEnum):
    """FAILED is not final: the person may try again under the same id. VERIFIED and MISMATCH are."""

    STARTED = "started"
    VERIFIED = "verified"
    FAILED = "failed"
    MISMATCH = "mismatch"


FINAL = frozenset({Status.VERIFIED, Status.MISMATCH})


class Person(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who was verified; what the PG does not tell is None. Lies in the vault as JSON, nowhere else."""

    name: str
    birth_date: str | None = None
    gender: str | None = None
    phone_number: str | None = None
    operator: str | None = None
    is_foreigner: bool | None = None
    ci: str | None = None
    di: str | None = None

    def __repr__(self) -> str:
        return "Person(…)"


@dataclass(frozen=True, slots=True)
class Verification:
    """One verification, without the person."""

    id: UUID
    store_id: str
    verification_id: str
    channel_key: str
    reference: str
    status: Status
    reason: str
    asked_at: datetime | None
    verified_at: datetime | None
    forgotten_at: datetime | None
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))

    @property
    def subject(self) -> str:
        """Its name in audit log and events."""
        return f"identity:{self.id}"


@dataclass(frozen=True, slots=True)
class Seen:
    """What PortOne said, as far as it decides anything."""

    status: str
    channel_key: str | None
    is_live_channel: bool
    person: Person | None
    pg_code: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows. `person` is there when the status is VERIFIED."""

    status: Status
    reason: str = ""
    person: Person | None = None


def decide(now: Status, seen: Seen, *, channel_key: str, needs_live: bool) -> Decision:
    """What a verification in state `now`, which is not final, becomes by PortOne's word.

    The browser names the channel when it opens the window, so the answer must be by the channel that we named: a test
    channel verifies whoever one types in.
    """
    assert now not in FINAL, "what is final is not asked about again"
    match seen.status:
        case "VERIFIED":
            assert seen.person is not None, "a verified answer has a person in it"
            if seen.channel_key != channel_key:
                return Decision(Status.MISMATCH, "other_channel")
            if needs_live and not seen.is_live_channel:
                return Decision(Status.MISMATCH, "test_channel")
            return Decision(Status.VERIFIED, person=seen.person)
        case "FAILED":
            return Decision(Status.FAILED, word(seen.pg_code) or "failed")
        case "READY":
            return Decision(Status.STARTED)
        case _:
            # A status new to us is not taken for a yes or a no.
            return Decision(now)


def word(text: str | None) -> str:
    """A PG's code as it may be kept: short, and of characters that no name of a person is written with."""
    kept = "".join(c for c in text or "" if c.isascii() and (c.isalnum() or c in "_-."))
    return kept[:WORD_LONGEST]


def token_digest(token: str) -> bytes:
    """What is kept of the token that is handed to a browser: it has 256 random bits, so a slow hash guards nothing."""
    return hashlib.sha256(token.encode()).digest()


def written(person: Person) -> str:
    """The person as the vault keeps it."""
    return msgspec.json.encode(person).decode()


def person_in(text: str) -> Person:
    """The same, back."""
    return msgspec.json.decode(text, type=Person)


def ci_in(text: str) -> str | None:
    """The CI, which is the same for one person everywhere, of a person as the vault keeps it."""
    return person_in(text).ci


def masked(person: Person) -> Person:
    """As much as a colleague needs to recognise somebody they are on the telephone with. No CI, no DI."""
    return Person(
        name=_masked_name(person.name),
        birth_date=None if person.birth_date is None else f"{person.birth_date[:4]}-**-**",
        phone_number=None if person.phone_number is None else _masked_phone(person.phone_number),
        operator=person.operator,
    )


def _masked_name(name: str) -> str:
    if len(name) <= 2:
        return name[:1] + "*" * max(len(name) - 1, 0)
    return name[0] + "*" * (len(name) - 2) + name[-1]


def _masked_phone(number: str) -> str:
    digits = "".join(c for c in number if c.isdecimal())
    return f"{digits[:3]}-****-{digits[-4:]}" if len(digits) >= 10 else "****"
