"""The cookie's format, held against values made with other tools than ours."""

import base64
import hashlib
import hmac
import subprocess
from urllib.parse import quote

import pytest

from jangbu.access.cookies import NAMES, PLAIN_NAME, SECURE_NAME, name_for, signed, token_of, values_in

SECRET = "better-auth-secret-of-these-tests-0123456789"
TOKEN = "kXq3P9sYb0LrT7uVwZ2aC4eG6iK8mN1o"
# printf %s "$TOKEN" | openssl dgst -sha256 -hmac "$SECRET" -binary | base64, then encodeURIComponent by hand.
VALUE = "kXq3P9sYb0LrT7uVwZ2aC4eG6iK8mN1o.4h%2F4mJ5V6uMoVQyVu0bU%2F6M6TLOwlK5DjMpYC%2BGydh0%3D"


def test_the_value_is_the_one_openssl_gives() -> None:
    assert signed(TOKEN, SECRET) == VALUE
    assert token_of(VALUE, SECRET) == TOKEN


def test_openssl_agrees_today_too() -> None:
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", SECRET, "-binary"],
        input=TOKEN.encode(),
        capture_output=True,
        check=True,
    )
    assert quote(f"{TOKEN}.{base64.b64encode(made.stdout).decode()}", safe="!~*'()") == VALUE


def test_a_bearer_may_send_the_value_unencoded() -> None:
    assert token_of(VALUE.replace("%3D", "=").replace("%2F", "/").replace("%2B", "+"), SECRET) == TOKEN


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        TOKEN,
        f"{TOKEN}.",
        "." + VALUE.rpartition(".")[2],
        VALUE.replace(TOKEN, TOKEN[:-1] + "p"),
        VALUE[:-4],
        VALUE + "%3D",
        f"{TOKEN}.{'A' * 43}=",
        f"{TOKEN}.{'A' * 44}",
        f"{TOKEN}.{'가' * 43}=",
        "\x00\xff%FF%00.%",
    ],
)
def test_anything_but_the_signed_value_is_refused(value: str) -> None:
    assert token_of(value, SECRET) is None


def test_an_empty_token_is_refused_however_well_signed() -> None:
    assert token_of(signed("", SECRET), SECRET) is None


def test_another_secret_is_refused() -> None:
    assert token_of(VALUE, SECRET + "!") is None


def test_another_spelling_of_the_same_signature_is_refused() -> None:
    digest = hmac.digest(SECRET.encode(), TOKEN.encode(), hashlib.sha256)
    right = base64.b64encode(digest).decode()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = right[:-2] + alphabet[alphabet.index(right[-2]) ^ 1] + "="
    assert base64.b64decode(other) == digest, "the same bytes"
    assert token_of(f"{TOKEN}.{right}", SECRET) == TOKEN
    assert token_of(f"{TOKEN}.{other}", SECRET) is None


def test_every_cookie_of_either_name_is_seen() -> None:
    assert values_in([]) == []
    assert values_in(["theme=dark; x", f"{PLAIN_NAME}=a;{SECURE_NAME}=b", f" {PLAIN_NAME} = c "]) == ["a", "b", "c"]
    assert values_in([f"x{PLAIN_NAME}=a; {PLAIN_NAME.upper()}=b; {PLAIN_NAME}"]) == []


def test_the_name_follows_the_address() -> None:
    assert name_for("https://pay.example.com") == SECURE_NAME == "__Secure-better-auth.session_token"
    assert name_for("http://127.0.0.1:8080") == PLAIN_NAME
    assert NAMES == (PLAIN_NAME, SECURE_NAME)
