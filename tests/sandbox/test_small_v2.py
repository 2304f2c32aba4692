"""Banks, promotions, hosted checkout, reports of VAT, and what single PGs have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import (
    CARD_CHANNEL,
    CHECKOUT_PROFILE,
    EASY_PAY_CHANNEL,
    JAPAN_CHANNEL,
    PAYPAL_CHANNEL,
    PROMOTION_ID,
    STORE_ID,
)
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.small_records import DiscountStep, Promotion
from jangbu.sandbox.testing import START, Sandbox

SESSION = {
    "storeId": STORE_ID,
    "paymentId": "order-0001",
    "profileKey": CHECKOUT_PROFILE,
    "country": "US",
    "currency": "USD",
    "totalAmount": 1_420,
    "orderName": "tea",
}
PROFILE = f"/checkout-profiles/evaluate?profileKey={CHECKOUT_PROFILE}"


def promotion_of(sandbox: Sandbox) -> Promotion:
    return sandbox.world.state.promotions[PROMOTION_ID]


async def promotion(sandbox: Sandbox) -> Any:
    status, answer = await sandbox.api("GET", f"/promotions/{PROMOTION_ID}")
    assert status == 200
    return answer


async def test_banks_are_told_to_anybody(sandbox: Sandbox) -> None:
    status, answer = await sandbox.api("GET", "/banks", secret="nobody's")
    assert status == 200
    assert {"bank": "SHINHAN", "name": {"ko": "신한은행"}} in answer["items"]


async def test_a_promotion_is_taken_off_and_spends_its_budget(sandbox: Sandbox) -> None:
    key = await sandbox.billing_key()
    assert (await sandbox.charge("order-0001", key, 20_000, promotionId=PROMOTION_ID))[0] == 200
    _, payment = await sandbox.api("GET", "/payments/order-0001")
    assert payment["promotionId"] == PROMOTION_ID
    amount = payment["amount"]
    assert (amount["total"], amount["discount"], amount["paid"]) == (20_000, 2_000, 18_000)
    assert sandbox.captures("order-0001") == [18_000]
    assert (await promotion(sandbox))["spentAmount"] == 2_000
    assert (await sandbox.cancel("order-0001"))[0] == 200
    assert sandbox.refunds("order-0001") == [18_000]
    assert (await promotion(sandbox))["spentAmount"] == 0


async def test_what_a_cancel_releases_may_stay_spent(sandbox: Sandbox) -> None:
    promotion_of(sandbox).recovers = False
    await sandbox.pay("order-0001", totalAmount=20_000, promotionId=PROMOTION_ID)
    await sandbox.cancel("order-0001")
    answer = await promotion(sandbox)
    assert (answer["spentAmount"], answer["recoverOption"]) == (2_000, {"type": "NO_RECOVER"})


@pytest.mark.parametrize(
    ("total", "discount"), [(9_999, 0), (10_000, 1_000), (10_009, 1_000), (30_000, 4_000), (90_000, 5_000)]
)
async def test_the_step_that_the_sum_reached_counts(sandbox: Sandbox, total: int, discount: int) -> None:
    promotion_of(sandbox).steps = [DiscountStep(25_000, "AMOUNT", 4_000), DiscountStep(10_000, "PERCENT", 10)]
    if total == 90_000:
        promotion_of(sandbox).steps = [DiscountStep(0, "PERCENT", 10)]
    await sandbox.pay("order-0001", totalAmount=total, promotionId=PROMOTION_ID)
    assert sandbox.captures("order-0001") == [total - discount]


async def test_the_last_of_a_budget_and_nothing_after_it(sandbox: Sandbox) -> None:
    promotion_of(sandbox).budget_minor = 2_500
    await sandbox.pay("order-0001", totalAmount=20_000, promotionId=PROMOTION_ID)
    await sandbox.pay("order-0002", totalAmount=20_000, promotionId=PROMOTION_ID)
    assert sandbox.captures("order-0002") == [19_500]
    assert (await promotion(sandbox))["status"] == "BUDGET_EXHAUSTED"
    result = await sandbox.pay("order-0003", totalAmount=20_000, promotionId=PROMOTION_ID)
    assert (result["code"], result["pgCode"]) == ("PGProviderError", "INVALID_REQUEST")


async def test_the_states_of_a_promotion(sandbox: Sandbox) -> None:
    ours = promotion_of(sandbox)
    assert (await promotion(sandbox))["status"] == "IN_PROGRESS"
    ours.start_at = START + timedelta(days=1)
    assert (await promotion(sandbox))["status"] == "SCHEDULED"
    ours.is_paused = True
    assert (await promotion(sandbox))["status"] == "PAUSED"
    ours.end_at = START
    assert (await promotion(sandbox))["status"] == "COMPLETED"
    ours.terminated_at = START
    assert (await promotion(sandbox))["status"] == "TERMINATED"


async def test_another_method_has_no_promotion(sandbox: Sandbox) -> None:
    result = await sandbox.pay(
        "order-0001", totalAmount=20_000, promotionId=PROMOTION_ID, channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY"
    )
    assert result["pgCode"] == "PROMOTION_PAY_METHOD_DOES_NOT_MATCH"
    assert sandbox.captures("order-0001") == []


@pytest.mark.parametrize(
    ("country", "currency", "methods"),
    [
        ("US", "USD", [("PAY_PAL", PAYPAL_CHANNEL)]),
        ("JP", "JPY", [("PAY_PAL", PAYPAL_CHANNEL), ("CONVENIENCE_STORE_JP", JAPAN_CHANNEL)]),
        ("US", "JPY", [("PAY_PAL", PAYPAL_CHANNEL)]),
        ("KR", "KRW", []),
    ],
)
async def test_a_profile_offers_what_fits(
    sandbox: Sandbox, country: str, currency: str, methods: list[tuple[str, str]]
) -> None:
    status, answer = await sandbox.api("GET", f"{PROFILE}&country={country}&currency={currency}&amount=100")
    assert status == 200
    assert [(each["paymentMethod"], each["channelKey"]) for each in answer["methods"]] == methods


@pytest.mark.parametrize("query", ["", "&country=US&currency=USD", "&country=US&currency=XAU&amount=1"])
async def test_a_profile_wants_all_of_its_questions(sandbox: Sandbox, query: str) -> None:
    assert (await sandbox.api("GET", PROFILE + query))[1]["type"] == "INVALID_REQUEST"


async def test_a_session_lives_until_it_expires_or_is_closed(sandbox: Sandbox) -> None:
    status, made = await sandbox.api("POST", "/payment-sessions", SESSION | {"ttlSeconds": 60, "customerName": "Kim"})
    assert status == 200
    path = f"/payment-sessions/{made['sessionId']}"
    status, session = await sandbox.api("GET", path, secret="nobody's")
    assert status == 200
    assert {name: session[name] for name in SESSION} == SESSION
    assert (session["customerName"], session["expiresAt"]) == ("Kim", made["expiresAt"])
    await sandbox.move(timedelta(seconds=60))
    assert await sandbox.api("GET", path) == (410, {"type": "SESSION_EXPIRED", "message": "The session is expired."})
    status, closed = await sandbox.api("POST", f"{path}/close")
    await sandbox.move(timedelta(seconds=1))
    assert (status, await sandbox.api("POST", f"{path}/close")) == (200, (200, closed))


async def test_the_longest_life_of_a_session_is_a_switch() -> None:
    sandbox = Sandbox(inferred=Inferred(session_ttl_max_s=60))
    assert (await sandbox.api("POST", "/payment-sessions", SESSION | {"ttlSeconds": 60}))[0] == 200
    _, answer = await sandbox.api("POST", "/payment-sessions", SESSION | {"ttlSeconds": 61})
    assert answer["type"] == "MAX_TTL_EXCEEDED"


@pytest.mark.parametrize(
    "wrong", [{"totalAmount": 0}, {"ttlSeconds": 0}, {"profileKey": "nobody"}, {"currency": "XAU"}]
)
async def test_what_makes_no_session(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert (await sandbox.api("POST", "/payment-sessions", SESSION | wrong))[1]["type"] == "INVALID_REQUEST"


async def test_the_pgs_own_promotions_and_orders(sandbox: Sandbox) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = "KCP_V2"
    path = f"/payment-gateways/card-promotion?channelKey={CARD_CHANNEL}"
    assert len((await sandbox.api("GET", f"{path}&amount=50000"))[1]["promotions"]) == 1
    assert (await sandbox.api("GET", f"{path}&amount=49999"))[1]["promotions"] == []
    assert (await sandbox.api("GET", f"{path}&amount=50000&cardCompany=BC_CARD"))[1]["promotions"] == []
    await sandbox.pay("order-0001", channelKey=EASY_PAY_CHANNEL, payMethod="EASY_PAY")
    tid = (await sandbox.api("GET", "/payments/order-0001"))[1]["pgTxId"]
    order = f"/kakaopay/payment/order?channelKey={EASY_PAY_CHANNEL}&pgTxId="
    _, answer = await sandbox.api("GET", order + tid)
    assert (answer["statusCode"], msgspec.json.decode(answer["body"])["partner_order_id"]) == (200, "order-0001")
    assert (await sandbox.api("GET", order + "nobody"))[1]["statusCode"] == 400


def report(kind: str, from_: str, until: str, **wanted: Any) -> tuple[str, str, Any]:
    body = {"dateRange": {"from": from_, "until": until}, "filter": wanted}
    return "GET", f"/payment-reconciliations/{kind}/vat-report", body


@pytest.mark.parametrize(("kind", "day"), [("transactions", "2026-08-01"), ("settlements", "2026-08-03")])
async def test_the_report_adds_up_what_came_and_went(sandbox: Sandbox, kind: str, day: str) -> None:
    await sandbox.pay("order-0001", totalAmount=11_000)
    await sandbox.pay("order-0002", totalAmount=6_500, taxFreeAmount=1_000, payMethod="TRANSFER")
    await sandbox.cancel("order-0001", 5_500)
    await sandbox.pay("order-0003", totalAmount=100, currency="USD")
    status, answer = await sandbox.api(*report(kind, day, day))
    assert status == 200
    card, transfer = answer["items"]
    assert (card["paymentMethod"], card["supplyAmount"], card["vatAmount"], card["totalAmount"]) == (
        "CARD",
        5_000,
        500,
        5_500,
    )
    assert (transfer["paymentMethod"], transfer["taxFreeAmount"], transfer["totalAmount"]) == ("TRANSFER", 1_000, 6_500)
    assert answer["summary"] == {
        "totalSupplyAmount": 10_000,
        "totalVatAmount": 1_000,
        "totalTaxFreeAmount": 1_000,
        "totalAmount": 12_000,
    }
    other = "2026-08-02"
    assert (await sandbox.api(*report(kind, other, other)))[1]["items"] == []
    none = [{"pgProvider": "KAKAOPAY", "pgMerchantId": "x"}]
    assert (await sandbox.api(*report(kind, day, day, pgSpecifiers=none)))[1]["items"] == []
    mine = answer["pgSpecifiers"]
    assert len((await sandbox.api(*report(kind, day, day, pgSpecifiers=mine)))[1]["items"]) == 2


@pytest.mark.parametrize(
    ("provider", "told"),
    [("INICIS_V2", "INICIS"), ("TOSSPAY_V2", "TOSSPAY"), ("KSNET", "KSNET"), ("TRIPLE_A", None), ("SMARTRO_V2", None)],
)
async def test_the_report_names_pgs_as_reports_do_and_leaves_out_those_it_has_no_name_for(
    sandbox: Sandbox, provider: str, told: str | None
) -> None:
    sandbox.world.state.channels[CARD_CHANNEL].pg_provider = provider
    await sandbox.pay(
        "order0001", customer={"fullName": "김장부", "phoneNumber": "01012345678", "email": "kim@shop.test"}
    )
    _, answer = await sandbox.api(*report("transactions", "2026-08-01", "2026-08-01"))
    assert [each["pgProvider"] for each in answer["pgSpecifiers"]] == ([told] if told else [])
    assert answer["summary"]["totalAmount"] == (1_000 if told else 0)


async def test_the_report_counts_korean_days() -> None:
    sandbox = Sandbox(at=datetime(2026, 8, 1, 15, 0, tzinfo=UTC), inferred=Inferred(pg_pays_out_after_days=0))
    await sandbox.pay("order-0001", totalAmount=11_000)
    for kind in ("transactions", "settlements"):
        assert (await sandbox.api(*report(kind, "2026-08-01", "2026-08-01")))[1]["items"] == []
        assert (await sandbox.api(*report(kind, "2026-08-02", "2026-08-02")))[1]["summary"]["totalAmount"] == 11_000
    assert (await sandbox.api(*report("transactions", "2026-08-02", "2026-08-01")))[1]["type"] == "INVALID_REQUEST"
    only = report("transactions", "2026-08-02", "2026-08-02", reconciliationStatuses=["NOT_MATCHED"])
    assert (await sandbox.api(*only))[1]["items"] == []
