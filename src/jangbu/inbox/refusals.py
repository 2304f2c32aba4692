"""What the webhook log refuses, each with its stable code."""

from jangbu.errors import Refusal


class WebhookUnknown(Refusal):
    """There is no such webhook, or it is another store's."""

    code = "WEBHOOK_NOT_FOUND"
    http_status = 404
    ko = "받은 적이 없는 웹훅입니다. 웹훅 목록(`jangbu webhooks list`)에서 확인해 주세요."
    en = "No such webhook was received. `jangbu webhooks list` shows the latest."
