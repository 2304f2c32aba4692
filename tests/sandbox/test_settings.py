"""What a sandbox is set to while it runs: switches and channels, for a shop that cannot reach into its Python."""

from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from contract.openapi import BESIDE_THE_PROJECT, Description
from jangbu.sandbox.core.countries import CODES
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.pg_companies import PgCompany, PgProvider
from jangbu.sandbox.testing import Endpoint, Sandbox
from jangbu.sandbox.v2.api_vat_reports import PROVIDERS
from sandbox.forms import HOME, Person

WHO = {"fullName": "김장부", "phoneNumber": "01012345678", "email": "kim@shop.test"}
INICIS = "channel-key-5b7b1f0e-1111-4222-8333-444455556666"


async def control(sandbox: Sandbox, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    raw = b"" if body is None else msgspec.json.encode(body)
    status, _, answered = await sandbox.transport.send(method, f"/__sandbox__{path}", {}, raw)
    return status, msgspec.json.decode(answered)


async def test_a_switch_is_set_and_set_back(sandbox: Sandbox, shop: Endpoint) -> None:
    status, stand = await control(sandbox, "POST", "/switches", {"close_makes_failed": False, "cancels_max": 1})
    assert (status, stand["close_makes_failed"], stand["cancels_max"]) == (200, False, 1)
    await sandbox.close("ord-000001")
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "READY"
    await control(sandbox, "POST", "/switches", {"close_makes_failed": None})
    await sandbox.close("ord-000002")
    assert (await sandbox.api("GET", "/payments/ord-000002"))[1]["status"] == "FAILED"
    assert (await control(sandbox, "GET", "/switches"))[1]["cancels_max"] == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"close_makes_faild": False}, "did you mean close_makes_failed?"),
        ({"cancels_max": -1}, "cancels_max"),
        ({"cancels_max": True}, "cancels_max"),
        ({"vat_rounding": "bankers"}, "vat_rounding"),
        ({"close_makes_failed": "false"}, "close_makes_failed"),
        ({"": 1}, "no switch"),
        ([], "Expected `object`"),
    ],
)
async def test_a_switch_that_is_none_changes_nothing(sandbox: Sandbox, said: Any, told: str) -> None:
    good = {"paypal_waits": False} if isinstance(said, dict) else None
    status, answer = await control(sandbox, "POST", "/switches", good | said if good is not None else said)
    assert (status, told in answer["error"]) == (400, True), answer
    assert sandbox.world.inferred == Inferred()


async def test_what_was_set_is_in_the_file_and_outlives_starting_over(sandbox: Sandbox) -> None:
    await control(sandbox, "POST", "/switches", {"paypal_waits": False})
    await control(sandbox, "POST", "/channels", {"pgProvider": "INICIS_V2", "key": INICIS})
    _, world = await control(sandbox, "GET", "/world")
    await control(sandbox, "POST", "/reset")
    assert not sandbox.world.inferred.paypal_waits
    assert INICIS in sandbox.world.state.channels
    other = Sandbox()
    assert (await control(other, "POST", "/world", world))[0] == 200
    assert not other.world.inferred.paypal_waits
    assert (await other.pay("ord-000001", channelKey=INICIS, customer=WHO)).get("code") is None
    world["world"]["switches"] = {"paypal_wait": False}
    await other.move(timedelta(days=1))
    before, now = other.world.to_json(), other.clock.now()
    status, answer = await control(other, "POST", "/world", world)
    assert (status, "paypal_waits" in answer["error"]) == (400, True)
    assert (other.world.to_json(), other.clock.now()) == (before, now)


async def test_a_shops_own_channel_pays_is_confirmed_and_is_captured(sandbox: Sandbox) -> None:
    asked = {
        "pgProvider": "INICIS_V2",
        "key": INICIS,
        "name": "우리 채널",
        "approvesManually": True,
        "capturesLater": True,
    }
    status, made = await control(sandbox, "POST", "/channels", asked)
    assert (status, made["key"], made["type"]) == (200, INICIS, "TEST")
    result = await sandbox.pay("ord-000001", channelKey=INICIS, customer=WHO)
    token = {"paymentToken": result["paymentToken"]}
    assert (await sandbox.api("POST", "/payments/ord-000001/confirm", token))[0] == 200
    assert (await sandbox.api("POST", "/payments/ord-000001/capture", {}))[0] == 200
    item = {"storeBusinessRegistrationNumber": "1", "storeName": "x", "totalAmount": 1000, "currency": "KRW"}
    target = "/payments/ord-000001/register-store-receipt"
    assert (await sandbox.api("POST", target, {"items": [item]}))[0] == 200
    channel = (await sandbox.api("GET", "/payments/ord-000001"))[1]["channel"]
    assert (channel["pgProvider"], channel["key"], channel["name"]) == ("INICIS_V2", INICIS, "우리 채널")
    await control(sandbox, "POST", "/channels", {"pgProvider": "INICIS_V2", "key": INICIS})
    assert "paymentToken" not in await sandbox.pay("ord-000002", channelKey=INICIS, customer=WHO)
    assert (await sandbox.api("GET", "/payments/ord-000002"))[1]["channel"]["name"] == "우리 채널"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"pgProvider": "INICIS_V3"},
        {"pgProvider": "INICIS_V2", "key": "a b"},
        {"pgProvider": "INICIS_V2", "type": "PROD"},
        {"pgProvider": "INICIS_V2", "manual": True},
        {"pgProvider": "INICIS_V2", "key": "channel-key-00000000-0000-4000-8000-000000000001"},
        {"pgProvider": "TOSSPAYMENTS", "type": "LIVE", "key": "channel-key-00000000-0000-4000-8000-000000000001"},
    ],
)
async def test_a_channel_that_cannot_be_is_refused(sandbox: Sandbox, asked: dict[str, Any]) -> None:
    before = sandbox.world.to_json()
    assert (await control(sandbox, "POST", "/channels", asked))[0] == 400
    assert sandbox.world.to_json() == before


@pytest.mark.parametrize("pg", ["EXIMBAY", "EXIMBAY_V2", "PAYLETTER_GLOBAL", "KICC", "KICC_V2"])
async def test_a_pg_without_manual_approval_has_none_here(sandbox: Sandbox, pg: str) -> None:
    """portone-facts §2.5."""
    assert (await control(sandbox, "POST", "/channels", {"pgProvider": pg, "key": INICIS}))[0] == 200
    before = sandbox.world.to_json()
    asked = {"pgProvider": pg, "key": INICIS, "approvesManually": True}
    status, answer = await control(sandbox, "POST", "/channels", asked)
    assert (status, f"no manual approval with {pg}" in answer["error"]) == (400, True)
    assert sandbox.world.to_json() == before


async def test_a_person_is_told_that_a_pg_has_no_manual_approval(sandbox: Sandbox) -> None:
    person = Person(sandbox)
    await person.go(f"{HOME}console/world")
    await person.press("추가하기", pg="KICC_V2", key=INICIS, name="케이", manually="on")
    assert (person.status, "KICC_V2 채널에서 수동 승인을 지원하지 않습니다" in person.page) == (400, True)
    assert INICIS not in sandbox.world.state.channels


async def test_a_person_sets_both_in_the_console(sandbox: Sandbox) -> None:
    person = Person(sandbox)
    await person.go(f"{HOME}console/world")
    await person.press("이대로 가정하기", vat_rounding="down", paypal_waits="false", webhook_resends_max="3")
    assert (sandbox.world.inferred.paypal_waits, sandbox.world.inferred.vat_rounding) == (False, "down")
    assert sandbox.world.state.switches == {"paypal_waits": False, "vat_rounding": "down", "webhook_resends_max": 3}
    await person.press("이대로 가정하기", paypal_waits="true", webhook_resends_max="drei")
    assert person.status == 400
    assert not sandbox.world.inferred.paypal_waits
    await person.go(f"{HOME}console/world")
    await person.press("추가하기", pg="NICE_V2", key=INICIS, name="나이스", manually="on")
    assert sandbox.world.state.channels[INICIS].approves_manually
    assert INICIS in person.page


def test_the_pgs_their_names_and_the_countries_are_portones() -> None:
    if BESIDE_THE_PROJECT is None:
        pytest.skip("PortOne's description is not beside the project: its lists are not compared")
    description = Description(BESIDE_THE_PROJECT)
    assert sorted(description.values("PgProvider")) == list(get_args(PgProvider))
    assert sorted(description.values("PgCompany")) == list(get_args(PgCompany))
    in_reports = set(description.values("ReconciliationPgProvider"))
    assert in_reports - set(PROVIDERS.values()) == {"HECTO", "HECTO_EASY"}
    assert in_reports >= set(PROVIDERS.values())
    assert sorted(description.values("Country")) == sorted(CODES)


@pytest.mark.parametrize(
    "asked",
    [
        {"webhookUrl": "localhost:3000"},
        {"webhookUrl": "ftp://shop.test"},
        {"webhookUrl": "http://"},
        {"webhookUrl": "http://shop.test:port/"},
        {"webhookUrl": " "},
        {"v1WebhookUrl": "shop.test/hook"},
        {"webhookSecrets": ["whsec_abc"]},
        {"webhookSecrets": ["whsec_not base64!"]},
        {"webhookSecrets": ["whsec_\u00e9"]},
        {"webhookSecrets": [""]},
        {"v1WebhookRetries": 6},
    ],
)
async def test_where_nothing_could_be_sent_or_signed_is_refused_and_nothing_is_set(
    sandbox: Sandbox, asked: dict[str, Any]
) -> None:
    before = sandbox.world.to_json()
    whole = {"webhookVersion": "2024-01-01", "webhookUrl": "http://127.0.0.1:9/hook", "v1WebhookIsForm": True, **asked}
    assert (await control(sandbox, "POST", "/config", whole))[0] == 400
    assert sandbox.world.to_json() == before
