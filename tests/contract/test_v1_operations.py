"""docs/reference/sandbox.md says of V1 what is so: each operation is performed, judged, and its unread fields named."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest

from contract.stocked import DAY, NOW, V1_CARD, V1_PERSON, stocked_v1
from contract.swagger import BESIDE_THE_PROJECT, FILE, V1Description
from jangbu import sandbox as names
from jangbu.sandbox.app import v1_operations
from jangbu.sandbox.coverage import V1, V1_FAMILIES, WITHOUT_A_STATUS, v1_rows
from jangbu.sandbox.testing import Sandbox
from jangbu.sandbox.v1.gate import Call, Operation

ORDER = {"amount": 1000, "name": "정기 구독", "channel_key": names.LIVE_CHANNEL}
ACCOUNT = {"amount": 1100, "name": "보리차", "channel_key": names.LIVE_CHANNEL, "vbank_code": "088"}
TIMES = {"from": NOW, "to": NOW + 7 * DAY}
PERFORMED: dict[str, tuple[str, dict[str, Any]]] = {
    "v1_get_token": ("/users/getToken", {"imp_key": names.V1_KEY, "imp_secret": names.V1_SECRET}),
    "v1_prepare": ("/payments/prepare", {"merchant_uid": "fixed-0002", "amount": 1000}),
    "v1_change_prepared": ("/payments/prepare", {"merchant_uid": "fixed-0001", "amount": 2000}),
    "v1_get_prepared": ("/payments/prepare/fixed-0001", {}),
    "v1_get_payment": ("/payments/{order-0001}", {}),
    "v1_get_balance": ("/payments/{order-0002}/balance", {}),
    "v1_get_payments": ("/payments", {"merchant_uid[]": ["order-0001", "order-0002"]}),
    "v1_find_payment": ("/payments/find/order-0001", {}),
    "v1_find_payment_of_status": ("/payments/find/order-0001/paid", {}),
    "v1_find_payments": ("/payments/findAll/order-0001", {}),
    "v1_find_payments_of_status": ("/payments/findAll/order-0001/paid", {}),
    "v1_list_payments": ("/payments/status/all", {}),
    "v1_cancel": ("/payments/cancel", {"merchant_uid": "order-0001", "amount": 300, "reason": "변심"}),
    "v1_register_customer": ("/subscribe/customers/customer-3", V1_CARD),
    "v1_get_customer": ("/subscribe/customers/customer-1", {}),
    "v1_get_customers": ("/subscribe/customers", {"customer_uid[]": ["customer-1", "customer-2"]}),
    "v1_delete_customer": ("/subscribe/customers/customer-2", {}),
    "v1_get_customer_payments": ("/subscribe/customers/customer-1/payments", {}),
    "v1_get_customer_schedules": ("/subscribe/customers/customer-1/schedules", TIMES),
    "v1_get_schedules_of_customer": ("/subscribe/payments/schedule/customers/customer-1", TIMES),
    "v1_pay_again": (
        "/subscribe/payments/again",
        ORDER | {"customer_uid": "customer-1", "merchant_uid": "again-0001"},
    ),
    "v1_pay_onetime": ("/subscribe/payments/onetime", ORDER | V1_CARD | {"merchant_uid": "once-00001"}),
    "v1_schedule": (
        "/subscribe/payments/schedule",
        {
            "customer_uid": "customer-1",
            "schedules": [{"merchant_uid": "month-0009", "schedule_at": NOW + DAY, "amount": 1000, "name": "구독"}],
        },
    ),
    "v1_unschedule": ("/subscribe/payments/unschedule", {"customer_uid": "customer-1", "merchant_uid": "month-0001"}),
    "v1_list_schedules": ("/subscribe/payments/schedule", {"schedule_from": NOW, "schedule_to": NOW + 7 * DAY}),
    "v1_get_schedule": ("/subscribe/payments/schedule/month-0001", {}),
    "v1_move_schedule": ("/subscribe/payments/schedule/month-0001", {"schedule_at": NOW + 5 * DAY}),
    "v1_reschedule": ("/subscribe/payments/schedule/month-0002/reschedule", {"schedule_at": NOW + 5 * DAY}),
    "v1_retry_schedule": ("/subscribe/payments/schedule/month-0001/retry", {}),
    "v1_open_vbank": ("/vbanks", ACCOUNT | {"merchant_uid": "account-03", "vbank_due": NOW + DAY}),
    "v1_change_vbank": ("/vbanks/{account-01}", {"amount": 2200}),
    "v1_close_vbank": ("/vbanks/{account-01}", {}),
    "v1_get_receipt": ("/receipts/{account-02}", {}),
    "v1_issue_receipt": ("/receipts/{account-02}", {"identifier": "01012345678"}),
    "v1_cancel_receipt": ("/receipts/{account-02}", {}),
    "v1_request_otp": ("/certifications/otp/request", V1_PERSON | {"channel_key": names.IDENTITY_CHANNEL}),
    "v1_confirm_otp": ("/certifications/otp/confirm/{who}", {"otp": "{otp}"}),
    "v1_get_certification": ("/certifications/{who}", {}),
    "v1_delete_certification": ("/certifications/{who}", {}),
    "v1_get_banks": ("/banks", {}),
    "v1_get_bank": ("/banks/088", {}),
    "v1_get_cards": ("/cards", {}),
    "v1_get_card": ("/cards/366", {}),
    "v1_get_channels": ("/users/pg", {}),
    "v1_get_tier": ("/tiers/ABC", {}),
}
"""A good call of each: `{…}` is the imp_uid of the payment with that merchant_uid, or what the certification has."""


@pytest.fixture(scope="module")
def description() -> V1Description:
    if BESIDE_THE_PROJECT is None:
        pytest.skip(f"no claim about V1 is compared with PortOne's description: there is no {FILE} beside the project")
    return V1Description(BESIDE_THE_PROJECT)


def test_every_operation_of_v1_is_on_the_page_once() -> None:
    shown = [(row.method, row.path) for row in v1_rows()]
    assert len(shown) == len(set(shown))
    assert {(operation.method, operation.path) for operation in v1_operations} <= set(shown)
    assert PERFORMED.keys() == {operation.name for operation in v1_operations}


def test_the_page_has_all_that_portones_v1_has(description: V1Description) -> None:
    portones = {(method, bare(path)) for method, path in description.operations()}
    families = {bare(path): number for path, number in V1_FAMILIES}
    for family, number in families.items():
        assert sum(path.startswith(family) for _, path in portones) == number, family
    alone = {each for each in portones if not each[1].startswith(tuple(families))}
    assert alone == {(method, bare(path)) for method, path, _ in V1}
    assert {bare(path) for path in WITHOUT_A_STATUS} <= {path for _, path in alone}


def bare(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def test_the_fact_shown_is_the_one_the_code_follows() -> None:
    facts = {(method, path): fact for method, path, fact in V1}
    for operation in v1_operations:
        cited = re.search(r"portone-facts (§[\d.]*\d)", operation.handler.__doc__ or "")
        assert cited is not None and cited[1] == facts[operation.method, operation.path], operation.name


@pytest.mark.parametrize("operation", v1_operations, ids=lambda operation: operation.name)
async def test_each_is_performed_and_the_answer_is_as_described(operation: Operation) -> None:
    sandbox, _ = await stocked_v1(1)
    await _prepare(sandbox, operation.name)
    path, fields = PERFORMED[operation.name]
    verification = next(iter(sandbox.world.state.identity_verifications[names.STORE_ID].values()))
    filled = {"who": verification.transaction_id or "", "otp": verification.otp or ""}
    filled |= {each.payment_id: each.transaction_id for each in sandbox.world.attempts()}
    path = re.sub(r"{([\w-]+)}", lambda named: filled[named[1]], path)
    fields = {name: filled["otp"] if value == "{otp}" else value for name, value in fields.items()}
    assert re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), path)
    status, body = await sandbox.v1(operation.method, path, fields)
    assert (status, body["code"]) == (200, 0), body
    assert body["response"]
    if BESIDE_THE_PROJECT is not None:
        assert V1Description(BESIDE_THE_PROJECT).problems(operation.method, path, status, body) == []


async def _prepare(sandbox: Sandbox, operation: str) -> None:
    """What has to be so before the good call."""
    match operation:
        case "v1_change_vbank":
            sandbox.world.state.channels[names.LIVE_CHANNEL].pg_provider = "SETTLE"
        case "v1_get_receipt" | "v1_cancel_receipt":
            uid = next(a.transaction_id for a in sandbox.world.attempts() if a.payment_id == "account-02")
            await sandbox.v1("POST", f"/receipts/{uid}", {"identifier": "01012345678"})
        case "v1_reschedule":
            await sandbox.v1("POST", "/subscribe/payments/unschedule", {"customer_uid": "customer-1"})
        case "v1_retry_schedule":
            await sandbox.key_order("refuse", "customer-1", reason="insufficient_funds", times=1)
            await sandbox.move(timedelta(days=1))


@pytest.mark.parametrize("operation", v1_operations, ids=lambda operation: operation.name)
async def test_a_field_of_v1_that_is_not_read_is_named(
    description: V1Description, monkeypatch: pytest.MonkeyPatch, operation: Operation
) -> None:
    shapes: list[type[msgspec.Struct]] = []
    read = Call.asked

    def noted(call: Call, shape: Any) -> Any:
        shapes.append(shape)
        return read(call, shape)

    monkeypatch.setattr(Call, "asked", noted)
    await test_each_is_performed_and_the_answer_is_as_described(operation)
    known = set(_fields_of(shapes[-1])) if shapes else set()
    theirs = next(
        path
        for method, path in description.operations()
        if (method, bare(path)) == (operation.method, bare(operation.path))
    )
    unread = sorted(description.fields_of(operation.method, theirs) - known)
    assert [name for name in unread if f"`{name.rpartition('.')[2]}`" not in operation.lacks] == []


def _fields_of(shape: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Each by its name, those of the rows of a list as well."""
    for field in msgspec.structs.fields(shape):
        yield prefix + field.encode_name
        for inner in (field.type, *get_args(field.type)):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from _fields_of(inner, f"{field.encode_name}.")
