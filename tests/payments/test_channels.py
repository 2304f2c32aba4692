"""Channels: learned from payments, described by people, and held against each other."""

import asyncio
from datetime import date
from typing import Any

import pytest

from jangbu import audit, sandbox
from jangbu.errors import Refusal
from jangbu.payments.channels.rules import Channel, Description, checked, standing
from jangbu.payments.channels.service import describe, every_channel
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find, sync
from kit import TESTER, House, settle

from .test_refund_doors import desk

TODAY = date(2026, 8, 1)
KEY = sandbox.CARD_CHANNEL
SAID = Description(key=KEY, name="카드 (토스)", pg_provider="TOSSPAYMENTS", is_live=False, methods=("CARD",))


async def begun(house: House) -> str:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    return (await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)).provider_order_id


async def known(house: House) -> dict[str, str]:
    return {one.key: said for one, said in await every_channel(run=house.run)}


async def test_a_channel_is_learned_from_the_first_payment_and_is_seen_until_somebody_describes_it(
    house: House,
) -> None:
    assert await known(house) == {}
    for _ in range(2):
        await house.portone.pay(await begun(house))
        await settle(house)
    assert await known(house) == {KEY: "seen_only"}
    ((one, _),) = await every_channel(run=house.run)
    assert (one.seen_pg, one.seen_live, one.name) == ("TOSSPAYMENTS", False, None)
    await describe(SAID, actor=TESTER, run=house.run)
    assert await known(house) == {KEY: "described"}
    async with house.run.db.transaction() as tx:
        (line,) = await audit.of_subject(tx, f"channel:{KEY}")
    assert (line.action, line.actor, line.facts["pg"]) == ("channel.described", TESTER.name, "TOSSPAYMENTS")


async def test_one_that_was_described_first_is_unused_until_a_payment_comes(house: House) -> None:
    await describe(SAID, actor=TESTER, run=house.run)
    assert await known(house) == {KEY: "unused"}
    await house.portone.pay(await begun(house))
    await settle(house)
    assert await known(house) == {KEY: "described"}


async def test_a_live_channel_in_a_test_installation_stands_out_and_its_payment_is_a_mismatch(house: House) -> None:
    portone_id = await begun(house)
    await house.portone.pay(portone_id, channelKey=sandbox.LIVE_CHANNEL)
    await settle(house)
    assert await known(house) == {sandbox.LIVE_CHANNEL: "other_mode"}


async def test_many_first_payments_at_once_are_one_channel(house: House) -> None:
    ids = [await begun(house) for _ in range(5)]
    for one in ids:
        await house.portone.pay(one)
    found = [await find(one, run=house.run) for one in ids]
    await asyncio.gather(*[sync(one, actor=TESTER, run=house.run, portone=house.wired.portone) for one in found])
    assert await known(house) == {KEY: "seen_only"}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"seen_at": 1, "seen_pg": "NICE_V2", "seen_live": False}, "seen_only"),
        ({"seen_at": 1, "seen_pg": "NICE_V2", "seen_live": True}, "other_mode"),
        ({"described_at": 1, "pg_provider": "NICE_V2", "is_live": False}, "unused"),
        ({"seen_at": 1, "seen_pg": "A", "seen_live": False, "described_at": 1, "pg_provider": "B", "is_live": False},
         "differs"),
        ({"seen_at": 1, "seen_pg": "A", "seen_live": False, "described_at": 1, "pg_provider": "A", "is_live": True},
         "differs"),
        ({"seen_at": 1, "seen_pg": "A", "seen_live": False, "described_at": 1, "pg_provider": "A", "is_live": False,
          "contract_until": date(2026, 7, 31)}, "ended"),
        ({"seen_at": 1, "seen_pg": "A", "seen_live": False, "described_at": 1, "pg_provider": "A", "is_live": False,
          "contract_until": TODAY}, "described"),
    ],
)  # fmt: skip
def test_what_a_person_should_know_of_a_channel_first(facts: dict[str, Any], said: str) -> None:
    assert standing(Channel(key="k", methods=[], **facts), live=False, today=TODAY) == said


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"key": ""}, "key"), ({"key": "a b"}, "key"), ({"key": "채널"}, "key"), ({"key": "k" * 201}, "key"),
        ({"name": " "}, "name"), ({"name": "a\x00"}, "name"), ({"pg_provider": "토스"}, "pg"),
        ({"methods": ("CASH",)}, "methods"), ({"settlement_note": "x" * 1001}, "settlementNote"),
        ({"contract_from": date(2026, 2, 1), "contract_until": date(2026, 1, 1)}, "contractUntil"),
    ],
)  # fmt: skip
def test_a_description_that_cannot_be_right_names_its_field(changed: dict[str, Any], field: str) -> None:
    facts = {name: getattr(SAID, name) for name in SAID.__dataclass_fields__}
    with pytest.raises(Refusal) as refused:
        checked(Description(**(facts | changed)))
    assert refused.value.code == "CHANNEL_UNFIT"
    assert field in refused.value.sentence("en")


async def test_the_console_shows_them_to_all_and_takes_descriptions_from_managers_only(house: House) -> None:
    await house.portone.pay(await begun(house))
    await settle(house)
    form = {"key": KEY, "name": "카드", "pg": "tosspayments", "type": "TEST", "method": ["CARD", "EASY_PAY"],
            "from": "2026-01-01", "until": "2026-12-31", "note": "D+2, 수수료 2.2%"}  # fmt: skip
    async with desk(house, "helper", "support") as client:
        page = (await client.get("/console/channels")).text
        assert KEY in page
        assert '<form method="post" action="/console/channels"' not in page
        assert (await client.post("/console/channels", data=form)).status_code == 403
    async with desk(house, "boss", "manager") as client:
        refused = await client.post("/console/channels", data=form | {"until": "2026-13-01"})
        assert refused.status_code == 422
        assert await known(house) == {KEY: "seen_only"}
        assert (await client.post("/console/channels", data=form)).status_code == 303
        page = (await client.get("/console/channels")).text
    assert await known(house) == {KEY: "described"}
    assert "D+2, 수수료 2.2%" in page
    ((one, _),) = await every_channel(run=house.run)
    assert (one.pg_provider, one.methods, one.contract_until) == (
        "TOSSPAYMENTS",
        ["CARD", "EASY_PAY"],
        date(2026, 12, 31),
    )
