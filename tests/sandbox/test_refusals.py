"""What the console and the control API refuse: each sentence in both languages, and nobody under a strange name."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from jangbu import sandbox as names
from jangbu.sandbox.app import build
from jangbu.sandbox.console import refusals
from jangbu.sandbox.console.words import WORDS
from jangbu.sandbox.core import declines
from jangbu.sandbox.core.naming_rules import PAYMENT_ID_RULES
from jangbu.sandbox.core.problems import STATUS_OF_TYPE, ApiError, BrowserRefusal, NotOurs, pg_refusal
from jangbu.sandbox.testing import Sandbox
from sandbox.forms import HOME, ORIGIN, Person

SOURCE = Path(names.__file__).parent
SAYS = {"NotOurs": 0, "BrowserRefusal": 1, "unreadable": 0, "Problem": 1, "_wrong": 1}
"""Who raises a sentence, and where among the arguments it is."""
HANGUL = re.compile(r"[가-힣]")
KO, EN = WORDS["ko"], WORDS["en"]


def sentences() -> Iterator[tuple[str, str]]:
    """Every sentence that the source refuses with, each hole as `{}`; what is made elsewhere is found there."""
    for file in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            at = SAYS.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
            if at is None or len(node.args) <= at:
                continue
            said = node.args[at]
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                yield file.name, said.value
            elif isinstance(said, ast.JoinedStr):
                yield file.name, "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in said.values)


def test_every_sentence_has_its_korean_one() -> None:
    found = {said for _, said in sentences()}
    assert len(found) > 70
    wrong = [said for said in found if not HANGUL.search(said) and said not in refusals.SENTENCES]
    assert wrong == []
    for said, korean in refusals.SENTENCES.items():
        assert HANGUL.search(korean), said
        assert not HANGUL.search(said), said
        # Neither language loses what the other tells.
        assert len(re.findall(r"\{\d?\}", korean)) == said.count("{}") or said.startswith("say one")


def test_every_type_and_every_word_of_a_pg_is_said_in_both() -> None:
    for type_ in STATUS_OF_TYPE:
        problem = ApiError(type_, "No.", pgCode="LOST_CARD", pgMessage="분실")
        assert HANGUL.search(refusals.told(problem, KO)), type_
        assert not HANGUL.search(refusals.told(problem, EN)), type_
    for reason in declines.REASONS.values():
        refused = pg_refusal(reason.pg_code, reason.ko)
        assert refusals.told(refused, KO).startswith(reason.ko)
        assert refusals.told(refused, EN) == f"{reason.en}. ({reason.pg_code})"
    assert PAYMENT_ID_RULES, "a PG that takes not any paymentId says so in Korean"
    refused = BrowserRefusal("PGProviderError", "주문번호 형식이 올바르지 않습니다.", "INVALID_ORDER_ID")
    assert not HANGUL.search(refusals.told(refused, EN))


@pytest.mark.parametrize(
    ("said", "korean"),
    [
        ("no payment order-1", "order-1 결제가 없습니다."),
        ("billing key k is DELETED", "k 빌링키는 DELETED 상태입니다."),
        ("billing key k is no wallet: only a wallet pays with an account", "k 빌링키는 지갑이 아닙니다."),
        ("no fault 'slw'; did you mean slow?", "혹시 slow?"),
        ("no fault 'x'; known: a, b", "있는 장애: a, b"),
        ("'times': Expected `int`, got `str`", "'times': 값이 맞지 않습니다."),
        ("nobody has ever said this", "입력한 값을 이해할 수 없습니다"),
    ],
)
def test_a_sentence_keeps_what_was_in_its_holes(said: str, korean: str) -> None:
    assert korean in refusals.told(NotOurs(said), KO)
    assert refusals.told(NotOurs(said), EN) == said


REFUSED = [
    ("", "새 결제", "New payment", {"amount": "0", "way": "card"}, "0보다 커야", "above zero"),
    (
        "",
        "새 결제",
        "New payment",
        {"payment": "가 나", "way": "card"},
        "주문번호 형식",
        "does not take such a paymentId",
    ),
    ("console/keys", "새 예약 결제", "New schedule", {"at": "2020-01-01T00:00"}, "지난 시각", "timeToPay is past"),
    ("console/keys", "새 예약 결제", "New schedule", {"at": "soon"}, "시각이 아닙니다", "no time"),
    ("console/keys", "새 예약 결제", "New schedule", {"amount": "many"}, "정수가 아닙니다", "not a whole number"),
    ("console/keys", "새 예약 결제", "New schedule", {"payment": "taken-0001"}, "이미 결제", "ALREADY_PAID_OR_WAITING"),
]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(("path", "ko", "en", "typed", "korean", "english"), REFUSED)
async def test_a_form_is_refused_in_the_pages_language(
    sandbox: Sandbox, language: str, path: str, ko: str, en: str, typed: dict[str, str], korean: str, english: str
) -> None:
    sandbox.world.state.channels[names.CARD_CHANNEL].name = "Card"
    await sandbox.billing_key()
    await sandbox.pay("taken-0001")
    person = Person(sandbox, language)
    await person.go(f"{HOME}{path}")
    page = await person.press(ko if language == "ko" else en, **typed)
    assert person.status == 400
    refused = page.partition('role="alert"')[2].partition("</div>")[0]
    assert (korean if language == "ko" else english) in refused
    assert bool(HANGUL.search(refused.replace("가 나", ""))) == (language == "ko")
    # Nobody types it twice.
    assert all(value in page for value in typed.values() if value != "card")


async def test_a_schedule_is_planned_paid_in_its_time_and_another_is_called_off(sandbox: Sandbox) -> None:
    person = Person(sandbox)
    assert "새 예약 결제" not in await person.go(f"{HOME}console/keys"), "there is no key to plan with"
    key = await sandbox.billing_key()
    await person.go(f"{HOME}console/keys")
    await person.press("새 예약 결제", payment="month-0001", amount="7700", at="2026-08-03T09:00", name="구독")
    assert "예약했습니다" in person.page
    await person.press("새 예약 결제", payment="month-0002", currency="USD")
    [first, second] = sandbox.world.state.schedules.values()
    assert (first.payment_id, first.billing_key, first.order.total_minor) == ("month-0001", key, 7_700)
    assert second.time_to_pay - sandbox.clock.now() == timedelta(days=1)
    # The later of the two comes first.
    await person.press("예약 취소")
    await sandbox.move(timedelta(days=3))
    _, paid = await sandbox.api("GET", "/payments?requestBody={}")
    [only] = paid["items"]
    assert (only["id"], only["status"]) == ("month-0002", "PAID")
    assert "취소됨" in await person.go(f"{HOME}console/keys")


async def test_a_wallets_new_account_is_chosen_in_the_console(sandbox: Sandbox) -> None:
    send = sandbox.transport.send
    raw = b'{"storeId":"%b","channelKey":"%b","billingKeyMethod":"EASY_PAY"}'
    body = raw % (names.STORE_ID.encode(), names.EASY_PAY_CHANNEL.encode())
    await send("POST", "/__browser__/billing-keys", {}, body)
    [key] = sandbox.world.state.billing_keys[names.STORE_ID].values()
    await send("POST", f"/__browser__/billing-keys/{key.id}/decision", {}, b'{"action":"approve"}')
    person = Person(sandbox)
    await person.go(f"{HOME}console/keys")
    await person.press("지갑의 카드 변경", paysWith="account")
    assert key.method is not None
    assert key.method["method"]["type"] == "BillingKeyPaymentMethodTransfer"


CONTROL = [
    (route.path, method)
    for mount in build(Sandbox().parts)._app.routes  # what there is to reach
    if getattr(mount, "path", "") == "/__sandbox__"
    for route in getattr(mount, "routes", [])
    for method in sorted(route.methods - {"HEAD"})
]


def test_there_is_a_control_api_to_guard() -> None:
    assert len(CONTROL) > 20


@pytest.mark.parametrize(("path", "method"), CONTROL)
async def test_the_control_api_answers_only_to_this_machines_names(sandbox: Sandbox, path: str, method: str) -> None:
    await sandbox.pay("order-0001")
    target = f"/__sandbox__{re.sub('{[^}]+}', 'order-0001', path)}"
    before, now = sandbox.world.to_json(), sandbox.clock.now()
    for host in ("evil.test:8090", "127.0.0.1.evil.test", "192.168.0.7:8090", "[::1", ""):
        status, _, answer = await sandbox.transport.send(method, target, {"host": host}, b"{}")
        assert (status, b"order-0001" in answer, b"secret" in answer) == (403, False, False), host
    assert (sandbox.world.to_json(), sandbox.clock.now()) == (before, now)
    if method == "GET":
        for host in ("127.0.0.1:8090", "localhost", "[::1]:8090"):
            assert (await sandbox.transport.send("GET", target, {"host": host}))[0] == 200, host
        assert (await sandbox.transport.send("GET", target, {"origin": ORIGIN}))[0] == 403
