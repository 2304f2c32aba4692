"""What a shopper registers to be charged again: a card, a wallet with a card or an account in it, a telephone, PayPal
(portone-facts §3.1).
"""

from typing import Any

from jangbu.sandbox.core import billing_keys
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.choices import CHOICES
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.world import World

WALLET_OF = {"KAKAOPAY": "KAKAOPAY", "NAVERPAY": "NAVERPAY", "TOSSPAY_V2": "TOSSPAY"}
REGISTERED = {"CARD": ("card",), "EASY_PAY": ("card", "transfer"), "MOBILE": (), "PAYPAL": ()}
"""What there is to choose from by the browser's billingKeyMethod, the first being the usual."""


def method_of(
    world: World, key: BillingKey, pay_method: str, name: str | None = None, choice: str | None = None
) -> dict[str, Any]:
    """The key's `method`. Refuses a way, or a choice within it, that the window does not offer."""
    offered = REGISTERED[pay_method]
    if name is not None and name not in offered:
        raise NotOurs(f"no method {name!r} for {pay_method}; known: {', '.join(offered) or 'none'}")
    match pay_method:
        case "CARD":
            return card(world, choice)
        case "MOBILE":
            return {
                "type": "BillingKeyPaymentMethodMobile",
                "phoneNumber": f"010{world.ids.chance().randrange(10**8):08d}",
            }
        case "PAYPAL":
            return {"type": "BillingKeyPaymentMethodPaypal"}
        case _:
            pg_provider = world.state.channels[key.channel_keys[0]].pg_provider
            inner = account(world, choice) if name == "transfer" else card(world, choice)
            return in_wallet(WALLET_OF.get(pg_provider, "KAKAOPAY"), inner)


def in_wallet(provider: str, inner: dict[str, Any]) -> dict[str, Any]:
    """A wallet, and what it pays with."""
    return {"type": "BillingKeyPaymentMethodEasyPay", "provider": provider, "method": inner}


def card(world: World, choice: str | None = None) -> dict[str, Any]:
    """Some card, or one of the test cards by how it begins."""
    begins = _chosen("card", choice)
    bin_ = f"{begins}00" if begins else "433012"
    return billing_keys.card_method(f"{bin_}000000{world.ids.chance().randrange(10_000):04d}")


def account(world: World, choice: str | None = None) -> dict[str, Any]:
    """A bank account in a wallet: the one kind of key whose charges have a cash receipt (portone-facts §2.3)."""
    bank = _chosen("transfer", choice) or "SHINHAN"
    number = f"110***{world.ids.chance().randrange(10**6):06d}"
    return {"type": "BillingKeyPaymentMethodTransfer", "bank": bank, "accountNumber": number}


def _chosen(name: str, choice: str | None) -> str | None:
    if choice is not None and choice not in CHOICES[name]:
        raise NotOurs(f"no choice {choice!r} for {name}; known: {', '.join(CHOICES[name])}")
    return choice
