"""Stock of one session: promised, sold, let go, taken back. Whoever calls this holds the session's row.

Items are always locked in the order of their ids, so that no two sessions wait for each other in a circle.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from jangbu.checkout import item_store, store
from jangbu.checkout.item_rules import Item, Line, refuse_if_short
from jangbu.checkout.refusals import ItemNotSold, OutOfStock
from jangbu.checkout.rules import Session
from jangbu.db import Tx
from jangbu.runtime import Runtime


async def hold(tx: Tx, session: Session) -> Session:
    """Promise the session's lines to its payer. Raises OutOfStock, ItemNotSold; holding twice changes nothing."""
    if session.holds_stock:
        return session
    lines, items = await _locked(tx, session)
    for line in lines:
        if not items[line.item_id].is_active:
            raise ItemNotSold(name=line.name_ko)
    refuse_if_short(lines, items)
    await store.reserve(tx, session.id)
    return replace(session, holds_stock=True)


async def let_go(tx: Tx, session: Session) -> Session:
    """Take the promise back, if there is one."""
    if not session.holds_stock:
        return session
    await _locked(tx, session)
    await store.release(tx, session.id)
    return replace(session, holds_stock=False)


async def sell(tx: Tx, session: Session, *, now: datetime, run: Runtime) -> Session | None:
    """Deliver the session's lines; None, and nothing changed, when nothing was held and too little is left."""
    lines, items = await _locked(tx, session)
    if not session.holds_stock:
        try:
            refuse_if_short(lines, items)
        except OutOfStock:
            return None
    await store.sell(tx, session.id, was_held=session.holds_stock)
    await _moved(tx, session, lines, "sold", now=now, run=run)
    return replace(session, holds_stock=False)


async def put_back(tx: Tx, session: Session, *, now: datetime, run: Runtime) -> None:
    """Take delivered lines back onto the shelf."""
    lines, _ = await _locked(tx, session)
    await store.take_back(tx, session.id)
    await _moved(tx, session, lines, "returned", now=now, run=run)


async def _locked(tx: Tx, session: Session) -> tuple[list[Line], dict[UUID, Item]]:
    lines = await store.lines(tx, session.id)
    return lines, await item_store.lock(tx, [line.item_id for line in lines])


async def _moved(tx: Tx, session: Session, lines: list[Line], kind: str, *, now: datetime, run: Runtime) -> None:
    for line in lines:
        movement = run.ids.uuid()
        await store.moved(tx, movement_id=movement, session_key=session.id, line=line, kind=kind, at=now)
