"""What a shopper registers to be charged again: a card, a wallet with a card or an account in it, a telephone, PayPal
(portone-facts §3.1).
"""

from typing import Any

from jangbu.sandbox.core import billing_keys, choices, wallets
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Offer, Window
from jangbu.sandbox.core.world import World

REGISTERED = {"CARD": ("card",), "EASY_PAY": ("card", "transfer"), "MOBILE": ("mobile",), "PAYPAL": ()}
"""What there is to choose from by the browser's billingKeyMethod, the first being the usual."""


def offered(window: Window) -> tuple[str, ...]:
    """What the window lets the shopper choose from; the merchant's word comes before ours."""
    return tuple(window.offer.ways) or REGISTERED[window.pay_method]


def method_of(
    world: World, key: BillingKey, window: Window, name: str | None = None, choice: str | None = None
) -> dict[str, Any]:
    """The key's `method`. Refuses a way, or a choice within it, that the window does not offer."""
    known, offer = offered(window), window.offer
    name = name or next(iter(known), None)
    if name is not None and name not in known:
        raise NotOurs(f"no method {name!r} for {window.pay_method}; known: {', '.join(known) or 'none'}")
    match window.pay_method:
        case "CARD":
            return card(world, choice, offer)
        case "MOBILE":
            _picked("mobile", choice, offer)
            return {
                "type": "BillingKeyPaymentMethodMobile",
                "phoneNumber": f"010{world.ids.chance().randrange(10**8):08d}",
            }
        case "PAYPAL":
            return {"type": "BillingKeyPaymentMethodPaypal"}
        case _:
            pg_provider = world.state.channels[key.channel_keys[0]].pg_provider
            inner = account(world, choice, offer) if name == "transfer" else card(world, choice, offer)
            own = wallets.WALLETS[wallets.OF_PG.get(pg_provider, "kakaopay")].provider
            return in_wallet(offer.wallet or own, inner)


def in_wallet(provider: str, inner: dict[str, Any]) -> dict[str, Any]:
    """A wallet, and what it pays with."""
    return {"type": "BillingKeyPaymentMethodEasyPay", "provider": provider, "method": inner}


def card(world: World, choice: str | None, offer: Offer) -> dict[str, Any]:
    """Some card, or the one that was picked."""
    picked = _picked("card", choice, offer)
    known = choices.card_of(picked) if picked is not None else {"bin": "433012"}
    method = billing_keys.card_method(f"{known['bin']}000000{world.ids.chance().randrange(10_000):04d}")
    return method | {"card": method["card"] | known}


def account(world: World, choice: str | None, offer: Offer) -> dict[str, Any]:
    """A bank account in a wallet: the one kind of key whose charges have a cash receipt [I: receipts_of_keys]."""
    bank = _picked("transfer", choice, offer) or "SHINHAN"
    number = f"110***{world.ids.chance().randrange(10**6):06d}"
    return {"type": "BillingKeyPaymentMethodTransfer", "bank": bank, "accountNumber": number}


def _picked(name: str, choice: str | None, offer: Offer) -> str | None:
    if choice is None:
        return next(iter(offer.choices.get(name, ())), None)
    choices.refuse_others(name, choice, offer)
    return choice
