"""A shop with items, payers who buy them, and the checks that must hold after everything."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jangbu.checkout import checks, item_store, store
from jangbu.checkout.item_rules import Item, Wish
from jangbu.checkout.rules import Session, State
from jangbu.checkout.service.complete import complete
from jangbu.checkout.service.items import NewItem, add_item
from jangbu.checkout.service.prepare import Prepared, prepare
from jangbu.checkout.service.sessions import NewSession, Shown, create_session, show
from jangbu.checks import Span
from jangbu.db import Query
from jangbu.payments.after.receipt_rules import Wish as Receipt
from kit import TESTER, House

PAUSE = Query(str, "SELECT pg_sleep(0.3)::text")
MOVED = Query(int, "SELECT count(*) FROM item_movements WHERE kind = :kind")
ALERTS = Query(str, "SELECT kind FROM admin_alerts ORDER BY created_at, id")
INVENTORY = Query(
    int, "SELECT coalesce(sum(quantity), 0)::bigint FROM customer_inventory WHERE customer_id = :customer"
)


@dataclass
class Shop:
    """The checkout room of a house, driven by its services."""

    house: House

    async def item(self, price: int = 5_500, stock: int = 10, **more: Any) -> Item:
        new = NewItem(name_ko=more.pop("name_ko", "보리차"), price=price, stock=stock, **more)
        return await add_item(new, store_id=None, actor=TESTER, run=self.house.run)

    async def session(self, *items: Item, quantity: int = 1, **more: Any) -> Session:
        wishes = tuple(Wish(item.id, quantity) for item in items)
        new = NewSession(wishes, customer_id=more.pop("customer_id", "member-1"), **more)
        return (await create_session(new, store_id=None, actor=TESTER, run=self.house.run)).session

    async def prepare(self, session: Session, method: str = "CARD", receipt: Receipt | None = None) -> Prepared:
        run, portone = self.house.run, self.house.wired.portone
        more: dict[str, Any] = {"actor": TESTER, "run": run, "portone": portone}
        return await prepare(session.session_id, method=method, buyer=None, receipt=receipt, **more)

    async def complete(self, session: Session) -> Shown:
        run, portone = self.house.run, self.house.wired.portone
        return await complete(session.session_id, actor=TESTER, run=run, portone=portone)

    async def bought(self, *items: Item, **more: Any) -> Session:
        """A session that is paid and delivered."""
        session = await self.session(*items, **more)
        prepared = await self.prepare(session)
        assert "code" not in await self.house.portone.pay(prepared.payment_id)
        assert (await self.complete(session)).session.state is State.PAID
        return session

    async def now(self, session: Session) -> Session:
        return (await show(session.session_id, run=self.house.run)).session

    async def stock(self, item: Item) -> tuple[int, int]:
        """On the shelf, and reserved of it."""
        return await stock_of(self.house, item.id)

    async def crowd(self) -> None:
        """Open every connection there may be: who waits for one to be opened comes too late to race."""
        run = self.house.run
        most = run.db.pool_state()["max"]
        await asyncio.gather(*(run.db.statement(PAUSE) for _ in range(most)))
        assert run.db.pool_state()["size"] == most

    async def moved(self, kind: str) -> int:
        return await self.house.run.db.statement(MOVED, kind=kind) or 0

    async def inventory(self, customer: str = "member-1") -> int:
        return await self.house.run.db.statement(INVENTORY, customer=customer) or 0

    async def alerts(self) -> list[str]:
        async with self.house.run.db.transaction() as tx:
            return await tx.all(ALERTS)


async def stock_of(house: House, item_id: UUID) -> tuple[int, int]:
    async with house.run.db.transaction() as tx:
        item = (await item_store.by_ids(tx, [item_id]))[item_id]
    return item.stock, item.reserved


async def nothing_is_broken(house: House) -> None:
    """The invariants of checkout, asked of everything there is."""
    async with house.run.db.transaction() as tx:
        for check in checks.INVARIANTS:
            found = await check.look(tx, Span(now=house.run.clock.now(), full=True))
            assert found.count == 0, (check.id, found.rows)


async def order_of(house: House, session: Session) -> str:
    """PortOne's id of a session's payment."""
    async with house.run.db.transaction() as tx:
        payment = await store.payment_of(tx, session.id)
    assert payment is not None
    return payment.provider_order_id
