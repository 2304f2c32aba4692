"""Recording a PortOne and replaying it: what is told apart, what is never sent, and what is never kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest

from contract.stocked import remembered
from jangbu import sandbox as names
from jangbu.clock import SystemClock
from jangbu.errors import SetupProblem
from jangbu.ids import Ids
from jangbu.sandbox.app import running
from jangbu.sandbox.contract.asking import Asker, Target, asking, blanks_in, record, replay
from jangbu.sandbox.contract.comparing import Difference, compare
from jangbu.sandbox.contract.recording import Exchange, Recording, kept_of, without_values
from jangbu.sandbox.contract.steps import STEPS, Step
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.parts import Parts

CLOCK = SystemClock()
CARD = {"number": "4330121234567890", "expiryYear": "99", "expiryMonth": "12"}
PERSON = {
    "name": {"full": "김개똥"},
    "email": "gaettong@shop.example",
    "phoneNumber": "01098765432",
    "address": {"addressLine1": "무궁화로 7", "addressLine2": "301호"},
}


@asynccontextmanager
async def portone(**switches: Any) -> AsyncIterator[tuple[Target, Parts]]:
    """A sandbox that stands for PortOne, with a billing key on its test channel, and somebody's payment."""
    async with running(seed=1, inferred=Inferred(**switches)) as (base, parts):
        target = Target(base, names.API_SECRET, await issued(base, names.CARD_CHANNEL))
        somebodys = await issued(base, names.CARD_CHANNEL, customer=PERSON)
        body = {"billingKey": somebodys, "orderName": "비밀 주문", "amount": {"total": 98_765}}
        body |= {"currency": "KRW", "customer": PERSON, "customData": "table 7"}
        await post(base, "/payments/secret-payment/billing-key", body)
        yield target, parts


async def post(base: str, path: str, body: dict[str, Any]) -> Any:
    headers = {"authorization": f"PortOne {names.API_SECRET}"}
    async with aiohttp.ClientSession() as http, http.post(base + path, json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def issued(base: str, channel_key: str, **more: Any) -> str:
    body = {"channelKey": channel_key, "method": {"card": {"credential": CARD}}, **more}
    return str((await post(base, "/billing-keys", body))["billingKeyInfo"]["billingKey"])


async def recorded(*, with_test_payments: bool = True, **switches: Any) -> Recording:
    async with portone(**switches) as (target, _):
        return await record(target, CLOCK, Ids(), with_test_payments=with_test_payments)


async def replayed(recording: Recording, *faults: Fault, **switches: Any) -> list[Difference]:
    async with running(seed=2, inferred=Inferred(**switches)) as (base, parts):
        for fault in faults:
            parts.faults.order(fault)
        return compare(recording, await replay(recording, base, CLOCK, Ids()))


@pytest.fixture(scope="module")
async def whole() -> Recording:
    """All there is to ask, of a sandbox as it is."""
    return await recorded()


@pytest.mark.parametrize("with_test_payments", [False, True])
async def test_a_sandbox_answers_as_itself(whole: Recording, with_test_payments: bool) -> None:
    recording = whole if with_test_payments else await recorded(with_test_payments=False)
    assert [each.step for each in recording.exchanges] == [s for s in STEPS if with_test_payments or not s.writes]
    assert [each.step.name for each in recording.exchanges if each.answer is None] == []
    assert await replayed(recording) == []


@pytest.mark.parametrize(
    ("switches", "step", "line"),
    [
        (
            {"preregistered_only_is_not_found": False},
            "what was only fixed",
            "status 200 was recorded, the sandbox answers 404 PAYMENT_NOT_FOUND",
        ),
        (
            {"idempotency_malformed_is_refused": False},
            "an Idempotency-Key without quotes",
            "status 200 was recorded, the sandbox answers 400 INVALID_REQUEST",
        ),
        (
            {"idempotency_reuse_is_refused": False},
            "the same key for something else",
            "status 200 was recorded, the sandbox answers 400 INVALID_REQUEST",
        ),
    ],
)
async def test_a_portone_that_does_what_was_not_assumed_is_told_apart(
    switches: dict[str, Any], step: str, line: str
) -> None:
    recording = await recorded(**switches)
    found = await replayed(recording)
    assert [(one.step, one.lines) for one in found] == [(step, [line])]
    assert await replayed(recording, **switches) == []


@pytest.mark.parametrize(
    ("fault", "step", "line"),
    [
        (Fault("status_500", operation="get_banks"), "the banks", "status 200 was recorded"),
        (Fault("unknown_status", operation="get_payment", times=9), "a payment", "the sandbox has it as object"),
        (Fault("unknown_fields", operation="get_payment", times=9), "a payment", "it was not recorded"),
        (
            Fault("cancel_refused"),
            "a part given back",
            "status 200 was recorded, the sandbox answers 502 PG_PROVIDER",
        ),
        (Fault("html_502", operation="get_promotion"), "a promotion that is not there", "404 PROMOTION_NOT_FOUND was"),
    ],
)
async def test_a_sandbox_that_answers_otherwise_is_told_apart(
    whole: Recording, fault: Fault, step: str, line: str
) -> None:
    found = await replayed(whole, fault)
    lines = {one.step: one.lines for one in found}
    assert any(line in each for each in lines[step]), lines


async def test_without_test_payments_nothing_is_changed_and_only_reading_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    send = Asker._send

    async def noted(asker: Asker, step: Step) -> Any:
        asked.append(step.method)
        return await send(asker, step)

    monkeypatch.setattr(Asker, "_send", noted)
    async with portone() as (target, parts):
        before = remembered(parts.world)
        recording = await record(target, CLOCK, Ids())
        assert remembered(parts.world) == before
    assert set(asked) == {"GET"}
    assert not recording.with_test_payments


async def test_a_test_payment_is_given_back_to_the_last_won() -> None:
    async with portone() as (target, parts):
        await record(target, CLOCK, Ids(), with_test_payments=True)
        made = [event for event in parts.world.state.events if event.payment_id != "secret-payment"]
        waiting = list(parts.world.state.scheduled_payments.get(names.STORE_ID, {}))
    assert [event.amount_minor for event in made] == [1_100, -100, -1_000]
    assert waiting == []


@pytest.mark.parametrize("channel", [names.LIVE_CHANNEL])
async def test_a_key_of_a_live_channel_is_charged_only_when_it_is_meant(channel: str) -> None:
    async with portone() as (target, parts):
        live = Target(target.base_url, target.secret, await issued(target.base_url, channel))
        before = remembered(parts.world)
        with pytest.raises(SetupProblem, match="real money"):
            await record(live, CLOCK, Ids(), with_test_payments=True)
        unknown = Target(target.base_url, target.secret, "billing-key-of-nobody")
        with pytest.raises(SetupProblem, match="cannot be read"):
            await record(unknown, CLOCK, Ids(), with_test_payments=True)
        assert remembered(parts.world) == before
        await record(live, CLOCK, Ids(), with_test_payments=True, on_live_channel=True)
        assert remembered(parts.world) != before


async def test_without_a_key_nothing_is_charged_and_the_file_says_what_was_left_out() -> None:
    async with portone() as (target, parts):
        events = len(parts.world.state.events)
        keyless = Target(target.base_url, target.secret)
        recording = await record(keyless, CLOCK, Ids(), with_test_payments=True)
        assert len(parts.world.state.events) == events
    left_out = {each.step.name: each.skipped for each in recording.exchanges if each.answer is None}
    assert left_out["a charge"] == "there is no billingKey"
    assert left_out["what was scheduled"] == "there is no schedule"
    assert "a cancel of nothing" not in left_out
    assert await replayed(recording) == []


async def test_of_secrets_and_people_nothing_is_kept() -> None:
    async with portone() as (target, parts):
        recording = await record(target, CLOCK, Ids(), with_test_payments=True)
        text = msgspec.json.encode(recording).decode()
        state = parts.world.state
        ids = [a.transaction_id for a in parts.world.attempts()] + list(state.schedules) + [target.billing_key or ""]
    secrets = [names.API_SECRET, names.STORE_ID, names.MERCHANT_ID, names.CARD_CHANNEL, "secret-payment", "비밀 주문"]
    people = ["김개똥", "gaettong", "01098765432", "무궁화로", "table 7", "433012", "98765", "98,765"]
    for kept in (*secrets, *people, *ids):
        assert kept not in text, kept
    assert "2026-" not in text.replace(recording.recorded_at, "")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"type": "PAYMENT_NOT_FOUND", "message": "010-1234"}, {"type": "PAYMENT_NOT_FOUND", "message": "<text>"}),
        ({"status": "김개똥"}, {"status": "<text>"}),
        ({"status": "PAID now"}, {"status": "<text>"}),
        ({"somethingNew": "s3cret"}, {"somethingNew": "<text>"}),
        ({"gaettong@shop.example": 1}, {"<name>": "<whole number>"}),
        ({"at": "2026-08-01T03:00:00Z", "n": 1.5, "b": True, "z": None}, None),
        ([{"a": 1}] * 9, [{"a": "<whole number>"}] * 5),
        ("name", "<text>"),
    ],
)
def test_what_is_not_on_the_list_is_replaced(said: Any, kept: Any) -> None:
    if kept is None:
        kept = {"at": "<time>", "n": "<number>", "b": "<yes or no>", "z": None}
    assert without_values(said) == kept


def test_what_is_no_json_is_kept_as_that() -> None:
    for raw in (b"<html>s3cret</html>", b'{"a":' * 20_000, b'"\xff"', b""):
        answer = kept_of(502, {"content-type": "text/html; s3cret"}, raw)
        assert (answer.status, answer.content_type, answer.body) == (502, "text/html", "<no JSON>")
    assert kept_of(200, {"content-type": "s3cret"}, b"{}").content_type == "<other>"


async def test_a_secret_goes_nowhere_in_the_clear_and_a_recording_nowhere_else(whole: Recording) -> None:
    with pytest.raises(SetupProblem, match="in the clear"):
        await record(Target("http://api.portone.io", "s3cret"), CLOCK, Ids())
    with pytest.raises(SetupProblem, match="is no address"):
        await record(Target("api.portone.io", "s3cret"), CLOCK, Ids())
    with pytest.raises(SetupProblem, match="not on this machine"):
        await replay(whole, "https://api.portone.io", CLOCK, Ids())


async def test_nobody_there_is_a_plain_sentence() -> None:
    with pytest.raises(SetupProblem, match="cannot be asked"):
        await record(Target("http://127.0.0.1:1", "s3cret"), CLOCK, Ids())


async def test_every_blank_of_a_step_is_known_and_every_step_has_a_name_of_its_own() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)
    async with asking(Target("http://127.0.0.1:1", "s", "key"), CLOCK, Ids()) as asker:
        kept = {name for step in STEPS for name in step.keeps}
        assert asker.blanks.keys() | kept == {name for step in STEPS for name in blanks_in(step)}
    assert all(step.method == "GET" for step in STEPS if not step.writes)


def test_rows_of_a_list_are_data_and_the_rest_is_not() -> None:
    step = Step("x", "GET", "/payments")

    def lines(then: Any, now: Any) -> list[str]:
        made = [
            Exchange(step, kept_of(200, {"content-type": "application/json"}, msgspec.json.encode(each)))
            for each in (then, now)
        ]
        found = compare(Recording("", "", False, made[:1]), made[1:])
        return found[0].lines if found else []

    paid, failed = {"status": "PAID", "id": "1", "extra": 1}, {"status": "FAILED", "id": "2"}
    assert lines({"items": [paid, failed]}, {"items": []}) == []
    assert lines({"items": [paid]}, {"items": [failed]}) == []
    assert lines({"items": [paid]}, {"items": [{"status": "PAID", "id": 1}]}) == [
        "items[]<PAID>.id: <text> was recorded, the sandbox has <whole number>"
    ]
    assert lines({"page": {"n": 1}}, {"page": 1}) == ["page: object was recorded, the sandbox has <whole number>"]
    assert lines({"page": {"n": 1}}, {}) == ["page: recorded as object, the sandbox does not have it"]
    assert lines(paid, failed) == [
        "<FAILED>: the sandbox has it as object, it was not recorded",
        "<PAID>: recorded as object, the sandbox does not have it",
    ]
