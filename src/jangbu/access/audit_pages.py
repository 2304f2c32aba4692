"""The console's audit log: who did what, the latest first, by who and by what it was done to."""

import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from jangbu.access import audit_store
from jangbu.access.audit_store import NamedLine
from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Pager
from jangbu.web.cursors import number_of
from jangbu.web.listing import ONE_MORE, filled_in, fitting

AUDIT = "/console/audit"
TYPED_CHARACTERS_MAX = 400
_FROM_THE_END = 2**63 - 1

Reader = Annotated[Caller, guard(Scoped("audit:read"))]


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line. The hrefs lead to everything by this actor, or about this subject."""

    line: NamedLine
    facts: str
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
    facts = json.dumps(line.facts, ensure_ascii=False) if line.facts else ""
    return AuditRow(
        line,
        facts,
        rendering.address(request, actor=line.actor, before=None),
        rendering.address(request, subject=line.subject, before=None),
    )
