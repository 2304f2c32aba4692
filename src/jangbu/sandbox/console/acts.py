"""What the console's forms do, each by the function that the control API calls too."""

import math
from calendar import monthrange
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from jangbu import sandbox
from jangbu.sandbox import control, control_billing, control_settings, orders, saving, script, script_file
from jangbu.sandbox.console.frame import PAGES, PATH, link, payment_link
from jangbu.sandbox.console.passed import Happening, look, since
from jangbu.sandbox.console.payments import CURRENCIES, WAYS
from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core import schedules
from jangbu.sandbox.core.faults import Fault
from jangbu.sandbox.core.inferred import values_of
from jangbu.sandbox.core.inputs import ChargeInput
from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import BrowserRefusal, NotOurs
from jangbu.sandbox.v2.api_billing import wish_of
from jangbu.sandbox.window import browser, identity_windows, issue_windows


@dataclass(slots=True)
class Desk:
    """The sandbox, and what the console itself remembers: what the latest move of the clock brought."""

    parts: Parts
    passed: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it came."""

    fields: Mapping[str, str]
    words: Words
    origin: str
    user_agent: str
    ip_address: str
    files: Mapping[str, bytes]

    def __getitem__(self, name: str) -> str:
        """Refuses a form that lacks it: none of ours does."""
        if name not in self.fields:
            raise NotOurs(f"the form lacks {name!r}")
        return self.fields[name].strip()

    def number(self, name: str) -> int:
        try:
            return int(self[name])
        except ValueError:
            raise NotOurs(f"{name}: {self[name]!r} is not a whole number") from None

    def decimal(self, name: str) -> float:
        try:
            said = float(self[name])
        except ValueError:
            said = math.nan
        if not math.isfinite(said):
            raise NotOurs(f"{name}: {self[name]!r} is not a number")
        return said


@dataclass(frozen=True, slots=True)
class Done:
    """Where the browser goes now, by default back, and a word that tells what happened."""

    notice: str = "done"
    to: str = ""


async def move(desk: Desk, sent: Sent) -> Done:
    now = desk.parts.clock.now()
    match sent["by"]:
        case "hour":
            by = timedelta(hours=1)
        case "day":
            by = timedelta(days=1)
        case "month":
            by = a_month_after(now) - now
        case "until":
            by = _moment(sent["until"]) - now
        case other:
            raise NotOurs(f"the clock is moved by hour, day, month or until, not {other!r}")
    before = look(desk.parts.world)
    try:
        await control.set_clock(desk.parts, control.MoveClock(move_s=by.total_seconds()))
    finally:
        desk.passed = since(before, desk.parts.world)
    return Done("moved")


def a_month_after(at: datetime) -> datetime:
    """The same day of the next month, or its last, as people in Korea count days."""
    here = at.astimezone(KST)
    year, month = (here.year, here.month + 1) if here.month < 12 else (here.year + 1, 1)
    return here.replace(year=year, month=month, day=min(here.day, monthrange(year, month)[1]))


def _moment(said: str) -> datetime:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise NotOurs(f"{said!r} is no time") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=KST)


async def freeze(desk: Desk, _: Sent) -> Done:
    await control.set_clock(desk.parts, control.MoveClock(freeze=True))
    return Done("frozen_now")


async def run(desk: Desk, _: Sent) -> Done:
    await control.set_clock(desk.parts, control.MoveClock(real=True))
    return Done("runs_now")


async def pay(desk: Desk, sent: Sent) -> Done:
    """A new payment: in its window, or paid at once."""
    if sent["way"] not in WAYS or sent["currency"] not in CURRENCIES:
        raise NotOurs(f"a payment is made in one of {', '.join(WAYS)}, in {', '.join(CURRENCIES)}")
    pay_method, channel_key = WAYS[sent["way"]]
    asked: dict[str, Any] = {
        "storeId": sandbox.STORE_ID,
        "channelKey": channel_key,
        "paymentId": sent["payment"],
        "orderName": sent["name"],
        "totalAmount": sent.number("amount"),
        "currency": sent["currency"],
        "payMethod": pay_method,
        "isEscrow": "escrow" in sent.fields,
    }
    page = payment_link(sent["payment"])
    if "at-once" in sent.fields:
        answered = await control.pay(desk.parts, msgspec.json.encode(asked))
        if "code" in answered:
            raise BrowserRefusal(answered["code"], answered["message"], answered.get("pgCode"))
        return Done("paid", page)
    opened = browser.open_attempt(
        desk.parts,
        msgspec.json.encode(asked | _there_and_back(sent, page)),
        user_agent=sent.user_agent,
        ip_address=sent.ip_address,
        opener_origin=sent.origin,
    )
    return Done("", opened["windowUrl"])


async def issue_key(desk: Desk, sent: Sent) -> Done:
    """A new billing key, in its window."""
    method, channel_key = ("CARD", sandbox.CARD_CHANNEL)
    if sent["way"] == "kakaopay":
        method, channel_key = ("EASY_PAY", sandbox.EASY_PAY_CHANNEL)
    asked = {"storeId": sandbox.STORE_ID, "channelKey": channel_key, "billingKeyMethod": method}
    raw = msgspec.json.encode(asked | _there_and_back(sent, f"{PAGES}keys"))
    key = issue_windows.begin(desk.parts, raw, ip_address=sent.ip_address, opener_origin=sent.origin)
    return Done("", f"/__browser__/billing-keys/{key.id}/window")


async def schedule(desk: Desk, sent: Sent) -> Done:
    """A payment with a billing key at a later time, as a shop's server asks for it."""
    if sent["currency"] not in CURRENCIES:
        raise NotOurs(f"a payment is made in one of {', '.join(WAYS)}, in {', '.join(CURRENCIES)}")
    world, store = desk.parts.world, desk.parts.world.state.stores[sandbox.STORE_ID]
    asked = {
        "billingKey": sent["key"],
        "orderName": sent["name"],
        "amount": {"total": sent.number("amount")},
        "currency": sent["currency"],
    }
    wish = wish_of(world, msgspec.convert(asked, ChargeInput), sent["payment"])
    schedules.create(world, store, wish, _moment(sent["at"]), desk.parts.clock.now())
    return Done("planned")


async def revoke(desk: Desk, sent: Sent) -> Done:
    """A schedule that waits is called off."""
    store = desk.parts.world.state.stores[sandbox.STORE_ID]
    schedules.revoke(desk.parts.world, store, None, [sent["about"]], desk.parts.clock.now())
    return Done()


async def verify(desk: Desk, sent: Sent) -> Done:
    """A new identity verification, in its window."""
    asked = {
        "storeId": sandbox.STORE_ID,
        "channelKey": sandbox.IDENTITY_CHANNEL,
        "identityVerificationId": f"identity-{desk.parts.world.ids.token(12)}",
    }
    raw = msgspec.json.encode(asked | _there_and_back(sent, f"{PAGES}identity"))
    found = identity_windows.begin(desk.parts, raw, opener_origin=sent.origin)
    return Done("", f"/__browser__/identity-verifications/{found.transaction_id}/window")


def _there_and_back(sent: Sent, page: str) -> dict[str, Any]:
    """The window takes the whole page, as on a phone, and comes back to ours: no script is needed for that."""
    locale = "EN_US" if sent.words.language == "en" else "KO_KR"
    return {"forceRedirect": True, "redirectUrl": f"{sent.origin}{page}", "locale": locale}


async def order(desk: Desk, sent: Sent) -> Done:
    known = orders.ORDERS.get(sent["order"])
    done = orders.carry_out(desk.parts, sent["about"], sent["order"], _fields(sent, known))
    return Done("bank_refused" if done.get("isTaken") is False else "done")


async def key_order(desk: Desk, sent: Sent) -> Done:
    known = control_billing.KEY_ORDERS.get(sent["order"])
    control_billing.carry_out(desk.parts, sent["about"], sent["order"], _fields(sent, known))
    return Done()


def _fields(sent: Sent, known: tuple[type[Any], Any] | None) -> bytes:
    """The order's own fields, from a form's texts: what is left empty is not said."""
    if known is None:
        return b""
    names = {each.encode_name for each in msgspec.structs.fields(known[0])}
    said = {name: value.strip() for name, value in sent.fields.items() if name in names and value.strip()}
    # Checked as texts first: "3000" is an amount in a form, and none in the JSON that orders are written in.
    return msgspec.json.encode(msgspec.convert(said, known[0], strict=False))


async def approve_late(desk: Desk, sent: Sent) -> Done:
    control.approve_late(desk.parts, sent["about"])
    return Done()


async def approve_in_app(desk: Desk, sent: Sent) -> Done:
    identity_windows.carry_out(desk.parts, sent["about"], "approve")
    return Done()


async def resend(desk: Desk, sent: Sent) -> Done:
    await control.resend(desk.parts, sent["about"], sent["webhook"])
    return Done("resent")


async def address(desk: Desk, sent: Sent) -> Done:
    """Where webhooks go."""
    asked: dict[str, Any] = {"webhookUrl": sent["url"], "webhookIsForm": "form" in sent.fields}
    asked["webhookVersion"] = sent["version"]
    if "v1-url" in sent.fields:
        asked |= {"v1WebhookUrl": sent["v1-url"], "v1WebhookIsForm": "v1-form" in sent.fields}
    control.configure(desk.parts, msgspec.convert(asked, control.Config))
    return Done("saved")


async def fault(desk: Desk, sent: Sent) -> Done:
    names = {each.encode_name for each in msgspec.structs.fields(Fault)}
    said = {name: value.strip() for name, value in sent.fields.items() if name in names and value.strip()}
    desk.parts.faults.order(msgspec.convert(said, Fault, strict=False))
    return Done("fault_waits")


async def forget(desk: Desk, sent: Sent) -> Done:
    """One fault, or all that wait."""
    said = sent["fault"]
    desk.parts.faults.forget(msgspec.json.decode(said, type=Fault) if said else None)
    return Done()


async def order_script(desk: Desk, sent: Sent) -> Done:
    raw = sent.files.get("yaml") or sent.fields.get("script", "").encode()
    script.order(desk.parts, script_file.read(raw, desk.parts.faults.operations))
    return Done("script_waits", f"{PAGES}faults")


async def switch(desk: Desk, sent: Sent) -> Done:
    """All switches as the form has them; what is as usual is not set."""
    usual = values_of(desk.parts.world.assumed)
    said = {name: _typed(sent, name, usual[name]) for name in usual if name in sent.fields}
    control_settings.set_switches(
        desk.parts, {name: None if value == usual[name] else value for name, value in said.items()}
    )
    return Done("saved")


def _typed(sent: Sent, name: str, usual: Any) -> Any:
    """What the form says of a switch, as the kind of value that it has."""
    if isinstance(usual, bool):
        return sent[name] == "true"
    if isinstance(usual, float):
        return sent.decimal(name)
    return sent.number(name) if isinstance(usual, int) else sent[name]


async def channel(desk: Desk, sent: Sent) -> Done:
    """A channel of another PG."""
    asked: dict[str, Any] = {"pgProvider": sent["pg"], "key": sent["key"] or None, "name": sent["name"] or None}
    asked |= {
        "type": sent["type"],
        "approvesManually": "manually" in sent.fields,
        "capturesLater": "later" in sent.fields,
    }
    control_settings.set_channel(desk.parts, msgspec.convert(asked, control_settings.AskedChannel))
    return Done("saved")


async def reset(desk: Desk, sent: Sent) -> Done:
    control.reset(desk.parts, sent.number("seed") if sent["seed"] else None)
    desk.passed = ()
    return Done("begun_again", PATH)


async def load(desk: Desk, sent: Sent) -> Done:
    saving.load(desk.parts, sent.files.get("file", b""))
    desk.passed = ()
    return Done("loaded", PATH)


ACTS: dict[str, Callable[[Desk, Sent], Awaitable[Done]]] = {
    "move": move,
    "freeze": freeze,
    "run": run,
    "pay": pay,
    "issue-key": issue_key,
    "schedule": schedule,
    "revoke": revoke,
    "verify": verify,
    "order": order,
    "key-order": key_order,
    "approve-late": approve_late,
    "approve-in-app": approve_in_app,
    "resend": resend,
    "address": address,
    "fault": fault,
    "forget": forget,
    "script": order_script,
    "switch": switch,
    "channel": channel,
    "reset": reset,
    "load": load,
}
NOTICES = (
    "done", "moved", "frozen_now", "runs_now", "paid", "bank_refused", "resent", "saved", "fault_waits",
    "script_waits", "begun_again", "loaded", "planned",
)  # fmt: skip
"""What a page may tell of the form before it: a word of `words`, so nobody else's text is ever shown."""


def told(to: str, notice: str) -> str:
    """The address with the word for what happened. Any other query stays."""
    if not notice:
        return to
    return f"{to}&said={notice}" if "?" in to else link(to, said=notice)
