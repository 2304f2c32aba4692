"""The console's refunds: giving money back from a payment's page, and the list of those that are not settled yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import seoul
from jangbu.errors import Refusal
from jangbu.money import Money, typed
from jangbu.payments import people
from jangbu.payments.cancellations import rules as cancellation_rules
from jangbu.payments.cancellations.accounts import RefundAccount, checked, in_words
from jangbu.payments.cancellations.api import authority_of
from jangbu.payments.cancellations.refusals import CancellationUnknown
from jangbu.payments.cancellations.rules import REASON_LONGEST, Ask, CancellationStatus
from jangbu.payments.cancellations.service.cancel import approve, cancel, open_cancellations, reject
from jangbu.payments.cancellations.store import OpenCancellation
from jangbu.payments.story.pages import show_story
from jangbu.payments.story.service import tell
from jangbu.payments.story.telling import LIST
from jangbu.portone import PortOne
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.texts import Catalogue

REFUNDS = "/console/refunds"
_FIELDS = ("amount", "tax_free", "reason", "key", "bank", "number", "holder", "phone")


@dataclass(frozen=True, slots=True)
class Row:
    """One refund that is not settled. The two hrefs are set where the reader may decide it."""

    payment_href: str
    order_name: str
    amount: Money
    status: str
    reason: str
    requested_by: str
    goes_to: str
    created_at: datetime
    approve_href: str | None
    reject_href: str | None


@dataclass(frozen=True, slots=True)
class RefundsPage:
    """All that templates/refunds.html may use. `problem` is the sentence of what went wrong, or ""."""

    waiting: tuple[Row, ...]
    under_way: tuple[Row, ...]
    exports: tuple[tuple[str, str], ...] = ()
    """File format and the address that gives it; empty for who may not."""
    first_day: str = ""
    problem: str = ""


def routes(run: Runtime, portone: PortOne) -> APIRouter:
    """The refund form of `/console/payments/{id}`, and `/console/refunds`."""
    router = APIRouter(include_in_schema=False)

    @router.post(LIST + "/{payment_id}/refund")
    async def refund_payment(
        request: Request, payment_id: str, caller: Annotated[Caller, guard(Scoped("payments:cancel"))]
    ) -> Response:
        async with request.form(max_files=0, max_fields=12) as form:
            given = {name: str(form.get(name, "")).strip() for name in _FIELDS}
        try:
            story = await tell(payment_id, run=run)
            # A mismatch goes back in the currency it was taken in.
            whole = cancellation_rules.taken(story.payment) or story.payment.total
            ask = Ask(
                amount=typed(given["amount"], whole.currency).amount_minor if given["amount"] else None,
                tax_free_amount=_tax_free(given["tax_free"], whole.currency),
                reason=given["reason"][:REASON_LONGEST] or "관리자 취소",
                requester="ADMIN",
                # The form carries a key, so that a double click is one refund.
                request_key=f"{caller.actor.name}:form:{given['key']}" if given["key"] else None,
                account=_account(given),
            )
            await cancel(payment_id, ask, who=authority_of(caller, run), run=run, portone=portone)
        except Refusal as refusal:
            if refusal.http_status == 404:
                raise
            return await show_story(
                request,
                payment_id,
                caller,
                run=run,
                refusal=refusal,
                amount=given["amount"],
                reason=given["reason"],
            )
        return RedirectResponse(f"{LIST}/{payment_id}", 303)

    @router.get(REFUNDS)
    async def refunds(request: Request, caller: Annotated[Caller, guard(Scoped("payments:read"))]) -> Response:
        return await _refunds(request, caller)

    @router.post(REFUNDS + "/{cancellation_id}/{decision}")
    async def decide(
        request: Request,
        cancellation_id: str,
        decision: str,
        caller: Annotated[Caller, guard(Scoped("payments:cancel", fresh=True))],
    ) -> Response:
        try:
            which = UUID(cancellation_id)
        except ValueError:
            raise CancellationUnknown from None
        who = authority_of(caller, run)
        try:
            if decision == "approve":
                await approve(which, who=who, run=run, portone=portone)
            elif decision == "reject":
                await reject(which, who=who, run=run)
            else:
                raise CancellationUnknown
        except CancellationUnknown:
            raise
        except Refusal as refusal:
            return await _refunds(request, caller, refusal)
        return RedirectResponse(REFUNDS, 303)

    async def _refunds(request: Request, caller: Caller, refusal: Refusal | None = None) -> Response:
        rendering.stands_at(request, REFUNDS)
        found = await open_cancellations(run=run)
        rows = [_row(one, caller, rendering.words(request).language) for one in found]
        shown = RefundsPage(
            waiting=tuple(row for row in rows if row.status == CancellationStatus.WAITING),
            under_way=tuple(row for row in rows if row.status != CancellationStatus.WAITING),
            exports=(("Excel", f"{REFUNDS}.xlsx"), ("CSV", f"{REFUNDS}.csv"))
            if "payments:export" in caller.scopes
            else (),
            first_day=seoul(run.clock.now())[:8] + "01",
            problem="" if refusal is None else refusal.sentence(rendering.words(request).language),
        )
        return rendering.page(request, "refunds.html", shown, status=200 if refusal is None else refusal.http_status)

    def _row(one: OpenCancellation, caller: Caller, language: str) -> Row:
        amount = Money(one.amount, one.currency)
        may_decide = one.status == CancellationStatus.WAITING and "payments:cancel" in caller.scopes
        is_own = one.requested_by == caller.actor.name
        may_approve = may_decide and not is_own and authority_of(caller, run).covers(amount)
        return Row(
            payment_href=f"{LIST}/{one.payment_id}",
            order_name=one.order_name,
            amount=amount,
            status=one.status,
            reason=one.reason,
            requested_by=people.in_words(one.requested_by, {one.requested_by: one.requested_name}, language),
            goes_to=in_words(one.refund_to),
            created_at=one.created_at,
            approve_href=f"{REFUNDS}/{one.id}/approve" if may_approve else None,
            reject_href=f"{REFUNDS}/{one.id}/reject" if may_decide else None,
        )

    return router


def _account(given: dict[str, str]) -> RefundAccount | None:
    """The account as typed; nothing at all is none, and a part of one is refused for what is missing."""
    parts = [given[name] for name in ("bank", "number", "holder", "phone")]
    return checked(*parts) if any(parts) else None


def _tax_free(text: str, currency: str) -> int | None:
    """The tax-free part as typed: nothing is "not said", and 0 is a part too."""
    if not text:
        return None
    return 0 if text == "0" else typed(text, currency).amount_minor


TEXTS: Catalogue = {
    "nav.refunds": ("환불", "Refunds"),
    "refunds.title": ("환불", "Refunds"),
    "refunds.waiting": ("승인을 기다리는 환불", "Waiting for a second person"),
    "refunds.waiting.none": ("승인을 기다리는 환불이 없습니다", "Nothing waits for approval"),
    "refunds.waiting.explained": (
        "한 사람이 결정할 수 있는 금액을 넘는 환불이 여기에 나타납니다.",
        "Refunds above what one person may decide alone appear here.",
    ),
    "refunds.under_way": ("처리 중인 환불", "Under way"),
    "refunds.order": ("주문명", "Order"),
    "refunds.amount": ("금액", "Amount"),
    "refunds.status": ("상태", "Status"),
    "refunds.reason": ("사유", "Reason"),
    "refunds.by": ("요청자", "Asked by"),
    "refunds.at": ("요청 시각", "Asked"),
    "refunds.decide": ("결정", "Decide"),
    "refunds.export": ("환불 내역 내려받기", "Download refunds"),
    "refunds.export.explained": (
        "돈이 돌아간 날 기준입니다. 끝나지 않은 환불은 요청한 날로 찾습니다.",
        "By the day the money went back; those not settled, by the day they were asked for.",
    ),
    "refunds.approve": ("승인", "Approve"),
    "refunds.reject": ("반려", "Reject"),
    "cancellation.WAITING": ("승인 대기", "Waits for approval"),
    "cancellation.SENDING": ("결과 확인 중", "Outcome not known yet"),
    "cancellation.REQUESTED": ("PG 처리 중", "At the PG"),
    "cancellation.SUCCEEDED": ("환불 완료", "Refunded"),
    "cancellation.FAILED": ("환불 실패", "Refund failed"),
    "cancellation.REJECTED": ("반려됨", "Rejected"),
    "refund.title": ("환불", "Refund"),
    "refund.left": ("환불 가능 금액", "Can be refunded"),
    "refund.amount": ("환불 금액", "Amount"),
    "refund.amount.hint": ("비워 두면 전액", "Empty: all of it"),
    "refund.tax_free": ("그중 면세 금액", "Of it, tax-free"),
    "refund.reason": ("사유", "Reason"),
    "refund.advice": ("환불 전에 확인하세요", "Before you refund"),
    "refund.advice.until": ("{until}까지 취소할 수 있습니다.", "Can be cancelled until {until}."),
    "refund.advice.over": ("취소 기한({until})이 지났습니다.", "The time to cancel was over on {until}."),
    "refund.advice.unknown": ("알려지지 않은 것: {what}", "Not known: {what}"),
    "refund.unknown.until": ("취소 기한", "until when it can be cancelled"),
    "refund.unknown.part": ("부분 취소 제한", "limits on a part"),
    "refund.unknown.arrives": ("입금까지 걸리는 시간", "when the payer has the money"),
    "refund.unknown.cost": ("비용", "the cost"),
    "refund.account": ("구매자의 환불 계좌", "The payer's account"),
    "refund.account.explained": (
        "가상계좌로 받은 돈은 구매자의 계좌로 돌려줍니다. 계좌는 암호화해 두었다가 환불이 끝나면 지웁니다.",
        "A deposit goes back to an account of the payer. It is kept encrypted, and dropped once the refund is done.",
    ),
    "refund.bank": ("은행", "Bank"),
    "refund.number": ("계좌번호", "Account number"),
    "refund.holder": ("예금주", "Account holder"),
    "refund.phone": ("예금주 전화번호", "Holder's telephone"),
    "refund.phone.hint": ("스마트로만 필요", "Smartro only"),
    "refunds.to": ("환불 계좌", "Goes to"),
    "refund.submit": ("환불하기", "Refund"),
    "story.cancellation.SUCCEEDED": ("환불되었습니다", "Refunded"),
    "story.cancellation.REQUESTED": ("PG가 환불을 접수했습니다", "The PG took the refund on"),
    "story.cancellation.FAILED": ("환불되지 않았습니다", "The refund did not happen"),
    "story.cancellation.asked": ("환불을 요청했습니다", "Refund asked for"),
    "story.cancellation.approved": ("환불을 승인했습니다", "Refund approved"),
    "story.cancellation.rejected": ("환불을 반려했습니다", "Refund rejected"),
    "story.cancellation.elsewhere": ("다른 곳에서 취소됨", "Made elsewhere"),
    "story.call.cancel": ("결제 취소", "Cancel"),
    "story.entry.payment.cancelled": ("취소 분개", "Cancellation posted"),
    "story.entry.payment.mismatch_resolved": ("가수금 정리 분개", "Suspense cleared"),
}
"""What these pages say."""
