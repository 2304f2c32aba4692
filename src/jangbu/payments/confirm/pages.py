"""The console's list of what PortOne asked before approvals, and was answered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.payments.confirm.question import ANSWERS, questions
from jangbu.payments.story.telling import LIST
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Choice, Pager
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.listing import ONE_MORE, fitting, one_of, switch
from jangbu.web.texts import Catalogue

QUESTIONS = "/console/questions"
_TONES = {"yes": "good", "no": "waiting", "unknown": "bad"}


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question. `href` is empty where it was about a payment that is none of ours."""

    href: str
    order_name: str
    portone_payment_id: str
    answer: str
    tone: str
    code: str
    took: str
    times: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class QuestionsPage:
    """All that templates/questions.html may use."""

    rows: tuple[QuestionRow, ...]
    answers: tuple[Choice, ...]
    is_filtered: bool
    pager: Pager


def routes(run: Runtime) -> APIRouter:
    """`/console/questions`."""
    router = APIRouter(include_in_schema=False)

    @router.get(QUESTIONS)
    async def list_questions(request: Request, caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> Response:  # noqa: ARG001
        answer, before = one_of(request, "answer", ANSWERS), request.query_params.get("before", "")
        found = await questions(answer, before=cursor_of(before), most=ONE_MORE, run=run)
        shown, pager = fitting(request, found, lambda one: cursor_text(one.asked_at, one.id))
        t = rendering.words(request)
        page = QuestionsPage(
            rows=tuple(
                QuestionRow(
                    href="" if one.payment_id is None else f"{LIST}/{one.payment_id}",
                    order_name=one.order_name or t("questions.stranger"),
                    portone_payment_id=one.portone_payment_id,
                    answer=one.answer,
                    tone=_TONES[one.answer],
                    code=one.code,
                    took=f"{one.took_ms:,} ms",
                    times=one.times,
                    asked_at=one.asked_at,
                )
                for one in shown
            ),
            answers=switch(request, "answer", ANSWERS, lambda one: t(f"questions.{one or 'any'}")),
            is_filtered=bool(answer),
            pager=pager,
        )
        return rendering.page(request, "questions.html", page)

    return router


TEXTS: Catalogue = {
    "nav.questions": ("승인 전 확인", "Before approvals"),
    "questions.title": ("승인 전 확인", "Questions before approvals"),
    "questions.lead": (
        "포트원이 승인 직전에 물어본 결제와 그 답입니다.",
        "What PortOne asked just before approving a payment, and what it was answered.",
    ),
    "questions.asked_at": ("물어본 시각", "Asked"),
    "questions.payment": ("결제", "Payment"),
    "questions.answer": ("답", "Answer"),
    "questions.took": ("걸린 시간", "Took"),
    "questions.times": ("{count}번 물음", "asked {count} times"),
    "questions.stranger": ("우리 결제가 아님", "None of ours"),
    "questions.any": ("전체", "All"),
    "questions.yes": ("승인 허용", "Yes"),
    "questions.no": ("승인 거절", "No"),
    "questions.unknown": ("확인 못 함", "Could not tell"),
    "questions.none": ("포트원이 아직 물어본 적이 없습니다", "PortOne has not asked yet"),
    "questions.none.explained": (
        "JANGBU_CHECKOUT_CONFIRM을 켜거나 결제창에 confirmUrl을 넘기면 여기에 나타납니다.",
        "Turn JANGBU_CHECKOUT_CONFIRM on, or give the payment window a confirmUrl.",
    ),
    "questions.none.found": ("이 답을 받은 결제가 없습니다", "Nothing was answered like this"),
    "questions.none.found.explained": ("다른 답을 골라 보세요.", "Choose another answer."),
}
"""What this page says."""
