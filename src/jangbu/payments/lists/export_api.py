"""Payments and refunds as files: `/api/exports/…`, and the same for the console."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.payments.cancellations.pages import REFUNDS
from jangbu.payments.lists.api import FilterQuery, wanted_of
from jangbu.payments.lists.pages import Form
from jangbu.payments.lists.pages import wanted_of as wanted_by
from jangbu.payments.lists.rules import Filter
from jangbu.payments.lists.service.exporting import export_payments, export_refunds
from jangbu.payments.refusals import StoreUnknown
from jangbu.payments.story.telling import LIST
from jangbu.periods import moment
from jangbu.runtime import Runtime
from jangbu.sheets import Format
from jangbu.web.files import FILE_ANSWER, made

_Exporter = Annotated[Caller, guard(Scoped("payments:export"))]


def routes(run: Runtime) -> APIRouter:
    """`/api/exports/payments.csv|xlsx`, `/api/exports/refunds.csv|xlsx`, `/console/payments.csv|xlsx`, …refunds."""
    router = APIRouter(tags=["exports"])
    responses: Any = FILE_ANSWER

    @router.get("/api/exports/payments.{form}", summary="Payments as a file", responses=responses)
    async def payments(form: Format, query: Annotated[FilterQuery, Query()], caller: _Exporter) -> Response:
        """All that the list's filters ask for, the oldest first.

        Headings are Korean, days and times are those of Korea, amounts are in the currency beside them (19.99 USD).
        `결제 금액` is what was taken; less `취소 금액` it is `취소 가능 금액`, in each line and in the sums.
        """
        return await _payments(form, wanted_of(query, caller), caller)

    @router.get("/api/exports/refunds.{form}", summary="Refunds as a file", responses=responses)
    async def refunds(
        form: Format,
        caller: _Exporter,
        since: Annotated[str, Query(alias="from", max_length=40, description="A day in Korea, or a moment.")] = "",
        until: Annotated[str, Query(max_length=40, description="A day counts whole; a moment is exclusive.")] = "",
        store_id: Annotated[str, Query(alias="storeId", max_length=200)] = "",
    ) -> Response:
        """By when the money went back; those that are not settled, by when they were asked for."""
        if caller.store_id is not None and store_id not in ("", caller.store_id):
            raise StoreUnknown(store_id=store_id)
        return await _refunds(form, since, until, caller.store_id or store_id, caller)

    @router.get(REFUNDS + ".{form}", include_in_schema=False)
    async def refunds_from_the_console(
        form: Format,
        caller: _Exporter,
        since: Annotated[str, Query(alias="from", max_length=40)] = "",
        until: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        return await _refunds(form, since, until, caller.store_id or "", caller)

    @router.get(LIST + ".{form}", include_in_schema=False)
    async def from_the_console(form: Format, caller: _Exporter, given: Form) -> Response:
        return await _payments(form, wanted_by(given), caller)

    async def _refunds(form: Format, since: str, until: str, store_id: str, caller: Caller) -> Response:
        begin, end = moment(since, "from"), moment(until, "until", is_end=True)
        return await made(
            "refunds",
            form,
            lambda path: export_refunds(
                path, store_id=store_id, since=begin, until=end, kind=form, actor=caller.actor, run=run
            ),
            clock=run.clock,
        )

    async def _payments(form: Format, wanted: Filter, caller: Caller) -> Response:
        return await made(
            "payments",
            form,
            lambda path: export_payments(wanted, path, kind=form, actor=caller.actor, run=run),
            clock=run.clock,
        )

    return router
