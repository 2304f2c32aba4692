"""V1: codes of banks and cards, the store's channels and sub-stores (portone-facts §6.5)."""

from typing import Any

from jangbu.sandbox.core.bank_names import BANKS, CARD_COMPANIES
from jangbu.sandbox.core.identity import VERIFIES_ALONE
from jangbu.sandbox.v1.gate import Call, Operations
from jangbu.sandbox.v1.problems import V1Refusal

operations = Operations()


@operations.add("GET", "/banks")
async def v1_get_banks(call: Call) -> list[dict[str, str]]:  # noqa: ARG001 (the same for everybody)
    """portone-facts §6.5."""
    return _codes(BANKS)


@operations.add("GET", "/banks/{bank_standard_code}", 404)
async def v1_get_bank(call: Call) -> dict[str, str]:
    """portone-facts §6.5."""
    return _code(_codes(BANKS), call.path("bank_standard_code"))


@operations.add("GET", "/cards")
async def v1_get_cards(call: Call) -> list[dict[str, str]]:  # noqa: ARG001 (the same for everybody)
    """portone-facts §6.5."""
    return _codes(CARD_COMPANIES)


@operations.add("GET", "/cards/{card_standard_code}", 404)
async def v1_get_card(call: Call) -> dict[str, str]:
    """portone-facts §6.5."""
    return _code(_codes(CARD_COMPANIES), call.path("card_standard_code"))


@operations.add("GET", "/users/pg")
async def v1_get_channels(call: Call) -> list[dict[str, Any]]:
    """portone-facts §6.5."""
    return [
        {
            "pg_provider": channel.pg_provider.lower(),
            "pg_id": channel.pg_merchant_id,
            "sandbox": channel.type == "TEST",
            "type": "certification" if channel.pg_provider in VERIFIES_ALONE else "payment",
            "channel_name": channel.name,
            "channel_key": channel.key,
        }
        for channel in call.world.state.channels.values()
        if channel.store_id == call.store.id
    ]


@operations.add("GET", "/tiers/{tier_code}", 404)
async def v1_get_tier(call: Call) -> dict[str, str]:
    """portone-facts §6.5: a sub-store is called as its code is."""
    code = call.path("tier_code")
    if code not in call.settings.tiers:
        raise V1Refusal(404, "존재하지 않는 Tier입니다.")
    return {"tier_code": code, "tier_name": code}


def _codes(table: dict[str, tuple[str, str]]) -> list[dict[str, str]]:
    return [{"code": code, "name": name} for code, name in table.values()]


def _code(rows: list[dict[str, str]], code: str) -> dict[str, str]:
    for row in rows:
        if row["code"] == code:
            return row
    raise V1Refusal(404, "존재하지 않는 코드입니다.")
