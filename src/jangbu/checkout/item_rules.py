"""Items, the lines of a session, and what they cost together. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from jangbu.checkout.refusals import ItemNotSold, ItemUnfit, LinesUnfit, OutOfStock
from jangbu.money import AMOUNT_MINOR_MAX, Money, checked

LINES_MAX = 50
QUANTITY_MAX = 999
NAME_LONGEST = 80
STOCK_MAX = 10**9


class Named:
    """What has a name in both languages."""

    __slots__ = ()
    name_ko: str
    name_en: str

    def name_in(self, language: str) -> str:
        """`language` is 'ko' or 'en'."""
        return self.name_en if language == "en" else self.name_ko


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Named):
    """Something that is sold. `price` includes VAT; of `stock`, `reserved` are promised to payers."""

    id: UUID
    store_id: str
    name_ko: str
    name_en: str
    price: int
    tax_free_price: int
    currency: str
    stock: int
    reserved: int
    is_active: bool
    created_at: datetime

    @property
    def unit(self) -> Money:
        """What one costs."""
        return Money(self.price, self.currency)

    @property
    def available(self) -> int:
        """How many can still be promised."""
        return self.stock - self.reserved


@dataclass(frozen=True, slots=True)
class Line(Named):
    """One line of a session, with the price it was made with."""

    item_id: UUID
    name_ko: str
    name_en: str
    unit_price: int
    tax_free_unit_price: int
    quantity: int


def product_of(line: Line) -> dict[str, Any]:
    """A line as PortOne wants it of an order in escrow."""
    return {"id": str(line.item_id), "name": line.name_ko, "amount": line.unit_price, "quantity": line.quantity}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a shop asks a session to be of: an item and how many. Never a price."""

    item_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session costs, computed here from the items' prices."""

    lines: tuple[Line, ...]
    total: Money
    tax_free: Money
    order_name: str


def terms_of(wishes: Sequence[Wish], items: Mapping[UUID, Item]) -> Terms:
    """What the wished-for items cost together. Raises LinesUnfit, ItemNotSold, AmountOutOfRange.

    Every wished-for item must be in `items`. Stock is not looked at: that is promised when somebody pays.
    """
    ids = [wish.item_id for wish in wishes]
    if not 1 <= len(ids) <= LINES_MAX or len(set(ids)) != len(ids):
        raise LinesUnfit
    if any(type(wish.quantity) is not int or not 1 <= wish.quantity <= QUANTITY_MAX for wish in wishes):
        raise LinesUnfit
    chosen = [items[item_id] for item_id in ids]
    if len({(item.currency, item.store_id) for item in chosen}) != 1:
        raise LinesUnfit
    for item in chosen:
        if not item.is_active:
            raise ItemNotSold(name=item.name_ko)
    lines = tuple(
        Line(item.id, item.name_ko, item.name_en, item.price, item.tax_free_price, wish.quantity)
        for item, wish in zip(chosen, wishes, strict=True)
    )
    currency = chosen[0].currency
    total = checked(sum(line.unit_price * line.quantity for line in lines), currency)
    tax_free = Money(sum(line.tax_free_unit_price * line.quantity for line in lines), currency)
    more = f" 외 {len(lines) - 1}건" if len(lines) > 1 else ""
    return Terms(lines, total, tax_free, lines[0].name_ko + more)


def refuse_if_short(lines: Sequence[Line], items: Mapping[UUID, Item]) -> None:
    """Raise OutOfStock when fewer are left than a line wants."""
    for line in lines:
        if items[line.item_id].available < line.quantity:
            raise OutOfStock(name=line.name_ko)


def checked_item(name_ko: str, name_en: str, price: int, tax_free_price: int, currency: str) -> None:
    """Raise ItemUnfit, AmountOutOfRange or UnknownCurrency for what cannot be sold."""
    checked(price, currency)
    if price > AMOUNT_MINOR_MAX // (LINES_MAX * QUANTITY_MAX):
        # Then no session, however full, can exceed what JSON holds exactly, and bigint sums stay far from their end.
        raise ItemUnfit
    for name in (name_ko, name_en):
        if not 1 <= len(name) <= NAME_LONGEST or name != name.strip() or not name.isprintable():
            raise ItemUnfit
    if type(tax_free_price) is not int or not 0 <= tax_free_price <= price:
        raise ItemUnfit
