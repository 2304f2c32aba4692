"""Where PortOne asks just before an approval: `POST /api/portone/confirm-question` (portone-facts §4.4).

Its address is the browser's `confirmUrl`. A bare Starlette route, as the webhooks' is: PortOne's patience is shorter
still here, and 200 is a yes, so nothing may say it by accident.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from jangbu.access.guard import declare
from jangbu.access.rules import Signed
from jangbu.errors import Refusal
from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.payments.refusals import CannotTell
from jangbu.payments.service.confirm import Approves
from jangbu.payments.service.confirm_question import ROUTE, Question, answer
from jangbu.portone import PortOne, Verified, WebhookBodyUnreadable, read_notification, verify
from jangbu.runtime import Runtime
from jangbu.web.envelope import Answer

QUESTION = "Transaction.Confirm"
_ID_CHARACTERS_MAX = 255


def routes(
    run: Runtime, portone: PortOne, approves: Approves, observe: Callable[[str, float], None] | None = None
) -> list[Route]:
    """The question's route. `observe` hears what PortOne was answered, and after how many seconds."""

    async def question(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        started, result = loop.time(), "failed"
        try:
            body = await request.body()
            verified = verify(request.headers, body, secrets=run.settings.webhook_secrets, now=run.clock.now())
            asked = question_in(verified, body, request.headers.get("content-type", "application/json"))
            against = await answer(asked, run=run, portone=portone, approves=approves)
            result = "yes" if against is None else "unknown" if isinstance(against, CannotTell) else "no"
        except (Refusal, ClientDisconnect):
            result = "refused"
            raise
        finally:
            if observe is not None:
                observe(result, loop.time() - started)
        if against is None:
            return Answer({})
        # PortOne hands `errorMessage` on to the browser, and does not say which language that speaks.
        return Answer({"errorMessage": against.sentence("ko"), "code": against.code}, status_code=against.http_status)

    return [declare(Route(ROUTE, question, methods=["POST"]), Signed("Standard Webhooks signature over the raw body"))]


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
