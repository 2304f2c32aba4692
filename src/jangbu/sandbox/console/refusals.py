"""What the sandbox refuses, as a person reads it in the console: in Korean and in English.

The sandbox's own sentences are English, since programs read them too; a PG's are Korean, as PGs' are. Here is the other
half of both, and a test sees that no sentence lacks it.
"""

import re
from collections.abc import Iterator

import msgspec

from jangbu.sandbox.console.words import Words
from jangbu.sandbox.core import declines
from jangbu.sandbox.core.problems import ApiError, BrowserRefusal
from jangbu.sandbox.v1.problems import WORDS as V1_WORDS

# fmt: off
SENTENCES: dict[str, str] = {
    # The console's forms.
    "the form lacks {}": "양식에 {} 값이 없습니다.",
    "{}: {} is not a whole number": "{0}: {1}은(는) 정수가 아닙니다.",
    "{}: {} is not a number": "{0}: {1}은(는) 수가 아닙니다.",
    "{} is no time": "{}은(는) 시각이 아닙니다.",
    "the clock is moved by hour, day, month or until, not {}":
        "시계는 한 시간, 하루, 한 달, 또는 정한 시각까지 옮깁니다. {}은(는) 아닙니다.",
    "a payment is made in one of {}, in {}": "결제는 {0} 중 하나로, {1} 중 한 통화로 합니다.",
    # The clock and the settings.
    "{} is no address for webhooks: write http://127.0.0.1:3000/hook":
        "{}은(는) 웹훅 주소가 아닙니다. http://127.0.0.1:3000/hook처럼 쓰십시오.",
    "{} was written by another version of the sandbox": "{} 파일은 샌드박스의 다른 버전이 쓴 것입니다.",
    "a webhook secret is whsec_ and base64 (portone-facts §4.2)": "웹훅 시크릿은 whsec_와 base64입니다.",
    "approvesManually: PortOne has no manual approval with {} (portone-facts §2.5)":
        "포트원은 {} 채널에서 수동 승인을 지원하지 않습니다.",
    "no switch {}": "{} 스위치는 없습니다.",
    "a switch has no such value: {}": "스위치에 맞지 않는 값입니다: {}",
    "key: 1 to 100 letters, digits, - and _": "채널 키는 영문자, 숫자, -, _로 100자까지입니다.",
    "channel {} is {}, {}, and stays so: payments may be of it":
        "{0} 채널은 {1}, {2}이며 바꿀 수 없습니다. 이미 결제가 있을 수 있습니다.",
    'say one of {"move_s": 60}, {"freeze": true}, {"freeze": "<time>"}, {"real": true}':
        "시계를 옮기거나, 멈추거나, 다시 가게 하십시오.",
    "the clock does not run backwards, nor more than a century at once":
        "시계는 뒤로 가지 않고, 한 번에 백 년 넘게 가지 않습니다.",
    "freeze at a time with a UTC offset that is not past, nor more than a century ahead":
        "지나지 않았고 백 년 안에 드는, 시간대가 있는 시각에 멈춥니다.",
    "no store {}; known: {}": "{0} 상점이 없습니다. 있는 상점: {1}",
    "a store has one to {} webhook secrets, oldest first":
        "상점의 웹훅 시크릿은 1개에서 {}개까지, 오래된 것부터입니다.",
    "V1 sends a webhook again at most {} times": "V1은 웹훅을 최대 {}번 다시 보냅니다.",
    "this was saved by another version of the sandbox": "다른 버전의 샌드박스가 저장한 파일입니다.",
    "this is not a saved sandbox: {}": "샌드박스가 저장한 파일이 아닙니다: {}",
    # Payments and what happens to them.
    "no payment {}": "{} 결제가 없습니다.",
    "no transaction {}": "{} 거래가 없습니다.",
    "no webhook {}": "{} 웹훅이 없습니다.",
    "no order {}; known: {}": "{0}(이)라는 지시가 없습니다. 있는 지시: {1}",
    "no order {}; known: approve": "{}(이)라는 지시가 없습니다. 있는 지시: approve",
    "payment {} has no such cancellation that waits": "{} 결제에는 기다리는 그런 취소가 없습니다.",
    "payment {} was never begun": "{} 결제는 시작된 적이 없습니다.",
    "payment {} was never paid": "{} 결제는 승인된 적이 없습니다.",
    "payment {} has no open dispute": "{} 결제에는 진행 중인 분쟁이 없습니다.",
    "payment {} has no parcel under way": "{} 결제에는 배송 중인 물건이 없습니다.",
    "knownAfterS is not negative, nor more than a century": "knownAfterS는 음수가 아니고 백 년을 넘지 않습니다.",
    "nobody can pay into {}: it has no account or counter number":
        "{} 결제에는 계좌나 접수번호가 없어 입금할 수 없습니다.",
    "payment {} has no account or counter number that waits for money":
        "{} 결제에는 입금을 기다리는 계좌나 접수번호가 없습니다.",
    "transaction {} is {}, it does not wait for the PG": "{0} 거래는 {1} 상태라 결제사를 기다리지 않습니다.",
    "cancellation {} is {}, it does not wait": "{0} 취소는 {1} 상태라 기다리지 않습니다.",
    "{} does not wait for the PG here": "{}은(는) 여기서 결제사를 기다리지 않습니다.",
    "no decline reason {}; known: {}": "{0}(이)라는 거절 사유가 없습니다. 있는 사유: {1}",
    "no method {} for {}; known: {}": "{1}에는 {0} 결제수단이 없습니다. 있는 수단: {2}",
    "no method {}; known: {}": "{0} 결제수단이 없습니다. 있는 수단: {1}",
    "no choice {} for {}; known: {}": "{1}에는 {0} 선택지가 없습니다. 있는 선택지: {2}",
    "not over {} months; known: {}": "{0}개월 할부는 없습니다. 있는 기간: {1}",
    # Billing keys, identity, PayPal's buyers.
    "no billing key {}": "{} 빌링키가 없습니다.",
    "billing key {} is no wallet: only a wallet pays with an account":
        "{} 빌링키는 지갑이 아닙니다. 계좌로는 지갑만 결제합니다.",
    "billing key {} is {}": "{0} 빌링키는 {1} 상태입니다.",
    "no identity verification {}": "{} 본인인증이 없습니다.",
    "identity verification {} does not wait for an app": "{} 본인인증은 앱의 승인을 기다리지 않습니다.",
    "nobody signs in here": "여기에는 로그인이 없습니다.",
    "no such buyer, or another password": "그런 구매자가 없거나 비밀번호가 다릅니다.",
    # Faults.
    "times must be at least 1": "횟수는 1 이상이어야 합니다.",
    "times must be at least 1, and seconds not negative nor more than a century":
        "횟수는 1 이상, 초는 0 이상이고 백 년 이하여야 합니다.",
    "{} needs seconds": "{}에는 초(seconds)가 필요합니다.",
    "no fault {} like this waits any more": "이런 {} 장애는 더 기다리고 있지 않습니다.",
    "no fault {}; known: {}": "{0}(이)라는 장애가 없습니다. 있는 장애: {1}",
    "no operation {}; known: {}": "{0}(이)라는 호출이 없습니다. 있는 호출: {1}",
    # Scripts.
    "a script is a list of steps: `- fault: …` or `- order: …`":
        "스크립트는 `- fault: …` 또는 `- order: …` 단계의 목록입니다.",
    "a script has at most {} bytes": "스크립트는 최대 {}바이트입니다.",
    "this is not UTF-8": "UTF-8이 아닙니다.",
    "this is not YAML: {}": "YAML이 아닙니다: {}",
    "this is nested too deeply": "너무 깊이 중첩되어 있습니다.",
    "{} is past: the sandbox's clock shows {}": "{0}은(는) 지난 시각입니다. 샌드박스의 시계는 {1}입니다.",
    "a step is written `fault: …` or `order: …`, with its fields below":
        "단계는 `fault: …` 또는 `order: …`로 쓰고 그 아래에 값을 적습니다.",
    "{} is there twice": "{}이(가) 두 번 있습니다.",
    "a step has either `fault` or `order`{}": "단계에는 `fault`와 `order` 중 하나가 필요합니다.{}",
    "an order says whose it is: `payment: …`, `key: …`, or `on: …`":
        "지시에는 대상이 있어야 합니다: `payment: …`, `key: …` 또는 `on: …`",
    "{} is missing": "{} 값이 없습니다.",
    "{} is more than a century": "{}은(는) 백 년을 넘습니다.",
    "{} is no time: write +10m, +1h30m, or a time like 2026-08-01T12:00:00+09:00":
        "{}은(는) 시각이 아닙니다. +10m, +1h30m 또는 2026-08-01T12:00:00+09:00처럼 씁니다.",
    "{} is not known here{}": "{0}: 여기서 쓰는 값이 아닙니다.{1}",
    # What a shop's page is refused, made by the console's own form.
    "country: two letters of ISO 3166-1": "country: ISO 3166-1의 두 글자입니다.",
    "channelKey | channelGroupId: one of them is required": "channelKey 또는 channelGroupId 중 하나가 있어야 합니다.",
    "channel group {} is not found": "{} 채널 그룹이 없습니다.",
    "no channel of {} takes this order": "{} 그룹에는 이 주문을 받는 채널이 없습니다.",
    "bankCode: no bank {}": "bankCode: {} 은행이 없습니다.",
    "card: no company {}": "card: {} 카드사가 없습니다.",
    "displayAmount: not a sum of money": "displayAmount: 금액이 아닙니다.",
    "vbank_due: not a time": "vbank_due: 시각이 아닙니다.",
    "card.cardPromotion needs cardCompany, and takes something off":
        "card.cardPromotion에는 cardCompany와 할인 금액이 있어야 합니다.",
    "card.cardPromotion takes off more than totalAmount": "card.cardPromotion이 결제 금액보다 많이 할인합니다.",
    "paymentId and orderName must not be empty": "주문번호와 주문명은 비울 수 없습니다.",
    "currency: nobody pays in that": "통화: 결제에 쓰이지 않는 통화입니다.",
    "currency: nobody pays in that.": "통화: 결제에 쓰이지 않는 통화입니다.",
    "payMethod: one of {}": "payMethod: {} 중 하나입니다.",
    "totalAmount must be above zero": "금액은 0보다 커야 합니다.",
    "taxFreeAmount and vatAmount must fit into totalAmount":
        "면세 금액과 부가세의 합은 결제 금액을 넘을 수 없습니다.",
    "redirectUrl is required when the page is redirected": "페이지를 옮기는 결제창에는 redirectUrl이 필요합니다.",
    "{}.dueDate: not a time": "{}.dueDate: 시각이 아닙니다.",
    "payment {} is already paid": "{} 결제는 이미 완료되었습니다.",
    "the amount differs from the one registered at {}": "{}에 사전 등록한 금액과 다릅니다.",
    "store {} is not found": "{} 상점이 없습니다.",
    "channel {} is not found": "{} 채널이 없습니다.",
    "{} is not offered here": "{}은(는) 여기서 쓸 수 없습니다.",
    "store {} has no tier {}": "{0} 상점에는 {1} 하위 상점이 없습니다.",
    "no store has the code {}": "식별코드가 {}인 상점이 없습니다.",
    "pay_method: {}": "pay_method: {} 중 하나입니다.",
    "m_redirect_url is required on a phone": "휴대폰에서는 m_redirect_url이 필요합니다.",
    "amount must be above zero, and its parts must fit into it":
        "금액은 0보다 크고, 면세 금액과 부가세는 그 안에 들어야 합니다.",
    "billingKeyMethod is required": "billingKeyMethod가 필요합니다.",
    "orderName, totalAmount and currency are required": "orderName, totalAmount, currency가 필요합니다.",
    # Last, since they fit much.
    "amount.total must be above zero, and no part below.": "금액은 0보다 커야 합니다.",
    "orderName must not be empty.": "주문명은 비울 수 없습니다.",
    "timeToPay is past.": "지난 시각에는 예약할 수 없습니다.",
    "no {} {}{}": "{1}: 그런 {0} 값이 없습니다.{2}",
    "{}: {}": "{0}: 값이 맞지 않습니다. ({1})",
}
# fmt: on
"""Each sentence with its holes, and the Korean one with the same; the first that fits counts."""

TYPES: dict[str, str] = {type_: said for type_, (_, said) in V1_WORDS.items()} | {
    "BILLING_KEY_ALREADY_ISSUED": "이미 발급된 빌링키입니다.",
    "BILLING_KEY_NOT_ISSUED": "발급되지 않은 빌링키입니다.",
    "CHANNEL_SPECIFIC": "모든 채널에서 거절되었습니다.",
    "FORBIDDEN": "접근할 수 없는 상점입니다.",
    "IDEMPOTENCY_OUTSTANDING_REQUEST": "같은 키의 요청이 처리되고 있습니다.",
    "INFORMATION_MISMATCH": "결제창의 내용과 다릅니다.",
    "INVALID_PAYMENT_TOKEN": "결제 토큰이 틀렸거나 이미 쓰였거나 만료되었습니다.",
    "INVALID_REQUEST": "요청이 올바르지 않습니다.",
    "MAX_TTL_EXCEEDED": "유효 시간이 너무 깁니다.",
    "MAX_WEBHOOK_RETRY_COUNT_REACHED": "이 웹훅은 더 다시 보낼 수 없습니다.",
    "PAYMENT_CANCELLATION_NOT_FOUND": "취소 내역이 없습니다.",
    "PAYMENT_CANCELLATION_NOT_PENDING": "대기 중인 취소가 아닙니다.",
    "PG_PROVIDER": "결제사가 거절하였습니다.",
    "PROFILE_SETTINGS_NOT_FOUND": "체크아웃 프로필이 없습니다.",
    "PROMOTION_NOT_FOUND": "프로모션이 없습니다.",
    "SESSION_EXPIRED": "만료된 주문서입니다.",
    "SESSION_NOT_FOUND": "주문서가 없습니다.",
    "WEBHOOK_NOT_FOUND": "웹훅이 없습니다.",
}
"""What PortOne's API refuses, by its `type`."""

OF_PGS = {
    "INVALID_ORDER_ID": "The PG does not take such a paymentId.",
    "INVALID_ORDER_NAME": "The PG does not take so long an order name.",
    "BELOW_MINIMUM_AMOUNT": "The PG does not take so little.",
    "CUSTOMER_REQUIRED": "The PG wants to know more of the customer.",
} | {each.pg_code: f"{each.en}." for each in declines.REASONS.values()}
"""What a PG says in Korean, by its code."""

_HINT = re.compile(r"; did you mean (.+)\?$|; known: (.+)$", re.DOTALL)
"""What a script's reader adds to a mistake."""
_HOLE = re.compile(r"\\\{\\\}")
_PATTERNS = [(re.compile(_HOLE.sub("(.*)", re.escape(said)), re.DOTALL), ko) for said, ko in SENTENCES.items()]


def told(problem: Exception, words: Words) -> str:
    """The refusal in the page's language."""
    match problem:
        case ApiError():
            return _of_api(problem, words)
        case BrowserRefusal():
            said = sentence(problem.message, words)
            if words.language == "en" and (problem.pg_code or "") in OF_PGS:
                said = OF_PGS[problem.pg_code or ""]
            return f"{said} ({problem.code})"
        case msgspec.DecodeError() | UnicodeDecodeError():
            return _unread(str(problem), words)
        case _:
            return sentence(str(problem), words)


def sentence(said: str, words: Words) -> str:
    """One sentence of the sandbox's in the page's language."""
    if words.language == "en":
        return said
    korean, hint = next(_fitting(said), None), _HINT.search(said)
    if hint is None or (korean is not None and "있는" in korean):
        return korean or _unread(said, words)
    meant, known = hint.groups()
    return f"{sentence(said[: hint.start()], words)} {f'혹시 {meant}?' if meant else f'있는 것: {known}'}"


def _fitting(said: str) -> Iterator[str]:
    for pattern, korean in _PATTERNS:
        if (found := pattern.fullmatch(said)) is not None:
            yield korean.format(*found.groups())


def _of_api(problem: ApiError, words: Words) -> str:
    type_, message = problem.body["type"], problem.body["message"]
    if type_ == "PG_PROVIDER":
        pg_code = problem.body["pgCode"]
        said = problem.body["pgMessage"] if words.language == "ko" else OF_PGS.get(pg_code, message)
        return f"{said} ({pg_code})"
    if words.language == "en":
        return f"{message} ({type_})"
    more = next(_fitting(message), "") if type_ == "INVALID_REQUEST" else ""
    return f"{more or TYPES[type_]} ({type_})"


def _unread(said: str, words: Words) -> str:
    """Reading a form: which field it was, and for programmers why."""
    if words.language == "en":
        return said
    where = re.search(r" - at `\$\.?(.*)`", said)
    return f"입력한 값을 이해할 수 없습니다{f' ({where[1]})' if where and where[1] else ''}: {said}"
