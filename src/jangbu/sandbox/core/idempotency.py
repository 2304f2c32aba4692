"""`Idempotency-Key` for every call that writes (portone-facts §1.4)."""

import hashlib
import re
from datetime import datetime, timedelta

from jangbu.sandbox.core.access import Caller
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import IdempotencyRecord
from jangbu.sandbox.core.world import World

LIFE = timedelta(hours=3)
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# RFC 8941 §3.3.3: printable ASCII in double quotes, where a quote or backslash is escaped with a backslash.
QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')


class Key:
    """One use of a key: knows its record and how to finish it."""

    def __init__(self, world: World, name: str, fingerprint: str, now: datetime) -> None:
        self._world = world
        self._name = name
        self._fingerprint = fingerprint
        self._now = now

    def replay(self) -> tuple[int, bytes] | None:
        """The answer of the finished request with this key, or None when there is none and this one may act.

        Refuses IDEMPOTENCY_OUTSTANDING_REQUEST while the first is in progress, and a key reused for something
        else.
        """
        records = self._world.state.idempotency
        record = records.get(self._name)
        if record is None or self._now - record.started_at >= LIFE:
            records[self._name] = IdempotencyRecord(self._fingerprint, self._now)
            return None
        if record.fingerprint != self._fingerprint and self._world.inferred.idempotency_reuse_is_refused:
            raise ApiError("INVALID_REQUEST", "The Idempotency-Key was used for a different request.")
        if record.status is None:
            raise ApiError("IDEMPOTENCY_OUTSTANDING_REQUEST", "A request with this key is still in progress.")
        return record.status, record.body

    def abandon(self) -> None:
        """The work broke off without an answer: the same request may try again."""
        self._world.state.idempotency.pop(self._name, None)

    def finish(self, status: int, body: bytes) -> None:
        """Remember the answer, unless it is one that may be tried again."""
        records = self._world.state.idempotency
        if status != 200 and not self._world.inferred.idempotency_replays_errors:
            records.pop(self._name, None)
            return
        records[self._name] = IdempotencyRecord(self._fingerprint, self._now, status, body)


def key_of(
    world: World, caller: Caller, method: str, target: str, header: str | None, body: bytes, now: datetime
) -> Key | None:
    """The key of this request, or None when it has none. It is ignored on GET. Refuses a malformed one."""
    if header is None or method not in METHODS:
        return None
    quoted = QUOTED.fullmatch(header.strip())
    value = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not 16 <= len(value) <= 256:
        if not world.inferred.idempotency_malformed_is_refused:
            return None
        raise ApiError("INVALID_REQUEST", "Idempotency-Key must be 16 to 256 ASCII characters in double quotes.")
    scope = caller.secret if world.inferred.idempotency_scope == "secret" else caller.store.id
    asked = b"%d:%s%s" % (len(target), target.encode(), body)
    fingerprint = hashlib.sha256(method.encode() + b" " + asked).hexdigest()
    return Key(world, f"{scope} {value}", fingerprint, now)


def forget_old(world: World, now: datetime) -> None:
    """Drop what has outlived its three hours. What still runs stays: its key is in use."""
    records = world.state.idempotency
    world.state.idempotency = {name: record for name, record in records.items() if now - record.started_at < LIFE}
