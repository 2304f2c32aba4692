"""What checkout announces (docs/reference/events.md)."""

from typing import Any

from jangbu.events import Type, declare

COMPLETED = "checkout.completed"
EXPIRED = "checkout.expired"
CANCELLED = "checkout.cancelled"
PAID_TOO_LATE = "checkout.paid_too_late"

_SESSION: dict[str, Any] = {
    "id": "0198a5ef-2c3d-7b4e-8f50-617283940516",
    "sessionId": "cs_9JcWm2kQ0vYtB7nXr4LhZs8dPfUe1aGo",
    "orderId": "order-1001",
    "customerId": "member-77",
    "state": "paid",
    "amount": 11_000,
    "currency": "KRW",
    "paymentId": "1f0e6c2b9a7d4e5f8c3b2a1d0e9f8c7b",
    "lines": [{"itemId": "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44", "quantity": 2, "unitPrice": 5_500}],
}

declare(
    Type(
        COMPLETED,
        "결제가 완료되어 재고에서 차감했습니다. 세션마다 한 번만 생깁니다. 이 이벤트를 받은 뒤에 상품을 보내세요.",
        "Paid, and taken from stock: once for every session, however the payment was found out. Deliver on this.",
        _SESSION,
    ),
    Type(
        EXPIRED,
        "시간 안에 결제되지 않아 잡아 둔 재고를 돌려놓았습니다.",
        "Nobody paid in time; what was held is for sale again.",
        _SESSION | {"state": "expired", "paymentId": None},
    ),
    Type(
        CANCELLED,
        "결제 금액 전부가 취소되어 재고를 한 번 되돌렸습니다. 일부만 취소되면 재고는 그대로입니다.",
        "All of the money was given back, and the stock with it, once. A part given back changes no stock.",
        _SESSION | {"state": "cancelled"},
    ),
    Type(
        PAID_TOO_LATE,
        "만료되거나 종료된 뒤에 결제되었고 재고가 없어 환불합니다. "
        "`lateRefund`가 `by_hand`이면 담당자가 환불해야 합니다.",
        "Paid after it was over, and the goods are gone: the money goes back. `lateRefund` is `by_hand` when only a "
        "person can send it.",
        _SESSION | {"state": "expired", "lateRefund": "wanted"},
    ),
)
