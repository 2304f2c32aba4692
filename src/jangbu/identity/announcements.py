"""What the identity room announces. Nobody's name, birthday, telephone, CI or DI is ever in an event."""

from jangbu.events import Type, declare

VERIFIED = "identity.verified"
FAILED = "identity.failed"
_ID = {"id": "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44", "identityVerificationId": "1f0e6c2b9a7d4e5f8c3b2a1d0e9f8c7b"}

declare(
    Type(
        VERIFIED,
        "본인인증이 완료되었습니다. 누구인지는 이벤트에 없으며 API로 조회합니다. seenBefore는 같은 사람의 다른 인증 "
        "수입니다.",
        "Somebody was verified. Who it is stands in no event: ask the API. seenBefore counts the same person's other "
        "verifications.",
        _ID | {"seenBefore": 0},
    ),
    Type(
        FAILED,
        "본인인증에 실패했거나(reason은 PG의 코드) 다른 채널로 인증되어 인정하지 않습니다. 실패한 인증은 같은 ID로 "
        "다시 시도할 수 있습니다.",
        "A verification failed (reason is the PG's code), or was made by another channel than asked and does not "
        "count. What failed may be tried again under the same id.",
        _ID | {"status": "failed", "reason": "IDENTITY_MISMATCH"},
    ),
)
