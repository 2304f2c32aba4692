"""Passwords in Better Auth's format (tech §8): `hex(salt):hex(scrypt)`, the salt being the hex text's own bytes.

Checking takes about a tenth of a second and 32 MB, on purpose. So it happens in two threads, for a bounded number of
people at once: a flood of sign-ins must cost neither our memory nor the event loop.
"""

import asyncio
import hashlib
import hmac
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from jangbu.access.refusals import SignInBusy
from jangbu.ids import secret_bytes

N, R, P, KEY_BYTES = 16384, 16, 1, 64
SALT_BYTES = 16
THREADS = 2
WAITING_MAX = 32
DECOY = f"{'0' * 2 * SALT_BYTES}:{'0' * 2 * KEY_BYTES}"
"""Checked where there is no such person, so that they take as long as a wrong password; no password fits it."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="scrypt")
_waiting = 0


async def hashed(password: str) -> str:
    """What to keep of a new password."""
    salt = secret_bytes(SALT_BYTES).hex()
    return f"{salt}:{await _derived(password, salt)}"


async def matches(password: str, kept: str | None) -> bool:
    """Whether `password` is the one `kept` was made of. Takes as long when nothing was kept. Raises SignInBusy."""
    salt, colon, key = (kept or DECOY).partition(":")
    derived = await _derived(password, salt)
    return kept is not None and bool(colon) and hmac.compare_digest(derived.encode(), key.encode())


async def _derived(password: str, salt: str) -> str:
    global _waiting
    if _waiting >= WAITING_MAX:
        raise SignInBusy
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, _scrypt, password, salt)
    finally:
        _waiting -= 1


def _scrypt(password: str, salt: str) -> str:
    # Better Auth normalizes too: Hangul typed on a Mac arrives decomposed and is the same password.
    normalized = unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
    key = hashlib.scrypt(normalized, salt=salt.encode(), n=N, r=R, p=P, dklen=KEY_BYTES, maxmem=128 * N * R * 2)
    return key.hex()
