"""What a webhook's body tells us, in both of PortOne's versions; nothing unknown in it breaks anything."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jangbu.portone.notification import UNKNOWN_TYPE, Notification, WebhookBodyUnreadable, read

JSON = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
PAID = {
    "type": "Transaction.Paid",
    "timestamp": "2026-08-01T12:00:09.000+09:00",
    "data": {"paymentId": "ord20260801a1", "storeId": "store-0", "transactionId": "tx-1"},
}


def encoded(value):
    return json.dumps(value).encode()


def test_reads_the_current_version():
    assert read(encoded(PAID), JSON) == Notification(
        type="Transaction.Paid",
        at=datetime(2026, 8, 1, 3, 0, 9, tzinfo=UTC),
        payment_id="ord20260801a1",
        transaction_id="tx-1",
        store_id="store-0",
        cancellation_id=None,
        billing_key=None,
        version="2024-04-25",
        raw=PAID,
    )


def test_reads_a_cancellation_and_a_billing_key():
    cancelled = read(encoded({"type": "Transaction.Cancelled", "data": {"cancellationId": "c-1"}}), JSON)
    assert (cancelled.cancellation_id, cancelled.at) == ("c-1", None)
    issued = read(encoded({"type": "BillingKey.Issued", "data": {"billingKey": "bk-1", "storeId": "s"}}), JSON)
    assert (issued.billing_key, issued.store_id, issued.payment_id) == ("bk-1", "s", None)
    assert "bk-1" not in repr(issued)


def test_the_confirm_question_reads_without_the_store_its_sample_omits():
    body = {
        "type": "Transaction.Confirm",
        "data": {"paymentId": "p", "transactionId": "t", "totalAmount": 1000},
    }
    question = read(encoded(body), JSON)
    assert (question.type, question.payment_id, question.store_id) == ("Transaction.Confirm", "p", None)
    assert question.raw["data"]["totalAmount"] == 1000


@pytest.mark.parametrize(
    "status",
    [
        "Ready",
        "Paid",
        "VirtualAccountIssued",
        "PartialCancelled",
        "Cancelled",
        "Failed",
        "PayPending",
        "CancelPending",
        "SomethingNew",
    ],
)
def test_reads_the_old_version_as_json_and_as_a_form(status):
    fields = {"payment_id": "주문/1", "tx_id": "tx-1", "status": status}
    for body, content_type in ((encoded(fields), JSON), (urlencode(fields).encode(), FORM)):
        assert read(body, content_type) == Notification(
            type=f"Transaction.{status}",
            at=None,
            payment_id="주문/1",
            transaction_id="tx-1",
            store_id=None,
            cancellation_id=None,
            billing_key=None,
            version="2024-01-01",
            raw=fields,
        )


def test_a_current_body_that_grows_a_field_of_the_old_version_stays_current():
    notification = read(encoded(PAID | {"status": "Failed", "tx_id": "other"}), JSON)
    assert (notification.type, notification.transaction_id) == ("Transaction.Paid", "tx-1")
    assert notification.version == "2024-04-25"


def test_json_that_is_labelled_a_form_is_still_read():
    assert read(b"  " + encoded(PAID), FORM).payment_id == "ord20260801a1"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "x" * 1000])
def test_the_label_does_not_matter_for_json(content_type):
    assert read(encoded(PAID), content_type).type == "Transaction.Paid"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hello": "test"},
        {"type": None},
        {"type": 7, "data": {"paymentId": 7}},
        {"type": "Something.New", "data": []},
        {"type": "", "data": None, "timestamp": "yesterday"},
        {"status": None, "payment_id": ["p"]},
    ],
)
def test_an_unknown_body_is_read_as_far_as_it_goes(body):
    notification = read(encoded(body), JSON)
    assert notification.type in {UNKNOWN_TYPE, "Something.New"}
    assert (notification.payment_id, notification.at) == (None, None)
    assert notification.raw == body


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", JSON),
        (b"", FORM),
        (b"[]", JSON),
        (b'"text"', JSON),
        (b"null", JSON),
        (b"{", JSON),
        (b"status=Paid", JSON),
        (b"\xff\xfe", JSON),
        (b'{"type":"\xff"}', JSON),
        (b"status=\xff", FORM),
        (b"status=%FF", FORM),
        (b"a=b&" * 101, FORM),
        (b'{"a":' * 100_000, JSON),
    ],
)
def test_what_cannot_be_read_is_refused(body, content_type):
    with pytest.raises(WebhookBodyUnreadable) as caught:
        read(body, content_type)
    assert caught.value.http_status == 400


def test_nul_never_reaches_the_database():
    assert read(encoded({"type": "T", "data": {"paymentId": "p\x00"}}), JSON).payment_id == "p\ufffd"
    assert read(b"payment_id=p%00&status=Paid", FORM).payment_id == "p\ufffd"


@given(
    body=st.binary(max_size=100)
    | st.dictionaries(
        st.sampled_from(["type", "timestamp", "data", "status", "payment_id", "tx_id"]),
        st.none() | st.integers() | st.text(max_size=10) | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    ).map(encoded),
    content_type=st.sampled_from([JSON, FORM]) | st.text(max_size=20),
)
def test_no_body_crashes_the_reader(body, content_type):
    try:
        notification = read(body, content_type)
    except WebhookBodyUnreadable:
        return
    assert isinstance(notification.raw, dict)
    assert notification.type
