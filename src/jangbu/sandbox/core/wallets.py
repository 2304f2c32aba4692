"""Wallets: what the browser's `easyPayProvider` names (portone-facts §7.1), and what each may pay with."""

from typing import Literal, NamedTuple

Inner = Literal["CARD", "CHARGE", "TRANSFER"]
INNER: dict[Inner, tuple[str, str]] = {
    "CARD": ("카드", "Card"),
    "CHARGE": ("포인트·머니", "Points or balance"),
    "TRANSFER": ("계좌", "Bank account"),
}
"""What is paid with inside a wallet, by the browser's word. Its MONEY is the last two at once."""


class Wallet(NamedTuple):
    provider: str
    """As PortOne's API tells of it, where the browser may have another word (portone-facts §2.2)."""
    ko: str
    en: str
    inner: tuple[Inner, ...] = ()
    """The usual one first; a wallet without any pays as itself [I: inner_wallet_methods]."""


_CARD: tuple[Inner, ...] = ("CARD",)
_ALL: tuple[Inner, ...] = ("CARD", "CHARGE", "TRANSFER")
WALLETS = {
    "kakaopay": Wallet("KAKAOPAY", "카카오페이", "KakaoPay", ("CARD", "CHARGE")),
    "naverpay": Wallet("NAVERPAY", "네이버페이", "Naver Pay", ("CHARGE", "CARD")),
    "tosspay": Wallet("TOSSPAY", "토스페이", "Toss Pay", ("TRANSFER", "CARD", "CHARGE")),
    "payco": Wallet("PAYCO", "페이코", "PAYCO", ("CARD", "CHARGE")),
    "lpay": Wallet("LPAY", "엘페이", "L.PAY", ("CARD", "CHARGE")),
    "ssgpay": Wallet("SSGPAY", "SSG페이", "SSGPAY", _ALL),
    "samsungpay": Wallet("SAMSUNGPAY", "삼성페이", "Samsung Pay", _CARD),
    "applepay": Wallet("APPLEPAY", "애플페이", "Apple Pay", _CARD),
    "google_pay": Wallet("GOOGLE_PAY", "구글페이", "Google Pay", _CARD),
    "lgpay": Wallet("LGPAY", "LG페이", "LG Pay", _CARD),
    "skpay": Wallet("SKPAY", "11pay", "11pay", _CARD),
    "pinpay": Wallet("PINPAY", "핀페이", "PinPay", _CARD),
    "kpay": Wallet("KPAY", "케이페이", "Kpay", _CARD),
    "chai": Wallet("CHAI", "차이", "CHAI", ("TRANSFER",)),
    "toss_brandpay": Wallet("TOSS_BRANDPAY", "브랜드페이", "Brandpay", ("CARD", "TRANSFER")),
    "hyphen": Wallet("HYPHEN", "하이픈", "Hyphen", ("TRANSFER",)),
    "tmoney": Wallet("TMONEY", "티머니", "Tmoney", ("CHARGE",)),
    "linepay": Wallet("LINEPAY", "라인페이", "LINE Pay"),
    "wechat": Wallet("WECHAT", "위챗페이", "WeChat Pay"),
    "paypay": Wallet("PAYPAY", "페이페이", "PayPay"),
    "amazonpay": Wallet("AMAZONPAY", "아마존페이", "Amazon Pay"),
    "rakutenpay": Wallet("RAKUTENPAY", "라쿠텐페이", "Rakuten Pay"),
    "dbarai": Wallet("DBARAI", "d바라이", "d Barai"),
    "aupay": Wallet("AUPAY", "au페이", "au PAY"),
    "merpay": Wallet("MERPAY", "메르페이", "Merpay"),
    "paypal": Wallet("PAYPAL", "페이팔", "PayPal"),
    "alipay": Wallet("ALIPAY", "알리페이", "Alipay"),
    "alipay_hk": Wallet("ALIPAY_HK", "알리페이 홍콩", "AlipayHK"),
    "true_money": Wallet("TRUE_MONEY", "트루머니", "TrueMoney"),
    "touch_n_go": Wallet("TOUCH_N_GO", "터치앤고", "Touch 'n Go"),
    "gcash": Wallet("G_CASH", "지캐시", "GCash"),
    "dana": Wallet("DANA", "다나", "DANA"),
    "rabbit_line_pay": Wallet("RABBIT_LINE_PAY", "래빗 라인페이", "Rabbit LINE Pay"),
    "bpi": Wallet("BPI", "BPI", "BPI"),
    "boost": Wallet("BOOST", "부스트", "Boost"),
    "bill_ease": Wallet("BILL_EASE", "빌이즈", "BillEase"),
    "tinaba": Wallet("TINABA", "티나바", "Tinaba"),
    "mpay": Wallet("MPAY", "엠페이", "MPay"),
    "kredivo": Wallet("KREDIVO", "크레디보", "Kredivo"),
}
"""By the name of the way to pay, which is the browser's word in small letters."""

OF_PG = {
    "CHAI": "chai",
    "HYPHEN": "hyphen",
    "KAKAOPAY": "kakaopay",
    "NAVERCO": "naverpay",
    "NAVERPAY": "naverpay",
    "PAYCO": "payco",
    "PAYPAL": "paypal",
    "PAYPAL_V2": "paypal",
    "PINPAY": "pinpay",
    "TOSSPAY": "tosspay",
    "TOSSPAY_V2": "tosspay",
    "TOSS_BRANDPAY": "toss_brandpay",
}
"""PGs that are a wallet themselves: their window is that wallet's, whatever is asked for, and no card is keyed in."""
