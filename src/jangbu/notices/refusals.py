"""The refusals of notices."""

from jangbu.errors import Refusal


class NoticeUnknown(Refusal):
    """No notice has this id."""

    code = "NOTICE_NOT_FOUND"
    http_status = 404
    ko = "해당 알림을 찾을 수 없습니다."
    en = "There is no such notice."


class NoticeNotRetriable(Refusal):
    """A notice that was sent is not sent again: its recipient would think that it happened twice."""

    code = "NOTICE_NOT_RETRIABLE"
    http_status = 409
    ko = "이미 발송된 알림은 다시 보낼 수 없습니다."
    en = "This notice was sent already: it cannot be sent again."


class AlertUnknown(Refusal):
    """No alert has this id."""

    code = "ALERT_NOT_FOUND"
    http_status = 404
    ko = "해당 경보를 찾을 수 없습니다."
    en = "There is no such alert."


class NoticeKindUnknown(Refusal):
    """There is no message of this kind to preview."""

    code = "NOTICE_KIND_UNKNOWN"
    http_status = 404
    ko = "그런 종류의 알림은 없습니다. 종류: {known}"
    en = "There is no such kind of notice. Known: {known}"


class RecipientMalformed(Refusal):
    """A message can only be sent to one plain e-mail address."""

    code = "RECIPIENT_MALFORMED"
    http_status = 422
    ko = "이메일 주소 형식이 올바르지 않습니다."
    en = "This is not an e-mail address."
