"""The vault: what it keeps opens at its place with its key, and nowhere else (reliability F116-F118)."""

import base64
import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu.vault import KeysMalformed, Place, VaultProblem, key_of, new_key, vault_of

HERE = Place("people", "name", "7")
OLD, NEW = "old:" + base64.b64encode(bytes(32)).decode(), "new:" + base64.b64encode(b"\xff" * 32).decode()
VAULT = vault_of(OLD)


@given(st.text())
def test_what_goes_in_comes_out(text: str) -> None:
    assert VAULT.decrypt(VAULT.encrypt(text, HERE), HERE) == text


def test_a_token_shows_nothing_and_never_repeats() -> None:
    tokens = {VAULT.encrypt("김하늘 900101", HERE) for _ in range(50)}
    assert len(tokens) == 50
    assert len({token.rpartition(".")[2][:16] for token in tokens}) == 50, "a nonce came twice"
    for token in tokens:
        assert token.startswith("v1.old.")
        raw = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
        assert "김하늘".encode() not in raw
        assert b"900101" not in raw


@pytest.mark.parametrize("elsewhere", [{"table": "animals"}, {"column": "email"}, {"row": "8"}])
def test_a_token_carried_to_another_place_does_not_open(elsewhere: dict[str, str]) -> None:
    token = VAULT.encrypt("hers", HERE)
    with pytest.raises(VaultProblem, match="made for another place"):
        VAULT.decrypt(token, replace(HERE, **elsewhere))


def test_places_that_read_the_same_when_joined_are_two() -> None:
    token = VAULT.encrypt("x", Place("ab", "c", "1"))
    with pytest.raises(VaultProblem):
        VAULT.decrypt(token, Place("a", "bc", "1"))


def test_every_single_changed_character_is_noticed() -> None:
    token = VAULT.encrypt("10,000 won", HERE)
    start = token.rindex(".") + 1
    # The last character may carry bits that belong to no byte.
    for at in range(start, len(token) - 1):
        other = "A" if token[at] != "A" else "B"
        with pytest.raises(VaultProblem):
            VAULT.decrypt(token[:at] + other + token[at + 1 :], HERE)


def test_a_token_under_another_keys_name_does_not_open() -> None:
    both = vault_of(f"{OLD},{NEW}")
    token = both.encrypt("x", HERE)
    with pytest.raises(VaultProblem, match="'new'"):
        both.decrypt(token.replace("v1.old.", "v1.new."), HERE)


@pytest.mark.parametrize("broken", ["", "plain text", "v1.old", "v1.old.", "v1.old.@@@", "v2.old.AAAA", "v1.OLD.AAAA"])
def test_what_is_no_token_is_said_to_be_none(broken: str) -> None:
    with pytest.raises(VaultProblem) as caught:
        VAULT.decrypt(broken, HERE)
    assert "people.name of 7" in str(caught.value)


def test_the_first_key_encrypts_and_the_others_still_open() -> None:
    token = VAULT.encrypt("x", HERE)
    rotating = vault_of(f"{NEW},{OLD}")
    assert rotating.decrypt(token, HERE) == "x"
    assert key_of(rotating.encrypt("x", HERE)) == "new"
    with pytest.raises(VaultProblem, match="'old', which JANGBU_SECRETS_KEYS does not have"):
        vault_of(NEW).decrypt(token, HERE)


def test_equal_values_are_found_by_their_fingerprint_whatever_key_it_was_made_with() -> None:
    rotating = vault_of(f"{NEW},{OLD}")
    old = VAULT.fingerprint("ci", "people.ci")
    assert VAULT.fingerprint("ci", "people.ci") == old
    assert VAULT.fingerprint("other", "people.ci") != old
    assert VAULT.fingerprint("ci", "people.di") != old
    assert rotating.fingerprint("ci", "people.ci") != old
    assert old in rotating.fingerprints("ci", "people.ci")
    assert key_of(old) == "old"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key"),
        ("abc", "id:base64"),
        ("UPPER:" + OLD.partition(":")[2], "id:base64"),
        (f"{OLD},{OLD}", "two keys with the id old"),
        ("k:AAAA", "3 bytes"),
        ("k:***", "not base64"),
    ],
)
def test_keys_that_are_none_are_refused_without_being_quoted(text: str, said: str) -> None:
    with pytest.raises(KeysMalformed, match=said) as caught:
        vault_of(text)
    assert OLD.partition(":")[2] not in str(caught.value)


def test_a_new_key_is_a_key_and_another_each_time() -> None:
    assert new_key("k1") != new_key("k1")
    assert vault_of(new_key("k1")).first == "k1"
    with pytest.raises(KeysMalformed):
        new_key("not a name")


def test_neither_key_nor_value_shows_in_what_is_printed_of_it(caplog: pytest.LogCaptureFixture) -> None:
    key, value = OLD.partition(":")[2], "-".join(["canary"] * 3)
    with pytest.raises(VaultProblem) as caught:
        VAULT.decrypt(VAULT.encrypt(value, HERE), replace(HERE, row="8"))
    logging.getLogger().warning("%r %r", VAULT, caught.value, exc_info=caught.value)
    assert "people.name of 8" in caplog.text
    assert key not in caplog.text
    assert value not in caplog.text
