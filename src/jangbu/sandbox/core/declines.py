"""Why a payment attempt fails.

The codes are the sandbox's own: portone-facts has no PG's list of them [I: pg_codes].
"""

from dataclasses import dataclass

from jangbu.sandbox.core.problems import NotOurs
from jangbu.sandbox.core.records import Failure


@dataclass(frozen=True, slots=True)
class Decline:
    """A PG's no. A hard one will be no again tomorrow; a soft one may become a yes."""

    name: str
    is_hard: bool
    pg_code: str
    ko: str
    en: str

    def failure(self, code: str) -> Failure:
        """As the payment remembers it and the browser is told, `code` being PortOne's word for it."""
        return Failure(code, self.ko, self.pg_code, self.ko)


REASONS = {
    reason.name: reason
    for reason in (
        Decline("insufficient_funds", False, "INSUFFICIENT_FUNDS", "잔액이 부족합니다.", "Insufficient funds"),
        Decline("limit_exceeded", False, "LIMIT_EXCEEDED", "사용 한도를 초과했습니다.", "Limit exceeded"),
        Decline("pg_busy", False, "PG_BUSY", "카드사 응답이 지연되고 있습니다.", "Issuer did not answer"),
        Decline("expired_card", True, "EXPIRED_CARD", "유효기간이 지난 카드입니다.", "Expired card"),
        Decline("lost_card", True, "LOST_CARD", "분실 또는 도난 신고된 카드입니다.", "Lost or stolen card"),
        Decline("blocked_card", True, "BLOCKED_CARD", "거래가 정지된 카드입니다.", "Blocked card"),
        Decline("no_answer", False, "NO_ANSWER", "결제사 응답이 지연되고 있습니다.", "The provider did not answer"),
        Decline("bank_closed", False, "BANK_CLOSED", "은행 점검 시간입니다.", "The bank is closed for maintenance"),
        Decline("blocked_account", True, "BLOCKED_ACCOUNT", "거래가 제한된 계좌입니다.", "Restricted account"),
        Decline("blocked_phone", True, "BLOCKED_PHONE", "소액결제가 차단된 번호입니다.", "The number is barred"),
        Decline("used_certificate", True, "USED_CERTIFICATE", "이미 사용한 상품권입니다.", "Already used"),
        Decline("blocked_member", True, "BLOCKED_MEMBER", "이용이 정지된 회원입니다.", "Suspended member"),
        Decline("not_offered", True, "NOT_OFFERED", "이용할 수 없는 결제수단입니다.", "Not available"),
    )
}
OFFERED = {
    "CARD": ("insufficient_funds", "limit_exceeded", "pg_busy", "expired_card", "lost_card", "blocked_card"),
    "EASY_PAY": ("insufficient_funds", "limit_exceeded", "no_answer", "blocked_member", "expired_card", "lost_card"),
    "TRANSFER": ("insufficient_funds", "bank_closed", "no_answer", "blocked_account"),
    "VIRTUAL_ACCOUNT": ("bank_closed", "no_answer", "not_offered"),
    "MOBILE": ("limit_exceeded", "no_answer", "blocked_phone"),
    "GIFT_CERTIFICATE": ("insufficient_funds", "no_answer", "used_certificate"),
    "PAYPAL": ("insufficient_funds", "no_answer", "blocked_member"),
}
"""What a window for the browser's payMethod may be told; the rest is in `offered`."""
CLOSED = Decline("closed", False, "USER_CANCEL", "사용자가 결제를 취소했습니다.", "The shopper closed the window")
LAPSED = Decline("lapsed", True, "ACCOUNT_EXPIRED", "입금 기한이 지났습니다.", "Nobody paid in time")
KEY_DELETED = Decline("key_deleted", True, "BILLING_KEY_DELETED", "삭제된 빌링키입니다.", "The billing key is deleted")
ALREADY_PAID = Decline("already_paid", True, "ALREADY_PAID", "이미 결제된 주문입니다.", "The order is already paid")
WRONG_NUMBER = Decline(
    "wrong_number", True, "INVALID_CARD_NUMBER", "카드번호가 올바르지 않습니다.", "Not a card's number"
)
WRONG_EXPIRY = Decline("wrong_expiry", True, "INVALID_EXPIRY", "유효기간이 올바르지 않습니다.", "Not a card's expiry")


def reason_named(name: str) -> Decline:
    """The decline of this name. Refuses a name it does not know, with the list."""
    if name not in REASONS:
        raise NotOurs(f"no decline reason {name!r}; known: {', '.join(REASONS)}")
    return REASONS[name]


def offered(pay_method: str) -> tuple[Decline, ...]:
    """What may go wrong in a window for `pay_method`, soft ones among hard ones."""
    return tuple(REASONS[name] for name in OFFERED.get(pay_method, ("no_answer", "not_offered")))
