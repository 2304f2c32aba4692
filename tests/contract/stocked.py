"""A sandbox in which there is one of everything, and what always holds of its world."""

from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from jangbu import sandbox as names
from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.sandbox import control
from jangbu.sandbox.core.records import Attempt, Event
from jangbu.sandbox.core.world import World
from jangbu.sandbox.testing import START, Endpoint, Sandbox

NOW = int(START.timestamp())
DAY = 86_400
CARD = {"number": "4330121234567890", "expiryYear": "31", "expiryMonth": "12"}
V1_CARD = {"card_number": "4330-1212-3456-7890", "expiry": "2031-12", "channel_key": names.LIVE_CHANNEL}
PERSON = {"name": "김장부", "phoneNumber": "01012345678", "ipAddress": "127.0.0.1", "identityNumber": "9002282"}
V1_PERSON = {"name": "김장부", "phone": "010-1234-5678", "birth": "900228", "gender_digit": "2", "carrier": "LGT"}
PARCEL = {"company": "LOTTE", "invoiceNumber": "123456", "sentAt": "2026-08-01T03:00:00Z"}


async def stocked(seed: int) -> tuple[Sandbox, dict[str, list[Any]]]:
    """The sandbox, and what is there under the name of each field or part of a path."""
    sandbox = Sandbox(seed=seed, deliver=Endpoint())
    await sandbox.pre_register("fixed-0001", 5000)
    await sandbox.pay("paid-00001", totalAmount=11_000, customer={"fullName": "김장부"})
    await sandbox.pay("partly-001", totalAmount=11_000)
    await sandbox.cancel("partly-001", 3000)
    await sandbox.pay("gone-00001")
    await sandbox.cancel("gone-00001")
    await sandbox.decline("failed-001")
    await sandbox.pay("account-01", payMethod="VIRTUAL_ACCOUNT")
    await sandbox.pay("account-02", payMethod="VIRTUAL_ACCOUNT", virtualAccount={"cashReceiptType": "PERSONAL"})
    await sandbox.deposit("account-02")
    await sandbox.pay("escrow-001", isEscrow=True)
    await sandbox.pay("waits-0001", payMethod="PAYPAL", channelKey=names.PAYPAL_CHANNEL)
    await sandbox.pay("kakao-0001", payMethod="EASY_PAY", channelKey=names.EASY_PAY_CHANNEL)
    opened = await sandbox.open("open-00001")
    state = sandbox.world.state
    state.channels[names.CARD_CHANNEL].approves_manually = True
    asked = await sandbox.pay("token-0001")
    state.channels[names.CARD_CHANNEL].approves_manually = False
    sandbox.cancel_slowly("slow-00001")
    await sandbox.pay("slow-00001")
    await sandbox.cancel("slow-00001", 100)
    keys = [await sandbox.billing_key(), await sandbox.billing_key(), await sandbox.billing_key()]
    await sandbox.charge("charged-01", keys[0])
    for number in (1, 2, 3):
        await sandbox.schedule(f"month-000{number}", keys[0], START + timedelta(days=number))
    await sandbox.api("DELETE", f"/billing-keys/{keys[2]}")
    body = {"channelKey": names.IDENTITY_CHANNEL, "customer": PERSON, "operator": "SKT", "method": "SMS"}
    for who in ("who-0001", "who-0002"):
        await sandbox.api("POST", f"/identity-verifications/{who}/send", body)
    session = {"storeId": names.STORE_ID, "paymentId": "hosted-01", "profileKey": names.CHECKOUT_PROFILE}
    session |= {"country": "KR", "currency": "USD", "totalAmount": 1000, "orderName": "tea"}
    _, made = await sandbox.api("POST", "/payment-sessions", session)
    home = {
        "paymentId": [*state.payments[names.STORE_ID], "new-000001", "new-000002"],
        "cancellationId": [each.id for a in sandbox.world.attempts() for each in a.cancellations],
        "billingKey": keys,
        "paymentScheduleId": list(state.schedules),
        "scheduleIds": [list(state.schedules)[:1], list(state.schedules)[1:]],
        "identityVerificationId": ["who-0001", "who-0002", "who-0003"],
        "otp": [each.otp for each in state.identity_verifications[names.STORE_ID].values()],
        "sessionId": [made["sessionId"]],
        "promotionId": [names.PROMOTION_ID],
        "channelKey": [*state.channels],
        "profileKey": [names.CHECKOUT_PROFILE],
        "storeId": [names.STORE_ID],
        "currency": ["KRW", "KRW", "KRW", "USD", "JPY"],
        "total": [1000, 11_000, 3000],
        "totalAmount": [1000, 11_000],
        "amount": [100, 1000, 3000, {"total": 11_000}, {"total": 9000, "taxFree": 900, "vat": 100}],
        "credential": [CARD, CARD | {"expiryYear": "20"}, CARD | {"number": "4000"}],
        "expiryYear": ["31"],
        "expiryMonth": ["12"],
        "number": ["4330121234567890"],
        "validHours": [1, 24],
        "bank": ["SHINHAN"],
        "logistics": [PARCEL],
        "cursor": ["", "0", "MjAyNi0wOC0wMVQwMDowMDowMCB4", "OTk5OS0xMi0zMVQyMzo1OTo1OS0xMjowMCB4"],
        "country": ["KR", "US"],
        "paymentToken": [asked["paymentToken"]],
        "txId": [opened["txId"], asked["txId"]],
        "transactionId": [attempt.transaction_id for attempt in sandbox.world.attempts()],
        "webhookId": [each.id for each in state.deliveries],
        "apiSecret": [names.API_SECRET],
        "customer": [{}, {"id": "c1", "name": {"full": "김장부"}}, PERSON],
        "installmentMonth": [0, 2],
        "ttlSeconds": [60],
        "noticeUrls": [[], ["https://shop.test/other"]],
    }
    return sandbox, home


async def stocked_v1(seed: int) -> tuple[Sandbox, dict[str, list[Any]]]:
    """As above, made through V1."""
    sandbox = Sandbox(seed=seed, deliver=Endpoint())
    control.configure(sandbox.parts, control.Config(v1_tiers=["ABC"]))
    for merchant in ("order-0001", "order-0002", "order-0003"):
        await sandbox.v1_pay(merchant)
    await sandbox.v1("POST", "/payments/cancel", {"merchant_uid": "order-0002", "amount": 300})
    await sandbox.v1_open("order-0004")
    await sandbox.v1("POST", "/payments/prepare", {"merchant_uid": "fixed-0001", "amount": 1000})
    for customer in ("customer-1", "customer-2"):
        await sandbox.v1("POST", f"/subscribe/customers/{customer}", V1_CARD)
    charge = {"customer_uid": "customer-1", "amount": 1000, "name": "정기 구독"}
    await sandbox.v1("POST", "/subscribe/payments/again", {**charge, "merchant_uid": "month-0000"})
    rows = [
        {"merchant_uid": f"month-000{n}", "schedule_at": NOW + n * DAY, "amount": 1000, "name": "x"} for n in (1, 2)
    ]
    made = {"customer_uid": "customer-1", "schedules": rows}
    await sandbox.v1("POST", "/subscribe/payments/schedule", made)
    account = {"channel_key": names.LIVE_CHANNEL, "amount": 1100, "vbank_code": "088", "vbank_due": NOW + DAY}
    for merchant in ("account-01", "account-02"):
        opened = {**account, "merchant_uid": merchant, "vbank_holder": "장부", "name": "보리차"}
        await sandbox.v1("POST", "/vbanks", opened)
    await sandbox.deposit("account-02")
    asked = {**V1_PERSON, "channel_key": names.IDENTITY_CHANNEL}
    _, told = await sandbox.v1("POST", "/certifications/otp/request", asked)
    state = sandbox.world.state
    merchants = list(state.payments[names.STORE_ID])
    uids = [attempt.transaction_id for attempt in sandbox.world.attempts()]
    home = {
        "imp_uid": [*uids, told["response"]["imp_uid"], uids[:2]],
        "merchant_uid": [*merchants, "new-000001", "new-000002", merchants[:2]],
        "customer_uid": ["customer-1", "customer-2", "customer-3", ["customer-1", "customer-2"]],
        "payment_status": ["all", "ready", "paid", "cancelled", "failed"],
        "bank_standard_code": ["088", "004"],
        "card_standard_code": ["366"],
        "channel_key": [*state.channels],
        "pg": ["tosspayments", "kakaopay.TC0ONETIME", "nobody"],
        "imp_key": [names.V1_KEY],
        "imp_secret": [names.V1_SECRET],
        "amount": [1000, 300, "1000"],
        "checksum": [700, 1000],
        "currency": ["KRW", "USD"],
        "card_number": ["4330-1212-3456-7890", "4000"],
        "expiry": ["2031-12", "2020-01"],
        "otp": [each.otp for each in state.identity_verifications[names.STORE_ID].values()],
        "schedules": [[], rows, [{**rows[0], "merchant_uid": "month-0009"}]],
        "schedule_at": [NOW + DAY, NOW + 2 * DAY],
        "schedule_status": ["scheduled", "executed", "revoked"],
        "schedule_from": [NOW],
        "schedule_to": [NOW + 3 * DAY],
        "schedule-status": ["scheduled"],
        "from": [NOW - DAY],
        "to": [NOW],
        "page": [1, 2],
        "limit": [20],
        "sorting": ["-started", "paid"],
        "include_sandbox": [True, "true"],
        "vbank_code": ["088"],
        "vbank_due": [NOW + DAY],
        "identifier": ["01012345678"],
        "carrier": ["SKT"],
        **V1_PERSON_AT_HOME,
    }
    return sandbox, home


V1_PERSON_AT_HOME = {name: [value] for name, value in V1_PERSON.items() if name not in ("name", "carrier")}


def remembered(world: World) -> bytes:
    """All that a refused call must leave alone: not the tokens, the Idempotency-Keys and the random numbers."""
    state = world.state
    rows = (state.payments, state.deliveries, state.events, state.chores, state.billing_keys, state.schedules)
    more = (state.scheduled_payments, state.identity_verifications, state.cash_receipts, state.payment_sessions)
    return msgspec.json.encode((*rows, *more, state.promotions, state.channels, state.stores))


def check_books(world: World) -> None:
    """Every sum adds up, whoever asked for what; and what is written can be read."""
    of_payment = {key: list(group) for key, group in groupby(sorted(world.state.events, key=_payment), key=_payment)}
    for payment in world.payments():
        assert sum(attempt.has_paid for attempt in payment.attempts) <= 1, f"{payment.id} was paid for twice"
        for attempt in payment.attempts:
            _check_order(attempt)
            _check_cancellations(attempt)
        events = of_payment.get((payment.store_id, payment.id), [])
        assert [event.type for event in events].count("PAID") <= 1
        paid = payment.succeeded
        assert (paid is not None) == bool(events), f"{payment.id}: paid and no event, or the other way"
        if paid is not None:
            _check_events(paid, events)
    kept = world.to_json()
    again = World.from_json(kept, world._clock)
    again.state.lives -= 1
    assert again.to_json() == kept


_payment = attrgetter("store_id", "payment_id")


def _check_order(attempt: Attempt) -> None:
    order, where = attempt.order, f"{attempt.payment_id} {attempt.order}"
    assert 0 < order.total_minor <= AMOUNT_MINOR_MAX, where
    assert min(order.tax_free_minor, order.vat_minor, order.discount_minor) >= 0, where
    assert order.tax_free_minor + order.vat_minor <= order.total_minor, where
    assert order.discount_minor <= order.total_minor, where


def _check_cancellations(attempt: Attempt) -> None:
    done = [each for each in attempt.cancellations if each.status == "SUCCEEDED"]
    held = [each for each in attempt.cancellations if each.status != "FAILED"]
    where = f"{attempt.payment_id} {attempt.status} {attempt.cancellations}"
    assert attempt.has_paid or not done, where
    for each in attempt.cancellations:
        assert each.total_minor > 0, where
        assert min(each.tax_free_minor, each.vat_minor, each.refund_minor) >= 0, where
        assert each.tax_free_minor + each.vat_minor <= each.total_minor, where
    cancelled = sum(each.total_minor for each in done)
    assert sum(each.total_minor for each in held) <= attempt.order.total_minor, where
    assert sum(each.tax_free_minor for each in held) <= attempt.order.tax_free_minor, where
    if attempt.has_paid:
        left = attempt.order.total_minor - cancelled
        status = "PAID" if cancelled == 0 else "PARTIAL_CANCELLED" if left else "CANCELLED"
        assert attempt.status == status, where


def _check_events(attempt: Attempt, events: list[Event]) -> None:
    order = attempt.order
    refunded = sum(each.refund_minor for each in attempt.cancellations if each.status == "SUCCEEDED")
    assert events[0].type == "PAID" and events[0].amount_minor == order.total_minor - order.discount_minor
    assert -sum(event.amount_minor for event in events[1:]) == refunded
    assert sum(event.amount_minor for event in events) >= 0
    assert {event.currency for event in events} == {order.currency}
