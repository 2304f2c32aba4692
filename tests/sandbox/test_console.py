"""The console: each button, by HTTP, as a person presses it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, EASY_PAY_CHANNEL, IDENTITY_CHANNEL, control_settings
from jangbu.sandbox.console.acts import a_month_after
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.testing import Endpoint, Sandbox
from sandbox.forms import HOME, Person

PAYMENT = f"{HOME}console/payment?id=ord-000001"


@pytest.fixture
def person(sandbox: Sandbox) -> Person:
    return Person(sandbox)


def status_of(sandbox: Sandbox, payment_id: str = "ord-000001") -> str:
    payment = sandbox.payment(payment_id)
    assert payment is not None
    assert payment.current is not None
    return payment.current.status


# The clock.


async def test_the_clock_moves_by_an_hour_a_day_a_month_and_to_a_moment(sandbox: Sandbox, person: Person) -> None:
    await person.go()
    assert "2026-08-01 12:00:00" in person.page
    for label, shown in (("1시간", "2026-08-01 13:00:00"), ("1일", "2026-08-02 13:00:00"), ("1개월", "2026-09-02 13")):
        assert shown in await person.press(label)
        assert "시계를 옮겼습니다." in person.page
    await person.press("시각 정하기…", until="2026-12-25T09:30")
    assert sandbox.clock.now() == datetime(2026, 12, 25, 0, 30, tzinfo=UTC)
    await person.press("시각 정하기…", until="2026-12-25T09:29")
    assert (person.status, "시계는 뒤로 가지 않고" in person.page) == (400, True)
    await person.press("시각 정하기…", until="내일")
    assert (person.status, sandbox.clock.now().year) == (400, 2026)


@pytest.mark.parametrize(
    ("at", "then"),
    [
        (datetime(2026, 1, 31, 3, tzinfo=UTC), datetime(2026, 2, 28, 3, tzinfo=UTC)),
        (datetime(2028, 1, 31, 3, tzinfo=UTC), datetime(2028, 2, 29, 3, tzinfo=UTC)),
        (datetime(2026, 12, 15, 3, tzinfo=UTC), datetime(2027, 1, 15, 3, tzinfo=UTC)),
        # In Korea it is the first of March already.
        (datetime(2026, 2, 28, 20, tzinfo=UTC), datetime(2026, 3, 31, 20, tzinfo=UTC)),
    ],
)
def test_a_month_is_a_month_of_koreas_calendar(at: datetime, then: datetime) -> None:
    assert a_month_after(at) == then


async def test_the_clock_is_frozen_and_runs_again(sandbox: Sandbox, person: Person) -> None:
    await person.go()
    await person.press("다시 가게")
    assert not sandbox.clock.is_frozen
    assert "가는 중" in person.page
    await person.press("1시간")
    assert not sandbox.clock.is_frozen
    await person.press("멈추기")
    assert sandbox.clock.is_frozen
    assert "다시 가게" in person.labels()


async def test_a_move_tells_what_came_due_on_the_way(sandbox: Sandbox, shop: Endpoint, person: Person) -> None:
    shop.answers = [200, 500]
    await sandbox.pay("ord-000001", payMethod="VIRTUAL_ACCOUNT")
    key = await sandbox.billing_key()
    await sandbox.schedule("sub-000001", key, sandbox.clock.now() + timedelta(days=2), total=700)
    sandbox.cancel_slowly("sub-000001")
    await sandbox.settle_webhooks()
    await person.go()
    await person.press("1개월")
    told = person.page
    assert "예약 결제" in told
    assert '<a href="/__sandbox__/console/payment?id=sub-000001">sub-000001</a>' in told
    assert "<code>SUCCEEDED</code>" in told
    assert "계좌 만료" in told
    assert "VIRTUAL_ACCOUNT_ISSUED → FAILED" in told
    # The second webhook was answered 500 before: its second try was on the way.
    assert "Transaction.VirtualAccountIssued (2)" in told
    assert "Transaction.Paid (1)" in told
    await sandbox.cancel("sub-000001")
    await person.press("1일")
    assert "계좌 만료" not in person.page
    assert "Transaction.CancelPending (1)" in person.page
    await person.press("1시간")
    assert "지나는 동안 일어난 일이 없습니다." in person.page


# Payments.


async def test_payments_are_found_by_id_transaction_name_and_status_and_the_newest_comes_first(
    sandbox: Sandbox, person: Person
) -> None:
    opened = await sandbox.open("ord-000001", orderName="우전 녹차")
    await sandbox.pay("ord-000002", orderName="Earl Grey")
    await sandbox.pre_register("ord-000003", 9000)
    page = await person.go()
    assert [page.index(f">ord-00000{number}<") for number in (3, 2, 1)] == sorted(
        page.index(f">ord-00000{number}<") for number in (1, 2, 3)
    )
    for search in ("녹차", opened["txId"], "000001"):
        page = await person.go(f"{HOME}?q={search}")
        assert (">ord-000001<" in page, ">ord-000002<" in page) == (True, False), search
    page = await person.go(f"{HOME}?q=EARL")
    assert ">ord-000002<" in page
    page = await person.go(f"{HOME}?status=PAID")
    assert (">ord-000001<" in page, ">ord-000002<" in page) == (False, True)
    assert "결제 완료 <span>1</span>" in page
    page = await person.go(f"{HOME}?status=PREREGISTERED")
    assert (">ord-000003<" in page, ">ord-000002<" in page) == (True, False)
    assert "찾은 것이 없습니다." in await person.go(f"{HOME}?q=nobody")


async def test_amounts_that_no_shop_should_ask_for_are_shown_too(sandbox: Sandbox, person: Person) -> None:
    await sandbox.pre_register("ord-000001", 700)
    found = sandbox.payment("ord-000001")
    assert found is not None
    assert found.preregistration is not None
    # As an older sandbox's file may have it.
    found.preregistration.currency = "XYZ"
    await sandbox.pre_register("ord-000002", 10**18)
    await sandbox.v1("POST", "/payments/prepare", {"merchant_uid": "ord-000003", "amount": 5})
    page = await person.go()
    assert ("700 XYZ" in page, "₩1,000,000,000,000,000,000" in page, person.status) == (True, True, 200)
    for number in (1, 2, 3):
        await person.go(PAYMENT.replace("1", str(number)))
        assert person.status == 200


async def test_a_long_list_has_pages(sandbox: Sandbox, person: Person) -> None:
    for number in range(51):
        await sandbox.pre_register(f"ord-{number:06}", 1000)
    page = await person.go()
    assert ("1–50 / 51건" in page, ">ord-000000<" in page) == (True, False)
    page = await person.go(f"{HOME}?page=2")
    assert ("51–51 / 51건" in page, ">ord-000000<" in page) == (True, True)
    for wrong in ("99", "0", "-1", "²", "x"):
        assert "/ 51건" in await person.go(f"{HOME}?page={wrong}")


async def test_a_deposit_is_made_refused_lapses_and_comes_late(sandbox: Sandbox, person: Person) -> None:
    for number in (1, 2, 3):
        await sandbox.pay(f"ord-00000{number}", payMethod="VIRTUAL_ACCOUNT", totalAmount=5000)
    await person.go(PAYMENT)
    await person.press("₩4,900 입금")
    assert "은행이 입금을 받지 않았습니다." in person.page
    assert status_of(sandbox) == "VIRTUAL_ACCOUNT_ISSUED"
    await person.press("₩5,000 입금")
    assert "했습니다." in person.page
    assert status_of(sandbox) == "PAID"

    await person.go(PAYMENT.replace("1", "2"))
    await person.press("기한 만료")
    assert status_of(sandbox, "ord-000002") == "FAILED"
    await person.press("기한 뒤 입금")
    assert "은행이 입금을 받지 않았습니다." in person.page

    await person.go(PAYMENT.replace("1", "3"))
    await person.press("다르게 입금…", knownAfterS="10분 뒤", webhook="아니요")
    assert "포트원은 아직 모름" in person.page
    assert status_of(sandbox, "ord-000003") == "VIRTUAL_ACCOUNT_ISSUED"
    await person.press("1시간")
    assert status_of(sandbox, "ord-000003") == "PAID"


async def test_what_waits_for_the_pg_is_approved_or_declined_and_a_failed_one_approved_after_all(
    sandbox: Sandbox, person: Person
) -> None:
    for number in (1, 2):
        sandbox.fault("pay_waits", payment_id=f"ord-00000{number}", seconds=1e6)
        await sandbox.pay(f"ord-00000{number}")
    await person.go(PAYMENT)
    await person.press("승인")
    assert status_of(sandbox) == "PAID"
    await person.go(PAYMENT.replace("1", "2"))
    await person.press("거절…", reason="lost_card")
    assert status_of(sandbox, "ord-000002") == "FAILED"
    assert "LOST_CARD" in person.page
    await person.press("뒤늦게 승인")
    assert status_of(sandbox, "ord-000002") == "PAID"


async def test_an_asynchronous_cancel_succeeds_or_fails_by_a_button(sandbox: Sandbox, person: Person) -> None:
    await sandbox.pay("ord-000001", totalAmount=1000)
    sandbox.cancel_slowly("ord-000001", times=2)
    await sandbox.cancel("ord-000001", 300)
    await sandbox.cancel("ord-000001", 200)
    await person.go(PAYMENT)
    await person.press("₩200 취소 실패")
    await person.press("₩300 취소 완료")
    assert sandbox.refunds("ord-000001") == [300]
    payment = sandbox.payment("ord-000001")
    assert payment is not None
    assert [each.status for each in payment.attempts[0].cancellations] == ["SUCCEEDED", "FAILED"]


async def test_what_a_pg_and_a_card_company_do_by_themselves(sandbox: Sandbox, shop: Endpoint, person: Person) -> None:
    await sandbox.pay("ord-000001", totalAmount=10_000)
    await sandbox.settle_webhooks()
    heard = len(shop.got)
    await person.go(PAYMENT)
    await person.press("PG 관리자에서 취소…", amount="3000", reason="전화 취소", webhook="false")
    assert "전화 취소" in person.page
    await person.press("PG 관리자에서 취소…", amount="500", knownAfterS="끝내 모름")
    assert "포트원은 모름" in person.page
    assert sandbox.refunds("ord-000001") == [3000]
    await person.press("1시간")
    assert len(shop.got) == heard
    await person.press("차지백…", amount="1000")
    await person.press("분쟁 제기…", reason="색이 다릅니다")
    assert "분쟁 중" in person.page
    await person.press("분쟁 종료")
    assert "분쟁 중" not in person.page
    assert "색이 다릅니다" in person.page
    await person.press("PG 관리자에서 취소…", amount="30000")
    assert (person.status, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT" in person.page) == (400, True)
    await person.press("차지백…", amount="삼천")
    assert (person.status, "하지 않았습니다" in person.page) == (400, True)
    assert sandbox.refunds("ord-000001") == [3000, 1000]


async def test_a_parcel_is_moved_on(sandbox: Sandbox, person: Person) -> None:
    await sandbox.pay("ord-000001", isEscrow=True)
    assert "배송 등록 전" in await person.go(PAYMENT)
    logistics = {"company": "CJ", "invoiceNumber": "1", "sentAt": "2026-08-01T00:00:00Z"}
    status, body = await sandbox.api("POST", "/payments/ord-000001/escrow/logistics", {"logistics": logistics})
    assert status == 200, body
    await person.go(PAYMENT)
    await person.press("배송 상태 바꾸기…", status="REJECTED")
    assert "구매 거절" in person.page


async def test_a_new_payment_opens_its_window_and_comes_back_with_what_the_window_gave(
    sandbox: Sandbox, person: Person
) -> None:
    await person.go()
    await person.press("새 결제", payment="ord-000001", amount="7700", way="virtual_account", name="보리차")
    assert person.url.startswith("http://127.0.0.1:8090/__browser__/transactions/")
    transaction_id = person.url.split("/")[-2]
    window = await person.http.get(person.url)
    assert "₩7,700" in window.text
    result = await sandbox.decide(transaction_id, "decline", reason="bank_closed")
    assert result["redirectTo"].startswith(f"http://127.0.0.1:8090{PAYMENT}&")
    page = await person.go(result["redirectTo"])
    assert "PGProviderError" in page
    assert transaction_id in page
    assert status_of(sandbox) == "FAILED"
    # What the window gave belongs to this visit only.
    await person.press("뒤늦게 승인")
    assert "PGProviderError" not in person.page


async def test_a_new_payment_is_paid_at_once_or_its_refusal_is_told_and_nothing_is_typed_twice(
    sandbox: Sandbox, person: Person
) -> None:
    await person.go()
    await person.press("새 결제", payment="ord-000001", amount="7700", **{"at-once": "true"})
    assert person.url.endswith(f"{PAYMENT}&said=paid")
    assert sandbox.captures("ord-000001") == [7700]
    await person.go()
    await person.press("새 결제", payment="ord-000001", amount="7700")
    assert (person.status, "PaymentAlreadyPaid" in person.page) == (400, True)
    await person.press("새 결제", payment="ord-000002", amount="만 원", name="깊은 산 녹차")
    assert (person.status, 'value="깊은 산 녹차"' in person.page, 'value="만 원"' in person.page) == (400, True, True)
    assert sandbox.payment("ord-000002") is None
    for way in ("kakaopay", "transfer", "mobile", "gift_certificate", "paypal", "convenience_store", "live_card"):
        currency = {"paypal": "USD", "convenience_store": "JPY"}.get(way, "KRW")
        await person.go()
        await person.press("새 결제", payment=f"way-{way}", way=way, currency=currency, **{"at-once": "true"})
        assert "console/payment" in person.url, (way, person.page)
    await person.go()
    assert "test-0009" in person.page


async def test_an_open_window_is_one_click_away(sandbox: Sandbox, person: Person) -> None:
    opened = await sandbox.open("ord-000001")
    assert f'href="{opened["windowUrl"]}"' in await person.go(PAYMENT)
    await sandbox.decide(opened["txId"], "approve")
    assert "/__browser__/transactions/" not in await person.go(PAYMENT)


# Billing keys, schedules, identity.


async def test_a_billing_key_is_refused_changed_and_deleted_and_its_schedules_are_listed(
    sandbox: Sandbox, shop: Endpoint, person: Person
) -> None:
    key, other = await sandbox.billing_key(), await sandbox.billing_key()
    await sandbox.schedule("sub-000001", key, sandbox.clock.now() + timedelta(days=2), total=700)
    await sandbox.settle_webhooks()
    page = await person.go(f"{HOME}console/keys")
    assert [key in page, other in page, "sub-000001" in page, "예약됨" in page] == [True] * 4
    del shop.got[:]
    # The newest comes first, so these are `other`'s.
    await person.press("이 키의 결제 거절…", reason="lost_card", times="1")
    assert "분실 또는 도난 신고된 카드입니다. (1)" in person.page
    assert (await sandbox.charge("ord-000001", other))[0] == 502
    await person.press("이 키의 결제 거절…", reason="lost_card")
    await person.press("거절 그만하기")
    assert (await sandbox.charge("ord-000002", other))[0] == 200
    await person.press("지갑의 카드 변경")
    await person.press("웹훅 없이 삭제")
    assert "삭제됨" in person.page
    assert (await sandbox.charge("ord-000003", other))[1]["type"] == "BILLING_KEY_ALREADY_DELETED"
    await sandbox.settle_webhooks()
    assert [each for each in shop.types() if each.startswith("BillingKey")] == ["BillingKey.Updated"]
    await person.press("지갑에서 삭제")
    await sandbox.settle_webhooks()
    assert shop.types()[-1] == "BillingKey.Deleted"


@pytest.mark.parametrize(("way", "channel"), [("card", CARD_CHANNEL), ("kakaopay", EASY_PAY_CHANNEL)])
async def test_a_new_billing_key_opens_its_window(sandbox: Sandbox, person: Person, way: str, channel: str) -> None:
    await person.go(f"{HOME}console/keys")
    await person.press("새 빌링키", way=way)
    assert "/__browser__/billing-keys/" in person.url
    assert (await person.http.get(person.url)).status_code == 200
    answer = await person.http.post(person.url.replace("/window", "/decision"), json={"action": "approve"})
    assert answer.json()["redirectTo"].startswith(f"http://127.0.0.1:8090{HOME}console/keys?")
    page = await person.go(answer.json()["redirectTo"])
    assert "발급됨" in page
    [key] = sandbox.world.state.billing_keys[next(iter(sandbox.world.state.stores))].values()
    assert key.channel_keys == [channel]


async def test_a_telephone_shows_its_code_and_an_app_is_answered(sandbox: Sandbox, person: Person) -> None:
    somebody = {"ipAddress": "127.0.0.1", "name": "김장부", "phoneNumber": "01012345678", "identityNumber": "9001011"}
    for name, method in (("who-1", "SMS"), ("who-2", "APP")):
        body = {"channelKey": IDENTITY_CHANNEL, "customer": somebody, "operator": "SKT", "method": method}
        status, answer = await sandbox.api("POST", f"/identity-verifications/{name}/send", body)
        assert status == 200, answer
    page = await person.go(f"{HOME}console/identity")
    code = page.partition('class="otp">')[2].partition("<")[0]
    await person.press("앱에서 승인")
    assert "앱에서 승인" not in person.labels()
    assert (await sandbox.api("POST", "/identity-verifications/who-1/confirm", {"otp": code}))[0] == 200
    assert (await sandbox.api("POST", "/identity-verifications/who-2/confirm", {}))[0] == 200
    assert (await person.go(f"{HOME}console/identity")).count("인증됨") == 2


async def test_a_new_verification_opens_its_window(sandbox: Sandbox, person: Person) -> None:
    await person.go(f"{HOME}console/identity")
    await person.press("새 본인인증: 인증창 열기")
    assert (await person.http.get(person.url)).status_code == 200
    answer = await person.http.post(person.url.replace("/window", "/decision"), json={"action": "verify"})
    assert "인증됨" in await person.go(answer.json()["redirectTo"])
    assert len(sandbox.world.state.identity_verifications) == 1


# Webhooks.


async def test_every_try_of_a_webhook_is_shown_and_it_is_sent_again(
    sandbox: Sandbox, shop: Endpoint, person: Person
) -> None:
    shop.answers = [200, (503, b"<b>down</b>"), OSError("nobody there")]
    await sandbox.pay("ord-000001")
    await sandbox.settle_webhooks()
    due = sandbox.parts.courier.next_due()
    assert due is not None
    await sandbox.move(due - sandbox.clock.now())
    page = await person.go(f"{HOME}console/webhooks")
    assert "Transaction.Paid" in page
    assert "응답 없음: OSError: nobody there" in page
    assert "대기 <span>1</span>" in page
    page = await person.go(f"{HOME}console/webhooks?q=transaction.ready&state=DELIVERED")
    assert ("Transaction.Ready" in page, ">Transaction.Paid<" in page) == (True, False)
    number = sandbox.world.state.deliveries[-1].number
    page = await person.go(f"{HOME}console/webhook?number={number}")
    assert "&lt;b&gt;down&lt;/b&gt;" in page
    assert "webhook-signature: v1," in page
    assert "&#34;type&#34;: &#34;Transaction.Paid&#34;" in page
    before = len(shop.got)
    await person.press("다시 보내기")
    assert (len(shop.got), "다시 보냈습니다." in person.page) == (before + 1, True)
    assert "받음" in person.page
    assert (await person.go(f"{HOME}console/webhook?number=999"), person.status)[1] == 404


async def test_where_webhooks_go_is_set(sandbox: Sandbox, person: Person) -> None:
    await person.go(f"{HOME}console/webhooks")
    typed = {"url": "https://mine.test/hook", "version": "2024-01-01", "form": "true"}
    await person.press("받을 주소: https://shop.test/webhook", **typed, **{"v1-url": "https://mine.test/v1"})
    store = next(iter(sandbox.world.state.stores.values()))
    assert {each.url for each in store.webhooks.values()} == {"https://mine.test/hook"}
    settings = store.webhooks["LIVE"]
    assert (settings.version, settings.is_form) == ("2024-01-01", True)
    assert store.v1 is not None
    assert (store.v1.webhook_url, store.v1.webhook_is_form) == ("https://mine.test/v1", False)
    await person.press("받을 주소: https://mine.test/hook", url="", **{"v1-url": ""})
    assert (store.webhooks["TEST"].url, store.v1.webhook_url) == (None, None)


# Faults and scripts.


async def test_a_fault_is_ordered_and_one_or_all_are_forgotten(sandbox: Sandbox, person: Person) -> None:
    await person.go(f"{HOME}console/faults?fault=slow")
    await person.press("장애 주문하기", operation="get_payment", paymentId="ord-000001", times="2", seconds="1.5")
    [slow] = sandbox.parts.faults.waiting
    assert (slow.name, slow.operation, slow.payment_id, slow.times, slow.seconds, slow.acts, slow.reason) == (
        "slow", "get_payment", "ord-000001", 2, 1.5, False, None,
    )  # fmt: skip
    await person.press("장애 주문하기", name="status_500", acts="true", seconds="")
    await person.press("장애 주문하기", name="pay_refused", reason="lost_card", seconds="")
    assert [each.name for each in sandbox.parts.faults.waiting] == ["slow", "status_500", "pay_refused"]
    await person.press("잊기")
    assert [each.name for each in sandbox.parts.faults.waiting] == ["status_500", "pay_refused"]
    await person.press("모두 잊기")
    assert sandbox.parts.faults.waiting == []
    assert "기다리는 장애가 없습니다." in person.page
    await person.press("장애 주문하기", operation="get_paymet")
    assert (person.status, "&#39;get_paymet&#39;(이)라는 호출이 없습니다." in person.page) == (400, True)
    assert 'value="get_paymet"' in person.page
    for wrong in ({"times": "0"}, {"times": "많이"}, {"seconds": "nan"}):
        await person.go(f"{HOME}console/faults?fault=slow")
        await person.press("장애 주문하기", **wrong)
        assert person.status == 400, wrong
    assert sandbox.parts.faults.waiting == []


async def test_a_script_is_pasted_or_uploaded_and_a_typo_is_told_with_its_line(
    sandbox: Sandbox, person: Person
) -> None:
    await person.go(f"{HOME}console/faults")
    typo = "- fault: status_500\n  on: get_payment\n- fault: status_500\n  tmies: 2\n"
    for given in ({"script": typo}, {"files": {"yaml": typo.encode()}}):
        await person.press("스크립트 주문하기", **given)  # type: ignore[arg-type]
        assert person.status == 400
        assert "4행: &#39;tmies&#39;: 여기서 쓰는 값이 아닙니다. 혹시 times?\n    tmies: 2" in person.page
        # It is in the box again, to be mended there.
        assert "- fault: status_500\n  on: get_payment\n" in person.page.partition("<textarea")[2]
    assert sandbox.parts.faults.waiting == []
    await person.press("스크립트 주문하기", script=typo.replace("tmies", "times"))
    assert [each.times for each in sandbox.parts.faults.waiting] == [1, 2]
    late = "- order: deposit\n  payment: nobody\n  at: +1h\n"
    await person.press("스크립트 주문하기", files={"yaml": late.encode()})
    assert "deposit nobody" in person.page
    await person.press("1일")
    assert "PAYMENT_NOT_FOUND: no payment nobody" in person.page
    await person.go(f"{HOME}console/faults")
    await person.press("스크립트 주문하기", script="")
    assert person.status == 400


# The world.


async def test_the_world_is_taken_along_and_loaded_again(sandbox: Sandbox, person: Person) -> None:
    await sandbox.pay("ord-000001", totalAmount=700)
    await person.go(f"{HOME}console/world")
    saved = await person.http.get(f"{HOME}console/save")
    assert saved.headers["content-disposition"] == 'attachment; filename="sandbox-20260801-120000.json"'
    await person.press("모두 지우고 처음부터")
    assert sandbox.payment("ord-000001") is None
    await sandbox.move(timedelta(days=3))
    await person.go(f"{HOME}console/world")
    await person.press("불러오기", files={"file": saved.content})
    assert "불러왔습니다." in person.page
    assert sandbox.captures("ord-000001") == [700]
    assert "2026-08-01 12:00:00" in person.page
    await person.go(f"{HOME}console/world")
    for wrong in (b"", b"{}", b"\xff", saved.content[:-1], b'{"a":' * 20_000):
        await person.press("불러오기", files={"file": wrong})
        assert (person.status, "샌드박스가 저장한 파일이 아닙니다" in person.page) == (400, True)
    assert sandbox.captures("ord-000001") == [700]


async def test_starting_over_keeps_the_clock_and_where_webhooks_go_and_takes_a_seed(
    sandbox: Sandbox, person: Person
) -> None:
    await sandbox.pay("ord-000001")
    sandbox.fault("status_500")
    await person.go(f"{HOME}console/world")
    await person.press("모두 지우고 처음부터", seed="41")
    assert "처음부터 다시 시작했습니다." in person.page
    assert await sandbox.pay("ord-000001") == await Sandbox(seed=41).pay("ord-000001")
    assert sandbox.parts.faults.waiting == []
    await person.go(f"{HOME}console/world")
    await person.press("모두 지우고 처음부터", seed="0")
    assert await sandbox.pay("ord-000001") == await Sandbox(seed=0).pay("ord-000001")
    await person.go(f"{HOME}console/world")
    await person.press("모두 지우고 처음부터", seed="사십일")
    assert person.status == 400
    assert sandbox.payment("ord-000001") is not None


async def test_a_stranger_finds_what_to_connect_with_and_how_the_switches_stand() -> None:
    """What is usual is what this sandbox began with, and not what others begin with."""
    sandbox = Sandbox(inferred=Inferred(wrong_deposit_is_refused=False))
    person = Person(sandbox)
    page = await person.go(f"{HOME}console/world")
    for text in ("sandbox-api-secret", "store-00000000", "whsec_", "http://127.0.0.1:8090/v1", CARD_CHANNEL):
        assert text in page
    assert "보통은" not in page
    page = await person.press("이대로 가정하기", wrong_deposit_is_refused="true")
    assert "보통은 false" in page
    assert page.count("보통은") == 1


async def test_the_switches_form_keeps_a_half_second_that_somebody_else_set(sandbox: Sandbox, person: Person) -> None:
    control_settings.set_switches(sandbox.parts, {"confirm_question_timeout_s": 2.5})
    await person.go(f"{HOME}console/world")
    await person.press("이대로 가정하기")
    assert "저장했습니다." in person.page
    assert sandbox.world.state.switches == {"confirm_question_timeout_s": 2.5}
    await person.press("이대로 가정하기", confirm_question_timeout_s="10")
    assert sandbox.world.state.switches == {}
    for wrong in ("곧", "nan", "inf"):
        await person.go(f"{HOME}console/world")
        await person.press("이대로 가정하기", confirm_question_timeout_s=wrong)
        assert (person.status, "수가 아닙니다" in person.page) == (400, True)
        assert sandbox.world.state.switches == {}


async def test_the_state_file_follows_what_a_button_does(sandbox: Sandbox, person: Person) -> None:
    told: list[bool] = []
    sandbox.parts.on_change = lambda: told.append(True)
    await person.go()
    assert told == []
    await person.press("1시간")
    assert told
    assert msgspec.json.decode((await person.http.get("/__sandbox__/state")).content)["clock"]["mode"] == "frozen"
