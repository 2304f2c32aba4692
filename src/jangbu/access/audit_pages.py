"""The console's audit log: who did what, the latest first, by who and by what it was done to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from jangbu.access import audit_store
from jangbu.access.audit_store import NamedLine
from jangbu.access.audit_texts import FACTS
from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.money import EXPONENTS, Money, written
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Fact, Pager
from jangbu.web.cursors import number_of
from jangbu.web.listing import ONE_MORE, filled_in, fitting
from jangbu.web.texts import Words

AUDIT = "/console/audit"
TYPED_CHARACTERS_MAX = 400
_FROM_THE_END = 2**63 - 1
_ORDER = {name: place for place, name in enumerate(FACTS)}

Reader = Annotated[Caller, guard(Scoped("audit:read"))]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line. The hrefs lead to everything by this actor, or about this subject."""

    line: NamedLine
    who: str
    done: str
    facts: tuple[Fact, ...]
    actor_href: str
    subject_href: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """All that audit.html may use."""

    rows: tuple[AuditRow, ...]
    actor: str
    subject: str
    action: str
    pager: Pager


def routes(run: Runtime) -> APIRouter:
    """`/console/audit`."""
    router = APIRouter(include_in_schema=False)

    @router.get(AUDIT)
    async def show(request: Request, caller: Reader, before: str = "") -> Response:  # noqa: ARG001 (the guard is the point)
        actor, subject = (filled_in(request, name, most=TYPED_CHARACTERS_MAX) for name in ("actor", "subject"))
        below = number_of(before)
        async with run.db.transaction() as tx:
            found = await audit_store.lines(
                tx, actor=actor, subject=subject, before=below or _FROM_THE_END, most=ONE_MORE
            )
        lines, pager = fitting(request, found, lambda line: str(line.id))
        shown = AuditPage(tuple(_row(request, one) for one in lines), actor, subject, AUDIT, pager)
        return rendering.page(request, "audit.html", shown)

    return router


def _row(request: Request, line: NamedLine) -> AuditRow:
    t = rendering.words(request)
    return AuditRow(
        line,
        _who(line, t),
        t.or_else(f"audit.done.{line.action}", line.action),
        tuple(_facts(line, t)),
        rendering.address(request, actor=line.actor, before=None),
        rendering.address(request, subject=line.subject, before=None),
    )


def _who(line: NamedLine, t: Words) -> str:
    if line.actor.startswith("job:"):
        return t("audit.by.job", job=line.actor.removeprefix("job:"))
    if line.actor.startswith("key:") and line.name:
        return t("audit.by.key", name=line.name)
    return line.name or (t("audit.by.portone") if line.actor == "portone" else line.actor)


def _facts(line: NamedLine, t: Words) -> Iterator[Fact]:
    """What stands beside an action, as people write it; what is empty is left out."""
    facts = dict(line.facts)
    if line.action != "payment.cancellation_asked":
        # Written until 2026-11 of what a second person approved, too.
        facts.pop("alone", None)
    currency = facts.get("currency")
    for name in sorted(facts, key=lambda one: (_ORDER.get(one, len(_ORDER)), one)):
        value = facts[name]
        if name == "review":
            yield Fact(t("audit.fact.review"), t.or_else(f"review.{value}", str(value) or t("audit.none_any_more")))
            continue
        if value in (None, "", [], {}) or (name == "currency" and facts.keys() & {"amount", "price"}):
            continue
        shown = t.or_else(f"status.{value}", _value(value, t)) if name in ("before", "after") else _value(value, t)
        if name in ("amount", "price") and isinstance(value, int) and currency in EXPONENTS:
            shown = written(Money(value, currency))
        yield Fact(t.or_else(f"audit.fact.{name}", name), shown)


def _value(value: Any, t: Words) -> str:
    match value:
        case bool():
            return t("audit.yes" if value else "audit.no")
        case list():
            return ", ".join(_value(one, t) for one in value)
        case dict():
            return ", ".join(f"{name} {_value(inner, t)}" for name, inner in value.items() if inner not in (None, ""))
        case _:
            return str(value)
