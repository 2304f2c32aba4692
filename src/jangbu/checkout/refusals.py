"""What checkout refuses, each with its stable code."""

from collections.abc import Sequence
from typing import ClassVar

from jangbu.errors import Refusal


class ItemUnknown(Refusal):
    """There is no such item (or it belongs to a store the caller may not see)."""

    code = "ITEM_NOT_FOUND"
    http_status = 404
    ko = "상품을 찾을 수 없습니다. 상품 ID를 확인해 주세요."
    en = "There is no such item. Check the item id."


class ItemNotSold(Refusal):
    """The item exists and is not for sale."""

    code = "ITEM_NOT_FOR_SALE"
    http_status = 409
    ko = "현재 판매하지 않는 상품입니다: {name}"
    en = "This item is not for sale: {name}"


class ItemUnfit(Refusal):
    """An item that cannot be sold like this. The sentence says what is wrong."""

    code = "ITEM_UNFIT"
    http_status = 422
    ko = "상품 정보를 확인해 주세요. 이름은 1자 이상 80자 이하, 면세 금액은 0 이상 가격 이하여야 합니다."
    en = "Check the item: a name has 1 to 80 characters, and its tax-free part is between 0 and the price."


class StockTooLow(Refusal):
    """Stock cannot go below what is promised to payers who are paying now."""

    code = "STOCK_TOO_LOW"
    http_status = 409
    ko = "재고를 줄일 수 없습니다. 현재 재고 {stock}개 중 {reserved}개가 결제 중입니다."
    en = "Stock cannot be lowered by this much: of {stock} on the shelf, {reserved} are being paid for."


class OutOfStock(Refusal):
    """Fewer are left than were asked for. The session stays open: more may come back from payers who leave."""

    code = "OUT_OF_STOCK"
    http_status = 409
    ko = "재고가 부족합니다: {name}"
    en = "There is not enough left of: {name}"


class LinesUnfit(Refusal):
    """A session is of one or more different items in one currency."""

    code = "CHECKOUT_LINES_UNFIT"
    http_status = 422
    ko = "상품 목록을 확인해 주세요. 서로 다른 상품 1~50개, 같은 상점과 통화, 수량은 1~999개여야 합니다."
    en = "Check the lines: 1 to 50 different items of one store and currency, in quantities from 1 to 999."


class SessionUnknown(Refusal):
    """There is no such session, as far as this caller may know."""

    code = "CHECKOUT_SESSION_NOT_FOUND"
    http_status = 404
    ko = "결제 정보를 찾을 수 없습니다. 주소를 확인하거나 상점에서 다시 시작해 주세요."
    en = "This checkout does not exist. Check the address, or start again from the shop."


class SessionHasOtherTerms(Refusal):
    """A session was made for this order before, with other lines or another payer."""

    code = "CHECKOUT_ORDER_HAS_OTHER_TERMS"
    http_status = 409
    ko = "같은 주문으로 다른 내용의 결제가 이미 만들어져 있습니다. 새 주문 번호를 사용해 주세요."
    en = "A checkout with other contents was made for this order before. Use a new order id."


class SessionOver(Refusal):
    """Too late, or called off: nobody is to open a payment window for it any more."""

    code = "CHECKOUT_SESSION_OVER"
    http_status = 410
    ko = "결제 시간이 지났거나 종료된 결제입니다. 상점에서 다시 시작해 주세요."
    en = "This checkout has expired or was closed. Start again from the shop."


class SessionAlreadyPaid(Refusal):
    """It was paid before; nobody is to pay twice."""

    code = "CHECKOUT_ALREADY_PAID"
    http_status = 409
    ko = "이미 결제가 완료되었습니다. 다시 결제하지 마세요."
    en = "This has already been paid. Do not pay again."


class SessionAwaitsMoney(Refusal):
    """An account was issued, or the PG is deciding: a second window could lead to a second payment."""

    code = "CHECKOUT_AWAITS_MONEY"
    http_status = 409
    ko = "입금 또는 승인을 기다리는 중입니다. 새로 결제하지 마세요."
    en = "This checkout is waiting for your deposit or for an approval. Do not pay again."


class TooManyTries(Refusal):
    """Somebody prepares the same session again and again (F124)."""

    code = "CHECKOUT_TOO_MANY_TRIES"
    http_status = 429
    ko = "결제를 너무 여러 번 시도했습니다. 상점에 문의해 주세요."
    en = "This checkout was tried too many times. Please contact the shop."


class CheckoutNotSetUp(Refusal):
    """This installation offers no way to pay in the currency."""

    code = "CHECKOUT_NOT_SET_UP"
    http_status = 409
    ko = "{currency} 결제 수단이 설정되지 않았습니다. JANGBU_CHECKOUT_CHANNELS를 설정해 주세요."
    en = "No way to pay in {currency} is set up. Set JANGBU_CHECKOUT_CHANNELS."


class MethodUnknown(Refusal):
    """The way to pay is not one this shop offers."""

    code = "CHECKOUT_METHOD_UNKNOWN"
    http_status = 422
    ko = "사용할 수 없는 결제 수단입니다. 사용 가능: {offered}"
    en = "This way to pay is not offered. Offered: {offered}"


class BuyerNeeded(Refusal):
    """The PG opens no window without knowing who buys; the session's `needsBuyer` names the fields."""

    code = "CHECKOUT_BUYER_NEEDED"
    http_status = 422
    ko = "이 결제 수단을 사용하려면 주문하시는 분의 다음 정보가 필요합니다: {ko_words}"
    en = "This way to pay needs to know of the buyer: {en_words}."
    words: ClassVar = {
        "fullName": ("이름", "name"),
        "phoneNumber": ("휴대폰 번호", "telephone"),
        "email": ("이메일", "e-mail"),
    }

    def __init__(self, fields: Sequence[str]) -> None:
        ko, en = (", ".join(self.words[field][which] for field in fields) for which in (0, 1))
        super().__init__(ko_words=ko, en_words=en)


class RedirectNotAllowed(Refusal):
    """Payers are only sent on to origins that the operator listed (F126)."""

    code = "REDIRECT_NOT_ALLOWED"
    http_status = 422
    ko = "허용되지 않은 이동 주소입니다. ALLOWED_ORIGINS에 등록된 주소만 사용할 수 있습니다."
    en = "Payers cannot be sent there. Only origins listed in ALLOWED_ORIGINS are allowed."


class SessionNotAbandonable(Refusal):
    """What is paid is given back by a cancellation, not called off."""

    code = "CHECKOUT_NOT_ABANDONABLE"
    http_status = 409
    ko = "결제가 완료되었거나 입금을 기다리는 결제는 종료할 수 없습니다. 결제 취소를 사용해 주세요."
    en = "A checkout that is paid or waits for a deposit cannot be called off. Cancel the payment instead."


class HistoryLinkInvalid(Refusal):
    """The link was cut short, altered, or is too old."""

    code = "HISTORY_LINK_INVALID"
    http_status = 404
    ko = "링크가 올바르지 않거나 기간이 지났습니다. 상점에서 새 링크를 받아 주세요."
    en = "This link is not valid or has expired. Ask the shop for a new one."


class EscrowUnfit(Refusal):
    """Escrow is a thing of PGs in Korea, and of V2 here."""

    code = "CHECKOUT_ESCROW_UNFIT"
    http_status = 422
    ko = "에스크로는 포트원 V2의 원화 결제에서만 사용할 수 있습니다."
    en = "Escrow is for payments in won by PortOne's V2 only."


class PayerFieldRefused(Refusal):
    """A payer's token may not say this: orders, and who a customer is, are the shop's to name."""

    code = "PAYER_FIELD_REFUSED"
    http_status = 422
    ko = "구매자 토큰으로는 {field}을(를) 정할 수 없습니다."
    en = "A payer's token may not state {field}; only the shop's server does."


class TooManySessions(Refusal):
    """This payer has many sessions that wait to be paid."""

    code = "TOO_MANY_SESSIONS"
    http_status = 429
    retry_after_s = 600
    ko = "결제를 기다리는 주문이 너무 많습니다. 먼저 결제하거나 잠시 후 다시 시도해 주세요."
    en = "Too many of your orders wait to be paid. Pay one of them, or try again later."
