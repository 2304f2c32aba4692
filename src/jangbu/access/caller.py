"""Whoever is behind a request, once we know."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jangbu.access.rules import Role
from jangbu.audit import Actor


@dataclass(frozen=True, slots=True)
class Caller:
    """An API key, a person, a payer whom a shop's token names, or nobody in particular on an open route.

    `scopes` are a key's own, or those of a person's role. `store_id` limits the caller to one store; None means all.
    `customer_id` is a payer's, in their store's own words. `name` is for people to read. `signed_in_at`: when a person
    gave their password for this session.
    """

    actor: Actor
    key_id: UUID | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None
    scopes: frozenset[str] = frozenset()
    role: Role | None = None
    store_id: str | None = None
    customer_id: str | None = None
    name: str = ""
    signed_in_at: datetime | None = None


def nobody(request_id: str) -> Caller:
    """The caller of a route that is open to everybody."""
    return Caller(Actor("anonymous", request_id))
