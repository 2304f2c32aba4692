"""`jangbu secrets`: keys are made, everything is brought under the first, and nobody is shown a value."""

import asyncpg

from cli.tools import Jangbu
from jangbu.vault import vault_of
from jangbu.wiring import Addresses

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


async def new_key(jangbu: Jangbu, name: str) -> str:
    made = await jangbu("secrets", "new-key", name)
    assert made.code == 0, made.err
    return made.out.strip()


async def test_a_key_is_made_without_any_settings(bare: Jangbu) -> None:
    key = await new_key(bare.given(JANGBU_MODE="live"), "k2")
    assert vault_of(key).first == "k2"
    assert (await new_key(bare, "k2")) != key
    assert (await bare("secrets", "new-key", "No Name")).code == 2


async def test_keys_change_and_the_doctor_says_what_is_left_to_do(jangbu: Jangbu) -> None:
    old, new = await new_key(jangbu, "old"), await new_key(jangbu, "new")
    with_old = jangbu.given(JANGBU_SECRETS_KEYS=old)
    added = await with_old("endpoints", "add", "http://127.0.0.1:9099/hooks", "--secret", SECRET)
    assert added.code == 0, added.err
    changing = jangbu.given(JANGBU_SECRETS_KEYS=f"{new},{old}")
    before = (await changing("secrets", "check", "--json")).json
    assert before["first_key"] == "new"
    assert {
        "table": "webhook_endpoint_secrets", "column": "secret_encrypted", "by_key": {"old": 1}, "plain": 0,
    } in before["columns"]  # fmt: skip
    assert await said(changing) == "look"
    too_early = jangbu.given(JANGBU_SECRETS_KEYS=new)
    assert await said(too_early) == "wrong"
    lost = await too_early("secrets", "check")
    assert lost.code == 1
    assert "'old', which JANGBU_SECRETS_KEYS does not have" in lost.out
    rotated = await changing("secrets", "rotate", "--json")
    assert (rotated.code, rotated.json) == (0, {"rotated": 1, "plain_emptied": 0, "problems": []})
    well = await too_early("secrets", "check")
    assert well.code == 0, well.out
    assert await said(too_early) == "ok"
    for ran in (added, lost, well, rotated):
        for hidden in (SECRET, old.partition(":")[2], new.partition(":")[2]):
            assert hidden not in ran.err
            assert hidden not in ran.out or ran is added


async def said(jangbu: Jangbu) -> str:
    checks = (await jangbu("doctor", "--json")).json["checks"]
    return next(str(one["verdict"]) for one in checks if one["check"] == "encrypted values")


async def test_after_the_upgrade_nothing_stays_plain(jangbu: Jangbu, where: Addresses) -> None:
    owner = await asyncpg.connect(where.owner)
    await owner.execute("UPDATE installation SET keeps_plain_secrets = true")
    assert (await jangbu("endpoints", "add", "http://127.0.0.1:9099/hooks", "--secret", SECRET)).code == 0
    assert await owner.fetchval("SELECT secret FROM webhook_endpoint_secrets") == SECRET
    assert await said(jangbu) == "look"
    assert (await jangbu("secrets", "rotate", "--json")).json["plain_emptied"] == 0
    assert (await jangbu("secrets", "rotate", "--previous-release-gone", "--json")).json["plain_emptied"] == 1
    assert await owner.fetchval("SELECT secret FROM webhook_endpoint_secrets") is None
    assert await said(jangbu) == "ok"
    actions = await owner.fetch("SELECT facts::text FROM audit_log WHERE action = 'secrets.rotated'")
    assert len(actions) == 2
    await owner.close()
