"""Every error that PortOne declares for billing keys, schedules, identities and the small operations is earned."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from contract.openapi import BESIDE_THE_PROJECT, FILE, Description
from contract.statuses import status_of
from jangbu.sandbox import CARD_CHANNEL, CHECKOUT_PROFILE, EASY_PAY_CHANNEL, IDENTITY_CHANNEL, PROMOTION_ID, STORE_ID
from jangbu.sandbox.core.billing_records import ChannelGroup
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.small_records import DiscountStep
from jangbu.sandbox.testing import START, Sandbox
from jangbu.sandbox.v2 import api_billing, api_identity, api_schedules, api_small, api_vat_reports

REGISTERS = (api_billing, api_schedules, api_identity, api_small, api_vat_reports)
OPERATIONS = {operation.name: operation for module in REGISTERS for operation in module.operations.all}
ID = "ord-000001"
NEXT_YEAR = START.replace(year=2027).isoformat()
CARD = {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}
CUSTOMER = {"name": "김장부", "phoneNumber": "01012345678", "ipAddress": "127.0.0.1", "identityNumber": "9002282"}
DAYS = {"dateRange": {"from": "2026-08-01", "until": "2026-08-01"}}

CHARGED = (
    "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT MAX_TRANSACTION_COUNT_REACHED PROMOTION_PAY_METHOD_DOES_NOT_MATCH"
    " BILLING_KEY_NOT_FOUND CHANNEL_NOT_FOUND ALREADY_PAID BILLING_KEY_ALREADY_DELETED PAYMENT_SCHEDULE_ALREADY_EXISTS"
    " SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT PG_PROVIDER"
)
CONFIRMED = "BILLING_KEY_NOT_FOUND BILLING_KEY_ALREADY_ISSUED INFORMATION_MISMATCH PG_PROVIDER"
IDENTIFIED = "IDENTITY_VERIFICATION_NOT_FOUND IDENTITY_VERIFICATION_NOT_SENT IDENTITY_VERIFICATION_ALREADY_VERIFIED"
DECLARED = {
    "issue_billing_key": "CHANNEL_NOT_FOUND CHANNEL_SPECIFIC PG_PROVIDER",
    "confirm_billing_key": CONFIRMED,
    "confirm_billing_key_issue_and_pay": CONFIRMED,
    "get_billing_key_info": "BILLING_KEY_NOT_FOUND",
    "get_billing_key_infos": "",
    "delete_billing_key": (
        "BILLING_KEY_NOT_FOUND BILLING_KEY_NOT_ISSUED BILLING_KEY_ALREADY_DELETED PAYMENT_SCHEDULE_ALREADY_EXISTS"
        " CHANNEL_SPECIFIC PG_PROVIDER"
    ),
    "pay_with_billing_key": CHARGED,
    "create_payment_schedule": (
        "BILLING_KEY_NOT_FOUND ALREADY_PAID_OR_WAITING BILLING_KEY_ALREADY_DELETED PAYMENT_SCHEDULE_ALREADY_EXISTS"
        " SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT"
    ),
    "get_payment_schedule": "PAYMENT_SCHEDULE_NOT_FOUND",
    "get_payment_schedules": "",
    "revoke_payment_schedules": (
        "BILLING_KEY_NOT_FOUND PAYMENT_SCHEDULE_NOT_FOUND BILLING_KEY_ALREADY_DELETED"
        " PAYMENT_SCHEDULE_ALREADY_PROCESSED PAYMENT_SCHEDULE_ALREADY_REVOKED"
    ),
    "send_identity_verification": (
        "MAX_TRANSACTION_COUNT_REACHED CHANNEL_NOT_FOUND IDENTITY_VERIFICATION_NOT_FOUND"
        " IDENTITY_VERIFICATION_ALREADY_SENT IDENTITY_VERIFICATION_ALREADY_VERIFIED PG_PROVIDER"
    ),
    "resend_identity_verification": f"{IDENTIFIED} PG_PROVIDER",
    "confirm_identity_verification": f"{IDENTIFIED} PG_PROVIDER",
    "get_identity_verification": "IDENTITY_VERIFICATION_NOT_FOUND",
    "get_identity_verifications": "",
    "get_banks": "",
    "get_promotion": "PROMOTION_NOT_FOUND",
    "get_pg_card_promotions": "CHANNEL_NOT_FOUND PG_PROVIDER",
    "get_kakaopay_payment_order": "",
    "confirm_paymentwall_delivery": "PAYMENT_NOT_FOUND",
    "evaluate_checkout_profile": "PROFILE_SETTINGS_NOT_FOUND",
    "create_payment_session": "MAX_TTL_EXCEEDED",
    "get_payment_session": "SESSION_NOT_FOUND SESSION_EXPIRED",
    "close_payment_session": "SESSION_NOT_FOUND",
    "get_transaction_vat_report": "",
    "get_settlement_vat_report": "",
}
"""The types beyond the usual ones."""

QUERIES = {
    "get_pg_card_promotions": f"?channelKey={CARD_CHANNEL}&amount=1",
    "get_kakaopay_payment_order": f"?channelKey={EASY_PAY_CHANNEL}&pgTxId=x",
    "evaluate_checkout_profile": f"?profileKey={CHECKOUT_PROFILE}&country=US&currency=USD&amount=1",
}
CHARGE = {"orderName": "정기 구독", "amount": {"total": 1_000}, "currency": "KRW"}
SESSION = {
    "storeId": STORE_ID,
    "paymentId": ID,
    "profileKey": CHECKOUT_PROFILE,
    "country": "US",
    "currency": "USD",
    "totalAmount": 1,
    "orderName": "tea",
}
BODIES: dict[str, Any] = {
    "issue_billing_key": {"channelKey": CARD_CHANNEL, "method": {"card": {"credential": CARD}}},
    "confirm_billing_key": {"billingIssueToken": "nobody"},
    "confirm_billing_key_issue_and_pay": {"billingIssueToken": "nobody"},
    "send_identity_verification": {
        "channelKey": IDENTITY_CHANNEL,
        "customer": CUSTOMER,
        "operator": "SKT",
        "method": "SMS",
    },
    "confirm_identity_verification": {"otp": "x"},
    "create_payment_session": SESSION,
    "confirm_paymentwall_delivery": {
        "transactionId": "nobody",
        "deliveryType": "DIGITAL",
        "deliveryStatus": "DELIVERED",
        "estimatedDeliveryDatetime": NEXT_YEAR,
        "estimatedUpdateDatetime": NEXT_YEAR,
        "refundable": True,
        "details": "x",
        "shippingAddressEmail": "x@shop.test",
    },
    "get_transaction_vat_report": DAYS,
    "get_settlement_vat_report": DAYS,
}

World = dict[str, Any]
"""What the steps leave for the call: `key`, `schedule`, `session`, and changes of the `body`."""
Step = Callable[[Sandbox, World], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    operation: str
    type: str
    steps: tuple[Step, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""
    inferred: Inferred | None = None


# What may have happened before.


async def issued(sandbox: Sandbox, world: World) -> None:
    world["key"] = await sandbox.billing_key()


async def deleted(sandbox: Sandbox, world: World) -> None:
    await issued(sandbox, world)
    await sandbox.api("DELETE", f"/billing-keys/{world['key']}")


async def in_a_group(sandbox: Sandbox, world: World) -> None:
    world["body"] = {"channelKey": None, "channelGroupId": "both"}
    both = [CARD_CHANNEL, CARD_CHANNEL.replace("001", "003")]
    sandbox.world.state.channel_groups["both"] = ChannelGroup("both", "둘", STORE_ID, both, "TEST")
    body = BODIES["issue_billing_key"] | world["body"]
    status, answer = await sandbox.api("POST", "/billing-keys", body)
    assert status == 200
    world["key"] = answer["billingKeyInfo"]["billingKey"]


async def charged(sandbox: Sandbox, world: World) -> None:
    assert (await sandbox.charge(ID, world["key"]))[0] == 200


async def scheduled(sandbox: Sandbox, world: World) -> None:
    status, answer = await sandbox.schedule(ID, world["key"], START.replace(year=2027))
    assert status == 200
    world["schedule"] = answer["schedule"]["id"]


async def revoked(sandbox: Sandbox, world: World) -> None:
    await sandbox.api("DELETE", "/payment-schedules", {"scheduleIds": [world["schedule"]]})


async def a_year_passes(sandbox: Sandbox, _: World) -> None:
    await sandbox.move(timedelta(days=366))


async def waits_in_a_window(sandbox: Sandbox, world: World, **more: Any) -> None:
    """The key of a window that the shopper agreed in, and its token."""
    sandbox.world.state.channels[CARD_CHANNEL].approves_manually = True
    asked = {"storeId": STORE_ID, "channelKey": CARD_CHANNEL, "billingKeyMethod": "CARD", **more}
    _, _, raw = await sandbox.transport.send("POST", "/__browser__/billing-keys", {}, msgspec.json.encode(asked))
    world["key"] = msgspec.json.decode(raw)["issue"]
    path = f"/__browser__/billing-keys/{world['key']}/decision"
    _, _, raw = await sandbox.transport.send("POST", path, {}, msgspec.json.encode({"action": "approve"}))
    world["body"] = {"billingIssueToken": msgspec.json.decode(raw)["billingIssueToken"]}


async def waits_with_a_payment(sandbox: Sandbox, world: World) -> None:
    more = {"paymentId": ID, "orderName": "보리차", "totalAmount": 1_000, "currency": "KRW"}
    await waits_in_a_window(sandbox, world, billingKeyAndPayMethod="MOBILE", **more)


async def confirmed(sandbox: Sandbox, world: World) -> None:
    assert (await sandbox.api("POST", "/billing-keys/confirm", world["body"]))[0] == 200


async def confirmed_and_paid(sandbox: Sandbox, world: World) -> None:
    assert (await sandbox.api("POST", "/billing-keys/confirm-issue-and-pay", world["body"]))[0] == 200


async def tried_too_often(sandbox: Sandbox, _: World) -> None:
    for _n in range(sandbox.world.inferred.transactions_max):
        await sandbox.decline(ID)


async def promises_too_much(sandbox: Sandbox, _: World) -> None:
    sandbox.world.state.promotions[PROMOTION_ID].steps = [DiscountStep(0, "AMOUNT", 1_001)]


async def promises_another_card(sandbox: Sandbox, _: World) -> None:
    sandbox.world.state.promotions[PROMOTION_ID].card_company = "BC_CARD"


async def sent(sandbox: Sandbox, _: World) -> None:
    body = BODIES["send_identity_verification"]
    assert (await sandbox.api("POST", f"/identity-verifications/{ID}/send", body))[0] == 200


async def verified(sandbox: Sandbox, world: World) -> None:
    otp = sandbox.world.state.identity_verifications[STORE_ID][ID].otp
    assert (await sandbox.api("POST", f"/identity-verifications/{ID}/confirm", {"otp": otp}))[0] == 200
    world["body"] = {"otp": otp}


async def asked_in_a_window(sandbox: Sandbox, _: World) -> None:
    asked = {"storeId": STORE_ID, "identityVerificationId": ID, "channelKey": IDENTITY_CHANNEL}
    await sandbox.transport.send("POST", "/__browser__/identity-verifications", {}, msgspec.json.encode(asked))


async def opened_session(sandbox: Sandbox, world: World) -> None:
    world["session"] = (await sandbox.api("POST", "/payment-sessions", SESSION))[1]["sessionId"]


async def session_closed(sandbox: Sandbox, world: World) -> None:
    assert (await sandbox.api("POST", f"/payment-sessions/{world['session']}/close"))[0] == 200


def refusing(fault: str, times: int = 1) -> Step:
    async def order(sandbox: Sandbox, _: World) -> None:
        sandbox.fault(fault, times=times)

    return order


PARTS = {"amount": {"total": 9, "taxFree": 5, "vat": 5}}
DISCOUNTED = {"promotionId": PROMOTION_ID}
CASES = [
    Case("issue_billing_key", "CHANNEL_NOT_FOUND", (), {"channelKey": "nobody"}),
    Case("issue_billing_key", "PG_PROVIDER", (refusing("key_refused"),)),
    Case("issue_billing_key", "CHANNEL_SPECIFIC", (in_a_group, refusing("key_refused", 2))),
    Case("confirm_billing_key", "BILLING_KEY_NOT_FOUND"),
    Case("confirm_billing_key", "BILLING_KEY_ALREADY_ISSUED", (waits_in_a_window, confirmed)),
    Case("confirm_billing_key", "INFORMATION_MISMATCH", (waits_in_a_window,), {"isTest": False}),
    Case("confirm_billing_key", "PG_PROVIDER", (waits_in_a_window, refusing("key_refused"))),
    Case("confirm_billing_key_issue_and_pay", "BILLING_KEY_NOT_FOUND", (waits_in_a_window,)),
    Case("confirm_billing_key_issue_and_pay", "BILLING_KEY_ALREADY_ISSUED", (waits_with_a_payment, confirmed_and_paid)),
    Case("confirm_billing_key_issue_and_pay", "INFORMATION_MISMATCH", (waits_with_a_payment,), {"totalAmount": 1}),
    Case("confirm_billing_key_issue_and_pay", "PG_PROVIDER", (waits_with_a_payment, refusing("pay_refused"))),
    Case("get_billing_key_info", "BILLING_KEY_NOT_FOUND"),
    Case("delete_billing_key", "BILLING_KEY_NOT_FOUND"),
    Case("delete_billing_key", "BILLING_KEY_NOT_ISSUED", (waits_in_a_window,)),
    Case("delete_billing_key", "BILLING_KEY_ALREADY_DELETED", (deleted,)),
    Case("delete_billing_key", "PAYMENT_SCHEDULE_ALREADY_EXISTS", (issued, scheduled)),
    Case("delete_billing_key", "PG_PROVIDER", (issued, refusing("key_refused"))),
    Case("delete_billing_key", "CHANNEL_SPECIFIC", (in_a_group, refusing("key_refused"))),
    Case("pay_with_billing_key", "BILLING_KEY_NOT_FOUND"),
    Case("pay_with_billing_key", "BILLING_KEY_ALREADY_DELETED", (deleted,)),
    Case("pay_with_billing_key", "CHANNEL_NOT_FOUND", (issued,), {"channelKey": EASY_PAY_CHANNEL}),
    Case("pay_with_billing_key", "ALREADY_PAID", (issued, charged)),
    Case("pay_with_billing_key", "PAYMENT_SCHEDULE_ALREADY_EXISTS", (issued, scheduled)),
    Case("pay_with_billing_key", "MAX_TRANSACTION_COUNT_REACHED", (issued, tried_too_often)),
    Case("pay_with_billing_key", "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", (issued,), PARTS),
    Case("pay_with_billing_key", "PG_PROVIDER", (issued, refusing("pay_refused"))),
    Case("pay_with_billing_key", "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT", (issued, promises_too_much), DISCOUNTED),
    Case("pay_with_billing_key", "PROMOTION_PAY_METHOD_DOES_NOT_MATCH", (issued, promises_another_card), DISCOUNTED),
    Case("create_payment_schedule", "BILLING_KEY_NOT_FOUND"),
    Case("create_payment_schedule", "BILLING_KEY_ALREADY_DELETED", (deleted,)),
    Case("create_payment_schedule", "ALREADY_PAID_OR_WAITING", (issued, charged)),
    Case("create_payment_schedule", "PAYMENT_SCHEDULE_ALREADY_EXISTS", (issued, scheduled)),
    Case("create_payment_schedule", "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", (issued,), PARTS),
    Case("get_payment_schedule", "PAYMENT_SCHEDULE_NOT_FOUND"),
    Case("revoke_payment_schedules", "BILLING_KEY_NOT_FOUND", (), {"billingKey": "nobody"}),
    Case("revoke_payment_schedules", "PAYMENT_SCHEDULE_NOT_FOUND", (), {"scheduleIds": ["nobody"]}),
    Case("revoke_payment_schedules", "BILLING_KEY_ALREADY_DELETED", (deleted,)),
    Case("revoke_payment_schedules", "PAYMENT_SCHEDULE_ALREADY_REVOKED", (issued, scheduled, revoked)),
    Case("revoke_payment_schedules", "PAYMENT_SCHEDULE_ALREADY_PROCESSED", (issued, scheduled, a_year_passes)),
    Case("send_identity_verification", "CHANNEL_NOT_FOUND", (), {"channelKey": CARD_CHANNEL}),
    Case("send_identity_verification", "IDENTITY_VERIFICATION_ALREADY_SENT", (sent,)),
    Case("send_identity_verification", "IDENTITY_VERIFICATION_ALREADY_VERIFIED", (sent, verified)),
    Case("send_identity_verification", "PG_PROVIDER", (refusing("identity_refused"),)),
    Case(
        "send_identity_verification",
        "IDENTITY_VERIFICATION_NOT_FOUND",
        inferred=Inferred(identity_send_needs_a_window=True),
    ),
    Case(
        "send_identity_verification",
        "MAX_TRANSACTION_COUNT_REACHED",
        (asked_in_a_window,),
        inferred=Inferred(identity_tries_max=1),
    ),
    *(
        Case(name, type_, steps)
        for name in ("resend_identity_verification", "confirm_identity_verification")
        for type_, steps in (
            ("IDENTITY_VERIFICATION_NOT_FOUND", ()),
            ("IDENTITY_VERIFICATION_NOT_SENT", (asked_in_a_window,)),
            ("IDENTITY_VERIFICATION_ALREADY_VERIFIED", (sent, verified)),
            ("PG_PROVIDER", (sent, refusing("identity_refused"))),
        )
    ),
    Case("get_identity_verification", "IDENTITY_VERIFICATION_NOT_FOUND"),
    Case("get_promotion", "PROMOTION_NOT_FOUND"),
    Case("get_pg_card_promotions", "CHANNEL_NOT_FOUND", query="?channelKey=nobody&amount=1"),
    Case("get_pg_card_promotions", "PG_PROVIDER"),
    Case("confirm_paymentwall_delivery", "PAYMENT_NOT_FOUND"),
    Case(
        "evaluate_checkout_profile",
        "PROFILE_SETTINGS_NOT_FOUND",
        query="?profileKey=nobody&country=US&currency=USD&amount=1",
    ),
    Case("create_payment_session", "MAX_TTL_EXCEEDED", (), {"ttlSeconds": 86_401}),
    Case("get_payment_session", "SESSION_NOT_FOUND"),
    Case("get_payment_session", "SESSION_EXPIRED", (opened_session, session_closed)),
    Case("close_payment_session", "SESSION_NOT_FOUND"),
]


async def call(sandbox: Sandbox, name: str, world: World, case: Case) -> tuple[int, Any]:
    """Status and answer of the usual call after the steps, with the case's changes."""
    operation, key = OPERATIONS[name], world.get("key", "nobody")
    path = operation.path
    for part, value in {
        "{paymentId}": ID,
        "{billingKey}": quote(key, safe=""),
        "{paymentScheduleId}": "nobody",
        "{identityVerificationId}": ID,
        "{promotionId}": "nobody",
        "{sessionId}": world.get("session", "nobody"),
    }.items():
        path = path.replace(part, value)
    body = BODIES.get(name)
    match name:
        case "pay_with_billing_key":
            body = {**CHARGE, "billingKey": key, **case.body}
        case "create_payment_schedule":
            body = {"payment": {**CHARGE, "billingKey": key, **case.body}, "timeToPay": NEXT_YEAR}
        case "revoke_payment_schedules":
            named = {"scheduleIds": [world["schedule"]]} if "schedule" in world else {"billingKey": key}
            body = case.body or named
        case _ if body is not None:
            body = body | world.get("body", {}) | case.body
    return await sandbox.api(operation.method, path + (case.query or QUERIES.get(name, "")), body)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.operation}-{case.type}")
async def test_each_error_is_earned(case: Case) -> None:
    sandbox, world = Sandbox(inferred=case.inferred), dict[str, Any]()
    for step in case.steps:
        await step(sandbox, world)
    captures = sandbox.captures(ID)
    status, answer = await call(sandbox, case.operation, world, case)
    assert (status, answer.get("type")) == (status_of(case.type), case.type), answer
    assert sandbox.captures(ID) == captures, "an error moves no money"


def test_no_declared_error_is_without_a_case() -> None:
    earned = {(case.operation, case.type) for case in CASES}
    declared = {(name, type_) for name, types in DECLARED.items() for type_ in types.split()}
    assert earned == declared
    assert DECLARED.keys() == OPERATIONS.keys()


def test_portones_description_declares_the_same_errors() -> None:
    if BESIDE_THE_PROJECT is None:
        pytest.skip(f"no error is compared with PortOne's description: there is no {FILE} beside the project")
    description = Description(BESIDE_THE_PROJECT)
    usual = {"INVALID_REQUEST", "UNAUTHORIZED", "FORBIDDEN"}
    for name, operation in OPERATIONS.items():
        declared = description.errors(operation.method, operation.path)
        assert set(declared) - usual == set(DECLARED[name].split()), name
        assert all(status_of(type_) == status for type_, status in declared.items() if type_ not in usual), name
