"""Tokens that a shop makes for its payers: what is taken of them, and above all what is not (reliability, JWT)."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from jangbu.access.payer_tokens import AUDIENCE, LIFE_MAX_S, Unfit, customer_of, looks_like_one, read

NOW = datetime(2026, 8, 1, 3, 0, tzinfo=UTC)
SECRET = "s" * 43
KID = "jbp_Ab3dEf9h"
T = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {"sub": "member-77", "aud": AUDIENCE, "iat": T, "exp": T + 600}


def token(secret: str = SECRET, *, kid: Any = KID, **claims: Any) -> str:
    """As PyJWT makes it, which knows nothing of us. A claim of None is left out."""
    payload = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(payload, secret, algorithm="HS256", headers={} if kid is None else {"kid": kid})


def by_hand(header: Any, payload: Any, secret: str = SECRET) -> str:
    """Correctly signed, whatever it says."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, payload)]
    signed = ".".join(text(part) for part in parts)
    return f"{signed}.{text(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def taken(made: str, at: datetime = NOW) -> str:
    return customer_of(read(made), SECRET, at)


def test_a_token_of_another_library_names_its_payer() -> None:
    assert read(token()).kid == KID
    assert taken(token()) == "member-77"
    assert taken(token(sub="회원 77", name="김", jti="1")) == "회원 77"
    assert looks_like_one(token())


def test_it_is_good_from_its_making_to_its_end() -> None:
    whole = token(exp=T + LIFE_MAX_S)
    assert taken(whole, NOW - timedelta(seconds=60)) == "member-77", "clocks differ a little"
    assert taken(whole, NOW + timedelta(seconds=LIFE_MAX_S, microseconds=-1)) == "member-77"
    for at, why in ((NOW - timedelta(seconds=61), "too early"), (NOW + timedelta(seconds=LIFE_MAX_S), "expired")):
        with pytest.raises(Unfit, match=why):
            taken(whole, at)


GOOD_HEADER = {"alg": "HS256", "typ": "JWT", "kid": KID}
_signed, _, _signature = token().rpartition(".")
_other = text(hmac.digest(SECRET.encode(), _signed.encode(), hashlib.sha512))
_payload = text(json.dumps(CLAIMS).encode())
WRONG: dict[str, tuple[str, str]] = {
    # Somebody else's, or altered
    "another secret": (token("t" * 43), "signature"),
    "no signature": (f"{_signed}.", "form"),
    "a letter of the signature": (f"{_signed}.{'A' if _signature[0] != 'A' else 'B'}{_signature[1:]}", "signature"),
    "half a signature": (f"{_signed}.{_signature[:20]}", "signature"),
    "another payer under the same signature": (
        f"{_signed.partition('.')[0]}.{text(json.dumps(CLAIMS | {'sub': 'member-1'}).encode())}.{_signature}",
        "signature",
    ),
    # The algorithm is not the token's to choose
    "none": (f"{text(json.dumps({'alg': 'none', 'kid': KID}).encode())}.{_payload}.AA", "header"),
    "None, signed": (by_hand(GOOD_HEADER | {"alg": "None"}, CLAIMS), "header"),
    "an empty alg": (by_hand(GOOD_HEADER | {"alg": ""}, CLAIMS), "header"),
    "no alg": (by_hand({"kid": KID}, CLAIMS), "header"),
    "RS256 over our secret": (by_hand(GOOD_HEADER | {"alg": "RS256"}, CLAIMS), "header"),
    "HS512": (jwt.encode(CLAIMS, SECRET * 2, algorithm="HS512", headers={"kid": KID}), "header"),
    "HS512's digest under HS256": (f"{_signed}.{_other}", "signature"),
    "a list of algs": (by_hand(GOOD_HEADER | {"alg": ["HS256"]}, CLAIMS), "header"),
    "a key of its own": (by_hand(GOOD_HEADER | {"jwk": {"kty": "oct", "k": "AAAA"}}, CLAIMS), "header"),
    "a key's address": (by_hand(GOOD_HEADER | {"jku": "https://evil.example"}, CLAIMS), "header"),
    "critical": (by_hand(GOOD_HEADER | {"crit": ["x"], "x": 1}, CLAIMS), "header"),
    "another typ": (by_hand(GOOD_HEADER | {"typ": "at+jwt"}, CLAIMS), "header"),
    # Which secret
    "no kid": (token(kid=None), "kid"),
    "a kid that is a path": (token(kid="../../etc/passwd"), "kid"),
    "a kid that is SQL": (token(kid="jbp_' OR 1=1 --"), "kid"),
    "a kid that is a number": (by_hand(GOOD_HEADER | {"kid": 1}, CLAIMS), "kid"),
    # For whom, and when
    "no audience": (token(aud=None), "aud"),
    "another audience": (token(aud="https://shop.example"), "aud"),
    "several audiences": (token(aud=[AUDIENCE, "other"]), "aud"),
    "no end": (token(exp=None), "exp"),
    "no beginning": (token(iat=None), "iat"),
    "too long a life": (token(exp=T + LIFE_MAX_S + 1), "life"),
    "made long ago to live long": (token(iat=T - 10**7, exp=T + 60), "life"),
    "ends before it begins": (token(iat=T, exp=T - 1), "life"),
    "over": (token(iat=T - 700, exp=T), "expired"),
    "from the future": (token(iat=T + 61, exp=T + 600), "too early"),
    "not yet": (token(nbf=T + 61), "too early"),
    "a time with a point": (token(exp=T + 600.5), "exp"),
    "a time in words": (by_hand(GOOD_HEADER, CLAIMS | {"exp": str(T + 600)}), "exp"),
    "true is no time": (by_hand(GOOD_HEADER, CLAIMS | {"iat": True}), "iat"),
    "endless": (by_hand(GOOD_HEADER, json.dumps(CLAIMS).replace(str(T + 600), "Infinity").encode()), "json"),
    # Who
    "nobody": (token(sub=None), "sub"),
    "an empty name": (token(sub=""), "sub"),
    "a name that is a number": (by_hand(GOOD_HEADER, CLAIMS | {"sub": 77}), "sub"),
    "a name with a line break": (token(sub="member\n77"), "sub"),
    "a name with a zero byte": (token(sub="member\x0077"), "sub"),
    "a name without end": (token(sub="m" * 101), "sub"),
    "two names": (
        by_hand(GOOD_HEADER, json.dumps(CLAIMS).replace('"sub"', '"sub": "member-1", "sub"', 1).encode()),
        "name twice",
    ),
    # No token at all
    "claims that are a list": (by_hand(GOOD_HEADER, [1]), "json"),
    "claims that are no JSON": (by_hand(GOOD_HEADER, b"{"), "json"),
    "claims that are no text": (by_hand(GOOD_HEADER, b"\xff\xfe{"), "json"),
    "padding": (f"{_signed}.{_signature}=", "form"),
    "other letters": (f"{_signed}.{_signature[:-1]}!", "form"),
    "four parts": (token() + ".x", "form"),
    "encrypted": ("a.b.c.d.e", "form"),
    "nothing": ("..", "form"),
    "very long": (token(name="x" * 3000), "form"),
    "deep": (by_hand(GOOD_HEADER, b"[" * 700), "json"),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_token_is_not_taken(why: str) -> None:
    made, said = WRONG[why]
    with pytest.raises(Unfit) as unfit:
        taken(made)
    assert said in str(unfit.value)
    assert "member" not in str(unfit.value)


def test_a_presented_token_tells_nothing_of_itself() -> None:
    assert "member-77" not in repr(read(token())) and SECRET not in repr(read(token()))
