"""Identifiers and secrets. The only place where randomness enters (tests/test_house.py sees to it).

Ids are UUIDs of version 7 by the injected clock, so they sort by creation and keep indexes tight; with a seed they
repeat, which is what makes a simulated crash replayable.
"""

import hashlib
import random
import secrets
from uuid import UUID

from jangbu.clock import Clock, SystemClock

Chance = random.Random
"""What `Ids.chance` hands out, for the signatures of those who are handed it."""
NAMESPACE = UUID("6a1f0c3e-2a68-5c0f-9d0f-6a616e676275")


class Ids:
    """Makes new ids. Give a `seed` for a repeatable sequence; without one the operating system's randomness is used."""

    def __init__(self, clock: Clock | None = None, seed: int | None = None) -> None:
        self._clock = clock or SystemClock()
        # S311: the seeded generator is for simulations only; without a seed this is SystemRandom.
        self._random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311
        self._millisecond = -1
        self._count = 0

    def uuid(self) -> UUID:
        """A new UUIDv7 (RFC 9562 §5.7), after every other that this object made.

        Within a millisecond the twelve bits behind the time count up (§6.2, method 1): what one transaction writes in
        order is read in order.
        """
        millisecond = int(self._clock.now().timestamp() * 1000) & (2**48 - 1)
        if millisecond == self._millisecond and self._count < 0xFFF:
            self._count += 1
        else:
            self._millisecond, self._count = millisecond, self._random.getrandbits(10)
        value = millisecond << 80 | 0x7 << 76 | self._count << 64
        return UUID(int=value | 0b10 << 62 | self._random.getrandbits(62))

    def token(self, characters: int = 32) -> str:
        """A random string of letters and digits, 5.95 bits each."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return "".join(self._random.choice(alphabet) for _ in range(characters))

    def chance(self) -> Chance:
        """The generator itself, for jitter and simulations."""
        return self._random


def secret_token(bytes_: int = 32) -> str:
    """A secret for keeps, always from the operating system, whatever the seed."""
    return secrets.token_urlsafe(bytes_)


def secret_bytes(count: int) -> bytes:
    """Random bytes for salts and keys, always from the operating system."""
    return secrets.token_bytes(count)


def from_facts(*facts: str) -> str:
    """32 hex digits fixed by `facts`: the same facts give the same id, for ever.

    Hex without hyphens fits every PG's paymentId rule (portone-facts §10.2: letters and digits, 6-40).
    """
    joined = b"".join(len(fact.encode()).to_bytes(4, "big") + fact.encode() for fact in facts)
    return hashlib.sha256(NAMESPACE.bytes + joined).hexdigest()[:32]
