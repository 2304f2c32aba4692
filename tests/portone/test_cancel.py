"""What a cancellation puts on the wire, and what is made of its answer (portone-facts §2.8)."""

import json

import pytest

from jangbu.money import Money
from jangbu.portone import Done, PortOne, Refused, Unknown, Why
from jangbu.portone.transport import AiohttpTransport

KEY = "attempt-0123456789"
SUCCEEDED = {
    "status": "SUCCEEDED",
    "id": "cancellation-1",
    "totalAmount": 3_000,
    "taxFreeAmount": 500,
    "vatAmount": 227,
    "reason": "단순 변심",
    "requestedAt": "2026-08-01T03:00:00Z",
    "cancelledAt": "2026-08-01T03:00:01Z",
    "trigger": "API",
}


def won(minor: int) -> Money:
    return Money(minor, "KRW")


@pytest.fixture
async def portone(server):
    async with AiohttpTransport(server.url) as transport:
        yield PortOne(transport, api_secret="s3cr3tS3CR3T", store_id="store-1")


async def cancel(portone, amount=3_000, tax_free=500, cancellable=11_000, requester=""):
    return await portone.cancel_payment(
        "ord1",
        amount=won(amount),
        tax_free=won(tax_free),
        cancellable=won(cancellable),
        reason="단순 변심",
        requester=requester,
        idempotency_key=KEY,
    )


async def test_the_sum_what_is_left_and_the_key_always_go_along(server, answer, portone):
    """There is no id of ours in a cancellation: two equal ones both succeed unless these guard them."""
    server.plays(answer(200, {"cancellation": SUCCEEDED}))
    outcome = await cancel(portone)
    assert isinstance(outcome, Done)
    assert (outcome.value.status, outcome.value.id, outcome.value.total_amount) == (
        "SUCCEEDED",
        "cancellation-1",
        3_000,
    )
    [request] = server.received
    assert request.line == "POST /payments/ord1/cancel HTTP/1.1"
    assert request.headers["Idempotency-Key"] == f'"{KEY}"'
    assert json.loads(request.body) == {
        "storeId": "store-1",
        "amount": 3_000,
        "taxFreeAmount": 500,
        "currentCancellableAmount": 11_000,
        "reason": "단순 변심",
    }


async def test_repeated_it_is_the_same_bytes(server, answer, portone):
    server.plays(answer(200, {"cancellation": SUCCEEDED}), answer(200, {"cancellation": SUCCEEDED}))
    await cancel(portone, requester="ADMIN")
    await cancel(portone, requester="ADMIN")
    assert server.received[0].body == server.received[1].body
    assert json.loads(server.received[0].body)["requester"] == "ADMIN"


@pytest.mark.parametrize("status", ["REQUESTED", "FAILED", "SOMETHING_NEW"])
async def test_200_is_not_yet_given_back(server, answer, portone, status):
    server.plays(answer(200, {"cancellation": SUCCEEDED | {"status": status}}))
    outcome = await cancel(portone)
    assert isinstance(outcome, Done) and outcome.value.status == status


@pytest.mark.parametrize(
    "body", [{}, {"cancellation": None}, {"cancellation": {}}, {"cancellation": SUCCEEDED | {"totalAmount": 3000.5}}]
)
async def test_an_answer_that_does_not_say_what_happened_is_unknown(server, answer, portone, body):
    server.plays(answer(200, body))
    outcome = await cancel(portone)
    assert isinstance(outcome, Unknown) and outcome.why is Why.UNREADABLE


async def test_the_broken_consistency_is_a_certain_refusal_and_the_pgs_word_is_not(server, answer, portone):
    server.plays(answer(409, {"type": "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"}), answer(502, {"type": "PG_PROVIDER"}))
    certain, uncertain = await cancel(portone), await cancel(portone)
    assert isinstance(certain, Refused) and certain.certain
    assert isinstance(uncertain, Refused) and not uncertain.certain


@pytest.mark.parametrize(("amount", "tax_free", "cancellable"), [(0, 0, 1), (2, 0, 1), (1, 2, 2), (1, -1, 1)])
async def test_sums_that_cannot_be_are_a_bug_of_ours(server, portone, amount, tax_free, cancellable):
    with pytest.raises(AssertionError):
        await cancel(portone, amount, tax_free, cancellable)
    assert server.received == []
