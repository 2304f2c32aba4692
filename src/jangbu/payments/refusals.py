"""What payments refuses, each with its stable code."""

from typing import ClassVar

from jangbu.errors import Refusal, Unavailable


class PaymentUnknown(Refusal):
    """There is no such payment here (or it belongs to a store the caller may not see)."""

    code = "PAYMENT_NOT_FOUND"
    http_status = 404
    ko = "결제를 찾을 수 없습니다. 결제 ID를 확인해 주세요."
    en = "There is no such payment. Check the payment id."


class StoreUnknown(Refusal):
    """The store is not one of this installation's."""

    code = "STORE_NOT_FOUND"
    http_status = 422
    ko = "등록되지 않은 상점입니다: {store_id}"
    en = "This installation does not serve the store {store_id}."


class TaxFreeTooLarge(Refusal):
    """The tax-free part of an order is between nothing and all of it."""

    code = "TAX_FREE_AMOUNT_OUT_OF_RANGE"
    http_status = 422
    ko = "면세 금액은 0 이상 결제 금액 이하여야 합니다."
    en = "The tax-free amount must be between 0 and the amount."


class OrderHasOtherTerms(Refusal):
    """The order was initialized before with another amount, currency, name or goods; one order has one payment."""

    code = "ORDER_HAS_OTHER_TERMS"
    http_status = 409
    ko = "같은 주문이 이미 다른 조건({amount})으로 등록되어 있습니다. 새 주문 번호를 사용해 주세요."
    en = "This order was initialized before on other terms ({amount}). Use a new order id."


class IdempotencyKeyReused(Refusal):
    """The Idempotency-Key was used before for a request with another body."""

    code = "IDEMPOTENCY_KEY_REUSED"
    http_status = 422
    ko = "이 Idempotency-Key는 다른 내용의 요청에 이미 사용되었습니다. 새 키를 사용해 주세요."
    en = "This Idempotency-Key was used for a different request. Use a new key."


class PreRegistrationRefused(Refusal):
    """PortOne refused to hold the amount, so nobody may pay it."""

    code = "PRE_REGISTRATION_REFUSED"
    http_status = 502
    ko = "포트원이 결제 금액 사전 등록을 거절했습니다({type}). 결제를 진행할 수 없습니다."
    en = "PortOne refused to pre-register the amount ({type}). The payment was stopped."


class PortOneUnclear(Unavailable):
    """PortOne did not answer clearly. Nothing is assumed; the same request may be sent again."""

    code = "PORTONE_OUTCOME_UNKNOWN"
    ko = "포트원의 응답을 확인하지 못했습니다. 같은 요청을 다시 보내 주세요. 중복 결제되지 않습니다."
    en = "PortOne did not answer clearly. Send the same request again; it will not be done twice."

    retry_after_s: ClassVar[int] = 10


class ReviewChanged(Refusal):
    """A person said that they have looked, and what they were to look at is another thing by now."""

    code = "REVIEW_CHANGED"
    http_status = 409
    ko = "그사이 확인 사유가 바뀌었습니다. 아래 내용을 다시 봐 주세요."
    en = "Why to look has changed meanwhile. See below what it is now."


class LookingIsNotEnough(Refusal):
    """A person said that they have looked at what ends by itself once it is known, or has to be decided."""

    code = "LOOKING_IS_NOT_ENOUGH"
    http_status = 409
    ko = "확인했다는 표시로 끝나지 않습니다. 결과가 알려지거나, 분쟁의 결과를 정해야 사라집니다."
    en = "Looking does not end it: it goes once the outcome is known, or the dispute is decided."


class NoteNeeded(Refusal):
    """Whoever has looked says what they found: the next person reads it."""

    code = "NOTE_NEEDED"
    http_status = 422
    ko = "알아낸 것을 적어 주세요."
    en = "Say what you found."


class V1NotSetUp(Refusal):
    """A payment was asked for by V1, and there is no key for it."""

    code = "V1_NOT_SET_UP"
    http_status = 422
    ko = "포트원 V1 API 키가 설정되어 있지 않습니다. PORTONE_V1_API_KEY와 PORTONE_V1_API_SECRET을 설정해 주세요."
    en = "PortOne's V1 is not set up here. Set PORTONE_V1_API_KEY and PORTONE_V1_API_SECRET."


class ImpUidUnknown(Refusal):
    """PortOne's V1 knows no attempt of that name."""

    code = "IMP_UID_NOT_FOUND"
    http_status = 404
    ko = "포트원 V1에 없는 imp_uid입니다."
    en = "PortOne's V1 knows no such imp_uid."


class ImpUidOfAnotherPayment(Refusal):
    """The attempt is real, and of another order: somebody shows one payment for two purchases, or mixed them up."""

    code = "IMP_UID_OF_ANOTHER_PAYMENT"
    http_status = 409
    ko = "이 imp_uid는 다른 주문의 결제입니다. 상품을 제공하지 마세요."
    en = "This imp_uid belongs to another order. Deliver nothing on it."
