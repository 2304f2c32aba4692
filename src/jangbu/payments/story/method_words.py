"""How a payment is paid, in words: for the console's list and the head of a payment's story."""

from jangbu.clock import seoul
from jangbu.payments import methods
from jangbu.payments.banks import bank_name
from jangbu.payments.methods import Kind, Method
from jangbu.payments.rules import Payment
from jangbu.web.chrome import Fact
from jangbu.web.texts import Catalogue, Words

_PROVIDERS = {
    "KAKAOPAY": ("카카오페이", "KakaoPay"),
    "NAVERPAY": ("네이버페이", "Naver Pay"),
    "TOSSPAY": ("토스페이", "Toss Pay"),
    "TOSS_BRANDPAY": ("토스 브랜드페이", "Toss BrandPay"),
    "PAYCO": ("페이코", "PAYCO"),
    "SAMSUNGPAY": ("삼성페이", "Samsung Pay"),
    "APPLEPAY": ("애플페이", "Apple Pay"),
    "GOOGLE_PAY": ("구글페이", "Google Pay"),
    "SSGPAY": ("SSG페이", "SSG Pay"),
    "LPAY": ("엘페이", "L.pay"),
    "SMILEPAY": ("스마일페이", "Smile Pay"),
    "SKPAY": ("SK페이", "SK pay"),
    "PAYPAL": ("페이팔", "PayPal"),
    "ALIPAY": ("알리페이", "Alipay"),
    "WECHAT": ("위챗페이", "WeChat Pay"),
    "BOOKNLIFE": ("도서문화상품권", "Booknlife"),
    "SMART_MUNSANG": ("스마트문상", "Smart Munsang"),
    "CULTURELAND": ("컬쳐랜드", "Cultureland"),
    "HAPPYMONEY": ("해피머니", "Happy Money"),
    "CULTUREGIFT": ("문화상품권", "Culture Gift"),
}
"""Those whose own name is not PortOne's word for them; the others are shown as PortOne writes them."""


def in_short(method: Method | None, t: Words) -> str:
    """One line: 간편결제 카카오페이, 카드 신한카드 1234, 가상계좌 신한은행."""
    if method is None:
        return ""
    return " ".join(part for part in (t(f"method.{method.kind.value}"), *_details(method, t)) if part)


def facts(payment: Payment, t: Words) -> tuple[Fact, ...]:
    """What the head of a story says: the way to pay, and where the money has to come to while it is awaited."""
    method = methods.read(payment.method)
    if method is None:
        return ()
    told = [Fact(t("payments.method"), in_short(method, t))]
    if method.deposit is not None and payment.awaits_money:
        deposit = method.deposit
        told.append(Fact(t("method.deposit.number"), deposit.number, exact=True))
        if deposit.holder:
            told.append(Fact(t("method.deposit.holder"), deposit.holder))
        if deposit.due_at is not None:
            told.append(Fact(t("method.deposit.due"), f"{seoul(deposit.due_at)} {t('app.kst')}"))
    if method.refund_status:
        said = f"method.refund_status.{method.refund_status}"
        told.append(Fact(t("method.refund_status"), t.or_else(said, method.refund_status)))
    return tuple(told)


def _details(method: Method, t: Words) -> tuple[str, ...]:
    korean = t.language == "ko"
    provider = _PROVIDERS.get(method.provider, (method.provider, method.provider))[0 if korean else 1]
    bank = bank_name(method.bank) if korean else method.bank
    card = method.card
    if card is None:
        return (provider, bank, method.phone)
    # A card's name is in Korean whoever reads it; its issuer is PortOne's word.
    name = (card.name or card.issuer) if korean else (card.issuer or card.brand)
    return (provider, name, card.last)


TEXTS: Catalogue = {
    f"method.{Kind.CARD}": ("카드", "Card"),
    f"method.{Kind.EASY_PAY}": ("간편결제", "Easy pay"),
    f"method.{Kind.TRANSFER}": ("계좌이체", "Bank transfer"),
    f"method.{Kind.VIRTUAL_ACCOUNT}": ("가상계좌", "Virtual account"),
    f"method.{Kind.MOBILE}": ("휴대폰", "Mobile"),
    f"method.{Kind.GIFT_CERTIFICATE}": ("상품권", "Gift certificate"),
    f"method.{Kind.CONVENIENCE_STORE}": ("편의점", "Convenience store"),
    f"method.{Kind.CRYPTO}": ("가상자산", "Crypto"),
    f"method.{Kind.OTHER}": ("기타", "Other"),
    "method.deposit.number": ("입금 계좌", "Pay into"),
    "method.deposit.holder": ("예금주", "Account holder"),
    "method.deposit.due": ("입금 기한", "Pay by"),
    "method.refund_status": ("가상계좌 환불 상태", "Refund of the deposit"),
    "method.refund_status.PENDING": ("처리 중", "Under way"),
    "method.refund_status.PARTIAL_REFUND_FAILED": ("일부 실패", "Failed in part"),
    "method.refund_status.FAILED": ("실패", "Failed"),
    "method.refund_status.COMPLETED": ("완료", "Done"),
}
"""What this adds to the pages."""
