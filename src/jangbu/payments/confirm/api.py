"""Where PortOne asks just before an approval: `POST /api/portone/confirm-question` (portone-facts §4.4).

The browser gets its address as `confirmUrl`; V1's `confirm_url` ends in `/v1`. Bare Starlette routes, as the webhooks'
are: PortOne's patience is shorter still here, and 200 is a yes, so nothing may say it by accident.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from jangbu import ids
from jangbu.access.guard import declare
from jangbu.access.rules import Public, Signed
from jangbu.errors import Refusal
from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.payments.confirm.question import ROUTE, ROUTE_V1, Question, answer
from jangbu.payments.confirm.refusals import CannotTell
from jangbu.payments.confirm.service import Approves
from jangbu.portone import PortOne, Verified, WebhookBodyUnreadable, read_notification, verify
from jangbu.runtime import Runtime
from jangbu.web.envelope import Answer

PATHS = (ROUTE, ROUTE_V1)
QUESTION = "Transaction.Confirm"
UNSIGNED_AT_ONCE = 4
"""Each of them makes us read a payment at PortOne, and anybody may ask."""
_ID_CHARACTERS_MAX = 255


def routes(
    run: Runtime, portone: PortOne, approves: Approves, observe: Callable[[str, float], None] | None = None
) -> list[Route]:
    """The question's routes. `observe` hears what PortOne was answered, and after how many seconds."""
    unsigned = asyncio.Semaphore(UNSIGNED_AT_ONCE)

    async def signed_question(request: Request) -> Refusal | None:
        body = await request.body()
        verified = verify(request.headers, body, secrets=run.settings.webhook_secrets, now=run.clock.now())
        asked = question_in(verified, body, request.headers.get("content-type", "application/json"))
        return await answer(asked, run=run, portone=portone, approves=approves)

    async def unsigned_question(request: Request) -> Refusal | None:
        asked = question_v1(await request.body())
        if unsigned.locked():
            return CannotTell()
        async with unsigned:
            return await answer(asked, run=run, portone=portone, approves=approves)

    async def answered(request: Request, ask: Callable[[Request], Awaitable[Refusal | None]], says: str) -> Response:
        loop = asyncio.get_running_loop()
        started, result = loop.time(), "failed"
        try:
            against = await ask(request)
            result = "yes" if against is None else "unknown" if isinstance(against, CannotTell) else "no"
        except (Refusal, ClientDisconnect):
            result = "refused"
            raise
        finally:
            if observe is not None:
                observe(result, loop.time() - started)
        if against is None:
            return Answer({})
        # PortOne hands the sentence on to the browser, and does not say which language that speaks.
        return Answer({says: against.sentence("ko"), "code": against.code}, status_code=against.http_status)

    async def v2(request: Request) -> Response:
        return await answered(request, signed_question, "errorMessage")

    async def v1(request: Request) -> Response:
        return await answered(request, unsigned_question, "reason")

    return [
        declare(Route(ROUTE, v2, methods=["POST"]), Signed("Standard Webhooks signature over the raw body")),
        declare(
            Route(ROUTE_V1, v1, methods=["POST"]), Public("PortOne signs none of V1: PortOne itself is asked back")
        ),
    ]


def question_in(verified: Verified, body: bytes, content_type: str) -> Question:
    """What a signed body asks. Raises WebhookBodyUnreadable when it is no question, or does not say of how much."""
    notification = read_notification(body, content_type)
    data = notification.raw.get("data")
    total = data.get("totalAmount") if isinstance(data, dict) else None
    payment_id = notification.payment_id
    is_question = notification.type == QUESTION and payment_id and len(payment_id) <= _ID_CHARACTERS_MAX
    # `bool` is an int to Python, and true is no amount.
    if not is_question or type(total) is not int or not 0 <= total <= AMOUNT_MINOR_MAX:
        raise WebhookBodyUnreadable(problem="not PortOne's question before an approval")
    return Question(
        id=verified.webhook_id,
        is_signed=True,
        payment_id=payment_id or "",
        transaction_id=(notification.transaction_id or "")[:_ID_CHARACTERS_MAX],
        total=total,
        store_id=notification.store_id,
    )


class _QuestionV1(msgspec.Struct):
    imp_uid: str
    merchant_uid: str
    amount: Decimal


def question_v1(body: bytes) -> Question:
    """What an unsigned body asks. It has no id: what it says is one, so that asking again is the same question."""
    try:
        said = msgspec.json.decode(body, type=_QuestionV1)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookBodyUnreadable(problem="not V1's question before an approval") from None
    ids_fit = all(0 < len(one) <= _ID_CHARACTERS_MAX and "\0" not in one for one in (said.imp_uid, said.merchant_uid))
    # A number may be written so that it takes megabytes to spell out.
    if (
        not ids_fit
        or not said.amount.is_finite()
        or not 0 <= said.amount <= AMOUNT_MINOR_MAX
        or len(str(said.amount)) > 40
    ):
        raise WebhookBodyUnreadable(problem="not V1's question before an approval")
    name = ids.from_facts("v1", said.imp_uid, said.merchant_uid, str(said.amount))
    return Question(
        id=f"v1:{name}",
        is_signed=False,
        payment_id=said.merchant_uid,
        transaction_id=said.imp_uid,
        major=said.amount,
    )
