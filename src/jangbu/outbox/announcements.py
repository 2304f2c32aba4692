"""What the outbox itself announces."""

from jangbu.events import Type, declare

TEST = "webhook_endpoint.test"
DISABLED = "webhook_endpoint.disabled"

declare(
    Type(
        TEST,
        "수신 주소를 확인하려고 보낸 시험 이벤트입니다. 해당 주소에만 전송됩니다.",
        "Sent on request, to one endpoint only, to see whether it receives.",
        {"endpointId": "0198a5c0-1d2e-7f30-9a4b-5c6d7e8f9a0b"},
    ),
    Type(
        DISABLED,
        "오랫동안 전송에 실패했거나 수신 쪽이 410으로 거절하여 수신 주소를 껐습니다. 다시 켜면 멈춘 곳부터 보냅니다.",
        "An endpoint was switched off after days of failures, or because it answered 410. Switched on again, it goes "
        "on where it stopped.",
        {
            "endpointId": "0198a5c0-1d2e-7f30-9a4b-5c6d7e8f9a0b",
            "url": "https://shop.example/hooks/jangbu",
            "reason": "failing",
            "failingSince": "2026-08-01T03:00:00.000Z",
        },
    ),
)
