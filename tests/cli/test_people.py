"""`jangbu keys` and `jangbu admin`: who may come in."""

import re

import pytest

from cli.tools import Jangbu

pytest.importorskip("jangbu.access.cli", reason="needs access")

SCOPES = ("--scope", "payments:create", "--scope", "payments:read")


async def test_a_key_is_made_listed_and_revoked(jangbu: Jangbu) -> None:
    made = await jangbu("keys", "create", "shop", *SCOPES, "--json")
    assert made.code == 0, made.err
    secret = made.json["secret"]
    assert secret.startswith("jbk_")
    (key,) = (await jangbu("keys", "list", "--json")).json["keys"]
    assert (key["name"], key["revoked_at"]) == ("shop", None)
    assert sorted(key["scopes"]) == ["payments:create", "payments:read"]
    text = await jangbu("keys", "list")
    assert key["prefix"] in text.out
    assert secret not in text.out, "a secret is shown once"
    assert (await jangbu("keys", "revoke", key["prefix"])).code == 0
    (key,) = (await jangbu("keys", "list", "--json")).json["keys"]
    assert key["revoked_at"] is not None


async def test_only_the_secret_is_on_stdout(jangbu: Jangbu) -> None:
    made = await jangbu("keys", "create", "shop", *SCOPES)
    assert re.fullmatch(r"jbk_\S+\n", made.out)


async def test_a_keys_last_day_is_whole(jangbu: Jangbu) -> None:
    assert (await jangbu("keys", "create", "shop", *SCOPES, "--expires", "2099-12-31")).code == 0
    (key,) = (await jangbu("keys", "list", "--json")).json["keys"]
    assert key["expires_at"] == "2099-12-31T15:00:00.000Z"


async def test_what_cannot_be_is_refused_with_its_code(jangbu: Jangbu) -> None:
    for arguments in (
        ["keys", "create", "shop", "--scope", "payments:steal"],
        ["keys", "revoke", "nobody"],
        ["admin", "create", "no-address", "--generate"],
    ):
        ran = await jangbu(*arguments)
        assert ran.code == 1, arguments
        assert re.search(r"\[[A-Z_]+\]\n$", ran.err)
    assert (await jangbu("keys", "create", "shop")).code == 2, "a key without a scope is wrong usage"


async def test_an_admin_is_made_with_a_password_that_is_piped_or_generated(jangbu: Jangbu) -> None:
    piped = await jangbu("admin", "create", "kim@example.com", "--role", "Support", stdin="correct horse battery\n")
    assert piped.code == 0, piped.err
    assert "correct horse" not in piped.out + piped.err
    made = await jangbu("admin", "create", "lee@example.com", "--generate", "--json")
    assert len(made.json["password"]) >= 16
    nothing = await jangbu("admin", "create", "park@example.com")
    assert nothing.code == 2
    assert "--generate" in nothing.err


async def test_somebody_is_invited_by_a_link_and_gets_another_when_it_is_lost(jangbu: Jangbu) -> None:
    made = await jangbu("admin", "invite", "lee@example.com", "--name", "이실장")
    assert re.fullmatch(r"http://\S+/console/link/\S+\n", made.out), "the link alone is on stdout"
    again = (await jangbu("admin", "link", "lee@example.com", "--json")).json
    assert (again["purpose"], again["email"]) == ("invite", "lee@example.com")
    assert again["url"] != made.out.strip()
    for arguments, code in (
        (("invite", "lee@example.com"), "EMAIL_TAKEN"),
        (("invite", "park@example.com", "--role", "root"), "ROLE_UNKNOWN"),
        (("link", "park@example.com"), "PERSON_NOT_FOUND"),
    ):
        ran = await jangbu("admin", *arguments)
        assert ran.code == 1 and f"[{code}]" in ran.err
