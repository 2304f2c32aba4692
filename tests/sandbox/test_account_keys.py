"""A wallet with a bank account in it: charging its key issues the cash receipt that was asked for (§2.3, §3.2)."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import EASY_PAY_CHANNEL, STORE_ID
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.testing import Sandbox

ISSUE = {"storeId": STORE_ID, "channelKey": EASY_PAY_CHANNEL, "billingKeyMethod": "EASY_PAY"}
PERSONAL = {"type": "PERSONAL", "customerIdentityNumber": "01012345678"}


async def decided(sandbox: Sandbox, **decision: Any) -> tuple[int, Any]:
    """What the shopper does in the window of a new key."""
    send = sandbox.transport.send
    _, _, opened = await send("POST", "/__browser__/billing-keys", {}, msgspec.json.encode(ISSUE))
    target = f"/__browser__/billing-keys/{msgspec.json.decode(opened)['issue']}/decision"
    status, _, answer = await send("POST", target, {}, msgspec.json.encode({"action": "approve", **decision}))
    return status, msgspec.json.decode(answer)


@pytest.fixture
async def key(sandbox: Sandbox) -> str:
    status, result = await decided(sandbox, method="transfer", choice="WOORI")
    assert status == 200
    return str(result["billingKey"])


async def get(sandbox: Sandbox, payment_id: str = "order-1") -> dict[str, Any]:
    status, body = await sandbox.api("GET", f"/payments/{payment_id}")
    assert status == 200, body
    return body


async def test_the_key_and_its_charge_tell_of_the_account(sandbox: Sandbox, key: str) -> None:
    _, info = await sandbox.api("GET", f"/billing-keys/{key}")
    [method] = info["methods"]
    assert (method["type"], method["provider"]) == ("BillingKeyPaymentMethodEasyPay", "KAKAOPAY")
    assert (method["method"]["type"], method["method"]["bank"]) == ("BillingKeyPaymentMethodTransfer", "WOORI")
    assert (await sandbox.charge("order-1", key))[0] == 200
    paid = (await get(sandbox))["method"]
    assert (paid["type"], paid["provider"]) == ("PaymentMethodEasyPay", "KAKAOPAY")
    assert paid["easyPayMethod"] == {
        "type": "PaymentMethodTransfer",
        "bank": "WOORI",
        "accountNumber": method["method"]["accountNumber"],
    }


async def test_a_receipt_is_issued_where_it_was_asked_for_and_goes_back_with_the_payment(
    sandbox: Sandbox, key: str
) -> None:
    await sandbox.charge("order-1", key, cashReceipt=PERSONAL)
    paid = await get(sandbox)
    assert paid["cashReceiptIssuanceStatus"] == "ISSUED"
    assert (paid["cashReceipt"]["type"], paid["cashReceipt"]["totalAmount"]) == ("PERSONAL", 1000)
    assert "01012345678" not in sandbox.world.to_json().decode(), "whose it is, is not kept"
    await sandbox.charge("order-2", key, cashReceipt={"type": "NO_RECEIPT"})
    await sandbox.charge("order-3", key)
    for payment_id in ("order-2", "order-3"):
        assert (await get(sandbox, payment_id))["cashReceiptIssuanceStatus"] == "NOT_ISSUED"
    await sandbox.cancel("order-1")
    assert (await sandbox.api("GET", "/payments/order-1/cash-receipt"))[1]["status"] == "CANCELLED"


async def test_a_schedule_remembers_the_receipt(sandbox: Sandbox, key: str) -> None:
    await sandbox.schedule(
        "order-1", key, sandbox.clock.now() + timedelta(days=1), cashReceipt={**PERSONAL, "type": "CORPORATE"}
    )
    await sandbox.move(timedelta(days=1))
    assert (await get(sandbox))["cashReceipt"]["type"] == "CORPORATE"


async def test_a_card_has_no_cash_receipt_and_a_receipt_can_fail(sandbox: Sandbox, key: str) -> None:
    await sandbox.charge("of-a-card", await sandbox.billing_key(), cashReceipt=PERSONAL)
    assert "cashReceiptIssuanceStatus" not in await get(sandbox, "of-a-card")
    sandbox.fault("receipt_fails")
    await sandbox.charge("order-1", key, cashReceipt=PERSONAL)
    paid = await get(sandbox)
    assert (paid["status"], paid["cashReceiptIssuanceStatus"]) == ("PAID", "NOT_ISSUED")


async def test_the_wallets_owner_puts_an_account_in_and_takes_it_out(sandbox: Sandbox) -> None:
    _, result = await decided(sandbox)
    wallet = result["billingKey"]
    for pays_with, inner in (("account", "PaymentMethodTransfer"), ("card", "PaymentMethodCard")):
        await sandbox.key_order("wallet-update", wallet, paysWith=pays_with)
        await sandbox.charge(f"with-{pays_with}", wallet)
        method = (await get(sandbox, f"with-{pays_with}"))["method"]
        assert (method["provider"], method["easyPayMethod"]["type"]) == ("KAKAOPAY", inner)
    card = await sandbox.billing_key()
    with pytest.raises(NotOurs, match="no wallet"):
        await sandbox.key_order("wallet-update", card, paysWith="account")


@pytest.mark.parametrize(
    "decision",
    [{"method": "paypal"}, {"method": "transfer", "choice": "4312"}, {"method": "card", "choice": "SHINHAN"}],
)
async def test_what_the_window_does_not_offer_is_refused(sandbox: Sandbox, decision: dict[str, str]) -> None:
    status, _ = await decided(sandbox, **decision)
    assert status == 400


async def test_a_test_card_is_registered_as_whose_it_is(sandbox: Sandbox) -> None:
    _, result = await decided(sandbox, method="card", choice="9410")
    _, info = await sandbox.api("GET", f"/billing-keys/{result['billingKey']}")
    card = info["methods"][0]["method"]["card"]
    assert (card["issuer"], card["number"][:4]) == ("KOOKMIN_CARD", "9410")
