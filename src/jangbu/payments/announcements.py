"""What payments announce. Everything but `payment.changed` is public (docs/reference/events.md)."""

from typing import Any

from jangbu.events import Type, declare

_PAYMENT: dict[str, Any] = {
    "id": "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44",
    "paymentId": "1f0e6c2b9a7d4e5f8c3b2a1d0e9f8c7b",
    "orderId": "order-1001",
    "transactionId": "0198a5f0-8f2d-4b7a-8a5e-6d1c2b3a4f50",
    "before": "READY",
    "status": "PAID",
    "amount": 11_000,
    "cancelledAmount": 0,
    "cancellableAmount": 11_000,
    "currency": "KRW",
    "review": "",
    "method": "CARD",
    "expiresAt": "2026-08-02T03:00:00.000Z",
}
_UNPAID = _PAYMENT | {"cancellableAmount": 0}
_CANCELLATION: dict[str, Any] = {
    "id": "0198a601-3b0a-7c55-8a10-5e9d7c6b4a32",
    "status": "SUCCEEDED",
    "amount": 11_000,
    "currency": "KRW",
    "reason": "고객 변심",
    "made": "ours",
}

_DISPUTE: dict[str, Any] = {
    "id": "0198b7c2-91d4-7f06-b3a8-4c1e2d7f9a60",
    "status": "OPEN",
    "reason": "상품을 받지 못했습니다.",
    "heldAmount": 11_000,
    "writtenOffAmount": 0,
    "currency": "KRW",
    "openedAt": "2026-08-05T03:00:00.000Z",
    "resolvedAt": None,
}


def _given_back(before: str, status: str, cancelled: int, cancellation: str, amount: int) -> dict[str, Any]:
    return _PAYMENT | {
        "before": before,
        "status": status,
        "cancelledAmount": cancelled,
        "cancellableAmount": _PAYMENT["amount"] - cancelled,
        "cancellation": _CANCELLATION | {"amount": amount, "status": cancellation},
    }


declare(
    Type(
        "payment.virtual_account_issued",
        "가상계좌가 발급되어 입금을 기다립니다. 입금할 계좌는 `verify`의 `method.deposit`에 있고, `expiresAt`까지 "
        "입금할 수 있습니다.",
        "A virtual account was issued and the money is awaited until `expiresAt`. Where to pay in is `method.deposit` "
        "of `verify`.",
        _UNPAID | {"status": "VIRTUAL_ACCOUNT_ISSUED", "method": "VIRTUAL_ACCOUNT"},
    ),
    Type(
        "payment.pay_pending",
        "구매자가 결제를 마쳤고 PG가 아직 승인하지 않았습니다. 결과는 다른 이벤트로 알려 드립니다.",
        "The payer is done and the PG has not decided yet. Another event tells the outcome.",
        _UNPAID | {"status": "PAY_PENDING", "method": "EASY_PAY"},
    ),
    Type(
        "payment.expired",
        "기한까지 아무도 결제하지 않았거나, 입금 전에 가상계좌가 닫혔습니다. 재고를 풀어도 됩니다. 늦게 결제되면 "
        "이후에 payment.paid가 옵니다.",
        "Nobody paid in time, or the account was closed before anybody did: what was held for the order may be let go. "
        "Should the money come late, payment.paid follows.",
        _UNPAID | {"before": "VIRTUAL_ACCOUNT_ISSUED", "status": "ABANDONED", "method": "VIRTUAL_ACCOUNT"},
    ),
    Type(
        "payment.paid",
        "결제가 완료되었고 금액과 통화가 요청과 같습니다. 이 이벤트를 받은 뒤에 상품을 보내세요.",
        "Paid, and paid as asked. This is what to deliver goods on.",
        _PAYMENT,
    ),
    Type(
        "payment.failed",
        "결제 시도가 실패했습니다. 구매자가 다시 시도하면 이후에 payment.paid가 올 수 있습니다.",
        "An attempt failed. The payer may try again, so payment.paid may still follow.",
        _PAYMENT | {"status": "FAILED", "cancellableAmount": 0},
    ),
    Type(
        "payment.mismatched",
        "포트원에서는 결제되었지만 요청한 금액, 통화, 상점 또는 채널과 다릅니다. 상품을 보내지 마세요. "
        "`review`에 이유가 있습니다.",
        "Paid, but not as asked: amount, currency, store or channel differ. Deliver nothing; `review` says why.",
        _PAYMENT | {"status": "MISMATCH", "cancellableAmount": 0, "review": "other_amount"},
    ),
    Type(
        "payment.cancelled",
        "결제 금액 전부가 취소되었습니다. `cancellation.made`가 `elsewhere`이면 다른 곳(포트원이나 PG 콘솔)에서 "
        "취소한 것입니다.",
        "All of the payment was given back. `cancellation.made` is `elsewhere` when it was done in another console.",
        _given_back("PAID", "CANCELLED", 11_000, "SUCCEEDED", 11_000),
    ),
    Type(
        "payment.partially_cancelled",
        "결제 금액 일부가 취소되었습니다. `cancellableAmount`가 남은 금액입니다.",
        "Part of the payment was given back. `cancellableAmount` is what is left.",
        _given_back("PAID", "PARTIAL_CANCELLED", 3_000, "SUCCEEDED", 3_000),
    ),
    Type(
        "payment.cancel_pending",
        "취소를 요청했고 PG가 아직 처리하고 있습니다. 결과는 다른 이벤트로 알려 드립니다.",
        "A cancellation was asked for and the PG has not decided yet. Another event tells the outcome.",
        _given_back("PAID", "PAID", 0, "REQUESTED", 3_000),
    ),
    Type(
        "payment.cancel_failed",
        "취소 요청이 거절되었습니다. 돈은 움직이지 않았습니다.",
        "A cancellation was refused. No money moved.",
        _given_back("PAID", "PAID", 0, "FAILED", 3_000),
    ),
    Type(
        "payment.dispute_created",
        "구매자가 PG나 카드사에 이의를 제기했습니다. 결과가 나올 때까지 `dispute.heldAmount`만큼 받을 돈에서 따로 "
        "묶어 둡니다. 아직 보내지 않은 상품은 보류하고, 기한 안에 PG에 소명 자료를 내세요.",
        "The payer complained at the PG or the card issuer. `dispute.heldAmount` is held until it is over. Hold back "
        "what was not delivered yet, and send the PG your evidence in time.",
        _PAYMENT | {"before": "PAID", "dispute": _DISPUTE},
    ),
    Type(
        "payment.dispute_resolved",
        "분쟁이 끝났습니다. `dispute.status`가 `WON`이면 돈을 지켰고, `LOST`이면 돈을 잃었고, `RETURNED`이면 다른 "
        "방법으로 모두 돌려주었습니다.",
        "A dispute is over. `dispute.status`: `WON`, the money stays; `LOST`, it is gone; `RETURNED`, all of it was "
        "given back otherwise.",
        _PAYMENT
        | {
            "before": "PAID",
            "dispute": _DISPUTE | {"status": "WON", "heldAmount": 0, "resolvedAt": "2026-08-20T02:00:00.000Z"},
        },
    ),
    Type(
        "payment.changed",
        "결제 상태가 위의 이벤트에 해당하지 않는 방식으로 바뀌었습니다.",
        "The payment moved in a way that none of the other events names.",
        _PAYMENT | {"before": "REGISTERING", "status": "READY", "cancellableAmount": 0},
        is_public=False,
    ),
)
