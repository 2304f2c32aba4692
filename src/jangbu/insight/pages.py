"""The console's first page: what waits for a person today, with counts, and where each is seen to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Role, Roles
from jangbu.clock import seoul
from jangbu.insight import store
from jangbu.insight.store import COUNTED_MAX, Broken, Review, Waiting
from jangbu.money import Money
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.texts import Words

HOME = "/console/home"
SHOWN_MAX = 5
PAYMENTS, REFUNDS, ALERTS = "/console/payments", "/console/refunds", "/console/alerts"
TO_LOOK_AT = f"{PAYMENTS}?review=1"
WEBHOOKS, EVENTS = "/console/webhooks?status=failed", "/console/events"

Person = Annotated[Caller, guard(Roles(*Role))]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work: the name of its count, who may see it, and where it is seen to."""

    name: str
    scope: str
    href: str
    tone: str


KINDS = (
    Kind("checks", "notices:read", ALERTS, "bad"),
    Kind("alerts", "notices:read", ALERTS, "bad"),
    Kind("reviews", "payments:read", TO_LOOK_AT, "bad"),
    Kind("refunds", "payments:read", REFUNDS, "waiting"),
    Kind("webhooks", "webhooks:read", WEBHOOKS, "bad"),
    Kind("deliveries", "events:read", EVENTS, "waiting"),
    Kind("jobs", "notices:read", ALERTS, "bad"),
)
"""The gravest first."""


@dataclass(frozen=True, slots=True)
class Item:
    """One kind of work that waits. `more` are lines that say which; each a sentence, and where it leads or ""."""

    name: str
    count: str
    tone: str
    href: str
    more: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HomePage:
    """All that home.html may use. `well` are the names of what does not wait."""

    items: tuple[Item, ...]
    well: tuple[str, ...]
    at: datetime


def routes(run: Runtime) -> APIRouter:
    """`/console/home`, where `/console` leads."""
    router = APIRouter(include_in_schema=False)

    @router.get(HOME)
    async def home(request: Request, caller: Person) -> Response:
        async with run.db.transaction(snapshot=True) as tx:
            waiting = await store.waiting(tx)
            reviews = await store.reviews(tx, most=SHOWN_MAX) if waiting.reviews else []
            broken = await store.broken(tx, most=SHOWN_MAX) if waiting.checks else []
        t = rendering.words(request)
        seen = [kind for kind in KINDS if kind.scope in caller.scopes]
        shown = HomePage(
            items=tuple(_item(kind, waiting, reviews, broken, t) for kind in seen if getattr(waiting, kind.name)),
            well=tuple(kind.name for kind in seen if not getattr(waiting, kind.name)),
            at=run.clock.now(),
        )
        return rendering.page(request, "home.html", shown)

    return router


def _item(kind: Kind, waiting: Waiting, reviews: list[Review], broken: list[Broken], t: Words) -> Item:
    more: tuple[tuple[str, str], ...] = ()
    if kind.name == "reviews":
        more = tuple((_review(one, t), f"{PAYMENTS}/{one.id}") for one in reviews)
    elif kind.name == "checks":
        more = tuple((_broken(one, t), "") for one in broken)
    elif kind.name == "alerts" and waiting.critical_alerts:
        more = ((t("home.alerts.critical", count=_count(waiting.critical_alerts)), ""),)
    return Item(kind.name, _count(getattr(waiting, kind.name)), kind.tone, kind.href, more)


def _review(one: Review, t: Words) -> str:
    why = t.or_else(f"review.{one.review}", one.review)
    return f"{one.order_name} · {Money(one.amount, one.currency)} · {why}"


def _broken(one: Broken, t: Words) -> str:
    return t("home.checks.row", id=one.check_id, count=f"{one.rows_found:,}", since=seoul(one.since)[:16])


def _count(number: int) -> str:
    return f"{COUNTED_MAX}+" if number >= COUNTED_MAX else str(number)
