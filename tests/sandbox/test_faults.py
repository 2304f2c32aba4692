"""Faults ordered by name: what they do to the world, to the answer, and to whom (reliability §3)."""

import msgspec
import pytest

from jangbu.sandbox import STORE_ID
from jangbu.sandbox.core.faults import KINDS, Fault
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.testing import Sandbox

TARGET = "/payments/ord-000001/pre-register"


async def test_a_lost_answer_was_acted_on(sandbox: Sandbox) -> None:
    sandbox.fault("answer_lost")
    with pytest.raises(ConnectionResetError):
        await sandbox.api("POST", TARGET, {"totalAmount": 1000})
    assert sandbox.payment("ord-000001") is not None


async def test_a_lost_answer_is_replayed_under_the_same_key(sandbox: Sandbox) -> None:
    key = {"idempotency-key": '"0123456789abcdef"'}
    sandbox.fault("answer_lost")
    with pytest.raises(ConnectionResetError):
        await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=key)
    await sandbox.pay("ord-000001")
    assert await sandbox.api("POST", TARGET, {"totalAmount": 1000}, headers=key) == (200, {})


async def test_a_call_that_is_not_reached_was_not_acted_on(sandbox: Sandbox) -> None:
    sandbox.fault("not_reached")
    with pytest.raises(ConnectionResetError):
        await sandbox.api("POST", TARGET, {"totalAmount": 1000})
    assert sandbox.payment("ord-000001") is None


async def test_a_slow_answer_comes_too_late_and_the_work_is_done(sandbox: Sandbox) -> None:
    sandbox.fault("slow", seconds=60)
    with pytest.raises(TimeoutError):
        await sandbox.api("POST", TARGET, {"totalAmount": 1000})
    assert sandbox.payment("ord-000001") is not None
    sandbox.fault("slow", seconds=59)
    assert (await sandbox.api("POST", TARGET, {"totalAmount": 1000}))[0] == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("status_429", 429),
        ("status_500", 500),
        ("status_502", 502),
        ("html_502", 502),
        ("idempotency_outstanding", 409),
    ],
)
@pytest.mark.parametrize("acts", [False, True])
async def test_an_error_status_may_come_before_or_after_acting(
    sandbox: Sandbox, name: str, status: int, acts: bool
) -> None:
    sandbox.fault(name, acts=acts)
    answered, headers, body = await sandbox.transport.send(
        "POST", TARGET, {"authorization": "PortOne sandbox-api-secret"}, b'{"totalAmount":1000}'
    )
    assert answered == status
    assert (sandbox.payment("ord-000001") is not None) == acts
    if name == "html_502":
        assert headers["content-type"].startswith("text/html")
    else:
        assert msgspec.json.decode(body)["type"]


async def test_bad_json_is_a_success_nobody_can_read(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    sandbox.fault("bad_json")
    status, _, body = await sandbox.transport.send(
        "GET", "/payments/ord-000001", {"authorization": "PortOne sandbox-api-secret"}
    )
    assert status == 200
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("unknown_status", ("status",), "SANDBOX_STATUS_OF_TOMORROW"),
        ("unknown_method", ("method", "type"), "PaymentMethodSandboxOfTomorrow"),
        ("unknown_fields", ("amount", "sandboxDeposit"), 7),
        ("other_store", ("storeId",), "store-99999999-0000-4000-8000-000000000009"),
        ("live_channel", ("channel", "type"), "LIVE"),
        ("amount_changed", ("amount", "total"), 1100),
    ],
)
async def test_a_bent_answer_lies_once_and_the_world_stays_true(
    sandbox: Sandbox, name: str, path: tuple[str, ...], value: object
) -> None:
    await sandbox.pay("ord-000001")
    _, true = await sandbox.api("GET", "/payments/ord-000001")
    sandbox.fault(name, payment_id="ord-000001")
    _, bent = await sandbox.api("GET", "/payments/ord-000001")
    found = bent
    for part in path:
        found = found[part]
    assert found == value
    assert await sandbox.api("GET", "/payments/ord-000001") == (200, true)
    assert true["storeId"] == STORE_ID


async def test_a_bent_payment_is_bent_in_a_list_as_well(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.pay("ord-000002")
    sandbox.fault("unknown_status", operation="get_payments", payment_id="ord-000001")
    assert (await sandbox.api("GET", "/payments/ord-000001"))[1]["status"] == "PAID"
    _, page = await sandbox.api("GET", "/payments")
    assert {item["id"]: item["status"] for item in page["items"]} == {
        "ord-000001": "SANDBOX_STATUS_OF_TOMORROW",
        "ord-000002": "PAID",
    }


async def test_a_fault_strikes_only_where_it_was_ordered_and_as_often(sandbox: Sandbox) -> None:
    await sandbox.pay("ord-000001")
    await sandbox.pay("ord-000002")
    sandbox.fault("status_500", operation="get_payment", payment_id="ord-000002", times=2)

    async def statuses() -> list[int]:
        targets = ("/payments", "/payments/ord-000001", "/payments/ord-000002")
        return [(await sandbox.api("GET", target))[0] for target in targets]

    assert [await statuses() for _ in range(3)] == [[200, 200, 500], [200, 200, 500], [200, 200, 200]]
    assert sandbox.parts.faults.waiting == []


async def test_faults_are_used_in_the_order_they_were_given(sandbox: Sandbox) -> None:
    sandbox.fault("status_429")
    sandbox.fault("status_500")
    statuses = [(await sandbox.api("GET", "/payments"))[0] for _ in range(3)]
    assert statuses == [429, 500, 200]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("anser_lost"),
        Fault("answer_lost", operation="get_paymnet"),
        Fault("answer_lost", times=0),
        Fault("slow"),
        Fault("webhook_late", seconds=-1),
    ],
)
async def test_an_order_with_a_typo_is_refused(sandbox: Sandbox, fault: Fault) -> None:
    with pytest.raises(NotOurs) as refused:
        sandbox.parts.faults.order(fault)
    if fault.name not in KINDS:
        assert all(name in str(refused.value) for name in KINDS)
    assert sandbox.parts.faults.waiting == []
