"""Better Auth's password format, and that checking cannot be used against us."""

import asyncio
import hashlib
import threading
import unicodedata
from typing import Any

import pytest

from jangbu.access import passwords
from jangbu.access.refusals import SignInBusy

PASSWORD = "보리차 두 병 주세요"
# openssl kdf -keylen 64 -kdfopt pass:"$PASSWORD" -kdfopt salt:00112233445566778899aabbccddeeff -kdfopt n:16384
#   -kdfopt r:16 -kdfopt p:1 -kdfopt maxmem_bytes:67108864 SCRYPT
KEPT = (
    "00112233445566778899aabbccddeeff:"
    "48521950cd0807b135ac799b3566c278736eb54061d10bcb7d18dadc37f64c46"
    "2dfb64dd75c1a07489abd11e05e1f75fe801284fc0ade6d3f41de3da811d9214"
)


async def test_a_hash_made_by_openssl_is_understood() -> None:
    assert await passwords.matches(PASSWORD, KEPT)
    assert not await passwords.matches(PASSWORD + " ", KEPT)


async def test_a_password_typed_decomposed_is_the_same_password() -> None:
    decomposed = unicodedata.normalize("NFD", PASSWORD)
    assert decomposed != PASSWORD
    assert await passwords.matches(decomposed, KEPT)


async def test_two_hashes_of_one_password_differ_and_both_fit() -> None:
    one, other = await passwords.hashed(PASSWORD), await passwords.hashed(PASSWORD)
    assert one != other
    assert len(one) == 32 + 1 + 128
    assert await passwords.matches(PASSWORD, one)
    assert await passwords.matches(PASSWORD, other)


@pytest.mark.parametrize("kept", [None, "", ":", "abc", passwords.DECOY, KEPT[:-1], KEPT.replace(":", ";")])
async def test_nothing_fits_what_is_not_a_hash(kept: str | None) -> None:
    assert not await passwords.matches("", kept)
    assert not await passwords.matches(PASSWORD, kept)


async def test_a_missing_hash_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[dict[str, Any]] = []
    real = hashlib.scrypt

    def counted(password: bytes, **parameters: Any) -> bytes:
        worked.append({**parameters, "salt": len(parameters["salt"])})
        return real(password, **parameters)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    await passwords.matches(PASSWORD, KEPT)
    await passwords.matches(PASSWORD, None)
    assert len(worked) == 2
    assert worked[0] == worked[1]


async def test_a_flood_is_turned_away_at_once_and_the_rest_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()

    def slow(password: bytes, **parameters: Any) -> bytes:
        assert hold.wait(20)
        return bytes(64)

    monkeypatch.setattr(hashlib, "scrypt", slow)
    waiting = [asyncio.create_task(passwords.matches("x", None)) for _ in range(passwords.WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(SignInBusy):
        await passwords.matches("x", None)
    hold.set()
    assert await asyncio.gather(*waiting) == [False] * passwords.WAITING_MAX
    assert not await passwords.matches("x", None), "there is room again"
