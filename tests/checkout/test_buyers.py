"""Who buys: encrypted, shown to PortOne's window alone, and dropped in time (reliability F116)."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jangbu import installation, keeping
from jangbu.checkout import store
from jangbu.checkout.rules import Session, State
from jangbu.checkout.service import buyers
from jangbu.checkout.service.prepare import prepare
from jangbu.checkout.service.sessions import abandon
from jangbu.checkout.windows import window_request
from jangbu.db import Query
from jangbu.payments.service.initialize import Order, initialize
from jangbu.payments.service.sync import sync
from jangbu.sandbox import CARD_CHANNEL
from jangbu.wiring import ENCRYPTED, Addresses
from kit import TESTER, House

from .shop import Shop

ROOT = Path(__file__).parents[2]
KIM = {"fullName": "김하늘", "email": "kim@example.com"}
PHONE = {"phoneNumber": "010-1234-5678"}
EVERYTHING = Query(
    str,
    """
    SELECT (SELECT string_agg(to_jsonb(s)::text, '') FROM payment_sessions s)
        || (SELECT string_agg(to_jsonb(l)::text, '') FROM audit_log l)
        || coalesce((SELECT string_agg(to_jsonb(e)::text, '') FROM events e), '')
    """,
)
OPENED = Query(bool, "SELECT buyer_encrypted IS NOT NULL FROM payment_sessions WHERE id = :id")


async def window_of(shop: Shop, session: Session, buyer: dict[str, Any] | None = None) -> dict[str, Any]:
    """What PortOne's window is told of who buys."""
    run = shop.house.run
    prepared = await prepare(
        session.session_id, method="CARD", buyer=buyer, actor=TESTER, run=run, portone=shop.house.wired.portone
    )
    assert "김하늘" not in repr(prepared)
    customer: dict[str, Any] = window_request(prepared, "ko", run).get("customer", {})
    return customer


async def is_kept(shop: Shop, session: Session) -> bool:
    return await shop.house.run.db.statement(OPENED, id=session.id) or False


async def test_the_window_is_told_and_the_database_is_not(shop: Shop, house: House) -> None:
    session = await shop.session(await shop.item(), buyer=KIM)
    assert await window_of(shop, session) == KIM | {"customerId": "member-1"}
    assert await window_of(shop, session, PHONE) == KIM | PHONE | {"customerId": "member-1"}
    assert await window_of(shop, session) == KIM | PHONE | {"customerId": "member-1"}
    stored = await house.run.db.statement(EVERYTHING)
    assert stored is not None and session.session_id in stored
    for secret in ("김하늘", "kim@", "1234-5678"):
        assert secret not in stored


async def test_buyers_are_dropped_so_many_days_after_their_session_ended(shop: Shop, house: House) -> None:
    item, run = await shop.item(stock=20), house.run
    keep, life = timedelta(days=run.settings.buyer_keep_days), timedelta(minutes=run.settings.checkout_minutes)
    paid = await shop.bought(item, buyer=KIM)
    off = await shop.session(item, buyer=KIM)
    await abandon(off.session_id, store_id=None, actor=TESTER, run=run)
    await house.move(keep)
    assert await buyers.forget(run=run) == 0, "it ended when it could no longer be paid, a little later than that"
    late = await shop.session(item, buyer=KIM)
    await shop.prepare(late)
    await house.move(life + timedelta(seconds=1))
    assert await buyers.forget(run=run) == 2
    assert await buyers.forget(run=run) == 0
    assert [await is_kept(shop, one) for one in (paid, off, late)] == [False, False, True]
    assert (await shop.now(late)).state in (State.PREPARING, State.EXPIRED)
    assert buyers.buyer_of(await shop.now(paid), run.settings.vault) == {}


async def test_portones_answers_are_kept_without_who_bought(shop: Shop, house: House, where: Addresses) -> None:
    session = await shop.session(await shop.item(), buyer=KIM)
    prepared = await shop.prepare(session)
    await house.portone.pay(prepared.payment_id, customer=KIM | PHONE)
    by_v1 = await initialize(
        Order(1_000, "KRW", "보리차", api="v1"), actor=TESTER, run=house.run, portone=house.wired.portone
    )
    names = {"buyer_name": "김하늘", "buyer_email": "kim@example.com", "buyer_tel": "010-1234-5678"}
    await house.portone.v1_pay(by_v1.provider_order_id, amount=1_000, channelKey=CARD_CHANNEL, **names)
    await shop.complete(session)
    await sync(by_v1, actor=TESTER, run=house.run, portone=house.wired.portone)
    told = "SELECT string_agg(portone::text, '') FROM payments"
    owner = await asyncpg.connect(where.owner)
    kept = await owner.fetchval(told)
    assert "TOSSPAYMENTS" in kept and "merchant_uid" in kept, "what PortOne said besides is kept"
    for secret in ("김하늘", "kim@", "1234-5678"):
        assert secret not in kept
    # What the release before kept is dropped by the migration.
    before = [json.dumps({"customer": KIM}), json.dumps({"v1": names | {"imp_uid": "imp_1"}})]
    for portone, payment_id in zip(before, await owner.fetch("SELECT id FROM payments"), strict=True):
        await owner.execute("UPDATE payments SET portone = $1 WHERE id = $2", portone, payment_id["id"])
    await owner.execute((ROOT / "migrations/0047_who_bought_is_not_in_answers.sql").read_text())
    assert sorted(one["portone"] for one in await owner.fetch("SELECT portone FROM payments")) == [
        '{"v1": {"imp_uid": "imp_1"}}',
        "{}",
    ]
    await owner.close()


async def test_who_may_still_pay_is_not_dropped_however_old(shop: Shop, house: House) -> None:
    session = await shop.session(await shop.item(), buyer=KIM)
    # Nobody sweeps here: the session is overdue and undecided, and money may have come for it.
    await house.portone.move(timedelta(days=1000))
    assert await buyers.forget(run=house.run) == 0
    assert await is_kept(shop, session)


async def test_the_release_before_reads_and_writes_what_it_knows_until_it_is_gone(
    shop: Shop, house: House, where: Addresses
) -> None:
    owner = await asyncpg.connect(where.owner)
    await owner.execute("UPDATE installation SET keeps_plain_buyers = true")
    item = await shop.item()
    ours = await shop.session(item, buyer=KIM)
    assert await owner.fetchval("SELECT buyer ->> 'email' FROM payment_sessions") == KIM["email"]
    # It prepares our session and adds a telephone, and makes one of its own.
    theirs = await shop.session(item)
    system = await asyncpg.connect(where.system)
    await system.execute(
        """UPDATE payment_sessions SET buyer = buyer || '{"phoneNumber": "010-1234-5678"}' WHERE id = $1""", ours.id
    )
    await system.execute("""UPDATE payment_sessions SET buyer = '{"fullName": "이장부"}' WHERE id = $1""", theirs.id)
    await system.close()
    assert await window_of(shop, ours) == KIM | PHONE | {"customerId": "member-1"}
    assert (await keeping.rotate(ENCRYPTED, vault=house.run.settings.vault, db=house.run.db)).count == 1
    async with house.run.db.transaction() as tx:
        await installation.stop_keeping_plain(tx)
        assert await keeping.empty_plain(tx, ENCRYPTED) == 2
        (state,) = await keeping.states(tx, (store.ENCRYPTED,))
    assert (state.by_key, state.plain) == ({"published": 2}, 0)
    assert await owner.fetchval("SELECT count(*) FROM payment_sessions WHERE buyer <> '{}'") == 0
    assert await window_of(shop, theirs) == {"fullName": "이장부", "customerId": "member-1"}
    await window_of(shop, theirs, PHONE)
    assert await owner.fetchval("SELECT count(*) FROM payment_sessions WHERE buyer <> '{}'") == 0
    await owner.close()


async def test_details_moved_to_another_session_do_not_open_there_and_keep_nobody_from_paying(
    shop: Shop, where: Addresses, capsys: pytest.CaptureFixture[str]
) -> None:
    item = await shop.item()
    one, other = await shop.session(item, buyer=KIM), await shop.session(item)
    owner = await asyncpg.connect(where.owner)
    await owner.execute(
        "UPDATE payment_sessions SET buyer_encrypted = (SELECT buyer_encrypted FROM payment_sessions WHERE id = $1)",
        one.id,
    )
    await owner.close()
    assert await window_of(shop, other) == {"customerId": "member-1"}
    assert "checkout.buyer_does_not_open" in capsys.readouterr().out
