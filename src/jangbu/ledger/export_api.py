"""The journal as a file: `/api/exports/journal.csv|xlsx`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.refusals import Forbidden
from jangbu.access.rules import Scoped
from jangbu.ledger.exporting import export_journal
from jangbu.periods import moment
from jangbu.runtime import Runtime
from jangbu.sheets import Format
from jangbu.web.files import FILE_ANSWER, made

_DAYS = "A day in Korea, which as an end counts whole, or a moment with its offset, which as an end is exclusive."


def routes(run: Runtime) -> APIRouter:
    """`GET /api/exports/journal.csv|xlsx`."""
    router = APIRouter(tags=["exports"])
    responses: Any = FILE_ANSWER

    @router.get("/api/exports/journal.{form}", summary="The journal as a file", responses=responses)
    async def journal(
        form: Format,
        caller: Annotated[Caller, guard(Scoped("books:read"))],
        since: Annotated[str, Query(alias="from", min_length=1, max_length=40, description=_DAYS)],
        until: Annotated[str, Query(min_length=1, max_length=40, description=_DAYS)],
        prefix: Annotated[str, Query(max_length=200, description="Only entries whose key begins so.")] = "",
    ) -> Response:
        """One line for each posting, in the order things happened."""
        if caller.store_id is not None:
            # An entry may have legs of several stores; a part of it does not balance.
            raise Forbidden(needed="every store")
        begin, end = moment(since, "from"), moment(until, "until", is_end=True)
        assert begin is not None, "it is not empty"
        assert end is not None, "it is not empty"
        return await made(
            "journal",
            form,
            lambda path: export_journal(
                path, since=begin, until=end, prefix=prefix, kind=form, actor=caller.actor, run=run
            ),
            clock=run.clock,
        )

    return router
