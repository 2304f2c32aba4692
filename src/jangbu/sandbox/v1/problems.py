"""V1's refusals: a `code` that is not 0, and a Korean sentence (portone-facts §6.1). No list of codes is
published [I: v1_codes].
"""

from jangbu.sandbox.core.problems import ApiError


class V1Refusal(Exception):  # noqa: N818 (as of ApiError: the caller is told no)
    """The status, and the sentence of the envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


WORDS: dict[str, tuple[int, str]] = {
    "UNAUTHORIZED": (401, "인증에 실패하였습니다. API키와 secret을 확인하세요."),
    "PAYMENT_NOT_FOUND": (404, "존재하지 않는 결제정보입니다."),
    "BILLING_KEY_NOT_FOUND": (404, "등록되지 않은 구매자입니다."),
    "PAYMENT_SCHEDULE_NOT_FOUND": (404, "예약된 결제정보가 존재하지 않습니다."),
    "CHANNEL_NOT_FOUND": (200, "등록된 채널 정보가 없습니다."),
    "ALREADY_PAID": (200, "이미 결제가 이루어진 merchant_uid입니다."),
    "ALREADY_PAID_OR_WAITING": (200, "이미 결제가 이루어진 merchant_uid입니다."),
    "BILLING_KEY_ALREADY_DELETED": (200, "이미 삭제된 빌링키입니다."),
    "PAYMENT_SCHEDULE_ALREADY_EXISTS": (200, "이미 예약된 merchant_uid가 있습니다."),
    "PAYMENT_SCHEDULE_ALREADY_PROCESSED": (200, "이미 처리된 결제예약입니다."),
    "PAYMENT_SCHEDULE_ALREADY_REVOKED": (200, "이미 취소된 결제예약입니다."),
    "MAX_TRANSACTION_COUNT_REACHED": (200, "같은 merchant_uid로 시도할 수 있는 횟수를 초과하였습니다."),
    "PAYMENT_NOT_PAID": (200, "결제가 완료되지 않은 건은 취소할 수 없습니다."),
    "PAYMENT_ALREADY_CANCELLED": (200, "이미 전액 취소된 주문입니다."),
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": (200, "취소 가능 금액(checksum)이 일치하지 않습니다."),
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": (200, "취소 요청 금액이 취소 가능 금액을 초과하였습니다."),
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": (200, "취소 가능한 면세 금액을 초과하였습니다."),
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": (200, "취소 가능한 과세 금액을 초과하였습니다."),
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": (200, "면세 금액과 부가세의 합이 취소 금액을 초과하였습니다."),
    "SUM_OF_PARTS_EXCEEDS_TOTAL_AMOUNT": (200, "면세 금액과 부가세의 합이 결제 금액을 초과하였습니다."),
    "PROMOTION_PAY_METHOD_DOES_NOT_MATCH": (200, "프로모션을 적용할 수 없는 결제수단입니다."),
    "DISCOUNT_AMOUNT_EXCEEDS_TOTAL_AMOUNT": (200, "프로모션 할인 금액이 결제 금액을 초과하였습니다."),
    "MAX_CANCEL_COUNT_REACHED": (200, "취소할 수 있는 횟수를 초과하였습니다."),
    "PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED": (200, "프로모션 유지 여부는 변경할 수 없습니다."),
    "NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT": (200, "프로모션 할인을 제외한 취소 금액이 0보다 작습니다."),
    "PAYMENT_NOT_WAITING_FOR_DEPOSIT": (200, "입금 대기 상태의 가상계좌가 아닙니다."),
    "IDENTITY_VERIFICATION_NOT_FOUND": (404, "존재하지 않는 본인인증 정보입니다."),
    "IDENTITY_VERIFICATION_NOT_SENT": (200, "인증번호가 요청되지 않은 건입니다."),
    "IDENTITY_VERIFICATION_ALREADY_VERIFIED": (200, "이미 인증이 완료된 건입니다."),
    "IDENTITY_VERIFICATION_ALREADY_SENT": (200, "이미 인증번호를 요청한 건입니다."),
    "CASH_RECEIPT_ALREADY_ISSUED": (200, "이미 발급된 현금영수증이 있습니다."),
    "CASH_RECEIPT_NOT_ISSUED": (200, "발급된 현금영수증이 없습니다."),
    "CASH_RECEIPT_NOT_FOUND": (404, "발급된 현금영수증이 없습니다."),
}
"""What the shared core refuses, in V1's manner."""


def v1_refusal_of(error: ApiError) -> V1Refusal:
    """The core's refusal as V1 tells it: the PG's own code and sentence where the PG said no."""
    if error.body["type"] == "PG_PROVIDER":
        pg_code, pg_message = error.body["pgCode"], error.body["pgMessage"]
        return V1Refusal(200, f"[{pg_code}] {pg_message}")
    status, message = WORDS.get(error.body["type"], (400, f"요청이 올바르지 않습니다. ({error})"))
    return V1Refusal(status, message)
