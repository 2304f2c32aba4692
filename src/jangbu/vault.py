"""Secrets and personal data at rest: AES-256-GCM under keys that the database never sees.

A stored value is a token `v1.<key id>.<base64url>` that opens at the one table, column and row it was made for. Who has
the database, or a backup of it, without the keys has nothing; who can write to it cannot move one person's value to
another's row. Equal values are found by a fingerprint, an HMAC under a key of its own.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jangbu.ids import secret_bytes

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = "v1"
_KEY_ID = re.compile(r"[a-z0-9-]{1,32}")


class VaultProblem(Exception):  # noqa: N818 (what cannot be opened is a problem of the set-up or of the database)
    """A token that does not open. The message names the place and the key's id, never a value."""


class KeysMalformed(ValueError):  # noqa: N818 (likewise)
    """The keys are not written as they must be. The message quotes none of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies: its token opens nowhere else. `row` is the row's key, as text."""

    table: str
    column: str
    row: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row}"


class Vault:
    """Keys by their ids; the first encrypts, all of them decrypt.

    Random nonces of 96 bits are safe for 2^32 values under one key (NIST SP 800-38D): far more than secrets and
    verified people that any merchant has, and `jangbu secrets rotate` begins a new count.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        self.first = next(iter(keys))
        self._ciphers = {key_id: AESGCM(_derived(key, "encrypt")) for key_id, key in keys.items()}
        self._indexes = {key_id: _derived(key, "fingerprint") for key_id, key in keys.items()}

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._ciphers)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The keys there are, the first one first."""
        return tuple(self._ciphers)

    def encrypt(self, text: str, place: Place) -> str:
        """`text` as a token for `place`; every call makes another."""
        nonce = secret_bytes(NONCE_BYTES)
        box = self._ciphers[self.first].encrypt(nonce, text.encode(), _bound(self.first, place))
        return f"{VERSION}.{self.first}.{base64.urlsafe_b64encode(nonce + box).decode().rstrip('=')}"

    def decrypt(self, token: str, place: Place) -> str:
        """What was encrypted. Raises VaultProblem: an unknown key, another place, or a token that was tampered with."""
        version, _, rest = token.partition(".")
        key_id, _, encoded = rest.partition(".")
        if version != VERSION or not _KEY_ID.fullmatch(key_id):
            raise VaultProblem(f"{place} holds something that is no token of the vault")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise VaultProblem(f"{place} is encrypted with the key {key_id!r}, which JANGBU_SECRETS_KEYS does not have")
        try:
            box = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
            return cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _bound(key_id, place)).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise VaultProblem(
                f"{place} does not open with the key {key_id!r}: it was made for another place or with another key of "
                "that name, or it was altered"
            ) from None

    def fingerprint(self, text: str, purpose: str) -> str:
        """What equal texts have in common, for a column to look them up by; without the key it tells nothing.

        `purpose` keeps equal values of two columns from being recognised as such.
        """
        return self._fingerprint(self.first, text, purpose)

    def fingerprints(self, text: str, purpose: str) -> list[str]:
        """The same under every key: what to look for while some rows wait for their rotation."""
        return [self._fingerprint(key_id, text, purpose) for key_id in self._indexes]

    def _fingerprint(self, key_id: str, text: str, purpose: str) -> str:
        digest = hmac.digest(self._indexes[key_id], _prefixed(purpose, text), hashlib.sha256)
        return f"{VERSION}.{key_id}.{digest.hex()}"


def key_of(token: str) -> str:
    """The id of the key a token or fingerprint was made with."""
    return token.split(".", 2)[1]


@lru_cache(maxsize=16)
def vault_of(text: str) -> Vault:
    """The vault of `id:base64` keys, separated by commas. Raises KeysMalformed."""
    keys: dict[str, bytes] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key_id, colon, encoded = part.partition(":")
        if not colon or not _KEY_ID.fullmatch(key_id):
            raise KeysMalformed(
                "each key is written id:base64, the id in small letters, digits and hyphens; "
                "`jangbu secrets new-key` makes one"
            )
        if key_id in keys:
            raise KeysMalformed(f"there are two keys with the id {key_id}")
        try:
            keys[key_id] = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise KeysMalformed(f"the key {key_id} is not base64") from None
        if len(keys[key_id]) != KEY_BYTES:
            raise KeysMalformed(f"the key {key_id} has {len(keys[key_id])} bytes and must have {KEY_BYTES}")
    if not keys:
        raise KeysMalformed("there is no key in it")
    return Vault(keys)


def new_key(key_id: str) -> str:
    """A new key as the setting wants it. Raises KeysMalformed for an id that cannot be one."""
    made = f"{key_id}:{base64.b64encode(secret_bytes(KEY_BYTES)).decode()}"
    vault_of(made)
    return made


def _derived(key: bytes, use: str) -> bytes:
    # One key in the settings, two uses: neither may say anything about the other (as HKDF-Expand, RFC 5869 §2.3).
    return hmac.digest(key, b"jangbu vault %b\x01" % use.encode(), hashlib.sha256)


def _bound(key_id: str, place: Place) -> bytes:
    return _prefixed(VERSION, key_id, place.table, place.column, place.row)


def _prefixed(*parts: str) -> bytes:
    # Lengths in front, because ("ab", "c") and ("a", "bc") joined plainly are the same bytes.
    return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
