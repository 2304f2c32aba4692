"""The page of one payment's story: its route, and how the doors beside it show what went wrong."""

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.errors import Refusal
from jangbu.payments.cancellations.advice_rules import advise
from jangbu.payments.cancellations.form import refund_form
from jangbu.payments.story.cards import cards_of
from jangbu.payments.story.service import tell
from jangbu.payments.story.telling import LIST, story_page_of
from jangbu.runtime import Runtime
from jangbu.web import rendering


def routes(run: Runtime) -> APIRouter:
    """`/console/payments/{id}`."""
    router = APIRouter(include_in_schema=False)

    @router.get(LIST + "/{payment_id}")
    async def payment_story(
        request: Request, payment_id: str, caller: Annotated[Caller, guard(Scoped("payments:read"))]
    ) -> Response:
        return await show_story(request, payment_id, caller, run=run)

    return router


async def show_story(
    request: Request,
    payment_id: str,
    caller: Caller,
    *,
    run: Runtime,
    refusal: Refusal | None = None,
    of_card: str = "",
    amount: str = "",
    reason: str = "",
) -> Response:
    """The story, with what was refused beside the form it was asked in: the refund's, or that of a card."""
    story, t = await tell(payment_id, run=run), rendering.words(request)
    rendering.stands_at(request, f"{LIST}/{story.payment.id}")
    problem, status = ("", 200) if refusal is None else (refusal.sentence(t.language), refusal.http_status)
    form = None
    if "payments:cancel" in caller.scopes:
        form = refund_form(
            story.payment,
            story.cancellations,
            key=run.ids.uuid().hex,
            advice=advise(story.payment, story.cancellations, run.clock.now()),
            t=t,
            problem="" if of_card else problem,
            amount=amount,
            reason=reason,
        )
    cards = cards_of(story, t, caller.scopes, problems={of_card: problem} if of_card else {})
    return rendering.page(request, "payment_story.html", story_page_of(story, t, form, cards), status=status)
