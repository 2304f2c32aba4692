"""What is refused about what comes with a payment: its dispute, its virtual account, its receipt, its escrow."""

from jangbu.errors import Refusal


class NotForV1(Refusal):
    """V1 has no operation for this, or another one that Jangbu does not call. PortOne was not called."""

    code = "NOT_FOR_V1"
    http_status = 409
    ko = "포트원 V1 결제에는 지원하지 않습니다. 포트원 콘솔에서 처리해 주세요."
    en = "This is not done for payments of PortOne's V1. Please do it in PortOne's console."


class DisputeUnknown(Refusal):
    """There is no such dispute."""

    code = "DISPUTE_NOT_FOUND"
    http_status = 404
    ko = "분쟁을 찾을 수 없습니다."
    en = "There is no such dispute."


class DisputeNotToDecide(Refusal):
    """The PG still looks into it, or it is over."""

    code = "DISPUTE_NOT_TO_DECIDE"
    http_status = 409
    ko = "지금 결과를 정할 수 없는 분쟁입니다(상태: {status})."
    en = "The outcome of this dispute is not to be decided now (status {status})."


class AccountNotWaiting(Refusal):
    """There is no virtual account that waits for money: none was issued, or the money came."""

    code = "ACCOUNT_NOT_WAITING"
    http_status = 409
    ko = "입금을 기다리는 가상계좌가 없습니다(상태: {status})."
    en = "No virtual account of this payment waits for a deposit (status {status})."


class AccountCloseRefused(Refusal):
    """PortOne or the PG would not close the account; it still takes a deposit."""

    code = "ACCOUNT_CLOSE_REFUSED"
    http_status = 409
    ko = "포트원이 가상계좌 말소를 거절했습니다({type}). 입금을 받을 수 있는 상태입니다. {message}"
    en = "PortOne would not close the account ({type}). It still takes a deposit. {message}"


class ReceiptNumberUnfit(Refusal):
    """The number is none that a cash receipt is issued for. Nothing of it is quoted."""

    code = "RECEIPT_NUMBER_UNFIT"
    http_status = 422
    ko = "현금영수증 번호가 올바르지 않습니다. 휴대폰, 현금영수증 카드, 사업자등록번호를 확인하세요."
    en = "This is no number for a cash receipt: a mobile or receipt-card number (PERSONAL), 10 digits (CORPORATE)."


class ReceiptNotPossible(Refusal):
    """Only for money that came by transfer or deposit, and was not given back, is there a cash receipt."""

    code = "RECEIPT_NOT_POSSIBLE"
    http_status = 409
    ko = "현금영수증은 계좌이체나 가상계좌로 결제되어 남아 있는 금액에만 발급할 수 있습니다(상태: {status})."
    en = "A cash receipt is only for what was paid by transfer or deposit and not given back (status {status})."


class ReceiptIssuedAlready(Refusal):
    """The payment has its receipt."""

    code = "RECEIPT_ALREADY_ISSUED"
    http_status = 409
    ko = "이미 현금영수증이 발급된 결제입니다."
    en = "This payment has its cash receipt."


class ReceiptNotIssued(Refusal):
    """There is no issued receipt that could be taken back."""

    code = "RECEIPT_NOT_ISSUED"
    http_status = 409
    ko = "발급된 현금영수증이 없습니다."
    en = "No cash receipt of this payment is issued."


class ReceiptInProgress(Refusal):
    """What came of an earlier request is not known yet."""

    code = "RECEIPT_IN_PROGRESS"
    http_status = 409
    ko = "현금영수증 요청의 결과를 확인하고 있습니다. 잠시 후 다시 확인해 주세요."
    en = "An earlier request about this receipt is not settled yet. Look again shortly."


class ReceiptRefused(Refusal):
    """PortOne or the PG said no."""

    code = "RECEIPT_REFUSED"
    http_status = 409
    ko = "포트원이 현금영수증 요청을 거절했습니다({type}). {message}"
    en = "PortOne refused the cash receipt ({type}). {message}"


class EscrowNeedsProducts(Refusal):
    """A PG takes an order into escrow only with what it is of."""

    code = "ESCROW_NEEDS_PRODUCTS"
    http_status = 422
    ko = "에스크로 결제에는 상품 목록(products)이 필요합니다."
    en = "A payment in escrow needs its products."


class EscrowNotPossible(Refusal):
    """The payment is not in escrow, or its escrow is not where this can be done."""

    code = "ESCROW_NOT_POSSIBLE"
    http_status = 409
    ko = "지금 처리할 수 없는 에스크로 상태입니다({status})."
    en = "This cannot be done with the escrow as it is ({status})."


class EscrowInProgress(Refusal):
    """What came of an earlier request is not known yet."""

    code = "ESCROW_IN_PROGRESS"
    http_status = 409
    ko = "앞선 에스크로 요청의 결과를 확인하고 있습니다. 잠시 후 다시 확인해 주세요."
    en = "An earlier request about this escrow is not settled yet. Look again shortly."


class EscrowRefused(Refusal):
    """PortOne or the PG said no."""

    code = "ESCROW_REFUSED"
    http_status = 409
    ko = "포트원이 에스크로 요청을 거절했습니다({type}). {message}"
    en = "PortOne refused the escrow request ({type}). {message}"


class InvoiceNumberUnfit(Refusal):
    """No carrier writes such an invoice number."""

    code = "INVOICE_NUMBER_UNFIT"
    http_status = 422
    ko = "운송장 번호는 영문, 숫자, 붙임표(-) 1~50자입니다."
    en = "An invoice number is 1 to 50 letters, digits and hyphens."
