"""What is refused about giving money back."""

from jangbu.errors import Refusal


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
