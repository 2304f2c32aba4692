"""What the shopper picks in a window, as the `method` that is paid with (portone-facts §2.2)."""

from typing import Any

from jangbu.ids import Ids
from jangbu.sandbox.core import choices, methods
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Offer, Order
from jangbu.sandbox.core.wallets import WALLETS

LUMP_SUM = 0
INSTALLMENTS_FROM_MINOR = 50_000
"""Korean cards pay less than this at once, whatever the PG (portone-facts §10.17)."""
MONTHS_MAX = 12
"""Where the merchant names no months [I: card_months]."""


def months_offered(order: Order, offer: Offer) -> tuple[int, ...]:
    """Over how many months a card may pay: 0 is at once."""
    if order.currency != "KRW" or order.total_minor < INSTALLMENTS_FROM_MINOR:
        return (LUMP_SUM,)
    return tuple(offer.months) if offer.months is not None else (LUMP_SUM, *range(2, MONTHS_MAX + 1))


def method_of(
    ids: Ids,
    name: str,
    order: Order,
    offer: Offer,
    *,
    choice: str | None = None,
    months: int | None = None,
    uses_points: bool | None = None,
) -> dict[str, Any] | None:
    """The `method`; None where neither the shopper nor the merchant said anything of it.

    Refuses what the window does not offer.
    """
    is_narrowed = name in offer.choices or offer.says_of_cards
    if not is_narrowed and (choice, months) == (None, None):
        return None
    if choice is None and offer.choices.get(name):
        choice = offer.choices[name][0]
    if choice is not None:
        choices.refuse_others(name, choice, offer)
    method = _picked(ids, name, choice)
    inner = method.get("easyPayMethod", method)
    if inner["type"] != "PaymentMethodCard":
        return method
    return method | _on_terms(inner, order, offer, months, uses_points=uses_points, is_inner=inner is not method)


def _on_terms(
    card: dict[str, Any], order: Order, offer: Offer, months: int | None, *, uses_points: bool | None, is_inner: bool
) -> dict[str, Any]:
    known = months_offered(order, offer)
    months = known[0] if months is None else months
    if months not in known:
        raise NotOurs(f"not over {months} months; known: {', '.join(map(str, known))}")
    is_free = offer.pays_interest or months in offer.free_months.get(card["card"]["issuer"], ())
    charged = methods.on_terms(
        card | {"installment": {"month": months}},
        interest_free=is_free,
        by_merchant=is_free,
        with_points=offer.with_points and uses_points is not False,
    )
    return {"easyPayMethod": charged} if is_inner else charged


def _picked(ids: Ids, name: str, choice: str | None) -> dict[str, Any]:
    if name in WALLETS and choice is not None:
        inner, _, company = choice.partition(":")
        wallet = WALLETS[name]
        method = methods.easy_pay(wallet, next(word for word in methods.INNER if word == inner), ids)
        return method | {"easyPayMethod": _of_card(method["easyPayMethod"], company)} if company else method
    method = methods.of(name, ids)
    match name:
        case _ if choice is None:
            return method
        case "card":
            return _of_card(method, choice)
        case "gift_certificate":
            return {**method, "giftCertificateType": choice}
        case "mobile":
            # No answer of PortOne's tells whose customer the telephone's owner is.
            return method
        case _:
            return {**method, "bank": choice}


def _of_card(method: dict[str, Any], choice: str) -> dict[str, Any]:
    known = choices.card_of(choice)
    number = known["bin"] + method["card"]["number"][len(known["bin"]) :]
    return {**method, "card": {**method["card"], **known, "number": number}}
