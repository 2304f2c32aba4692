"""The words around every message, and those of the console's alert and notice pages."""

from jangbu.web.texts import Catalogue, Words

TEXTS: Catalogue = {
    "nav.alerts": ("경보", "Alerts"),
    "nav.notices": ("알림 발송", "Notices"),
    "message.from": ("장부", "Jangbu"),
    "message.happened": ("무슨 일인가요", "What happened"),
    "message.means": ("어떤 의미인가요", "What it means"),
    "message.todo": ("무엇을 하면 되나요", "What to do"),
    "message.open": ("콘솔에서 보기", "Open in the console"),
    "message.foot": ("장부가 자동으로 보낸 알림입니다.", "Sent by Jangbu, automatically."),
    "message.severity.info": ("안내", "Info"),
    "message.severity.warning": ("주의", "Warning"),
    "message.severity.critical": ("긴급", "Critical"),
    "alerts.title": ("경보", "Alerts"),
    "alerts.lead": (
        "사람이 봐야 할 일입니다. 원인 하나에 경보는 한 번만 생깁니다.",
        "What a person has to look at. One cause raises one alert.",
    ),
    "alerts.what": ("내용", "What"),
    "alerts.at": ("시각", "When"),
    "alerts.severity": ("정도", "Severity"),
    "alerts.state": ("확인", "Taken on"),
    "alerts.acknowledge": ("확인했습니다", "I have seen it"),
    "alerts.acknowledged": ("{name} 확인", "Seen by {name}"),
    "alerts.untold": ("알림 경로가 없어 아무에게도 보내지 않았습니다", "No channel is configured: nobody was told"),
    "alerts.told": ("알림 {count}건", "Notices: {count}"),
    "alerts.empty": ("경보가 없습니다", "No alerts"),
    "alerts.empty.explained": (
        "사람이 봐야 할 일이 생기면 여기에 나타납니다.",
        "When something needs a person, it shows up here.",
    ),
    "notices.title": ("알림 발송", "Notices"),
    "notices.lead": (
        "이메일과 Slack으로 보낸 알림입니다. 도착할 때까지 다시 시도합니다.",
        "What was sent by e-mail and Slack. Each is tried until it is taken over.",
    ),
    "notices.at": ("시각", "When"),
    "notices.what": ("내용", "What"),
    "notices.to": ("받는 곳", "To"),
    "notices.state": ("상태", "State"),
    "notices.tries": ("시도", "Tries"),
    "notices.state.queued": ("대기", "Queued"),
    "notices.state.sent": ("발송", "Sent"),
    "notices.state.failed": ("재시도 예정", "Will be tried again"),
    "notices.state.given_up": ("포기", "Given up"),
    "notices.state.unconfigured": ("경로 없음", "No channel configured"),
    "notices.all": ("전체", "All"),
    "notices.filter": ("상태별 보기", "By state"),
    "notices.channel.email": ("이메일", "E-mail"),
    "notices.channel.slack": ("Slack 채널", "Slack"),
    "notices.next": ("다음 시도 {at}", "Next try {at}"),
    "notices.retry": ("다시 보내기", "Send again"),
    "notices.preview": ("문구 미리 보기", "Preview the wording"),
    "notices.email_missing": (
        "이메일 설정이 없습니다. SMTP_HOST와 ALERT_EMAIL_RECIPIENTS를 설정하면 기다리던 알림이 발송됩니다.",
        "E-mail is not configured. Once SMTP_HOST and ALERT_EMAIL_RECIPIENTS are set, waiting notices are sent.",
    ),
    "notices.slack_missing": (
        "Slack 설정이 없습니다. SLACK_WEBHOOK_URL을 설정하세요.",
        "Slack is not configured: set SLACK_WEBHOOK_URL.",
    ),
    "notices.empty": ("알림이 없습니다", "No notices"),
    "notices.empty.explained": (
        "이메일이나 Slack으로 보낼 일이 생기면 여기에 나타납니다.",
        "What is sent by e-mail or Slack shows up here.",
    ),
    "notices.error.not_configured": ("경로 없음", "No channel configured"),
    "notices.error.interrupted": ("보내다가 중단됨", "Interrupted while sending"),
    "notices.error.login_refused": ("메일 서버가 로그인을 거부함", "The mail server refused the login"),
    "notices.error.sender_refused": ("메일 서버가 보내는 주소를 거부함", "The mail server refused the sender"),
    "notices.error.recipient_refused": ("메일 서버가 받는 주소를 거부함", "The mail server refused the recipient"),
    "notices.error.message_refused": ("메일 서버가 내용을 거부함", "The mail server refused the message"),
    "notices.error.server_refused": ("메일 서버가 거부함", "The mail server refused"),
    "notices.error.not_offered": (
        "메일 서버가 필요한 기능을 제공하지 않음",
        "The mail server does not offer what is needed",
    ),
    "notices.error.certificate": (
        "서버 인증서를 확인할 수 없음",
        "The server could not prove who it is (TLS)",
    ),
    "notices.error.timeout": ("제때 응답하지 않음", "No answer in time"),
    "notices.error.unreachable": ("서버에 연결할 수 없음", "The server cannot be reached"),
    "notices.error.slack_refused": ("Slack이 거부함", "Slack refused"),
    "notices.error.not_slack": ("Slack이 아닌 곳에서 응답함", "Something that is not Slack answered"),
    "notices.error.unwritable": ("내용을 만들 수 없음", "The message cannot be written"),
    "notices.error.unexpected": ("보내는 중 오류 발생", "Something unexpected happened while sending"),
    "preview.title": ("문구 미리 보기", "Preview"),
    "preview.kinds": ("종류", "Kinds"),
    "preview.subject": ("제목", "Subject"),
    "preview.email": ("이메일", "E-mail"),
    "preview.plain": ("이메일, 글자만", "E-mail, plain text"),
    "preview.slack": ("Slack 메시지", "Slack"),
    "preview.korean": ("한국어로", "In Korean"),
    "preview.english": ("영어로", "In English"),
}
"""Both languages say the same; blanks are `{name}`."""


def problem(last_error: str, t: Words) -> str:
    """What is kept as a notice's last error, for people: our words, then what the other side said; "" for none."""
    code, _, detail = last_error.partition(": ")
    if not t.known(f"notices.error.{code}"):
        return last_error
    words = t(f"notices.error.{code}")
    return f"{words}: {detail}" if detail else words
