"""A deposit goes back to the payer's account: sent once, kept no longer than needed, and seen by nobody (B3, F40)."""

from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from jangbu import keeping
from jangbu.errors import Refusal
from jangbu.payments import store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.cancellations.accounts import RefundAccount, checked, in_words
from jangbu.payments.cancellations.rules import Ask, Cancellation, CancellationStatus, begin
from jangbu.payments.cancellations.service.cancel import Authority, approve, cancel, reject
from jangbu.payments.cancellations.service.settle import Outcome
from jangbu.payments.rules import Payment, Status
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import find
from jangbu.settings.programs import SANDBOX_SECRETS_KEYS
from jangbu.vault import vault_of
from jangbu.wiring import ENCRYPTED, Addresses
from kit import TESTER, House, books, settle

from .told import NOW, payment

_S = CancellationStatus
NUMBER, HOLDER, PHONE = "110987654321", "김철수", "01055556666"
ACCOUNT = checked("국민", "110-987-654321", HOLDER, "010-5555-6666")
MASKED = {"bank": "KOOKMIN", "number": "*********321", "holderName": "김*수"}
ALONE = Authority(TESTER)
LIMITED = Authority(TESTER, limits={"KRW": 1})
SECOND = Authority(replace(TESTER, name="second"))


async def deposited(house: House, amount: int = 11_000) -> Payment:
    order = Order(amount=amount, currency="KRW", order_name="보리차")
    one = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(one.provider_order_id, payMethod="VIRTUAL_ACCOUNT")
    await house.portone.deposit(one.provider_order_id)
    await settle(house)
    return await find(str(one.id), run=house.run)


async def give_back(house: House, one: Payment, who: Authority = ALONE, **asked: Any) -> Outcome:
    ask = Ask(**({"account": ACCOUNT} | asked))
    return await cancel(str(one.id), ask, who=who, run=house.run, portone=house.wired.portone)


async def row(house: House, outcome: Outcome) -> Cancellation:
    async with house.run.db.transaction() as tx:
        found = await cancellation_store.by_id(tx, outcome.cancellation.id)
    assert found is not None
    return found


async def test_a_deposit_goes_back_to_the_account_and_the_account_is_forgotten(house: House) -> None:
    paid = await deposited(house)
    outcome = await give_back(house, paid, amount=3_000)
    assert outcome.cancellation.status is _S.SUCCEEDED
    assert house.portone.refunds(paid.provider_order_id) == [3_000]
    kept = await row(house, outcome)
    assert kept.refund_account_encrypted is None
    assert kept.refund_to == MASKED
    assert in_words(kept.refund_to) == "국민은행 *********321 김*수"
    rest = await give_back(house, paid)
    assert rest.payment.status is Status.CANCELLED
    assert (await books(house)).balances["assets:pg_receivable"] == 0
    assert (await books(house)).proof.holds


async def test_without_an_account_nobody_is_asked_and_nothing_is_written(house: House) -> None:
    paid = await deposited(house)
    with pytest.raises(Refusal) as refused:
        await give_back(house, paid, account=None)
    assert (refused.value.code, refused.value.http_status) == ("REFUND_ACCOUNT_NEEDED", 422)
    async with house.run.db.transaction() as tx:
        assert await cancellation_store.of_payment(tx, paid.id) == []
        assert [one.operation for one in await store.attempts(tx, paid.id)] == ["pre_register"]


async def test_a_card_payment_goes_back_as_it_came_and_the_account_is_not_kept(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차")
    one = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(one.provider_order_id)
    await settle(house)
    outcome = await give_back(house, await find(str(one.id), run=house.run), who=LIMITED)
    kept = await row(house, outcome)
    assert (kept.status, kept.refund_account_encrypted, kept.refund_to) == (_S.WAITING, None, None)


async def test_where_nobody_knows_the_way_it_came_the_account_that_was_given_is_sent(house: House) -> None:
    """Found by the simulator: PortOne named a way to pay of tomorrow when the money came."""
    house.portone.fault("unknown_method", operation="get_payment", times=9)
    paid = await deposited(house)
    assert (paid.method or {})["type"] == "PaymentMethodSandboxOfTomorrow"
    outcome = await give_back(house, paid)
    assert outcome.cancellation.status is _S.SUCCEEDED
    assert (await row(house, outcome)).refund_to == MASKED


async def test_an_answer_that_was_lost_keeps_the_account_until_the_refund_is_known_and_it_is_one(house: House) -> None:
    paid = await deposited(house)
    house.portone.fault("answer_lost", operation="cancel_payment", times=1)
    outcome = await give_back(house, paid)
    kept = await row(house, outcome)
    assert kept.status is _S.SENDING
    assert kept.refund_account_encrypted is not None
    assert NUMBER not in kept.refund_account_encrypted
    await settle(house)
    done = await row(house, outcome)
    assert (done.status, done.refund_account_encrypted) == (_S.SUCCEEDED, None)
    assert house.portone.refunds(paid.provider_order_id) == [11_000]


async def test_what_waits_for_a_second_person_is_sent_with_its_account_and_dropped_when_they_say_no(
    house: House,
) -> None:
    paid = await deposited(house)
    waiting = await give_back(house, paid, who=LIMITED, amount=1_000)
    assert (await row(house, waiting)).refund_account_encrypted is not None
    assert house.portone.refunds(paid.provider_order_id) == []
    await reject(waiting.cancellation.id, who=SECOND, run=house.run)
    assert (await row(house, waiting)).refund_account_encrypted is None
    again = await give_back(house, paid, who=LIMITED, amount=1_000)
    done = await approve(again.cancellation.id, who=SECOND, run=house.run, portone=house.wired.portone)
    assert done.cancellation.status is _S.SUCCEEDED
    assert (await row(house, again)).refund_account_encrypted is None


async def test_once_the_pg_took_it_on_the_account_is_not_kept(house: House) -> None:
    paid = await deposited(house)
    house.portone.cancel_slowly(paid.provider_order_id)
    outcome = await give_back(house, paid)
    kept = await row(house, outcome)
    assert (kept.status, kept.refund_account_encrypted) == (_S.REQUESTED, None)
    await house.portone.end_cancellation(paid.provider_order_id, succeeds=True)
    await settle(house)
    assert (await row(house, outcome)).status is _S.SUCCEEDED


async def test_one_key_stands_for_one_account(house: House) -> None:
    paid = await deposited(house)
    first = await give_back(house, paid, amount=1_000, request_key="k-1")
    assert (await give_back(house, paid, amount=1_000, request_key="k-1")).cancellation.id == first.cancellation.id
    other = checked("신한", NUMBER, HOLDER, PHONE)
    for account in (other, None):
        with pytest.raises(Refusal, match="IDEMPOTENCY_KEY_REUSED"):
            await give_back(house, paid, amount=1_000, request_key="k-1", account=account)
    assert house.portone.refunds(paid.provider_order_id) == [1_000]


async def everything_in(where: Addresses) -> str:
    """Every row of every table, as text."""
    owner = await asyncpg.connect(where.owner)
    tables = await owner.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    found = [str(row) for (name,) in tables for (row,) in await owner.fetch(f'SELECT t::text FROM "{name}" t')]
    await owner.close()
    return "\n".join(found)


async def test_the_account_is_in_no_table_no_log_and_no_repr(
    house: House, where: Addresses, capfd: pytest.CaptureFixture[str]
) -> None:
    paid = await deposited(house)
    house.portone.fault("answer_lost", operation="cancel_payment", times=1)
    outcome = await give_back(house, paid)
    while_open = await everything_in(where)
    await settle(house)
    afterwards = await everything_in(where)
    logged = capfd.readouterr()
    assert "Cancelling payment" in logged.out + logged.err
    said = repr((ACCOUNT, outcome, Ask(account=ACCOUNT)))
    for place in (while_open, afterwards, logged.out, logged.err, said):
        assert not any(secret in place for secret in (NUMBER, HOLDER, PHONE, "110-987"))
    assert "*********321" in afterwards


async def test_postgresql_itself_refuses_an_account_that_was_not_dropped(house: House, where: Addresses) -> None:
    outcome = await give_back(house, await deposited(house))
    owner = await asyncpg.connect(where.owner)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "UPDATE payment_cancellations SET refund_account_encrypted = 'x' WHERE id = $1", outcome.cancellation.id
        )
    await owner.close()


async def test_an_account_under_an_old_key_is_brought_under_the_new_one_and_still_sent(house: House) -> None:
    paid = await deposited(house)
    waiting = await give_back(house, paid, who=LIMITED)
    before = (await row(house, waiting)).refund_account_encrypted
    new = vault_of("new:bmV3IGtleSwgbmV3IGtleSwgbmV3IGtleSwgbmV3ISE=," + SANDBOX_SECRETS_KEYS)
    await keeping.rotate(ENCRYPTED, vault=new, db=house.run.db)
    after = (await row(house, waiting)).refund_account_encrypted
    assert before is not None and after is not None
    assert (before.split(".")[1], after.split(".")[1]) == ("published", "new")
    opened = cancellation_store.ENCRYPTED.decrypt(new, after, waiting.cancellation.id)
    assert RefundAccount.opened(opened) == ACCOUNT


async def test_while_its_key_is_missing_it_is_not_sent_and_stays_open(house: House) -> None:
    paid = await deposited(house)
    waiting = await give_back(house, paid, who=LIMITED)
    kept = await row(house, waiting)
    async with house.run.db.transaction() as tx:
        await cancellation_store.save(tx, replace(kept, refund_account_encrypted="v1.lost.AAAA"))
    done = await approve(waiting.cancellation.id, who=SECOND, run=house.run, portone=house.wired.portone)
    assert done.cancellation.status is _S.SENDING
    assert house.portone.refunds(paid.provider_order_id) == []
    async with house.run.db.transaction() as tx:
        await cancellation_store.save(
            tx, replace(done.cancellation, refund_account_encrypted=kept.refund_account_encrypted)
        )
    await settle(house)
    assert (await row(house, waiting)).status is _S.SUCCEEDED
    assert house.portone.refunds(paid.provider_order_id) == [11_000]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        (("우리동네은행", NUMBER, HOLDER), "REFUND_BANK_UNKNOWN"),
        (("한국은행", NUMBER, HOLDER), "REFUND_BANK_UNKNOWN"),
        (("국민", "12345", HOLDER), "REFUND_ACCOUNT_UNFIT"),
        (("국민", "1" * 21, HOLDER), "REFUND_ACCOUNT_UNFIT"),
        (("국민", "11098765432a", HOLDER), "REFUND_ACCOUNT_UNFIT"),
        (("국민", "١٢٣٤٥٦٧", HOLDER), "REFUND_ACCOUNT_UNFIT"),
        (("국민", NUMBER, "  "), "REFUND_ACCOUNT_UNFIT"),
        (("국민", NUMBER, "김\x00수"), "REFUND_ACCOUNT_UNFIT"),
        (("국민", NUMBER, HOLDER, "112"), "REFUND_ACCOUNT_UNFIT"),
    ],
)
def test_an_account_that_cannot_be_right_is_refused_and_not_quoted(written: tuple[str, ...], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        checked(*written)
    assert refused.value.code == code
    assert NUMBER not in refused.value.sentence("ko") + refused.value.sentence("en") + repr(refused.value)


def test_an_account_is_normalised() -> None:
    same = RefundAccount("KOOKMIN", NUMBER, HOLDER, PHONE)
    assert same == ACCOUNT
    assert checked("KB국민은행", "１１０ 987 654321", " 김철수 ", "+82 10-5555-6666") == same
    assert RefundAccount.opened(same.sealed_text) == same


def test_smartro_needs_the_holders_telephone_number() -> None:
    method = {"type": "PaymentMethodVirtualAccount", "accountNumber": "1"}
    taken = payment(Status.PAID, method=method, pg_provider="SMARTRO_V2")
    facts: dict[str, Any] = {"new_id": taken.id, "by": "t", "now": NOW}
    with pytest.raises(Refusal, match="REFUND_HOLDER_PHONE_NEEDED"):
        begin(taken, [], Ask(account=replace(ACCOUNT, phone="")), **facts)
    assert begin(taken, [], Ask(account=ACCOUNT), **facts).refund_to == MASKED
    toss = replace(taken, pg_provider="TOSSPAYMENTS")
    assert begin(toss, [], Ask(account=replace(ACCOUNT, phone="")), **facts).refund_to == MASKED
