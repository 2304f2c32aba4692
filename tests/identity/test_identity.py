"""Verifying who somebody is (B12): by PortOne's word alone, kept from everybody's eyes, and forgotten in time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import structlog.testing

from jangbu import audit, events
from jangbu.db import Query
from jangbu.failpoints import Crash, armed
from jangbu.identity import service, store
from jangbu.identity.announcements import FAILED, VERIFIED
from jangbu.keeping import rotate
from jangbu.sandbox import CARD_CHANNEL, STORE_ID
from jangbu.settings import load
from jangbu.vault import new_key
from jangbu.wiring import ENCRYPTED, Addresses
from kit import TESTER, House, jobs_named, with_settings

from .conftest import BIRTHDAY, NAME, PHONE, Shop, calling

EVENTS = Query(str, "SELECT type || ' ' || data::text FROM events WHERE type LIKE 'identity.%' ORDER BY xid, id")


async def everything(where: Addresses) -> str:
    """All text of all tables."""
    connection = await asyncpg.connect(where.owner)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [await connection.fetch(f'SELECT t::text FROM "{table[0]}" t') for table in tables]
        return "\n".join(str(row[0]) for some in rows for row in some)
    finally:
        await connection.close()


async def announced(shop: Shop) -> list[str]:
    async with shop.run.db.transaction() as tx:
        return await tx.all(EVENTS)


async def test_from_start_to_who_it_is(shop: Shop) -> None:
    begun = await shop.start(reference="customer-7")
    assert begun["sdk"] == {
        "storeId": STORE_ID,
        "identityVerificationId": begun["identityVerificationId"],
        "channelKey": begun["sdk"]["channelKey"],
    }
    assert (begun["status"], begun["verified"]) == ("started", False)
    assert (await shop.confirm(begun))["status"] == "started", "nobody has opened the window"
    ci = shop.verify(begun)
    confirmed = await shop.confirm(begun)
    assert (confirmed["status"], confirmed["verified"], confirmed["seenBefore"]) == ("verified", True, [])
    assert (confirmed["person"]["name"], confirmed["person"]["birthDate"]) == ("김*늘", "1990-**-**")
    read = (await shop.client.get(f"/api/identity/{begun['id']}")).json()["data"]
    assert read == confirmed
    assert ci not in str(read)
    answer = await shop.client.post(f"/api/identity/{begun['id']}/reveal", json={"reason": "age check"})
    assert answer.headers["cache-control"] == "no-store"
    person = answer.json()["data"]
    assert (person["name"], person["birthDate"], person["gender"], person["ci"]) == (NAME, BIRTHDAY, "FEMALE", ci)
    async with shop.run.db.transaction() as tx:
        lines = await audit.of_subject(tx, f"identity:{begun['id']}")
        (event,) = await events.of_subject(tx, f"identity:{begun['id']}")
    assert [line.action for line in lines] == ["identity.started", "identity.verified", "identity.revealed"]
    assert lines[-1].facts == {"reason": "age check"}
    assert lines[-1].actor.startswith("key:")
    assert (event.type, event.data["seenBefore"], event.store_id) == (VERIFIED, 0, STORE_ID)


async def test_nothing_of_a_person_lies_or_shows_anywhere_but_in_the_vault(shop: Shop, where: Addresses) -> None:
    """Tables, events, audit, logs, addresses: a canary is planted in every field (reliability F116, F127)."""
    with structlog.testing.capture_logs() as logs:
        begun = await shop.start()
        await shop.confirm(begun)
        shop.fail(begun, "IDENTITY_MISMATCH")
        await shop.confirm(begun)
        ci = shop.verify(begun)
        await shop.confirm(begun)
        await shop.client.post("/api/identity/own", json={"token": begun["token"]})
        await shop.client.post(f"/api/identity/{begun['id']}/reveal", json={"reason": "why"})
    assert logs, "something was logged"
    dump = await everything(where)
    assert begun["identityVerificationId"] in dump, "the thief reads what there is"
    for canary in (NAME, PHONE, PHONE[-4:] + '"', BIRTHDAY, ci, ci[:20], begun["token"]):
        assert canary not in dump
        assert canary not in str(logs)
    async with shop.run.db.transaction() as tx:
        found = await service.look(begun["id"], run=shop.run)
        (text,) = (await store.people(tx, [found.verification.id], shop.run.settings.vault)).values()
    assert NAME in text
    assert NAME not in repr(found.person) + repr(found)


async def test_one_person_twice_is_found_and_another_is_not(shop: Shop) -> None:
    first = await shop.verified()
    second = await shop.verified()
    other = await shop.verified(name="이다름")
    assert second["seenBefore"] == [first["id"]]
    assert other["seenBefore"] == []
    run = with_settings(
        shop.house.wired, secrets_keys=load(_env_file=None, JANGBU_SECRETS_KEYS=new_key("k2")).secrets_keys
    ).system
    half = await service.look(first["id"], run=run)
    assert [str(one) for one in half.seen_before] == [second["id"]], "found while the keys change"
    assert (await rotate(ENCRYPTED, vault=run.settings.vault, db=run.db)).count == 3
    third = await service.look(second["id"], run=run)
    assert [str(one) for one in third.seen_before] == [first["id"]], "and after"
    assert (await service.reveal(first["id"], "why", actor=TESTER, run=run)).name == NAME
    assert ['"seenBefore": 1' in line for line in await announced(shop)] == [False, True, False]


async def test_what_failed_may_be_tried_again_and_what_is_verified_stays(shop: Shop) -> None:
    begun = await shop.start()
    shop.fail(begun, "IDENTITY_MISMATCH")
    failed = await shop.confirm(begun)
    assert (failed["status"], failed["reason"], failed["person"]) == ("failed", "IDENTITY_MISMATCH", None)
    shop.verify(begun)
    assert (await shop.confirm(begun))["status"] == "verified"
    # Whatever PortOne were to say later, a person who was verified was verified.
    del shop.house.portone.world.state.identity_verifications[STORE_ID][begun["identityVerificationId"]]
    assert (await shop.confirm(begun))["status"] == "verified"
    kinds = [line.partition(" ")[0] for line in await announced(shop)]
    assert kinds == [FAILED, VERIFIED]
    assert NAME not in str(await announced(shop)), "the PG's sentence names somebody, and its code does not"


async def test_a_window_opened_by_another_channel_verifies_nobody(shop: Shop, where: Addresses) -> None:
    """The browser names the channel; one that verifies whoever is typed in must not count."""
    begun = await shop.start()
    ci = shop.verify(begun, channel=CARD_CHANNEL)
    answer = await shop.confirm(begun)
    assert (answer["status"], answer["verified"], answer["reason"]) == ("mismatch", False, "other_channel")
    assert answer["person"] is None
    refused = await shop.client.post(f"/api/identity/{begun['id']}/reveal", json={"reason": "why"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "IDENTITY_NOT_VERIFIED")
    assert ci not in await everything(where)


async def test_no_answer_is_neither_yes_nor_no(shop: Shop) -> None:
    begun = await shop.start()
    shop.verify(begun)
    shop.house.portone.fault("answer_lost", operation="get_identity_verification")
    refused = await shop.confirm(begun, 503)
    assert refused["code"] == "IDENTITY_OUTCOME_UNKNOWN"
    assert (await service.look(begun["id"], run=shop.run)).verification.status == "started"
    assert (await shop.confirm(begun))["status"] == "verified"


@pytest.mark.parametrize("point", ["identity.confirm.answered", "identity.confirm.before_commit"])
async def test_a_death_in_between_is_made_good_by_the_next_question(shop: Shop, point: str) -> None:
    begun = await shop.start()
    shop.verify(begun)
    with armed(point), pytest.raises(Crash):
        await service.confirm(begun["id"], actor=TESTER, run=shop.run, portone=shop.house.wired.portone)
    assert (await shop.confirm(begun))["status"] == "verified"
    assert len(await announced(shop)) == 1


async def test_the_persons_browser_hears_how_it_stands_and_nothing_else(shop: Shop) -> None:
    begun = await shop.start()
    shop.verify(begun)
    del shop.client.headers["authorization"]
    answer = await shop.client.post("/api/identity/own", json={"token": begun["token"]})
    assert answer.json()["data"] == {"status": "verified", "verified": True}
    for wrong in (begun["token"][:-1], begun["id"], begun["identityVerificationId"]):
        refused = await shop.client.post("/api/identity/own", json={"token": wrong})
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "IDENTITY_NOT_FOUND")
    for path in (f"/api/identity/{begun['id']}", f"/api/identity/{begun['identityVerificationId']}"):
        assert (await shop.client.get(path)).status_code == 401


async def test_an_eager_browser_does_not_make_us_ask_portone_again_and_again(shop: Shop) -> None:
    begun = await shop.start()
    for _ in range(5):
        await shop.client.post("/api/identity/own", json={"token": begun["token"]})
    asked = [line for line in shop.house.portone.transport.transcript if begun["identityVerificationId"] in line]
    assert len(asked) == 1
    await shop.house.portone.move(timedelta(seconds=3))
    shop.verify(begun)
    answer = await shop.client.post("/api/identity/own", json={"token": begun["token"]})
    assert answer.json()["data"]["status"] == "verified"


async def test_another_stores_key_sees_nothing_and_not_even_that_there_is_something(shop: Shop, house: House) -> None:
    begun = await shop.verified()
    async with calling(house, store_id="store-other") as stranger:
        body = {"identityVerificationId": begun["identityVerificationId"]}
        there = [
            await stranger.client.get(f"/api/identity/{begun['id']}"),
            await stranger.client.post("/api/identity/confirm", json=body),
            await stranger.client.post(f"/api/identity/{begun['id']}/reveal", json={"reason": "why"}),
        ]
        nowhere = await stranger.client.get(f"/api/identity/{'0' * 32}")
        assert [answer.status_code for answer in there] == [404] * 3
        assert {answer.json()["error"]["message"] for answer in (*there, nowhere)} == {
            nowhere.json()["error"]["message"]
        }
        started = await stranger.client.post("/api/identity/start", json={"channelKey": "c"})
        assert (started.status_code, started.json()["error"]["code"]) == (422, "IDENTITY_STORE_NOT_FOUND")


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("identity:read",), {"read"}),
        (("identity:verify",), {"start", "confirm"}),
        (("identity:reveal",), {"reveal"}),
        (("payments:read",), set()),
    ],
)
async def test_each_scope_opens_its_own_doors(shop: Shop, house: House, scopes: Any, allowed: set[str]) -> None:
    begun = await shop.verified()
    async with calling(house, *scopes) as caller:
        answers = {
            "start": await caller.client.post("/api/identity/start", json={"channelKey": "c"}),
            "confirm": await caller.client.post(
                "/api/identity/confirm", json={"identityVerificationId": begun["identityVerificationId"]}
            ),
            "read": await caller.client.get(f"/api/identity/{begun['id']}"),
            "reveal": await caller.client.post(f"/api/identity/{begun['id']}/reveal", json={"reason": "why"}),
        }
    assert {name for name, answer in answers.items() if answer.status_code < 300} == allowed
    assert {answer.status_code for name, answer in answers.items() if name not in allowed} == {403}


async def test_who_looks_says_why(shop: Shop) -> None:
    begun = await shop.verified()
    for body in ({}, {"reason": ""}, {"reason": "   "}):
        assert (await shop.client.post(f"/api/identity/{begun['id']}/reveal", json=body)).status_code == 422
    async with shop.run.db.transaction() as tx:
        lines = await audit.of_subject(tx, f"identity:{begun['id']}")
    assert "identity.revealed" not in [line.action for line in lines]


async def test_people_are_forgotten_when_their_time_is_over(shop: Shop, where: Addresses) -> None:
    begun = await shop.verified()
    keep = timedelta(days=shop.run.settings.identity_keep_days)
    forget = jobs_named(shop.house.wired, "identity.forget")
    await shop.house.portone.move(keep - timedelta(minutes=1))
    later = await shop.verified(name="이다름")
    await forget()
    assert (await service.look(begun["id"], run=shop.run)).person is not None
    await shop.house.portone.move(timedelta(minutes=2))
    with armed("identity.forget.before_commit"), pytest.raises(Crash):
        await forget()
    await forget()
    looked = (await shop.client.get(f"/api/identity/{begun['id']}")).json()["data"]
    assert (looked["status"], looked["person"], looked["seenBefore"]) == ("verified", None, [])
    assert looked["forgottenAt"] is not None
    refused = await shop.client.post(f"/api/identity/{begun['id']}/reveal", json={"reason": "why"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (410, "IDENTITY_FORGOTTEN")
    assert (await service.look(later["id"], run=shop.run)).person is not None
    owner = await asyncpg.connect(where.owner)
    left = await owner.fetch("SELECT id::text, ci_fingerprint, person_encrypted FROM identity_verifications")
    await owner.close()
    assert [row["id"] for row in left if row["person_encrypted"] or row["ci_fingerprint"]] == [later["id"]]


async def test_without_a_channel_nothing_begins(shop: Shop) -> None:
    refused = await shop.client.post("/api/identity/start", json={})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "IDENTITY_CHANNEL_MISSING")
    run = replace(shop.run, settings=shop.run.settings.model_copy(update={"identity_channel_key": "channel-key-own"}))
    begun, _ = await service.start(actor=TESTER, run=run)
    assert begun.channel_key == "channel-key-own"
