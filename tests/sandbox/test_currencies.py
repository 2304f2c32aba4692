"""PortOne takes the world's currencies, each in its own minor units (portone-facts §1.6)."""

import pytest

from contract.openapi import BESIDE_THE_PROJECT, Description
from jangbu import money
from jangbu.sandbox import LIVE_CHANNEL
from jangbu.sandbox.core.currencies import EXPONENTS, written
from jangbu.sandbox.testing import Sandbox

NOBODY_PAYS_IN = ["XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"]


def test_every_currency_of_portones_is_there_and_jangbus_are_the_same() -> None:
    assert money.EXPONENTS.items() <= EXPONENTS.items()
    if BESIDE_THE_PROJECT is None:
        pytest.skip("PortOne's description is not beside the project: its currencies are not compared")
    assert sorted([*EXPONENTS, *NOBODY_PAYS_IN]) == sorted(Description(BESIDE_THE_PROJECT).values("Currency"))


@pytest.mark.parametrize(
    ("currency", "shown", "major"),
    [("CHF", "CHF 12.34", 12.34), ("KWD", "KWD 1.234", 1.234), ("ISK", "ISK 1,234", 1234)],
)
async def test_a_payment_in_a_rare_currency_is_paid_and_given_back(
    sandbox: Sandbox, currency: str, shown: str, major: float
) -> None:
    assert written(1234, currency) == shown
    await sandbox.pre_register("order-0001", 1234, currency)
    opened = await sandbox.open("order-0001", channelKey=LIVE_CHANNEL)
    _, _, page = await sandbox.transport.send("GET", opened["windowUrl"])
    assert shown in page.decode()
    await sandbox.decide(opened["txId"], "approve")
    assert (await sandbox.cancel("order-0001", 34))[0] == 200
    _, payment = await sandbox.api("GET", "/payments/order-0001")
    assert (payment["currency"], payment["amount"]["total"], payment["amount"]["cancelled"]) == (currency, 1234, 34)
    uid = await sandbox.v1_pay("order-v1", channelKey=LIVE_CHANNEL, amount=major, currency=currency)
    assert (await sandbox.v1("GET", f"/payments/{uid}"))[1]["response"]["amount"] == major


async def test_what_nobody_pays_in_is_refused_wherever_it_is_said(sandbox: Sandbox) -> None:
    for currency in ("XAU", "XXX", "WON", "krw", ""):
        status, answer = await sandbox.api("POST", "/payments/order-0001/pre-register", {"currency": currency})
        assert (status, answer["type"]) == (400, "INVALID_REQUEST"), currency
        assert (await sandbox.open("order-0001", currency=currency))["code"] == "RequestParseFailed"
    assert sandbox.state()["preRegisteredOnly"] == 0
