"""The words of the console's first page."""

from jangbu.web.texts import Catalogue

TEXTS: Catalogue = {
    "nav.home": ("오늘", "Today"),
    "home.title": ("오늘 할 일", "What waits for you"),
    "home.waits": ("사람을 기다리는 일입니다.", "These wait for a person."),
    "home.nothing": ("기다리는 일이 없습니다", "Nothing waits for you"),
    "home.nothing.explained": (
        "아래 항목을 모두 살펴보았고, 지금은 사람이 할 일이 없습니다.",
        "Everything below was looked at, and none of it needs a person now.",
    ),
    "home.well": ("이상 없음", "All well"),
    "home.at": ("{at} 기준 (한국 시간)", "As of {at} (Korean time)"),
    "home.open": ("보기", "Open"),
    "home.checks": ("깨진 점검", "Broken checks"),
    "home.checks.explained": (
        "언제나 성립해야 하는 것이 맞지 않습니다. 가장 먼저 확인해 주세요. jangbu doctor --deep이 자세히 알려 줍니다.",
        "Something that must always hold does not. Look at this first: `jangbu doctor --deep` says more.",
    ),
    "home.checks.row": ("{id}: {count}건, {since}부터", "{id}: {count} rows, since {since}"),
    "home.alerts": ("확인하지 않은 경보", "Alerts nobody has taken on"),
    "home.alerts.explained": (
        "누군가 확인했다고 표시할 때까지 남아 있습니다.",
        "They stay until somebody takes them on.",
    ),
    "home.alerts.critical": ("그중 긴급 {count}건", "critical: {count}"),
    "home.reviews": ("사람이 살펴볼 결제", "Payments to look at"),
    "home.reviews.explained": (
        "요청과 다르게 결제되었거나 결과를 알 수 없는 결제입니다.",
        "Paid otherwise than was asked, or with an outcome that is not clear.",
    ),
    "home.refunds": ("승인을 기다리는 환불", "Refunds to approve"),
    "home.refunds.explained": (
        "요청한 사람이 아닌 다른 사람이 승인해야 합니다.",
        "Somebody other than who asked approves them.",
    ),
    "home.webhooks": ("처리하지 못한 웹훅", "Webhooks that failed"),
    "home.webhooks.explained": (
        "다시 처리해도 안전합니다. 포트원에 지금 상태를 다시 묻습니다.",
        "Handling them again is safe: PortOne is asked what is true now.",
    ),
    "home.deliveries": ("전달을 포기한 이벤트", "Events given up"),
    "home.deliveries.explained": (
        "귀사의 시스템이 사흘 동안 받지 못했습니다. 고친 뒤 다시 보내 주세요.",
        "Your own system did not take them for three days. Mend it, then send them again.",
    ),
    "home.jobs": ("멈춘 작업", "Jobs that were given up"),
    "home.jobs.explained": (
        "여러 번 실패해 멈췄습니다. 경보에서 이유를 보고 운영자에게 알려 주세요.",
        "They failed many times. The alerts say why; tell whoever runs this installation.",
    ),
}
