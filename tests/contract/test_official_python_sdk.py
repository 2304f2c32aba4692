"""PortOne's own Python SDK against the sandbox over HTTP: an outside judge of our responses and signatures."""

from typing import Any

import msgspec
import pytest
from portone_server_sdk import webhook as sdk_webhook
from portone_server_sdk.common import PageInput
from portone_server_sdk.errors import (
    AlreadyPaidError,
    ForbiddenError,
    PaymentNotFoundError,
    UnauthorizedError,
    UnknownError,
    WebhookNotFoundError,
)
from portone_server_sdk.payment import (
    FailedPayment,
    PaidPayment,
    PaymentFilterInput,
    PaymentMethodCard,
    PaymentMethodEasyPay,
    PaymentTextSearch,
    ReadyPayment,
)

from contract.sdk import Portone
from jangbu.clock import SystemClock
from jangbu.sandbox import API_SECRET, CARD_CHANNEL, EASY_PAY_CHANNEL, LIVE_CHANNEL, STORE_ID, WEBHOOK_SECRET
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.testing import Endpoint, Sandbox


async def test_the_sdk_preregisters_and_reads_a_payment_through_its_life(portone: Portone) -> None:
    await portone.sdk.pre_register_payment_async(
        payment_id="life-0001", total_amount=11_000, tax_free_amount=1_000, currency="KRW"
    )
    with pytest.raises(PaymentNotFoundError):
        await portone.sdk.get_payment_async(payment_id="life-0001")

    first = await portone.open("life-0001", taxFreeAmount=1_000)
    ready = await portone.sdk.get_payment_async(payment_id="life-0001")
    assert isinstance(ready, ReadyPayment)
    assert (ready.transaction_id, ready.amount.total, ready.amount.paid) == (first, 11_000, 0)

    await portone.decide(first, "decline")
    failed = await portone.sdk.get_payment_async(payment_id="life-0001")
    assert isinstance(failed, FailedPayment)
    assert failed.failure.pg_code == "INSUFFICIENT_FUNDS"

    second = await portone.pay(
        "life-0001",
        taxFreeAmount=1_000,
        customData={"cart": 7},
        customer={"customerId": "c1", "fullName": "홍길동", "address": {"addressLine1": "세종대로 1"}},
        products=[{"id": "tea", "name": "보리차", "amount": 11_000, "quantity": 1}],
    )
    paid = await portone.sdk.get_payment_async(payment_id="life-0001")
    assert isinstance(paid, PaidPayment)
    assert (paid.transaction_id, paid.amount.paid, paid.amount.vat) == (second, 11_000, 909)
    assert (paid.channel.type, paid.channel.key, paid.store_id) == ("TEST", CARD_CHANNEL, STORE_ID)
    assert isinstance(paid.method, PaymentMethodCard)
    assert (paid.custom_data, paid.customer.name, paid.disputes) == ('{"cart":7}', "홍길동", [])
    assert paid.products is not None
    assert paid.products[0].name == "보리차"

    with pytest.raises(AlreadyPaidError):
        await portone.sdk.pre_register_payment_async(payment_id="life-0001", total_amount=1)


async def test_the_sdk_reads_easy_pay_and_a_payment_id_with_a_slash(portone: Portone) -> None:
    await portone.pay("주문/1=가", channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY")
    paid = await portone.sdk.get_payment_async(payment_id="주문/1=가")
    assert isinstance(paid, PaidPayment)
    assert paid.id == "주문/1=가"
    assert isinstance(paid.method, PaymentMethodEasyPay)
    assert paid.method.provider == "KAKAOPAY"
    assert isinstance(paid.method.easy_pay_method, PaymentMethodCard)


async def test_the_sdk_lists_with_its_query_form_of_the_body(portone: Portone) -> None:
    for number in range(3):
        await portone.pay(f"list-{number}-test")
    await portone.pay("list-9-live", channelKey=LIVE_CHANNEL)
    await portone.open("list-8-test")

    def searched(**more: Any) -> PaymentFilterInput:
        texts = [PaymentTextSearch(field="PAYMENT_ID", value="list-")]
        return PaymentFilterInput(text_search=texts, **more)

    everything = await portone.sdk.get_payments_async(filter=searched())
    assert everything.page.total_count == 5
    second = await portone.sdk.get_payments_async(
        page=PageInput(number=1, size=2), filter=searched(status=["PAID"], sort_order="ASC")
    )
    assert [payment.id for payment in second.items] == ["list-2-test", "list-9-live"]
    assert (second.page.number, second.page.size, second.page.total_count) == (1, 2, 4)
    live = await portone.sdk.get_payments_async(filter=searched(is_test=False))
    assert [payment.id for payment in live.items] == ["list-9-live"]


async def test_the_sdk_names_our_refusals(portone: Portone) -> None:
    stranger = portone.client(secret="pg-secret")
    with pytest.raises(UnauthorizedError):
        await stranger.get_payment_async(payment_id="any-0001")
    elsewhere = portone.client(store_id="store-other")
    with pytest.raises(ForbiddenError):
        await elsewhere.get_payment_async(payment_id="any-0001")
    with pytest.raises(PaymentNotFoundError):
        await portone.sdk.get_payment_async(payment_id="any-0001")
    await portone.pay("silent-1")
    with pytest.raises(WebhookNotFoundError):
        await portone.sdk.resend_webhook_async(payment_id="silent-1")
    portone.parts.faults.order(Fault("idempotency_outstanding"))
    with pytest.raises(UnknownError):
        await portone.sdk.pre_register_payment_async(payment_id="any-0002", total_amount=1)


async def test_an_unknown_status_breaks_the_sdk_as_the_facts_say(portone: Portone) -> None:
    """Our client must survive what the SDK does not; if the SDK did, the fault would be too tame (§11)."""
    await portone.pay("future-01")
    portone.parts.faults.order(Fault("unknown_status", payment_id="future-01"))
    with pytest.raises(ValueError):
        await portone.sdk.get_payment_async(payment_id="future-01")
    portone.parts.faults.order(Fault("unknown_fields", payment_id="future-01"))
    assert isinstance(await portone.sdk.get_payment_async(payment_id="future-01"), PaidPayment)


async def test_the_sdk_logs_in_and_refreshes(portone: Portone) -> None:
    client = portone.auth()
    pair = await client.login_via_api_secret_async(api_secret=API_SECRET)
    renewed = await client.refresh_token_async(refresh_token=pair.refresh_token)
    assert renewed.access_token != pair.access_token
    with pytest.raises(UnauthorizedError):
        await client.refresh_token_async(refresh_token=pair.refresh_token)


async def test_the_sdk_verifies_our_webhooks_and_reads_them_from_the_payment(portone: Portone) -> None:
    """`verify` compares with the machine's own time, so this sandbox stands at the present."""
    shop = Endpoint([200, 500])
    sandbox = Sandbox(deliver=shop, at=SystemClock().now())
    result = await sandbox.pay("hook-0001")
    await sandbox.decline("hook-0002")
    await sandbox.clock.run_due()
    seen = [sdk_webhook.verify(WEBHOOK_SECRET, body.decode(), dict(headers)) for headers, body in shop.got]
    assert [type(each).__name__ for each in seen] == [
        "WebhookTransactionReady",
        "WebhookTransactionPaid",
        "WebhookTransactionReady",
        "WebhookTransactionFailed",
    ]
    paid = seen[1]
    assert isinstance(paid, sdk_webhook.WebhookTransactionPaid)
    assert (paid.data.payment_id, paid.data.transaction_id) == ("hook-0001", result["txId"])
    assert paid.data.store_id == STORE_ID


async def test_the_sdk_refuses_a_webhook_signed_badly_on_order() -> None:
    shop = Endpoint([200, 401])
    sandbox = Sandbox(deliver=shop, at=SystemClock().now())
    sandbox.fault("webhook_bad_signature")
    await sandbox.pay("hook-0001")
    await sandbox.clock.run_due()
    headers, body = shop.got[1]
    with pytest.raises(sdk_webhook.WebhookVerificationError) as refused:
        sdk_webhook.verify(WEBHOOK_SECRET, body.decode(), dict(headers))
    assert refused.value.reason == "NO_MATCHING_SIGNATURE"


async def test_the_sdk_reads_how_a_webhook_fared(portone: Portone) -> None:
    await portone.pay("fared-01", noticeUrls=["http://127.0.0.1:9/hook"])
    answer = await portone.sdk.resend_webhook_async(payment_id="fared-01")
    assert answer.webhook.trigger == "MANUAL"
    paid = await portone.sdk.get_payment_async(payment_id="fared-01")
    assert isinstance(paid, PaidPayment)
    assert paid.webhooks is not None
    last = paid.webhooks[-1]
    assert (last.status, last.max_execution_count) == ("FAILED_UNEXPECTED_ERROR", 6)
    assert last.request is not None
    assert msgspec.json.decode(last.request.body)["type"] == "Transaction.Paid"
