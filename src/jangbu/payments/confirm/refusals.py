"""What is refused just before an approval: to the shop that asks for it, or to PortOne's question."""

from jangbu.errors import Refusal, Unavailable


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
