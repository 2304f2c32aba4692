"""Five payments an accountant added up on paper, and the books they must make.

1  taxable      KRW 11,000                     VAT 11,000/11             = 1,000   sales 10,000
2  taxable      KRW 50,000, 17,000 tax-free    VAT 33,000/11             = 3,000   sales 47,000
3  exempt       KRW 30,000                     VAT                         0       sales 30,000
4  zero-rated   KRW 25,000                     VAT                         0       sales 25,000
5  taxable      USD 123.45                     VAT 12,345/11 = 1,122.27  = 1,122   sales 11,223   (cents)

KRW receivable 11,000 + 50,000 + 30,000 + 25,000 = 116,000
KRW sales      10,000 + 47,000 + 30,000 + 25,000 = 112,000
KRW VAT         1,000 +  3,000                   =   4,000
USD receivable 12,345, sales 11,223, VAT 1,122
"""

from dataclasses import replace
from datetime import timedelta

from by_hand import AT, sums
from jangbu.ids import Ids
from jangbu.ledger import service
from jangbu.payments import postings, store
from jangbu.payments.rules import Event, Payment, Status, decide
from jangbu.payments.seen import Seen
from jangbu.runtime import Runtime
from jangbu.wiring import EXPECTATIONS

BOOKS = {
    ("assets:pg_receivable", "KRW"): 116_000,
    ("income:sales", "KRW"): -112_000,
    ("liabilities:vat_payable", "KRW"): -4_000,
    ("assets:pg_receivable", "USD"): 12_345,
    ("income:sales", "USD"): -11_223,
    ("liabilities:vat_payable", "USD"): -1_122,
}

ids = Ids(seed=5)

FIRST = Payment(
    id=ids.uuid(),
    store_id="store-1",
    order_id=None,
    provider_order_id="p-1",
    order_name="보리차",
    amount=11_000,
    tax_free_amount=0,
    currency="KRW",
    tax_profile="taxable",
    status=Status.READY,
    expires_at=AT + timedelta(days=1),
    created_at=AT,
)
PAYMENTS = (
    FIRST,
    replace(FIRST, id=ids.uuid(), provider_order_id="p-2", amount=50_000, tax_free_amount=17_000),
    replace(FIRST, id=ids.uuid(), provider_order_id="p-3", amount=30_000, tax_profile="exempt"),
    replace(FIRST, id=ids.uuid(), provider_order_id="p-4", amount=25_000, tax_profile="zero_rated"),
    replace(FIRST, id=ids.uuid(), provider_order_id="p-5", amount=12_345, currency="USD"),
)


def paid(payment: Payment) -> Seen:
    """PortOne says it is paid, and states no VAT of its own."""
    return Seen(
        status="PAID",
        transaction_id=f"tx-{payment.provider_order_id}",
        store_id="store-1",
        total=payment.amount,
        currency=payment.currency,
        vat=None,
        is_live=False,
        channel_key="channel-1",
        pg_provider="INICIS_V2",
        method=None,
        failure=None,
        changed_at=AT,
        paid_at=AT,
        failed_at=None,
        raw={"status": "PAID"},
    )


async def test_the_books_are_those_on_the_accountants_paper(run: Runtime) -> None:
    for payment in PAYMENTS:
        decision = decide(payment, paid(payment), live=False, now=AT)
        assert decision.event is Event.CAPTURED
        async with run.db.transaction() as tx:
            assert await store.insert(tx, payment)
            await store.update(tx, decision.payment)
            assert await service.post(tx, postings.captured(decision.payment), recorded_at=AT)
    assert await sums(run.db) == BOOKS
    await service.seal(db=run.db)
    assert await sums(run.db) == BOOKS
    proof = await service.verify(db=run.db, at=AT, expectations=EXPECTATIONS)
    assert proof.holds and proof.complete.expected == 5


def test_portones_own_vat_wins_where_it_states_one() -> None:
    """11,000 won of which PortOne's invoice will say 900 tax: then our books say 900 too."""
    stated = replace(paid(FIRST), vat=900)
    decision = decide(FIRST, stated, live=False, now=AT)
    assert decision.payment.vat_amount == 900
    for impossible in (-1, 11_001):
        assert decide(FIRST, replace(stated, vat=impossible), live=False, now=AT).payment.vat_amount == 1_000
    for profile in ("exempt", "zero_rated", "simplified"):
        untaxed = replace(FIRST, tax_profile=profile)
        assert decide(untaxed, stated, live=False, now=AT).payment.vat_amount == 0
