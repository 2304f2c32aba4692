"""PayPal's test buyers, who sign in at the window (requirements D12).

The facts name no test account of PayPal's, so these are the sandbox's own, and the window tells of them.
"""

from dataclasses import dataclass

from jangbu.sandbox.core import declines
from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Window

PASSWORD = "sandbox-buyer"  # noqa: S105 (opens nothing but the sandbox's window)


@dataclass(frozen=True, slots=True)
class Payer:
    """Somebody with a PayPal account. `refusal` is what PayPal says to all their payments, by its name."""

    email: str
    name: str
    refusal: str | None = None


PAYERS = {
    payer.email: payer
    for payer in (
        Payer("buyer@paypal.test", "Jangbu Kim"),
        Payer("broke@paypal.test", "Binjigap Lee", "insufficient_funds"),
        Payer("suspended@paypal.test", "Jeongji Park", "blocked_member"),
    )
}


def sign_in(window: Window, email: str, password: str) -> Payer:
    """From here on this buyer pays in the window. Refuses an unknown one, and a wrong password."""
    payer = PAYERS.get(email.strip().lower())
    if window.pay_method != "PAYPAL":
        raise NotOurs("nobody signs in here")
    if payer is None or password != PASSWORD:
        raise NotOurs("no such buyer, or another password")
    window.payer = payer.email
    return payer


def of(window: Window | None) -> Payer | None:
    """Who signed in; a test that approves by itself need not."""
    return PAYERS.get(window.payer or "") if window is not None else None


def refusal_of(window: Window | None) -> declines.Decline | None:
    """What PayPal says to whoever signed in; None when it does not mind."""
    payer = of(window)
    return declines.reason_named(payer.refusal) if payer is not None and payer.refusal is not None else None
