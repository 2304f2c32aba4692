"""PortOne's own JavaScript SDK for servers performs the sandbox's operations and reads its errors and webhooks.

The SDK does not parse: what it promises of an answer is in its types, so the compiler holds every answer to them.
"""

import base64
from typing import Any

import msgspec
import pytest

from contract import node
from contract.sdk import DESCRIPTION, PATHS, Portone
from jangbu.sandbox import (
    API_SECRET,
    CARD_CHANNEL,
    EASY_PAY_CHANNEL,
    IDENTITY_CHANNEL,
    PROMOTION_ID,
    STORE_ID,
)
from jangbu.sandbox.app import operations

NOT_IN_THE_SDK = {
    "confirm_paymentwall_delivery",
    "get_banks",
    "evaluate_checkout_profile",
    "create_payment_session",
    "get_payment_session",
    "close_payment_session",
}
NEWER_THAN_THE_SDK = {"origin"}
VARIANTS: dict[str, dict[str, Any]] = {
    "manual": {"approves_manually": True},
    "later": {"captures_later": True},
    "slow": {"pg_provider": "TRIPLE_A"},
    "stores": {"pg_provider": "INICIS_V2"},
    "kcp": {"pg_provider": "KCP_V2"},
}
"""Channels that differ from the card channel as the console would have it."""

CLIENT = """import type { PortOneClient, Webhook } from "@portone/server-sdk";
type Answer<F> = F extends (...args: any[]) => Promise<infer A> ? A : never;"""


def told_of(served: Portone) -> dict[str, Any]:
    channels = served.parts.world.state.channels
    for number, (name, change) in enumerate(VARIANTS.items(), start=101):
        key = f"channel-key-00000000-0000-4000-8000-{number:012d}"
        channels[key] = msgspec.structs.replace(channels[CARD_CHANNEL], key=key, name=name, **change)
    keys = {each.name: key for key, each in channels.items() if each.name in VARIANTS}
    keys |= {"card": CARD_CHANNEL, "easyPay": EASY_PAY_CHANNEL, "identity": IDENTITY_CHANNEL}
    return {
        "base": served.base,
        "secret": API_SECRET,
        "storeId": STORE_ID,
        "channels": keys,
        "promotionId": PROMOTION_ID,
    }


@pytest.fixture(scope="module")
async def performed(served: Portone) -> dict[str, Any]:
    return dict(await node.run("perform.mjs", told_of(served)))


def known(answer: Any) -> Any:
    """The answer without what PortOne added after this SDK was made: outputs may gain fields (portone-facts §1.6)."""
    if isinstance(answer, list):
        return [known(each) for each in answer]
    if isinstance(answer, dict):
        return {name: known(each) for name, each in answer.items() if name not in NEWER_THAN_THE_SDK}
    return answer


def answered_in(exchanges: list[dict[str, Any]]) -> list[str]:
    """The operations that answered 200."""
    return [
        next(
            name
            for name, method, path in PATHS
            if method == each["method"] and path.fullmatch(each["target"].partition("?")[0])
        )
        for each in exchanges
        if each["status"] == 200
    ]


@pytest.mark.parametrize("operation", [name for name in operations.names() if name not in NOT_IN_THE_SDK])
async def test_the_sdk_performs(performed: dict[str, Any], operation: str) -> None:
    assert operation in performed, "docs/reference/sandbox.md would claim what no test shows: perform it there"
    assert performed[operation]["problem"] is None
    exchanges = performed[operation]["exchanges"]
    assert operation in answered_in(exchanges)
    if DESCRIPTION is not None:
        for each in exchanges:
            asked = each["method"], each["target"], each["status"], each["body"]
            assert DESCRIPTION.problems(*asked) == []


async def test_nothing_is_performed_that_is_not_there(performed: dict[str, Any]) -> None:
    assert performed.keys() == set(operations.names()) - NOT_IN_THE_SDK


async def test_every_answer_and_every_call_is_of_the_sdks_own_types(performed: dict[str, Any]) -> None:
    claims = []
    for each in performed.values():
        for call in each["calls"]:
            method = "PortOneClient" + "".join(f'["{name}"]' for name in call["at"])
            claims.append((f"Answer<{method}>", known(call["answer"])))
            if "options" in call:
                claims.append((f"Parameters<{method}>[0]", call["options"]))
    assert len(claims) > len(performed)
    assert await node.type_problems(CLIENT, claims) == []


async def test_the_compiler_finds_what_is_wrong(performed: dict[str, Any]) -> None:
    answer = performed["get_payment"]["calls"][-1]["answer"]
    changes = [({"status": "SANDBOX"}, "TS2322"), ({"somethingElse": 1}, "somethingElse"), ({"paidAt": 7}, "TS2322")]
    type_ = 'Answer<PortOneClient["payment"]["getPayment"]>'
    problems = await node.type_problems(CLIENT, [(type_, known(answer | change)) for change, _ in changes])
    for number, (_, found) in enumerate(changes):
        # The claims come after the two lines of imports.
        assert any(f"claims.ts({number + 3}," in each and found in each for each in problems)


@pytest.fixture(scope="module")
async def refused(served: Portone) -> dict[str, Any]:
    return dict(await node.run("refusals.mjs", told_of(served)))


async def test_the_sdk_tells_every_refusal_apart(refused: dict[str, Any]) -> None:
    thrown = refused["thrown"]
    seen = [(each["name"], each["data"]["type"], each["exchange"]["status"]) for each in thrown]
    assert seen == [
        ("GetPaymentError", "PAYMENT_NOT_FOUND", 404),
        ("GetPaymentError", "UNAUTHORIZED", 401),
        ("GetPaymentError", "FORBIDDEN", 403),
        ("RefreshTokenError", "UNAUTHORIZED", 401),
        ("CancelPaymentError", "PAYMENT_NOT_FOUND", 404),
        ("CancelPaymentError", "PAYMENT_NOT_PAID", 409),
        ("CancelPaymentError", "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", 409),
        ("CancelPaymentError", "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", 409),
        ("CancelPaymentError", "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", 409),
        ("CancelPaymentError", "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", 409),
        ("CancelPaymentError", "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", 409),
        ("CancelPaymentError", "PG_PROVIDER", 502),
        ("CancelPaymentError", "PAYMENT_ALREADY_CANCELLED", 409),
        ("PreRegisterPaymentError", "ALREADY_PAID", 409),
        ("ResendWebhookError", "WEBHOOK_NOT_FOUND", 404),
        ("CloseVirtualAccountError", "PAYMENT_NOT_WAITING_FOR_DEPOSIT", 409),
        ("ConfirmPaymentError", "INVALID_PAYMENT_TOKEN", 400),
        ("GetBillingKeyInfoError", "BILLING_KEY_NOT_FOUND", 404),
        ("DeleteBillingKeyError", "BILLING_KEY_NOT_FOUND", 404),
        ("PayWithBillingKeyError", "BILLING_KEY_NOT_FOUND", 404),
        ("GetPaymentScheduleError", "PAYMENT_SCHEDULE_NOT_FOUND", 404),
        ("GetCashReceiptError", "CASH_RECEIPT_NOT_FOUND", 404),
        ("GetPromotionError", "PROMOTION_NOT_FOUND", 404),
        ("GetIdentityVerificationError", "IDENTITY_VERIFICATION_NOT_FOUND", 404),
    ]
    for each in thrown:
        assert (each["isOfItsClass"], each["isRest"], each["name"]) == (True, True, each["class"].split(".")[-1])
        assert each["data"] == each["exchange"]["body"]
        assert each["message"] == each["data"].get("message", "")
        if DESCRIPTION is not None:
            asked = each["exchange"]
            assert DESCRIPTION.problems(asked["method"], asked["target"], asked["status"], asked["body"]) == []


async def test_what_a_refusal_holds_is_of_its_class(refused: dict[str, Any]) -> None:
    imports = 'import { Auth, IdentityVerification, Payment } from "@portone/server-sdk";'
    claims = [(f'{each["class"]}["data"]', each["data"]) for each in refused["thrown"]]
    assert await node.type_problems(imports, claims) == []


async def test_the_sdk_says_what_it_does_not_recognize(refused: dict[str, Any]) -> None:
    """The Python SDK breaks there (portone-facts §11)."""
    assert refused["later"] == {"status": True, "method": True, "known": False}


@pytest.fixture(scope="module")
async def arrived(served: Portone) -> dict[str, list[dict[str, Any]]]:
    old, new, strange = ("whsec_" + base64.b64encode(name * 8).decode() for name in (b"old!", b"new!", b"evil"))
    told = told_of(served) | {"secrets": {"old": old, "new": new}, "strange": strange}
    return dict(await node.run("webhooks.mjs", told))


async def test_the_sdk_verifies_each_webhook_by_the_secrets_of_the_time(
    arrived: dict[str, list[dict[str, Any]]],
) -> None:
    accepted = {"before": {"old"}, "during": {"old", "new"}, "after": {"new"}, "badly": set()}
    for when, secrets in accepted.items():
        assert arrived[when]
        for each in arrived[when]:
            assert {name for name, told in each["by"].items() if told.get("isKnown")} == secrets
            refused = [told for name, told in each["by"].items() if name not in secrets]
            assert refused == [{"reason": "NO_MATCHING_SIGNATURE", "isOurs": True}] * len(refused)
            assert each["signatures"] == (2 if when == "during" else 1)
    assert sorted(each["type"] for each in arrived["during"]) == ["Transaction.Paid", "Transaction.Ready"]
    assert sorted(each["type"] for each in arrived["after"]) == [
        "BillingKey.Issued",
        "BillingKey.Ready",
        "Transaction.Cancelled",
        "Transaction.PartialCancelled",
        "Transaction.Ready",
        "Transaction.VirtualAccountIssued",
    ]


async def test_the_sdk_refuses_what_was_changed_on_the_way(arrived: dict[str, list[dict[str, Any]]]) -> None:
    paid = next(each for each in arrived["during"] if each["type"] == "Transaction.Paid")
    assert {name: told["reason"] for name, told in paid["wrong"].items()} == {
        "changed": "NO_MATCHING_SIGNATURE",
        "unsigned": "MISSING_REQUIRED_HEADERS",
        "old": "TIMESTAMP_TOO_OLD",
        "early": "TIMESTAMP_TOO_NEW",
    }


async def test_every_webhook_is_of_the_sdks_own_types(arrived: dict[str, list[dict[str, Any]]]) -> None:
    seen = [
        told["webhook"]
        for when in arrived.values()
        for each in when
        for told in each["by"].values()
        if told.get("isKnown")
    ]
    assert await node.type_problems(CLIENT, [("Webhook.Webhook", each) for each in seen]) == []
