"""What the console says of identity verifications."""

from jangbu.web.texts import Catalogue

TEXTS: Catalogue = {
    "nav.identity": ("본인인증", "Identities"),
    "identity.title": ("본인인증", "Identities"),
    "identity.lead": (
        "개인정보는 암호화해 보관하고 {days}일 뒤에 삭제합니다. 목록에서는 일부를 가립니다.",
        "Personal data is kept encrypted and deleted after {days} days. Here it is masked.",
    ),
    "identity.at": ("요청 시각", "Started"),
    "identity.who": ("이름", "Name"),
    "identity.phone": ("전화번호", "Telephone"),
    "identity.birth": ("생년월일", "Birthday"),
    "identity.gender": ("성별", "Sex"),
    "identity.gender.MALE": ("남성", "Male"),
    "identity.gender.FEMALE": ("여성", "Female"),
    "identity.operator": ("통신사", "Operator"),
    "identity.foreigner": ("내·외국인", "Nationality"),
    "identity.foreigner.yes": ("외국인", "Foreigner"),
    "identity.foreigner.no": ("내국인", "Korean"),
    "identity.status": ("상태", "State"),
    "identity.reference": ("고객 참조", "Reference"),
    "identity.status.started": ("진행 중", "Begun"),
    "identity.status.verified": ("인증 완료", "Verified"),
    "identity.status.failed": ("실패", "Failed"),
    "identity.status.mismatch": ("불인정", "Does not count"),
    "identity.status.forgotten": ("삭제됨", "Deleted"),
    "identity.nobody": ("아직 알 수 없음", "Nobody yet"),
    "identity.deleted": ("개인정보 삭제됨", "Personal data deleted"),
    "identity.reason": ("사유", "Reason"),
    "identity.verified_at": ("인증 시각", "Verified"),
    "identity.forgotten_at": ("삭제 시각", "Deleted"),
    "identity.seen_before": ("같은 사람의 다른 인증", "The same person's other verifications"),
    "identity.reveal": ("가린 정보 보기", "Show in full"),
    "identity.reveal.explained": (
        "누가, 언제, 왜 보았는지 감사 기록에 남습니다. 한 번만 표시됩니다.",
        "Who looked, when and why is kept in the audit log. It is shown once.",
    ),
    "identity.reveal.reason": ("보는 이유", "Why you look"),
    "identity.reveal.hint": ("예: 고객 문의 확인", "E.g. a customer's question"),
    "identity.shown": (
        "가리지 않은 개인정보입니다. 열람 기록을 남겼습니다. 이 화면을 벗어나면 다시 가립니다.",
        "Personal data in full. That you looked is written down. Leave the page, and it is masked again.",
    ),
    "identity.back": ("본인인증 목록", "All identities"),
    "identity.empty": ("본인인증 내역이 없습니다", "Nobody has been verified"),
    "identity.empty.explained": (
        "쇼핑몰이 POST /api/identity/start로 시작하면 여기에 나타납니다.",
        "Once the shop begins with POST /api/identity/start, it shows up here.",
    ),
}
