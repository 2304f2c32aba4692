"""The confirm process: the merchant's server is asked just before the approval (portone-facts §4.4)."""

from typing import Any

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core.bodies import major_of
from jangbu.sandbox.core.parts import Parts
from jangbu.sandbox.core.problems import UNREADABLE
from jangbu.sandbox.core.records import Attempt, Failure
from jangbu.sandbox.core.webhook_records import Delivery

NOT_ASKED = frozenset({"EXIMBAY", "EXIMBAY_V2"})
"""With these PGs nobody is asked (portone-facts §4.4)."""
REFUSED = "가맹점이 결제를 승인하지 않았습니다."


async def ask(parts: Parts, attempt: Attempt) -> None:
    """Ask the order's `confirmUrl`, if it has one and the PG waits for it. Anything but 200 fails the attempt, with
    the `errorMessage` of the answer for the shopper.
    """
    url = attempt.order.confirm_url
    if url is None or parts.world.channel_of(attempt).pg_provider in NOT_ASKED:
        return
    question = _v1_question if attempt.order.version == "V1" else _question
    answer = await parts.courier.ask(question(parts, attempt, url))
    # Another tab may have decided while the merchant thought.
    if attempt.status != "READY" or (answer is not None and answer[0] == 200):
        return
    said = _message_of(answer[1]) if answer is not None else None
    parts.world.fail(attempt, Failure("ConfirmProcessFailed", said or REFUSED, "", ""), parts.clock.now())


def _question(parts: Parts, attempt: Attempt, url: str) -> Delivery:
    """Signed like a webhook, but it is none: nothing of it is kept, retried or listed."""
    now = parts.clock.now()
    data: dict[str, Any] = {
        "paymentId": attempt.payment_id,
        "transactionId": attempt.transaction_id,
        "totalAmount": attempt.order.total_minor,
    }
    if parts.world.inferred.confirm_question_names_store:
        data["storeId"] = attempt.store_id
    body = {"type": "Transaction.Confirm", "timestamp": rfc3339(now), "data": data}
    return Delivery(
        number=0,
        type="Transaction.Confirm",
        payment_id=attempt.payment_id,
        store_id=attempt.store_id,
        transaction_id=attempt.transaction_id,
        payment_status=attempt.status,
        environment=parts.world.channel_of(attempt).type,
        url=url,
        content_type="application/json",
        form=msgspec.json.encode(body).decode(),
        triggered_at=now,
        next_try_at=now,
    )


def _v1_question(parts: Parts, attempt: Attempt, url: str) -> Delivery:
    """Unsigned, and with an amount in major units (portone-facts §4.4)."""
    order = attempt.order
    told = {
        "imp_uid": attempt.transaction_id,
        "merchant_uid": attempt.payment_id,
        "amount": major_of(order.total_minor, order.currency),
    }
    delivery = _question(parts, attempt, url)
    delivery.is_v1 = True
    delivery.form = msgspec.json.Encoder(decimal_format="number").encode(told).decode()
    return delivery


def _message_of(body: bytes) -> str | None:
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    # V1 calls it `reason` (portone-facts §4.4).
    message = said.get("errorMessage", said.get("reason")) if isinstance(said, dict) else None
    return message if isinstance(message, str) else None
