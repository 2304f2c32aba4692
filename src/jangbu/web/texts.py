"""The words of every page, Korean and English side by side, and the little grammar they need.

A capability may bring its own `Catalogue`; `Pages` joins them. `tests/web/test_texts.py` sees to it that every key a
template or a page module names exists, and that both languages have the same blanks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from jangbu.clock import SEOUL
from jangbu.web.language import Language

Catalogue = Mapping[str, tuple[str, str]]
"""Key → Korean, English. Blanks are `{name}`."""

TEXTS: Catalogue = {
    "app.name": ("장부", "Jangbu"),
    "app.skip": ("본문으로 건너뛰기", "Skip to content"),
    "app.nav": ("주 메뉴", "Main menu"),
    "app.sign_out": ("로그아웃", "Sign out"),
    "app.profile": ("내 정보", "Your account"),
    "app.kst": ("한국 시간", "Korean time"),
    "mode.sandbox": ("SANDBOX 샌드박스", "SANDBOX 샌드박스"),
    "mode.sandbox.explained": (
        "연습용입니다. 실제 돈은 움직이지 않습니다.",
        "For practice: no real money moves.",
    ),
    "mode.test": ("TEST 테스트", "TEST 테스트"),
    "mode.test.explained": (
        "포트원 테스트 채널입니다. 실제 돈은 움직이지 않습니다.",
        "PortOne's test channels: no real money moves.",
    ),
    "language.label": ("언어", "Language"),
    "theme.label": ("화면 밝기", "Appearance"),
    "theme.auto": ("자동", "Auto"),
    "theme.light": ("밝게", "Light"),
    "theme.dark": ("어둡게", "Dark"),
    "nav.group.daily": ("매일", "Daily"),
    "nav.group.close": ("마감", "Closing"),
    "nav.group.watch": ("살피기", "Watching"),
    "nav.group.people": ("관리", "Administration"),
    "nav.people": ("직원", "People"),
    "nav.keys": ("API 키", "API keys"),
    "nav.payments": ("결제", "Payments"),
    "nav.events": ("이벤트 전송", "Events out"),
    "nav.webhooks": ("웹훅", "Webhooks"),
    "nav.audit": ("감사 기록", "Audit log"),
    "pager.newest": ("처음으로", "Newest"),
    "pager.older": ("이전 내역 더 보기", "Older"),
    "pager.label": ("쪽 이동", "Pages"),
    "error.request_id": ("요청 번호", "Request id"),
    "error.code": ("코드", "Code"),
    "error.back": ("처음 화면으로", "Back to the start"),
    "error.404": ("찾을 수 없습니다", "Not found"),
    "error.403": ("권한이 없습니다", "Not permitted"),
    "error.500": ("오류가 발생했습니다", "Something went wrong"),
    "error.503": ("잠시 후 다시 시도해 주세요", "Please try again shortly"),
    "error.other": ("처리할 수 없습니다", "This cannot be done"),
    "sign_in.title": ("로그인", "Sign in"),
    "sign_in.lead": ("결제 운영 담당자 전용입니다.", "For payment operations staff."),
    "sign_in.email": ("이메일", "E-mail"),
    "sign_in.password": ("비밀번호", "Password"),
    "sign_in.submit": ("로그인", "Sign in"),
    "status.REGISTERING": ("등록 중", "Registering"),
    "status.REGISTRATION_FAILED": ("등록 거절", "Not registered"),
    "status.READY": ("결제 대기", "Ready"),
    "status.PAY_PENDING": ("승인 대기", "Pending"),
    "status.VIRTUAL_ACCOUNT_ISSUED": ("입금 대기", "Awaiting deposit"),
    "status.PAID": ("결제 완료", "Paid"),
    "status.FAILED": ("결제 실패", "Failed"),
    "status.PARTIAL_CANCELLED": ("부분 취소", "Partly cancelled"),
    "status.CANCELLED": ("취소 완료", "Cancelled"),
    "status.MISMATCH": ("금액 불일치", "Mismatch"),
    "status.ABANDONED": ("미결제 종료", "Abandoned"),
    "lapse.seconds": ("{seconds}초 후", "{seconds} s later"),
    "lapse.minutes": ("{minutes}분 후", "{minutes} min later"),
    "lapse.minutes_seconds": ("{minutes}분 {seconds}초 후", "{minutes} min {seconds} s later"),
    "lapse.hours": ("{hours}시간 후", "{hours} h later"),
    "lapse.hours_minutes": ("{hours}시간 {minutes}분 후", "{hours} h {minutes} min later"),
    "lapse.days": ("{days}일 후", "{days} d later"),
    "lapse.days_hours": ("{days}일 {hours}시간 후", "{days} d {hours} h later"),
}

_WEEKDAYS: Mapping[Language, str] = {"ko": "월화수목금토일", "en": "Mon Tue Wed Thu Fri Sat Sun"}


class Words:
    """`t("key", blank=…)` in one language. An unknown key is a bug and raises KeyError."""

    def __init__(self, language: Language, catalogue: Catalogue = TEXTS) -> None:
        self.language: Language = language
        self._catalogue = catalogue
        self._column = 0 if language == "ko" else 1

    def __call__(self, key: str, **blanks: Any) -> str:
        words = self._catalogue[key][self._column]
        return words.format(**blanks) if blanks else words

    def known(self, key: str) -> bool:
        """Whether there are words for `key`: statuses come from PortOne and may be newer than we are."""
        return key in self._catalogue

    def or_else(self, key: str, otherwise: str) -> str:
        """The words for `key`, or what stands there where this program knows none."""
        return self(key) if self.known(key) else otherwise

    def lapse(self, between: timedelta) -> str:
        """How much later: `3분 12초 후`. Two units at most (the exact times stand beside it); "" under a second."""
        seconds = between // timedelta(seconds=1)
        minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
        if seconds < 1:
            return ""
        if days:
            return (
                self("lapse.days_hours", days=days, hours=hours % 24) if hours % 24 else self("lapse.days", days=days)
            )
        if hours:
            if minutes % 60:
                return self("lapse.hours_minutes", hours=hours, minutes=minutes % 60)
            return self("lapse.hours", hours=hours)
        if minutes:
            if seconds % 60:
                return self("lapse.minutes_seconds", minutes=minutes, seconds=seconds % 60)
            return self("lapse.minutes", minutes=minutes)
        return self("lapse.seconds", seconds=seconds)

    def day(self, at: datetime) -> str:
        """The business day of an instant: `2026년 8월 1일 (토)`."""
        local = at.astimezone(SEOUL)
        if self.language == "ko":
            return f"{local.year}년 {local.month}월 {local.day}일 ({_WEEKDAYS['ko'][local.weekday()]})"
        return f"{_WEEKDAYS['en'].split()[local.weekday()]} {local.day} {local:%b %Y}"


def joined(*catalogues: Catalogue) -> Catalogue:
    """One catalogue of several. Two that name the same key are a mistake."""
    found: dict[str, tuple[str, str]] = {}
    for catalogue in catalogues:
        twice = found.keys() & catalogue.keys()
        assert not twice, f"texts defined twice: {sorted(twice)}"
        found.update(catalogue)
    return found
