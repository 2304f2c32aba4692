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
    """The order was initialized before with another amount, currency or name; one order has one payment."""

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


class NothingToConfirm(Refusal):
    """No payer has agreed to this payment, or it stands where nothing can be approved. PortOne was not called."""

    code = "NOTHING_TO_CONFIRM"
    http_status = 409
    ko = "승인할 결제가 없습니다(상태: {status}). 결제창에서 구매자가 먼저 동의해야 합니다."
    en = "There is nothing to approve (status {status}). The payer has to agree in the payment window first."


class PaymentExpired(Refusal):
    """The time to pay is over. No money was taken."""

    code = "PAYMENT_EXPIRED"
    http_status = 410
    ko = "결제 시간이 지났습니다. 승인하지 않았고 돈은 움직이지 않았습니다."
    en = "The time to pay is over. It was not approved, and no money moved."


class PaymentDiffers(Refusal):
    """What the payer agreed to is not what was registered. No money was taken."""

    code = "PAYMENT_DIFFERS"
    http_status = 409
    ko = "구매자가 동의한 결제가 등록된 결제와 다릅니다({what}). 승인하지 않았고 돈은 움직이지 않았습니다."
    en = "What the payer agreed to is not what was registered ({what}). It was not approved, and no money moved."


class NotPayable(Refusal):
    """It was paid before, waits for its money, or is over: nothing is to be taken for it (any more)."""

    code = "PAYMENT_NOT_PAYABLE"
    http_status = 409
    ko = "이미 결제되었거나 종료된 결제입니다(상태: {status}). 다시 결제하지 마세요."
    en = "This was paid already or is over (status {status}). Do not pay again."


class CannotTell(Unavailable):
    """PortOne asked whether money may be taken, and we do not know in time. Not knowing is a no (ADR 0019)."""

    code = "PAYMENT_CANNOT_BE_CHECKED"
    ko = "지금은 결제를 확인할 수 없어 승인하지 않았습니다. 돈은 움직이지 않았습니다. 잠시 후 다시 시도해 주세요."
    en = "The payment cannot be checked right now, so it was not approved. No money moved. Please try again shortly."


class QuestionIdReused(Refusal):
    """A question of PortOne's came under the id of another one."""

    code = "QUESTION_ID_REUSED"
    http_status = 400
    ko = "같은 webhook-id로 다른 질문이 왔습니다. 승인하지 않았습니다."
    en = "Another question came under this webhook-id before. It was not approved."


class ConfirmInProgress(Refusal):
    """Another approval of this payment is under way; how it ends is not known yet."""

    code = "CONFIRM_IN_PROGRESS"
    http_status = 409
    ko = "이 결제의 승인이 이미 진행 중입니다. 잠시 후 결제 상태를 확인해 주세요."
    en = "This payment is just being approved. Ask for its status in a moment."


class ConfirmRefused(Refusal):
    """PortOne or the PG said no; no money was taken."""

    code = "CONFIRM_REFUSED"
    http_status = 409
    ko = "포트원이 결제 승인을 거절했습니다({type}). 돈은 움직이지 않았습니다. {message}"
    en = "PortOne refused the approval ({type}). No money moved. {message}"


class PaymentNotPaid(Refusal):
    """Only money that was taken can be given back."""

    code = "PAYMENT_NOT_PAID"
    http_status = 409
    ko = "결제가 완료되지 않아 취소할 수 없습니다(상태: {status})."
    en = "This payment cannot be cancelled: no money was taken (status {status})."


class PaymentAlreadyCancelled(Refusal):
    """All of it was given back before."""

    code = "PAYMENT_ALREADY_CANCELLED"
    http_status = 409
    ko = "이미 전액 취소된 결제입니다."
    en = "This payment was already cancelled in full."


class CancellationInProgress(Refusal):
    """Another refund of this payment is not settled yet; what may still be given back is not certain until then."""

    code = "CANCELLATION_IN_PROGRESS"
    http_status = 409
    ko = "이 결제의 다른 취소가 아직 처리 중입니다. 끝난 뒤 다시 시도해 주세요."
    en = "Another cancellation of this payment is still being settled. Try again when it is."


class CancelAmountOutOfRange(Refusal):
    """A refund is of something."""

    code = "CANCEL_AMOUNT_OUT_OF_RANGE"
    http_status = 422
    ko = "취소 금액은 0보다 커야 합니다."
    en = "The amount to cancel must be greater than zero."


class CancelAmountExceeds(Refusal):
    """More than is left to give back. PortOne was not called."""

    code = "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    http_status = 422
    ko = "취소 금액({amount})이 취소 가능 금액({cancellable})보다 큽니다."
    en = "The amount to cancel ({amount}) is more than can still be cancelled ({cancellable})."


class CancelCurrencyDiffers(Refusal):
    """A refund is made in the currency of the payment."""

    code = "CANCEL_CURRENCY_DIFFERS"
    http_status = 422
    ko = "취소 통화({currency})가 결제 통화({expected})와 다릅니다."
    en = "The currency of the cancellation ({currency}) is not that of the payment ({expected})."


class TaxFreeAmountNeeded(Refusal):
    """A part of an order with taxed and tax-free goods: which of them come back changes the VAT (facts §10.12)."""

    code = "TAX_FREE_AMOUNT_NEEDED"
    http_status = 422
    ko = "과세와 면세가 섞인 결제의 부분 취소에는 면세 금액(taxFreeAmount)이 필요합니다."
    en = "To cancel part of an order with tax-free goods, say how much of it is tax-free (taxFreeAmount)."


class TaxFreeAmountUnfit(Refusal):
    """The tax-free part does not fit what is left of either kind."""

    code = "CANCEL_TAX_FREE_AMOUNT_OUT_OF_RANGE"
    http_status = 422
    ko = "면세 금액이 남은 면세 또는 과세 금액과 맞지 않습니다."
    en = "The tax-free amount does not fit what is left of the tax-free and the taxed part."


class RefundAccountNeeded(Refusal):
    """Money that came to a virtual account goes back to an account of the payer (B3)."""

    code = "REFUND_ACCOUNT_NEEDED"
    http_status = 422
    ko = "가상계좌 결제를 환불하려면 환불 계좌(refundAccount)가 필요합니다."
    en = "To refund a payment to a virtual account, the payer's account (refundAccount) is needed."


class ChannelUnfit(Refusal):
    """A field of a channel's description cannot be right."""

    code = "CHANNEL_UNFIT"
    http_status = 422
    ko = "채널 설명의 {field} 값이 올바르지 않습니다."
    en = "The channel's {field} cannot be right."


class RefundBankUnknown(Refusal):
    """`refundAccount.bank` is no bank that a refund could go to. Nothing of what was sent is quoted."""

    code = "REFUND_BANK_UNKNOWN"
    http_status = 422
    ko = "환불 계좌의 은행을 알 수 없습니다. 은행 이름(예: 국민은행)이나 포트원 코드(예: KOOKMIN)를 보내 주세요."
    en = "The refund account's bank is not known. Send its Korean name (국민은행) or PortOne's word for it (KOOKMIN)."


class RefundAccountUnfit(Refusal):
    """A field of `refundAccount` cannot be right. Nothing of what was sent is quoted."""

    code = "REFUND_ACCOUNT_UNFIT"
    http_status = 422
    ko = "환불 계좌의 {field} 값이 올바르지 않습니다. 계좌번호는 숫자 6~20자리, 예금주는 1~50자입니다."
    en = "The refund account's {field} cannot be right: 6 to 20 digits for the number, 1 to 50 letters for the holder."


class RefundHolderPhoneNeeded(Refusal):
    """This PG gives a deposit back only with the telephone number of the account's holder (portone-facts §2.8)."""

    code = "REFUND_HOLDER_PHONE_NEEDED"
    http_status = 422
    ko = "{pg} 가상계좌를 환불하려면 예금주 전화번호(refundAccount.holderPhoneNumber)가 필요합니다."
    en = "{pg} needs the account holder's telephone number (refundAccount.holderPhoneNumber) to refund a deposit."


class CancellationRefused(Refusal):
    """PortOne or the PG said no; nothing was given back."""

    code = "CANCELLATION_REFUSED"
    http_status = 409
    ko = "포트원이 결제 취소를 거절했습니다({type}). 환불되지 않았습니다. {message}"
    en = "PortOne refused the cancellation ({type}). Nothing was given back. {message}"


class CancellationUnknown(Refusal):
    """There is no such cancellation."""

    code = "CANCELLATION_NOT_FOUND"
    http_status = 404
    ko = "취소 요청을 찾을 수 없습니다."
    en = "There is no such cancellation."


class CancellationNotWaiting(Refusal):
    """It was decided before."""

    code = "CANCELLATION_NOT_WAITING"
    http_status = 409
    ko = "이미 결정된 취소 요청입니다(상태: {status})."
    en = "This cancellation was already decided (status {status})."


class SecondPersonNeeded(Refusal):
    """Who asked for a refund above their limit cannot be the one who approves it."""

    code = "SECOND_PERSON_NEEDED"
    http_status = 403
    ko = "요청한 사람이 아닌, 이 금액을 승인할 수 있는 다른 담당자가 승인해야 합니다."
    en = "Somebody other than who asked for it, and who may decide this amount, has to approve it."
