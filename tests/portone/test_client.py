"""What the client puts on the wire, and what it makes of every kind of answer."""

import asyncio
import json
import urllib.parse

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from jangbu import __version__
from jangbu.errors import SetupProblem
from jangbu.money import Money
from jangbu.portone import Done, PortOne, PortoneIdUnusable, Refused, Unknown, Why
from jangbu.portone.outcomes import judge
from jangbu.portone.transport import AiohttpTransport

KEY = "attempt-0123456789"
SECRET = "s3cr3tS3CR3T"
WON = Money(11_000, "KRW")


@pytest.fixture
async def portone(server):
    async with AiohttpTransport(server.url) as transport:
        yield PortOne(transport, api_secret=SECRET, store_id="store-1&2")


async def register(portone, payment_id="ord20260801a1", key=KEY):
    return await portone.pre_register(payment_id, total=WON, tax_free=Money(1_000, "KRW"), idempotency_key=key)


async def test_pre_register_sends_what_portone_documents(server, answer, portone):
    server.plays(answer(200, {}))
    assert await register(portone) == Done(None, {})
    [request] = server.received
    assert request.line == "POST /payments/ord20260801a1/pre-register HTTP/1.1"
    assert request.headers["Authorization"] == f"PortOne {SECRET}"
    assert request.headers["Idempotency-Key"] == f'"{KEY}"'
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"jangbu/{__version__}"
    assert json.loads(request.body) == {
        "storeId": "store-1&2",
        "totalAmount": 11_000,
        "taxFreeAmount": 1_000,
        "currency": "KRW",
    }


async def test_get_payment_asks_for_the_store_in_the_query_and_sends_no_idempotency_key(server, answer, portone, paid):
    server.plays(answer(200, paid))
    outcome = await portone.get_payment("ord20260801a1")
    assert isinstance(outcome, Done)
    assert (outcome.value.status, outcome.value.amount.total, outcome.raw) == ("PAID", 11_000, paid)
    [request] = server.received
    assert request.line == "GET /payments/ord20260801a1?storeId=store-1%262 HTTP/1.1"
    assert "Idempotency-Key" not in request.headers
    assert request.body == b""


async def test_without_a_store_no_store_is_named(server, answer, paid):
    server.plays(answer(200, paid), answer(200, {}))
    async with AiohttpTransport(server.url) as transport:
        portone = PortOne(transport, api_secret=SECRET, store_id=None)
        await portone.get_payment("ord20260801a1")
        await register(portone)
    assert server.received[0].line == "GET /payments/ord20260801a1 HTTP/1.1"
    assert "storeId" not in json.loads(server.received[1].body)


@pytest.mark.parametrize("payment_id", ["a/b?c=d&e", "주문 1", "..%2F", "a=b_-", "100%", "a#b", "..x"])
async def test_an_odd_id_stays_one_piece_of_the_path(server, answer, portone, paid, payment_id):
    server.plays(answer(200, paid | {"id": payment_id}))
    assert isinstance(await portone.get_payment(payment_id), Done)
    path = server.received[0].line.split()[1].partition("?")[0]
    assert path.count("/") == 2
    assert urllib.parse.unquote(path.rpartition("/")[2]) == payment_id


@pytest.mark.parametrize("payment_id", ["", ".", "..", "a\nb", "a\x00", "\ud800", "x" * 256])
async def test_an_id_that_cannot_stand_in_a_path_is_refused_before_anything_is_sent(server, portone, payment_id):
    with pytest.raises(PortoneIdUnusable):
        await portone.get_payment(payment_id)
    assert server.received == []


@pytest.mark.parametrize("key", ["short", "x" * 15, "x" * 257, 'quote"quote"quote"quote', "한글" * 10])
async def test_an_idempotency_key_portone_would_not_take_is_a_bug_of_ours(server, portone, key):
    with pytest.raises(AssertionError):
        await register(portone, key=key)
    assert server.received == []


REFUSALS = [
    (400, {"type": "INVALID_REQUEST", "message": "no"}, True),
    (401, {"type": "UNAUTHORIZED"}, True),
    (404, {"type": "PAYMENT_NOT_FOUND"}, True),
    (409, {"type": "ALREADY_PAID", "extra": {"new": 1}}, True),
    (410, {"type": "SOMETHING_PORTONE_ADDED_YESTERDAY"}, True),
    (502, {"type": "PG_PROVIDER", "pgCode": "51", "pgMessage": "한도 초과"}, False),
    (502, {"type": "CHANNEL_SPECIFIC", "failures": [], "succeededChannels": []}, False),
]


@pytest.mark.parametrize(("status", "body", "certain"), REFUSALS)
async def test_an_answer_that_names_its_type_is_a_refusal(server, answer, portone, status, body, certain):
    server.plays(answer(status, body))
    outcome = await register(portone)
    assert outcome == Refused(
        type=body["type"],
        http_status=status,
        message=body.get("message"),
        pg_code=body.get("pgCode"),
        pg_message=body.get("pgMessage"),
        raw=body,
    )
    assert outcome.certain is certain


UNKNOWNS = [
    (409, {"type": "IDEMPOTENCY_OUTSTANDING_REQUEST"}, Why.STILL_RUNNING),
    (429, {"type": "TOO_MANY_REQUESTS"}, Why.RATE_LIMITED),
    (408, {"type": "REQUEST_TIMEOUT"}, Why.TIMED_OUT),
    (500, {"type": "INTERNAL"}, Why.SERVER_ERROR),
    (502, {"type": "BAD_GATEWAY"}, Why.SERVER_ERROR),
    (503, {"type": "PLATFORM_EXTERNAL_API_FAILED"}, Why.SERVER_ERROR),
    (500, {"type": "PG_PROVIDER", "pgCode": "51"}, Why.SERVER_ERROR),
    (400, {"message": "no type"}, Why.UNREADABLE),
    (400, {"type": None}, Why.UNREADABLE),
    (400, {"type": 7}, Why.UNREADABLE),
    (404, ["not an object"], Why.UNREADABLE),
    (201, {}, Why.UNREADABLE),
    (202, {}, Why.UNREADABLE),
    (302, {}, Why.UNREADABLE),
    (200, [], Why.UNREADABLE),
    (200, None, Why.UNREADABLE),
]


@pytest.mark.parametrize(("status", "body", "why"), UNKNOWNS)
async def test_every_other_answer_is_unknown(server, answer, portone, status, body, why):
    server.plays(answer(status, body))
    outcome = await register(portone)
    assert isinstance(outcome, Unknown)
    assert (outcome.why, outcome.http_status) == (why, status)


@pytest.mark.parametrize("raw", [b"", b"<html>Bad Gateway</html>", b"{", b"\xff\xfe", b"[" * 100_000, b"NaN"])
@pytest.mark.parametrize("status", [200, 400, 403, 409, 502, 504])
async def test_a_body_that_is_not_json_is_unknown_even_with_a_200(server, answer, portone, status, raw):
    server.plays(answer(status, raw=raw))
    outcome = await register(portone)
    assert isinstance(outcome, Unknown)
    assert outcome.http_status == status
    assert len(server.received) == 1


async def test_no_answer_is_unknown_and_nothing_is_sent_again(server, answer, portone):
    acts = {
        Why.TIMED_OUT: server.hang,
        Why.DROPPED: server.hang_up,
    }
    for count, (why, act) in enumerate(acts.items(), start=1):
        server.plays(act)
        outcome = await register(portone)
        assert isinstance(outcome, Unknown)
        assert (outcome.why, outcome.http_status) == (why, None)
        assert len(server.received) == count


async def test_a_connection_that_was_never_made_is_unknown_and_did_not_reach_portone(closed_port):
    async with AiohttpTransport(f"http://127.0.0.1:{closed_port}") as transport:
        outcome = await register(PortOne(transport, api_secret=SECRET))
    assert isinstance(outcome, Unknown)
    assert outcome.why == Why.NOT_SENT


@pytest.mark.parametrize("field", ["total", "taxFree", "paid", "cancelled", "vat"])
@pytest.mark.parametrize("value", [11000.0, 11000.5, "11000", True, [], 2**53, 10**30])
async def test_money_that_is_no_integer_makes_the_answer_unreadable(server, answer, portone, paid, field, value):
    server.plays(answer(200, paid | {"amount": paid["amount"] | {field: value}}))
    outcome = await portone.get_payment("ord20260801a1")
    assert isinstance(outcome, Unknown)
    assert outcome.why is Why.UNREADABLE
    assert "amount" in outcome.detail


async def test_an_answer_about_another_payment_is_not_believed(server, answer, portone, paid):
    server.plays(answer(200, paid))
    outcome = await portone.get_payment("ord20260801a2")
    assert isinstance(outcome, Unknown)
    assert outcome.why is Why.UNREADABLE


class Raises:
    """A transport of somebody else's making."""

    def __init__(self, failure):
        self.failure = failure

    async def send(self, method, target, headers, body):
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (ConnectionRefusedError("no"), Why.NOT_SENT),
        (ConnectionResetError(), Why.DROPPED),
        (BrokenPipeError(), Why.DROPPED),
        (TimeoutError(), Why.TIMED_OUT),
        (EOFError(), Why.DROPPED),
        (KeyError(f"PortOne {SECRET}"), Why.DROPPED),
    ],
)
async def test_only_a_refused_connection_counts_as_not_sent(failure, why):
    outcome = await register(PortOne(Raises(failure), api_secret=SECRET))
    assert isinstance(outcome, Unknown)
    assert outcome.why is why
    assert SECRET not in repr(outcome)


async def test_a_cancelled_task_is_not_an_outcome():
    with pytest.raises(asyncio.CancelledError):
        await register(PortOne(Raises(asyncio.CancelledError()), api_secret=SECRET))


async def test_the_log_keeps_its_phrase_and_tells_no_secret(server, answer, portone, paid):
    server.plays(answer(200, {}), answer(200, paid | {"currency": None}), answer(401, {"type": "UNAUTHORIZED"}))
    with structlog.testing.capture_logs() as log:
        await register(portone)
        await portone.get_payment("ord20260801a1")
        await portone.get_payment("ord20260801a1")
    assert log[0] == {
        "event": "Pre-registering payment with PortOne",
        "log_level": "info",
        "payment_id": "ord20260801a1",
        "amount": 11_000,
    }
    assert [line["log_level"] for line in log] == ["info", "warning", "info"]
    told = repr(log) + repr(portone)
    assert SECRET not in told
    assert "김민지" not in told


async def test_a_payment_shows_no_personal_data_when_printed(server, answer, portone, paid):
    server.plays(answer(200, paid))
    outcome = await portone.get_payment("ord20260801a1")
    assert "ord20260801a1" in repr(outcome)
    assert "김민지" not in repr(outcome)


@pytest.mark.parametrize("secret", ["", "with space", "줄", "line\nbreak"])
def test_a_secret_that_cannot_stand_in_a_header_stops_the_program(secret):
    with pytest.raises(SetupProblem) as caught:
        PortOne(Raises(AssertionError()), api_secret=secret)
    assert not secret or secret not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(
    status=st.integers(100, 599),
    body=st.binary(max_size=60)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(["type", "message", "pgCode", "pgMessage"]), json_values).map(
        lambda value: json.dumps(value).encode()
    ),
)
def test_every_answer_there_can_be_has_an_outcome_and_only_a_200_is_done(status, body):
    outcome = judge(status, body, lambda answer: answer)
    if isinstance(outcome, Done):
        assert status == 200
        assert isinstance(json.loads(body), dict)
    if isinstance(outcome, Refused):
        assert 400 <= status < 500 or (status == 502 and not outcome.certain)
        assert json.loads(body)["type"] == outcome.type
    if status in {408, 429} or (status >= 500 and status != 502):
        assert isinstance(outcome, Unknown)
