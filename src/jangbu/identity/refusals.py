"""What the identity room refuses, each with its stable code."""

from typing import ClassVar

from jangbu.errors import Refusal, Unavailable


class IdentityUnknown(Refusal):
    """There is no such verification here, it belongs to a store the caller may not see, or the token is not its."""

    code = "IDENTITY_NOT_FOUND"
    http_status = 404
    ko = "본인인증 내역을 찾을 수 없습니다. ID를 확인해 주세요."
    en = "There is no such identity verification. Check the id."


class IdentityChannelMissing(Refusal):
    """Nothing says by which channel."""

    code = "IDENTITY_CHANNEL_MISSING"
    http_status = 422
    ko = "본인인증 채널이 없습니다. channelKey를 보내거나 JANGBU_IDENTITY_CHANNEL_KEY를 설정해 주세요."
    en = "No identity channel is known. Send channelKey, or set JANGBU_IDENTITY_CHANNEL_KEY."


class IdentityStoreUnknown(Refusal):
    """The store is not the caller's, or not this installation's."""

    code = "IDENTITY_STORE_NOT_FOUND"
    http_status = 422
    ko = "등록되지 않은 상점입니다: {store_id}"
    en = "This installation does not serve the store {store_id}."


class IdentityNotVerified(Refusal):
    """Nobody is known here: the person was not verified."""

    code = "IDENTITY_NOT_VERIFIED"
    http_status = 409
    ko = "아직 본인인증이 완료되지 않았습니다."
    en = "Nobody has been verified here."


class IdentityForgotten(Refusal):
    """Who it was has been deleted, as it must be in time."""

    code = "IDENTITY_FORGOTTEN"
    http_status = 410
    ko = "보관 기간이 지나 개인정보를 삭제했습니다. 다시 인증해야 합니다."
    en = "The personal data was deleted when its time was over. Verify the person again."


class RevealReasonMissing(Refusal):
    """Whoever looks at a person says why."""

    code = "REVEAL_REASON_MISSING"
    http_status = 422
    ko = "개인정보를 보는 이유를 적어 주세요. 감사 기록에 남습니다."
    en = "Say why you look at this person. It is kept in the audit log."


class IdentityUnclear(Unavailable):
    """PortOne did not answer clearly, which is neither yes nor no."""

    code = "IDENTITY_OUTCOME_UNKNOWN"
    ko = "포트원의 본인인증 결과를 확인하지 못했습니다. 잠시 후 다시 시도해 주세요."
    en = "PortOne did not answer clearly about the verification. Try again shortly."

    retry_after_s: ClassVar[int] = 5
