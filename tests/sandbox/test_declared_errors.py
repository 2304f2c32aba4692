"""Every error that PortOne declares for these operations is answered by a state that earns it (portone-facts §12)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from contract.openapi import BESIDE_THE_PROJECT, FILE, Description
from contract.statuses import status_of
from jangbu.sandbox import API_SECRET, CARD_CHANNEL, PROMOTION_ID
from jangbu.sandbox.core.problems import STATUS_OF_TYPE
from jangbu.sandbox.core.small_records import DiscountStep
from jangbu.sandbox.gate import Operation
from jangbu.sandbox.testing import START, Sandbox
from jangbu.sandbox.v2 import api_cancel, api_cash_receipts, api_instant, api_lists, api_payments, api_v2

REGISTERS = (api_v2, api_lists, api_payments, api_instant, api_cancel, api_cash_receipts)
OPERATIONS = {operation.name: operation for module in REGISTERS for operation in module.operations.all}
USUAL = ("INVALID_REQUEST", "UNAUTHORIZED", "FORBIDDEN")
ID = "ord-000001"

ON_A_PAID_ONE = "PAYMENT_NOT_FOUND PAYMENT_NOT_PAID PG_PROVIDER"
DECLARED = {
    "login": "",
    "refresh_token": "",
    "pre_register_payment": "ALREADY_PAID",
    "get_payment": "PAYMENT_NOT_FOUND",
    "get_payments": "",
    "get_payments_by_cursor": "",
    "get_payment_events_by_cursor": "",
    "get_payment_transactions": "PAYMENT_NOT_FOUND",
    "get_cash_receipts": "",
    "resend_webhook": "MAX_WEBHOOK_RETRY_COUNT_REACHED PAYMENT_NOT_FOUND WEBHOOK_NOT_FOUND",
    "confirm_payment": "INVALID_PAYMENT_TOKEN PAYMENT_NOT_FOUND ALREADY_PAID INFORMATION_MISMATCH PG_PROVIDER",
    "capture_payment": ON_A_PAID_ONE,
    "apply_escrow_logistics": ON_A_PAID_ONE,
    "modify_escrow_logistics": ON_A_PAID_ONE,
    "confirm_escrow": ON_A_PAID_ONE,
    "register_store_receipt": ON_A_PAID_ONE,
    "close_virtual_account": "PAYMENT_NOT_FOUND PAYMENT_NOT_WAITING_FOR_DEPOSIT PG_PROVIDER",
    "pay_instantly": (
        "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT MAX_TRANSACTION_COUNT_REACHED PROMOTION_PAY_METHOD_DOES_NOT_MATCH"
        " CHANNEL_NOT_FOUND ALREADY_PAID PAYMENT_SCHEDULE_ALREADY_EXISTS SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT PG_PROVIDER"
    ),
    "cancel_payment": (
        "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED"
        " PAYMENT_NOT_FOUND CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
        " CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"
        " CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT MAX_CANCEL_COUNT_REACHED"
        " PAYMENT_ALREADY_CANCELLED PAYMENT_NOT_PAID SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT PG_PROVIDER"
    ),
    "stop_payment_cancellation": (
        "PAYMENT_CANCELLATION_NOT_FOUND PAYMENT_NOT_FOUND PAYMENT_CANCELLATION_NOT_PENDING PG_PROVIDER"
    ),
    "issue_cash_receipt": "CHANNEL_NOT_FOUND CASH_RECEIPT_ALREADY_ISSUED PG_PROVIDER",
    "get_cash_receipt": "CASH_RECEIPT_NOT_FOUND",
    "cancel_cash_receipt": "CASH_RECEIPT_NOT_FOUND CASH_RECEIPT_NOT_ISSUED PG_PROVIDER",
}
"""The types beyond the usual ones."""

CARD = {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}
LOGISTICS = {"logistics": {"company": "CJ", "invoiceNumber": "1", "sentAt": "2026-08-02T10:00:00+09:00"}}
USUAL_BODY: dict[str, Any] = {
    "login": {"apiSecret": API_SECRET},
    "refresh_token": {"refreshToken": "x"},
    "cancel_payment": {"reason": "변심"},
    "confirm_payment": {"paymentToken": "wrong"},
    "apply_escrow_logistics": LOGISTICS,
    "modify_escrow_logistics": LOGISTICS,
    "register_store_receipt": {
        "items": [{"storeBusinessRegistrationNumber": "1", "storeName": "x", "totalAmount": 1, "currency": "KRW"}]
    },
    "issue_cash_receipt": {
        "paymentId": ID,
        "channelKey": CARD_CHANNEL,
        "type": "PERSONAL",
        "orderName": "보리차",
        "currency": "KRW",
        "amount": {"total": 1_000},
        "customer": {"identityNumber": "01012345678"},
    },
    "pay_instantly": {
        "method": {"card": {"credential": CARD}},
        "orderName": "보리차",
        "amount": {"total": 1_000},
        "currency": "KRW",
        "channelKey": CARD_CHANNEL,
    },
}


async def call(sandbox: Sandbox, operation: Operation, changes: dict[str, Any], **more: Any) -> tuple[int, str]:
    """Status and type of the answer to the usual call, with `changes` in its body."""
    payment = sandbox.payment(ID)
    made = payment.attempts[-1].cancellations if payment and payment.attempts else []
    path = operation.path.replace("{paymentId}", ID)
    path = path.replace("{cancellationId}", made[-1].id if made else "nobody")
    status, answer = await sandbox.api(operation.method, path, USUAL_BODY.get(operation.name, {}) | changes, **more)
    return status, answer.get("type", "no error")


Step = Callable[[Sandbox], Awaitable[object]]


@dataclass(frozen=True)
class Case:
    operation: str
    type: str
    steps: tuple[Step, ...] = ()
    """What has happened before."""
    body: dict[str, Any] = field(default_factory=dict)


# What may have happened before.


async def registered(sandbox: Sandbox) -> None:
    await sandbox.pre_register(ID, 1_000)


async def opened(sandbox: Sandbox) -> None:
    await sandbox.open(ID)


async def paid(sandbox: Sandbox) -> None:
    await sandbox.pay(ID, totalAmount=1_000, taxFreeAmount=300)


async def paid_cheaper(sandbox: Sandbox) -> None:
    """300 won were taken off."""
    transaction = (await sandbox.open(ID))["txId"]
    attempt = sandbox.world.attempt(transaction)
    assert attempt is not None
    attempt.order.discount_minor = 300
    await sandbox.decide(transaction, "approve")


async def cancelled(sandbox: Sandbox) -> None:
    assert (await sandbox.cancel(ID))[0] == 200


async def cancelled_in_part(sandbox: Sandbox) -> None:
    assert (await sandbox.cancel(ID, 1, promotionDiscountRetainOption="RETAIN"))[0] == 200


async def cancels_slowly(sandbox: Sandbox) -> None:
    sandbox.cancel_slowly(ID)
    await cancelled(sandbox)


async def cancelled_unknown_to_portone(sandbox: Sandbox) -> None:
    await sandbox.cancel_elsewhere(ID, known_after_s=None)


async def cancelled_too_often(sandbox: Sandbox) -> None:
    for _ in range(sandbox.world.inferred.cancels_max):
        assert (await sandbox.cancel(ID, 1))[0] == 200


async def agreed(sandbox: Sandbox) -> None:
    """The server is to confirm, with the token that is the usual body's from now on."""
    sandbox.world.state.channels[CARD_CHANNEL].approves_manually = True
    result = await sandbox.pay(ID)
    attempt = sandbox.world.attempt(result["txId"])
    assert attempt is not None
    attempt.payment_token = "wrong"


async def issued(sandbox: Sandbox) -> None:
    await sandbox.pay(ID, payMethod="VIRTUAL_ACCOUNT")


async def deposited_unknown_to_portone(sandbox: Sandbox) -> None:
    await sandbox.deposit(ID, known_after_s=None)


async def resent_too_often(sandbox: Sandbox) -> None:
    for _ in range(sandbox.world.inferred.webhook_resends_max):
        assert (await sandbox.api("POST", f"/payments/{ID}/resend-webhook", {}))[0] == 200


async def tried_too_often(sandbox: Sandbox) -> None:
    for _ in range(sandbox.world.inferred.transactions_max):
        await sandbox.decline(ID)


async def scheduled(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    assert (await sandbox.schedule(ID, key, START.replace(year=2027)))[0] == 200


async def receipt(sandbox: Sandbox) -> None:
    assert (await sandbox.api("POST", "/cash-receipts", USUAL_BODY["issue_cash_receipt"]))[0] == 200


async def receipt_cancelled(sandbox: Sandbox) -> None:
    assert (await sandbox.api("POST", f"/payments/{ID}/cash-receipt/cancel", {}))[0] == 200


async def promises_too_much(sandbox: Sandbox) -> None:
    sandbox.world.state.promotions[PROMOTION_ID].steps = [DiscountStep(0, "AMOUNT", 1_001)]


async def promises_bc(sandbox: Sandbox) -> None:
    sandbox.world.state.promotions[PROMOTION_ID].card_company = "BC_CARD"


def refusing(fault: str) -> Step:
    async def order(sandbox: Sandbox) -> None:
        sandbox.fault(fault)

    return order


async def without_webhooks(sandbox: Sandbox) -> None:
    for store in sandbox.world.state.stores.values():
        for settings in store.webhooks.values():
            settings.url = None


CASES = [
    Case("pre_register_payment", "ALREADY_PAID", (paid,)),
    Case("get_payment", "PAYMENT_NOT_FOUND", (registered,)),
    Case("get_payment_transactions", "PAYMENT_NOT_FOUND", (registered,)),
    Case("resend_webhook", "PAYMENT_NOT_FOUND"),
    Case("resend_webhook", "WEBHOOK_NOT_FOUND", (without_webhooks, paid)),
    Case("resend_webhook", "WEBHOOK_NOT_FOUND", (paid,), {"webhookId": "wh_of_another"}),
    Case("resend_webhook", "MAX_WEBHOOK_RETRY_COUNT_REACHED", (paid, resent_too_often)),
    Case("confirm_payment", "PAYMENT_NOT_FOUND"),
    Case("confirm_payment", "INVALID_PAYMENT_TOKEN", (opened,)),
    Case("confirm_payment", "INFORMATION_MISMATCH", (agreed,), {"totalAmount": 1}),
    Case("confirm_payment", "ALREADY_PAID", (paid,)),
    Case("confirm_payment", "PG_PROVIDER", (agreed, refusing("pay_refused"))),
    *(
        Case(name, type_, steps)
        for name, declared in DECLARED.items()
        if declared == ON_A_PAID_ONE
        for type_, steps in (
            ("PAYMENT_NOT_FOUND", ()),
            ("PAYMENT_NOT_PAID", (opened,)),
            ("PAYMENT_NOT_PAID", (paid, cancelled)),
            # Neither captured later, nor escrow, nor of a PG that takes receipts of stores.
            ("PG_PROVIDER", (paid,)),
        )
    ),
    Case("close_virtual_account", "PAYMENT_NOT_FOUND"),
    Case("close_virtual_account", "PAYMENT_NOT_WAITING_FOR_DEPOSIT", (paid,)),
    Case("close_virtual_account", "PG_PROVIDER", (issued, deposited_unknown_to_portone)),
    Case("pay_instantly", "CHANNEL_NOT_FOUND", (), {"channelKey": "nobody"}),
    Case("pay_instantly", "ALREADY_PAID", (paid,)),
    Case("pay_instantly", "ALREADY_PAID", (paid, cancelled)),
    Case("pay_instantly", "MAX_TRANSACTION_COUNT_REACHED", (tried_too_often,)),
    Case("pay_instantly", "PAYMENT_SCHEDULE_ALREADY_EXISTS", (scheduled,)),
    Case("pay_instantly", "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT", (), {"amount": {"total": 9, "taxFree": 5, "vat": 5}}),
    Case("pay_instantly", "PG_PROVIDER", (refusing("pay_refused"),)),
    Case("pay_instantly", "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT", (promises_too_much,), {"promotionId": PROMOTION_ID}),
    Case("pay_instantly", "PROMOTION_PAY_METHOD_DOES_NOT_MATCH", (promises_bc,), {"promotionId": PROMOTION_ID}),
    Case("cancel_payment", "PAYMENT_NOT_FOUND", (registered,)),
    Case("cancel_payment", "PAYMENT_NOT_PAID", (opened,)),
    Case("cancel_payment", "PAYMENT_NOT_PAID", (issued,)),
    Case("cancel_payment", "PAYMENT_ALREADY_CANCELLED", (paid, cancelled)),
    Case("cancel_payment", "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", (paid,), {"currentCancellableAmount": 999}),
    Case("cancel_payment", "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", (paid,), {"amount": 1_001}),
    Case("cancel_payment", "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", (paid, cancels_slowly)),
    Case("cancel_payment", "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", (paid,), {"amount": 701}),
    Case(
        "cancel_payment",
        "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT",
        (paid,),
        {"amount": 500, "taxFreeAmount": 301},
    ),
    Case(
        "cancel_payment",
        "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT",
        (paid,),
        {"amount": 100, "taxFreeAmount": 60, "vatAmount": 41},
    ),
    Case("cancel_payment", "MAX_CANCEL_COUNT_REACHED", (paid, cancelled_too_often), {"amount": 1}),
    Case("cancel_payment", "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT", (paid_cheaper,), {"amount": 299}),
    Case(
        "cancel_payment",
        "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED",
        (paid_cheaper, cancelled_in_part),
        {"promotionDiscountRetainOption": "RELEASE"},
    ),
    Case("cancel_payment", "PG_PROVIDER", (paid, refusing("cancel_refused"))),
    Case("cancel_payment", "PG_PROVIDER", (paid, cancelled_unknown_to_portone)),
    Case("stop_payment_cancellation", "PAYMENT_NOT_FOUND"),
    Case("stop_payment_cancellation", "PAYMENT_CANCELLATION_NOT_FOUND", (paid,)),
    Case("stop_payment_cancellation", "PAYMENT_CANCELLATION_NOT_PENDING", (paid, cancelled)),
    Case("stop_payment_cancellation", "PG_PROVIDER", (paid, cancels_slowly)),
    Case("issue_cash_receipt", "CHANNEL_NOT_FOUND", (), {"channelKey": "nobody"}),
    Case("issue_cash_receipt", "CASH_RECEIPT_ALREADY_ISSUED", (receipt,)),
    Case("issue_cash_receipt", "PG_PROVIDER", (refusing("receipt_fails"),)),
    Case("get_cash_receipt", "CASH_RECEIPT_NOT_FOUND", (paid,)),
    Case("cancel_cash_receipt", "CASH_RECEIPT_NOT_FOUND", (paid,)),
    Case("cancel_cash_receipt", "CASH_RECEIPT_NOT_ISSUED", (receipt, receipt_cancelled)),
    Case("cancel_cash_receipt", "PG_PROVIDER", (receipt, refusing("receipt_fails"))),
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case.operation}-{case.type}-{'-'.join(step.__name__ for step in case.steps)}"
)
async def test_each_error_is_earned(sandbox: Sandbox, case: Case) -> None:
    for step in case.steps:
        await step(sandbox)
    refunds = sandbox.refunds(ID)
    captures = sandbox.captures(ID)
    answer = await call(sandbox, OPERATIONS[case.operation], case.body)
    assert answer == (status_of(case.type), case.type)
    assert (sandbox.captures(ID), sandbox.refunds(ID)) == (captures, refunds), "an error moves no money"


def test_no_declared_error_is_without_a_case() -> None:
    earned = {(case.operation, case.type) for case in CASES}
    declared = {(name, type_) for name, types in DECLARED.items() for type_ in types.split()}
    assert earned == declared
    assert DECLARED.keys() == OPERATIONS.keys()


SAYS_A_STORE = [name for name, operation in OPERATIONS.items() if not operation.is_open]
HAS_NO_BODY = {
    "get_payment",
    "get_payment_transactions",
    "get_cash_receipt",
    "cancel_cash_receipt",
    "close_virtual_account",
}
"""Nothing of such a call can be malformed."""
FILTERED = {"get_payments", "get_cash_receipts"}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_wrong_credential_is_unauthorized(sandbox: Sandbox, name: str) -> None:
    changes = {"apiSecret": "wrong"} if name == "login" else {}
    assert await call(sandbox, OPERATIONS[name], changes, secret="wrong") == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("name", SAYS_A_STORE)
async def test_another_store_is_forbidden(sandbox: Sandbox, name: str) -> None:
    operation, other = OPERATIONS[name], {"storeId": "store-of-another"}
    if name in HAS_NO_BODY:
        operation, other = replace(operation, path=operation.path + "?storeId=store-of-another"), {}
    elif name in FILTERED:
        other = {"filter": other}
    assert await call(sandbox, operation, other) == (403, "FORBIDDEN")


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - HAS_NO_BODY))
async def test_a_body_of_another_shape_is_an_invalid_request(sandbox: Sandbox, name: str) -> None:
    operation = OPERATIONS[name]
    changes: dict[str, Any] = {"filter": 7} if name in FILTERED else {"storeId": 7}
    if operation.is_open:
        changes = {"apiSecret": 7, "refreshToken": 7}
    assert await call(sandbox, operation, changes) == (400, "INVALID_REQUEST")


def test_portones_description_declares_the_same_errors() -> None:
    if BESIDE_THE_PROJECT is None:
        pytest.skip(f"no error is compared with PortOne's description: there is no {FILE} beside the project")
    description = Description(BESIDE_THE_PROJECT)
    for name, operation in OPERATIONS.items():
        declared = description.errors(operation.method, operation.path)
        ours = {*DECLARED[name].split(), *USUAL[: 2 if operation.is_open else 3]}
        assert {type_: STATUS_OF_TYPE[type_] for type_ in ours} == declared, name
