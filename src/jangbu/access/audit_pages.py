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

AUDIT = "/console/audit"
ROWS = 50
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
    async def show(request: Request, caller: Reader) -> Response:  # noqa: ARG001 (the guard is the point)
        asked = request.query_params
        actor, subject = (_typed(asked.get(name, "")) for name in ("actor", "subject"))
        before = asked.get("before", "")
        below = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else _FROM_THE_END
        async with run.db.transaction() as tx:
            found = await audit_store.lines(tx, actor=actor, subject=subject, before=below, most=ROWS + 1)
        older = rendering.address(request, before=str(found[ROWS - 1].id)) if len(found) > ROWS else None
        newest = rendering.address(request, before=None) if below != _FROM_THE_END else None
        shown = AuditPage(
            tuple(_row(request, one) for one in found[:ROWS]), actor, subject, AUDIT, Pager(newest, older)
        )
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


def _typed(text: str) -> str:
    return text.strip()[:TYPED_CHARACTERS_MAX].replace("\0", "")
