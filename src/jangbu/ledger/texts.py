"""The words of the console's journal."""

from jangbu.ledger import account_names
from jangbu.web.texts import Catalogue

TEXTS: Catalogue = {
    **account_names.TEXTS,
    "nav.journal": ("분개장", "Journal"),
    "journal.title": ("분개장", "Journal"),
    "journal.from": ("시작일", "From"),
    "journal.until": ("종료일", "To"),
    "journal.account": ("계정", "Account"),
    "journal.account.any": ("모든 계정", "Any account"),
    "journal.search": ("결제 ID 또는 분개 키", "Payment id or entry key"),
    "journal.find": ("찾기", "Find"),
    "journal.clear": ("모두 지우기", "Clear all"),
    "journal.this_month": (
        "이번 달 분개입니다. 다른 기간은 날짜로 찾아 주세요.",
        "Entries of this month. Choose days for others.",
    ),
    "journal.at": ("일시", "Happened"),
    "journal.entry": ("분개", "Entry"),
    "journal.debit": ("차변", "Debit"),
    "journal.credit": ("대변", "Credit"),
    "journal.seal": ("봉인", "Seal"),
    "journal.unsealed": ("봉인 전", "not sealed yet"),
    "journal.entry.altered": ("기록과 다름", "altered"),
    "journal.unaltered": (
        "이 쪽의 분개 {count}건을 다시 계산했고 모두 기록된 그대로입니다. 봉인을 기다리는 분개: {waiting}건.",
        "The {count} entries here were computed again: all are as they were posted. {waiting} wait to be sealed.",
    ),
    "journal.altered": (
        "이 쪽의 분개 {count}건이 기록된 내용과 다릅니다. jangbu books verify로 확인하고 관리자에게 알려 주세요.",
        "{count} entries here are not what was posted. Run `jangbu books verify` and tell whoever runs this.",
    ),
    "journal.export": ("내려받기", "Download"),
    "journal.none": ("분개가 없습니다", "No entries"),
    "journal.none.explained": ("조건을 줄이거나 기간을 넓혀 보세요.", "Take a condition away, or widen the days."),
}
