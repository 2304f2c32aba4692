"""Only what PortOne signed, lately, byte for byte. PortOne's own SDK is the second signer and verifier."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portone_server_sdk import webhook as sdk

from jangbu.clock import SEOUL, SystemClock
from jangbu.errors import Refusal, SetupProblem
from jangbu.portone.signature import (
    Verified,
    WebhookHeadersMissing,
    WebhookSignatureInvalid,
    WebhookTimestampTooNew,
    WebhookTimestampTooOld,
    parse_secret,
    sign,
    verify,
)

# The vector of portone-facts §13.2, which PortOne's SDK made and accepts.
SECRET = "whsec_cG9ydG9uZS1mYWN0cy10ZXN0LWtleS0wMDAwMDAwMDE="
OTHER = "whsec_" + base64.b64encode(b"another key, just as long as it is").decode()
BODY = (
    b'{"type":"Transaction.Paid","timestamp":"2026-08-01T03:00:09.000Z",'
    b'"data":{"paymentId":"ord20260801a1","storeId":"store-0","transactionId":"tx-1"}}'
)
SENT = datetime.fromtimestamp(1785553209, UTC)
HEADERS = {
    "webhook-id": "wh_1",
    "webhook-timestamp": "1785553209",
    "webhook-signature": "v1,WSRdQiVYzUDozyHUdo+lm1lljnUlBPtNoRKgTHGQXeQ=",
}


def checked(headers=HEADERS, body=BODY, secrets=(SECRET,), now=SENT):
    return verify(headers, body, secrets=secrets, now=now)


def test_accepts_the_known_vector():
    assert checked() == Verified("wh_1", SENT)


def test_signs_what_it_accepts_and_makes_the_known_vector():
    assert sign(SECRET, "wh_1", SENT, BODY) == HEADERS


def test_portones_sdk_accepts_what_we_sign():
    headers = sign(SECRET, "wh_sdk", SystemClock().now(), BODY)
    assert sdk.verify(SECRET, BODY.decode(), headers).data.payment_id == "ord20260801a1"


@given(
    body=st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    key=st.binary(min_size=1, max_size=64),
    webhook_id=st.text(alphabet=st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40),
)
def test_we_accept_what_portones_sdk_signs(body, key, webhook_id):
    signature = base64.b64encode(sdk._sign(key, webhook_id, "1785553209", body)).decode()
    headers = HEADERS | {"webhook-id": webhook_id, "webhook-signature": f"v1,{signature}"}
    secret = "whsec_" + base64.b64encode(key).decode()
    assert checked(headers, body.encode(), (secret,)).webhook_id == webhook_id


@given(data=st.data())
def test_no_change_of_one_byte_of_the_body_is_accepted(data):
    at = data.draw(st.integers(0, len(BODY) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != BODY[at]))
    with pytest.raises(WebhookSignatureInvalid):
        checked(body=BODY[:at] + bytes([byte]) + BODY[at + 1 :])


@given(at=st.integers(0, len(BODY)), byte=st.binary(min_size=1, max_size=1))
def test_no_byte_may_be_added_or_taken_away(at, byte):
    with pytest.raises(WebhookSignatureInvalid):
        checked(body=BODY[:at] + byte + BODY[at:])
    if at < len(BODY):
        with pytest.raises(WebhookSignatureInvalid):
            checked(body=BODY[:at] + BODY[at + 1 :])


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@given(data=st.data())
def test_no_change_of_one_character_of_a_header_is_accepted(header, data):
    value = HEADERS[header]
    at = data.draw(st.integers(0, len(value) - 1))
    character = data.draw(st.characters(max_codepoint=0x17F).filter(lambda new: new != value[at]))
    changed = value[:at] + character + value[at + 1 :]
    with pytest.raises(Refusal):
        checked(HEADERS | {header: changed})


def test_the_same_bytes_in_another_spelling_of_base64_are_not_a_signature():
    """The last digit before the padding has spare bits, so four spellings decode to the same MAC."""
    signature = HEADERS["webhook-signature"]
    assert base64.b64decode("XeQ=") == base64.b64decode("XeR=")
    with pytest.raises(WebhookSignatureInvalid):
        checked(HEADERS | {"webhook-signature": signature.replace("XeQ=", "XeR=")})


def test_several_signatures_may_be_given_and_one_match_is_enough():
    mine = HEADERS["webhook-signature"]
    other = sign(OTHER, "wh_1", SENT, BODY)["webhook-signature"]
    for value in (f"v2,xxx {mine}", f"{mine} {other}", f"{other} {mine} v1,", f"v1a,{mine[3:]} {mine}"):
        assert checked(HEADERS | {"webhook-signature": value}).webhook_id == "wh_1"


@pytest.mark.parametrize("value", ["v2,{}", "V1,{}", "{}", "v1{}", "v1,{},x", "v1,", "v1", ",", "v1 , {}"])
def test_a_signature_of_another_version_or_form_does_not_count(value):
    mac = HEADERS["webhook-signature"].removeprefix("v1,")
    with pytest.raises(WebhookSignatureInvalid) as caught:
        checked(HEADERS | {"webhook-signature": value.format(mac)})
    assert caught.value.http_status == 401


def test_a_secret_can_be_replaced_without_losing_a_delivery():
    new = sign(OTHER, "wh_1", SENT, BODY)
    assert checked(HEADERS, secrets=[SECRET])
    assert checked(HEADERS, secrets=[SECRET, OTHER])
    assert checked(HEADERS, secrets=[OTHER, SECRET])
    assert checked(new, secrets=[SECRET, OTHER])
    assert checked(new, secrets=[OTHER])
    with pytest.raises(WebhookSignatureInvalid):
        checked(HEADERS, secrets=[OTHER])


def test_five_minutes_either_way_are_allowed_and_not_a_second_more():
    for late in (-300, 0, 300):
        assert checked(now=SENT + timedelta(seconds=late)).sent_at == SENT
    assert checked(now=SENT + timedelta(seconds=300, microseconds=999_999))
    with pytest.raises(WebhookTimestampTooOld) as old:
        checked(now=SENT + timedelta(seconds=301))
    with pytest.raises(WebhookTimestampTooNew) as new:
        checked(now=SENT - timedelta(seconds=301))
    assert (old.value.http_status, new.value.http_status) == (400, 400)
    assert (old.value.facts["seconds"], new.value.facts["seconds"]) == (301, 301)


def test_the_zone_of_our_clock_does_not_matter():
    assert checked(now=SENT.astimezone(SEOUL)) == checked()


@pytest.mark.parametrize("spelling", [str.title, str.upper, str.lower])
def test_header_names_are_read_in_any_case(spelling):
    assert checked({spelling(name): value for name, value in HEADERS.items()} | {"Host": "x"})


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", " ", "한글", "a\x00b", "a\nb", "\udcff", "x" * 100_000])
def test_a_missing_or_odd_header_is_refused_and_named(header, value):
    headers = {name: given for name, given in HEADERS.items() if name != header}
    if value is not None:
        headers[header] = value
    with pytest.raises(WebhookHeadersMissing) as caught:
        checked(headers)
    assert caught.value.http_status == 400
    assert header in caught.value.sentence("ko")
    assert header in caught.value.sentence("en")


@pytest.mark.parametrize(
    "value",
    ["-1785553209", "+1785553209", "1785553209.0", " 1785553209", "1_785", "١٧٨٥٥٥٣٢٠٩", "0x6a", "9" * 13],
)
def test_a_timestamp_is_digits_and_nothing_else(value):
    with pytest.raises(WebhookHeadersMissing):
        checked(HEADERS | {"webhook-timestamp": value})


@pytest.mark.parametrize(("value", "refusal"), [("0", WebhookTimestampTooOld), ("9" * 12, WebhookTimestampTooNew)])
def test_times_far_away_are_refused_and_not_a_crash(value, refusal):
    with pytest.raises(refusal):
        checked(HEADERS | {"webhook-timestamp": value})


def test_a_hundred_signatures_are_looked_at_and_a_hundred_and_one_are_too_many():
    mine = HEADERS["webhook-signature"]
    assert checked(HEADERS | {"webhook-signature": "v1,x " * 99 + mine})
    for many in ("v1,x " * 100 + mine, f"{mine} " * 1_000):
        with pytest.raises(WebhookHeadersMissing):
            checked(HEADERS | {"webhook-signature": many})


@given(
    headers=st.dictionaries(
        st.sampled_from([*HEADERS, "Webhook-Id", "x"]),
        st.text(max_size=50) | st.sampled_from(sorted(HEADERS.values())),
    ),
    body=st.binary(max_size=200),
)
def test_nothing_that_is_sent_to_us_crashes_the_check(headers, body):
    try:
        checked(headers, body)
    except (
        WebhookHeadersMissing,
        WebhookSignatureInvalid,
        WebhookTimestampTooOld,
        WebhookTimestampTooNew,
    ):
        return
    assert body == BODY


def test_a_body_that_is_not_text_can_be_signed_and_checked():
    body = b"\xff\x00\xfe"
    assert checked(sign(SECRET, "wh_1", SENT, body), body)


def test_a_secret_may_come_without_its_prefix_and_with_a_line_end():
    key = b"portone-facts-test-key-000000001"
    assert {parse_secret(SECRET), parse_secret(SECRET[6:]), parse_secret(SECRET + "\n")} == {key}


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_한글", "whsec_a", "whsec_ab cd", "whsec_!!!!", "'whsec_YWJj'"])
def test_a_malformed_secret_stops_the_program_with_a_sentence_that_does_not_show_it(secret):
    with pytest.raises(SetupProblem, match="PortOne console") as caught:
        parse_secret(secret)
    assert secret in {"", "whsec_"} or secret not in str(caught.value)
    with pytest.raises(SetupProblem):
        checked(secrets=[SECRET, secret])


def test_no_secret_at_all_accepts_nothing():
    with pytest.raises(SetupProblem):
        checked(secrets=[])


def test_what_was_verified_is_still_what_the_sdk_reads():
    headers = sign(SECRET, "wh_2", SystemClock().now(), BODY)
    assert sdk.verify(SECRET, BODY.decode(), headers).timestamp == json.loads(BODY)["timestamp"]
