"""PortOne's words for banks, their Korean names, and what people call them. Pure.

The list is PortOne's `Bank` (portone-facts §2.2); it may grow on any day, so a bank that is only shown may be one that
is not here. One that money is sent to must be.
"""

import re

BANKS: dict[str, str] = {
    "BANK_OF_KOREA": "한국은행",
    "KDB": "산업은행",
    "IBK": "기업은행",
    "KOOKMIN": "국민은행",
    "SUHYUP": "수협은행",
    "KEXIM": "수출입은행",
    "NONGHYUP": "NH농협은행",
    "LOCAL_NONGHYUP": "지역농축협",
    "WOORI": "우리은행",
    "STANDARD_CHARTERED": "SC제일은행",
    "CITI": "한국씨티은행",
    "SUHYUP_FEDERATION": "수협중앙회",
    "DAEGU": "아이엠뱅크",
    "BUSAN": "부산은행",
    "KWANGJU": "광주은행",
    "JEJU": "제주은행",
    "JEONBUK": "전북은행",
    "KYONGNAM": "경남은행",
    "KFCC": "새마을금고",
    "SHINHYUP": "신협",
    "SAVINGS_BANK": "저축은행",
    "MORGAN_STANLEY": "모간스탠리은행",
    "HSBC": "HSBC은행",
    "DEUTSCHE": "도이치은행",
    "JPMC": "제이피모간체이스은행",
    "MIZUHO": "미즈호은행",
    "MUFG": "엠유에프지은행",
    "BANK_OF_AMERICA": "BOA은행",
    "BNP_PARIBAS": "비엔피파리바은행",
    "ICBC": "중국공상은행",
    "BANK_OF_CHINA": "중국은행",
    "NFCF": "산림조합중앙회",
    "UOB": "대화은행",
    "BOCOM": "교통은행",
    "CCB": "중국건설은행",
    "POST": "우체국",
    "KODIT": "신용보증기금",
    "KIBO": "기술보증기금",
    "HANA": "하나은행",
    "SHINHAN": "신한은행",
    "K_BANK": "케이뱅크",
    "KAKAO": "카카오뱅크",
    "TOSS": "토스뱅크",
    "MISC_FOREIGN": "기타 외국계은행(중국 농업은행 등)",
    "SGI": "서울보증보험",
    "KCIS": "한국신용정보원",
    "YUANTA_SECURITIES": "유안타증권",
    "KB_SECURITIES": "KB증권",
    "SANGSANGIN_SECURITIES": "상상인증권",
    "HANYANG_SECURITIES": "한양증권",
    "LEADING_SECURITIES": "리딩투자증권",
    "BNK_SECURITIES": "BNK투자증권",
    "IBK_SECURITIES": "IBK투자증권",
    "DAOL_SECURITIES": "다올투자증권",
    "MIRAE_ASSET_SECURITIES": "미래에셋증권",
    "SAMSUNG_SECURITIES": "삼성증권",
    "KOREA_SECURITIES": "한국투자증권",
    "NH_SECURITIES": "NH투자증권",
    "KYOBO_SECURITIES": "교보증권",
    "HI_SECURITIES": "하이투자증권",
    "HYUNDAI_MOTOR_SECURITIES": "현대차증권",
    "KIWOOM_SECURITIES": "키움증권",
    "EBEST_SECURITIES": "LS증권",
    "SK_SECURITIES": "SK증권",
    "DAISHIN_SECURITIES": "대신증권",
    "HANHWA_SECURITIES": "한화투자증권",
    "HANA_SECURITIES": "하나증권",
    "TOSS_SECURITIES": "토스증권",
    "SHINHAN_SECURITIES": "신한투자증권",
    "DB_SECURITIES": "DB금융투자",
    "EUGENE_SECURITIES": "유진투자증권",
    "MERITZ_SECURITIES": "메리츠증권",
    "KAKAO_PAY_SECURITIES": "카카오페이증권",
    "BOOKOOK_SECURITIES": "부국증권",
    "SHINYOUNG_SECURITIES": "신영증권",
    "CAPE_SECURITIES": "케이프투자증권",
    "KOREA_SECURITIES_FINANCE": "한국증권금융",
    "KOREA_FOSS_SECURITIES": "한국포스증권",
    "WOORI_INVESTMENT_BANK": "우리종합금융",
}
"""PortOne's word → its Korean name, all 79 of them."""

_ALSO = {
    "KDB": ("KDB산업은행", "한국산업은행", "산은"),
    "IBK": ("IBK기업은행", "중소기업은행", "기업은행", "기은"),
    "KOOKMIN": ("KB국민은행", "KB", "KB은행", "국민", "KOOKMIN_BANK"),
    "SUHYUP": ("SH수협은행", "SH수협", "수협"),
    "NONGHYUP": ("농협은행", "농협", "NH농협", "NH", "NH은행"),
    "LOCAL_NONGHYUP": ("지역농협", "단위농협", "농축협", "지역농축협"),
    "WOORI": ("우리",),
    "STANDARD_CHARTERED": ("SC은행", "SC제일", "제일은행", "SC", "스탠다드차타드은행"),
    "CITI": ("씨티은행", "한국씨티", "씨티", "시티은행", "CITIBANK"),
    "DAEGU": ("대구은행", "DGB대구은행", "대구", "IM뱅크", "아이엠"),
    "BUSAN": ("BNK부산은행", "부산"),
    "KWANGJU": ("광주", "GWANGJU"),
    "JEJU": ("제주",),
    "JEONBUK": ("전북", "JB전북은행"),
    "KYONGNAM": ("BNK경남은행", "경남"),
    "KFCC": ("MG새마을금고", "새마을", "MG"),
    "SHINHYUP": ("신용협동조합", "신협은행"),
    "SAVINGS_BANK": ("상호저축은행", "저축"),
    "POST": ("우체국은행", "우체국예금", "우정사업본부"),
    "HANA": ("KEB하나은행", "하나", "KEB하나", "외환은행"),
    "SHINHAN": ("신한",),
    "K_BANK": ("K뱅크", "케이", "KBANK"),
    "KAKAO": ("카카오", "카뱅", "KAKAO_BANK"),
    "TOSS": ("토스", "TOSS_BANK"),
    "NFCF": ("산림조합",),
    "DB_SECURITIES": ("DB증권",),
    "HI_SECURITIES": ("IM증권",),
    "EBEST_SECURITIES": ("이베스트투자증권",),
    "HANHWA_SECURITIES": ("한화증권",),
}
"""What else people write; PortOne has no such list."""

NOT_FOR_REFUNDS = frozenset({"BANK_OF_KOREA", "KEXIM", "KODIT", "KIBO", "SGI", "KCIS", "MISC_FOREIGN"})
"""Institutions in PortOne's list at which no shopper has an account."""


def _plain(text: str) -> str:
    """Without what people write differently: case, spaces, hyphens, dots, brackets."""
    return re.sub(r"[\s_\-.()·]+", "", text).upper()


def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for code, korean in BANKS.items():
        for name in (code, korean, *_ALSO.get(code, ())):
            known = names.setdefault(_plain(name), code)
            assert known == code, f"{name} would be both {known} and {code}"
    return names


_CODE_OF = _names()


def bank_code(written: str) -> str | None:
    """PortOne's word for a bank, as somebody wrote it (국민, KB국민은행, KOOKMIN); None for one that is not known."""
    return _CODE_OF.get(_plain(written))


def bank_name(code: str) -> str:
    """Its Korean name; a word that is new to us is shown as it came."""
    return BANKS.get(code, code)
