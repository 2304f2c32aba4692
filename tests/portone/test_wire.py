"""What we read in PortOne's payments, and how much strangeness a payment may have before it is unreadable."""

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portone_server_sdk._generated.payment.payment import _deserialize_payment

from jangbu.portone.wire import (
    Amount,
    Channel,
    Failure,
    Payment,
    Unreadable,
    decode_object,
    read_payment,
)

CANCELLATION = {
    "status": "SUCCEEDED",
    "id": "c-1",
    "totalAmount": 3_000,
    "taxFreeAmount": 0,
    "vatAmount": 273,
    "reason": "변심",
    "requestedAt": "2026-08-02T00:00:00Z",
    "cancelledAt": "2026-08-02T00:00:01Z",
    "trigger": "CONSOLE",
    "pgCancellationId": "pg-c-1",
    "receiptUrl": "https://receipt.example/c-1",
}


def test_reads_the_smallest_useful_paid_payment(paid):
    payment = read_payment(paid)
    assert (payment.id, payment.status, payment.currency) == ("ord20260801a1", "PAID", "KRW")
    assert payment.transaction_id == "01900000-0000-7000-8000-000000000001"
    assert payment.store_id == "store-00000000-0000-4000-8000-000000000000"
    assert (payment.merchant_id, payment.version, payment.order_name) == ("merchant-0", "V2", "Tea")
    assert payment.channel == Channel(
        type="TEST",
        key="channel-key-0",
        id="channel-id-0",
        name="card",
        pg_provider="TOSSPAYMENTS",
        pg_merchant_id="pg-mid-0",
    )
    assert payment.amount == Amount(
        total=11_000,
        tax_free=0,
        vat=1_000,
        supply=10_000,
        discount=0,
        paid=11_000,
        cancelled=0,
        cancelled_tax_free=0,
    )
    assert (payment.method or {})["type"] == "PaymentMethodCard"
    assert payment.requested_at == datetime(2026, 8, 1, 3, 0, 0, tzinfo=UTC)
    assert payment.paid_at == payment.updated_at == payment.status_changed_at
    assert payment.paid_at == datetime(2026, 8, 1, 3, 0, 9, tzinfo=UTC)
    assert (payment.failed_at, payment.cancelled_at, payment.failure) == (None, None, None)
    assert (payment.cancellations, payment.pg_tx_id, payment.receipt_url) == ([], None, None)
    assert payment.raw == {name: value for name, value in paid.items() if name != "customer"}


def test_reads_the_same_as_portones_own_sdk(paid):
    ours = read_payment(paid)
    # The SDK takes the dictionary it is given apart.
    theirs = _deserialize_payment(copy.deepcopy(paid))
    assert (ours.id, ours.transaction_id, ours.store_id) == (
        theirs.id,
        theirs.transaction_id,
        theirs.store_id,
    )
    assert ours.amount.total == theirs.amount.total
    assert ours.amount.cancelled_tax_free == theirs.amount.cancelled_tax_free
    assert ours.channel.pg_provider == theirs.channel.pg_provider
    assert ours.paid_at == datetime.fromisoformat(theirs.paid_at)


def test_reads_a_failure_and_what_was_given_back(paid):
    payment = read_payment(
        paid
        | {
            "status": "PARTIAL_CANCELLED",
            "failure": {"reason": "한도 초과", "pgCode": "51"},
            "failedAt": "2026-08-01T12:00:00+09:00",
            "cancelledAt": "2026-08-02T00:00:01.123456789Z",
            "cancellations": [CANCELLATION, {"status": "WAITING_FOR_SATURN"}],
            "pgTxId": "pg-1",
            "receiptUrl": "https://receipt.example/1",
        }
    )
    assert payment.failure == Failure(reason="한도 초과", pg_code="51", pg_message=None)
    assert payment.failed_at == datetime(2026, 8, 1, 3, tzinfo=UTC)
    assert payment.cancelled_at == datetime(2026, 8, 2, 0, 0, 1, 123456, tzinfo=UTC)
    assert (payment.pg_tx_id, payment.receipt_url) == ("pg-1", "https://receipt.example/1")
    known, strange = payment.cancellations
    assert (known.id, known.status, known.trigger) == ("c-1", "SUCCEEDED", "CONSOLE")
    assert (known.total_amount, known.tax_free_amount, known.vat_amount) == (3_000, 0, 273)
    assert (known.pg_cancellation_id, known.reason) == ("pg-c-1", "변심")
    assert known.cancelled_at == datetime(2026, 8, 2, 0, 0, 1, tzinfo=UTC)
    assert known.raw == CANCELLATION
    assert (strange.status, strange.total_amount, strange.id) == ("WAITING_FOR_SATURN", None, None)


def test_unknown_statuses_methods_channels_and_fields_are_kept_and_break_nothing(paid):
    payment = read_payment(
        paid
        | {
            "status": "ON_THE_MOON",
            "method": {"type": "PaymentMethodTelepathy", "brain": 1},
            "channel": {"type": "HALF_LIVE", "orbit": "low"},
            "currency": "ZWL",
            "newField": {"deep": [1]},
        }
    )
    assert payment.status == "ON_THE_MOON"
    assert payment.method == {"type": "PaymentMethodTelepathy", "brain": 1}
    assert payment.channel is not None
    assert (payment.channel.type, payment.channel.key) == ("HALF_LIVE", None)
    assert payment.raw["newField"] == {"deep": [1]}


NEEDED = ["id", "status", "currency", "amount"]


@pytest.mark.parametrize("field", NEEDED)
@pytest.mark.parametrize("value", ["absent", None, "", 7, []])
def test_without_identity_state_or_money_a_payment_is_unreadable(paid, field, value):
    broken = {key: kept for key, kept in paid.items() if key != field}
    if value != "absent":
        broken[field] = value
    with pytest.raises(Unreadable):
        read_payment(broken)


@pytest.mark.parametrize("field", ["total", "taxFree", "discount", "paid", "cancelled", "cancelledTaxFree"])
def test_a_sum_portone_always_sends_is_not_guessed_when_it_is_missing(paid, field):
    for amount in ({**paid["amount"], field: None}, {k: v for k, v in paid["amount"].items() if k != field}):
        with pytest.raises(Unreadable):
            read_payment(paid | {"amount": amount})


@pytest.mark.parametrize("absent", [{}, {"vat": None, "supply": None}])
def test_vat_and_supply_may_be_absent(paid, absent):
    amount = {key: value for key, value in paid["amount"].items() if key not in {"vat", "supply"}}
    payment = read_payment(paid | {"amount": amount | absent})
    assert (payment.amount.vat, payment.amount.supply) == (None, None)


@pytest.mark.parametrize(
    "cancellations",
    [
        "none",
        {},
        ["c-1"],
        [None],
        [{"id": "c-1"}],
        [CANCELLATION | {"totalAmount": 3_000.0}],
        [CANCELLATION | {"vatAmount": "273"}],
        [CANCELLATION | {"taxFreeAmount": False}],
    ],
)
def test_a_refund_that_cannot_be_read_is_not_left_out(paid, cancellations):
    with pytest.raises(Unreadable):
        read_payment(paid | {"cancellations": cancellations})


OPTIONAL = [
    "transactionId",
    "storeId",
    "merchantId",
    "version",
    "channel",
    "orderName",
    "method",
    "requestedAt",
    "updatedAt",
    "statusChangedAt",
    "paidAt",
    "failedAt",
    "cancelledAt",
    "failure",
    "pgTxId",
    "receiptUrl",
    "customer",
    "disputes",
]
strange = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        [
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-08-01T03:00:09",
            "2026-13-01T00:00:00Z",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "key", "reason", "pgCode", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(oddities=st.dictionaries(st.sampled_from(OPTIONAL), strange))
def test_no_oddity_outside_identity_and_money_makes_a_payment_unreadable(paid, oddities):
    payment = read_payment(paid | oddities)
    assert (payment.id, payment.status, payment.amount.total) == ("ord20260801a1", "PAID", 11_000)
    for field in ("requested_at", "updated_at", "paid_at", "failed_at", "cancelled_at"):
        at = getattr(payment, field)
        assert at is None or at.tzinfo is UTC
    assert payment.channel is None or isinstance(payment.channel, Channel)
    assert payment.method is None or isinstance(payment.method, dict)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(oddities=st.dictionaries(st.sampled_from([*NEEDED, "cancellations", *OPTIONAL]), strange))
def test_a_payment_is_read_or_unreadable_and_never_a_crash(paid, oddities):
    try:
        payment = read_payment(paid | oddities)
    except Unreadable:
        return
    assert isinstance(payment, Payment)
    assert all(type(value) is int for value in (payment.amount.total, payment.amount.cancelled))


def test_a_nul_a_payer_typed_is_replaced_before_postgres_would_choke_on_it():
    body = json.dumps({"customer": {"na\x00me": ["\x00김", "\\u0000"]}, "n": 1}).encode()
    assert decode_object(body) == {"customer": {"na\ufffdme": ["\ufffd김", "\\u0000"]}, "n": 1}


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b"{} {}", b'"x"', b"\xff", b'{"a":"\xff"}', b'{"a":"\\ud800"}', b"[" * 9**6],
)
def test_what_is_no_json_object_is_unreadable(body):
    with pytest.raises(Unreadable):
        decode_object(body)


def test_unreadable_says_where_and_not_what(paid):
    with pytest.raises(Unreadable) as caught:
        read_payment(paid | {"amount": paid["amount"] | {"total": "a secret"}})
    assert "total" in str(caught.value)
    assert "secret" not in str(caught.value)
