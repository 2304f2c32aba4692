"""What the outbox refuses, and why."""

from jangbu.errors import Refusal


class EndpointUrlMalformed(Refusal):
    """The URL of an endpoint is not one we send to; `why` says which part."""

    code = "ENDPOINT_URL_MALFORMED"
    http_status = 422
    ko = "수신 주소가 올바르지 않습니다: {why}. 예: https://shop.example/hooks/jangbu"
    en = "This is not an address we can send to: {why}. It must look like https://shop.example/hooks/jangbu."


class EndpointAddressRefused(Refusal):
    """The host is, or resolves to, an address that is not on the public internet (reliability F125)."""

    code = "ENDPOINT_ADDRESS_REFUSED"
    http_status = 422
    ko = (
        "{host}은(는) 공개 인터넷 주소가 아니어서 전송할 수 없습니다({address}). 내부망의 시스템이라면 "
        "JANGBU_EGRESS_ALLOW에 이름이나 대역을 추가해 주세요."
    )
    en = (
        "{host} is not on the public internet ({address}), so nothing is sent there. If it is a system of yours on a "
        "private network, name it in JANGBU_EGRESS_ALLOW."
    )


class EndpointHostUnknown(Refusal):
    """The host of an endpoint has no address."""

    code = "ENDPOINT_HOST_UNKNOWN"
    http_status = 422
    ko = "{host}의 주소를 찾을 수 없습니다. 철자와 DNS 레코드를 확인해 주세요."
    en = "{host} has no address. Check its spelling and its DNS record."


class EndpointSecretMalformed(Refusal):
    """A signing secret is not `whsec_` followed by base64 of 24 to 64 bytes."""

    code = "ENDPOINT_SECRET_MALFORMED"
    http_status = 422
    ko = "서명 시크릿은 whsec_ 뒤에 24~64바이트를 base64로 적은 값이어야 합니다. 비워 두면 새로 만들어 드립니다."
    en = "A signing secret is whsec_ followed by base64 of 24 to 64 bytes. Leave it out, and one is made."


class EventTypeUnknown(Refusal):
    """No public event has this type."""

    code = "EVENT_TYPE_UNKNOWN"
    http_status = 422
    ko = "{type}이라는 이벤트는 없습니다. 있는 이벤트: {known}"
    en = "There is no event {type}. There are: {known}."


class EndpointUnknown(Refusal):
    """There is no such endpoint, or not for this caller."""

    code = "ENDPOINT_NOT_FOUND"
    http_status = 404
    ko = "해당 수신 주소가 없습니다."
    en = "There is no such endpoint."


class EndpointChangedMeanwhile(Refusal):
    """Somebody changed the endpoint after the version that the caller saw."""

    code = "ENDPOINT_CHANGED_MEANWHILE"
    http_status = 409
    ko = "그 사이에 다른 사람이 이 수신 주소를 변경했습니다. 다시 읽고 시도해 주세요."
    en = "Somebody changed this endpoint meanwhile. Read it again, then change it."


class EndpointNotEnabled(Refusal):
    """Nothing can be sent to an endpoint that is switched off."""

    code = "ENDPOINT_NOT_ENABLED"
    http_status = 409
    ko = "이 수신 주소는 꺼져 있습니다. 먼저 켜 주세요."
    en = "This endpoint is switched off. Switch it on first."


class TooManyEndpoints(Refusal):
    """The installation has as many endpoints as it may have."""

    code = "TOO_MANY_ENDPOINTS"
    http_status = 409
    ko = "수신 주소는 최대 {most}개까지 등록할 수 있습니다."
    en = "There may be {most} endpoints at most."


class EventStoreRefused(Refusal):
    """A caller who is limited to one store asked for another's events."""

    code = "EVENT_STORE_REFUSED"
    http_status = 403
    ko = "다른 상점의 이벤트는 볼 수 없습니다."
    en = "The events of another store are not yours to see."


class EventUnknown(Refusal):
    """There is no such event, or not for this caller."""

    code = "EVENT_NOT_FOUND"
    http_status = 404
    ko = "해당 이벤트가 없습니다. 방금 일어난 일이라면 잠시 후 다시 시도해 주세요."
    en = "There is no such event. If it has only just happened, try again in a moment."


class FeedCursorAhead(Refusal):
    """A reader's position is beyond the last event: it comes from another database, or from before a restore."""

    code = "FEED_CURSOR_AHEAD"
    http_status = 409
    ko = (
        "after={after}은(는) 마지막 이벤트({head})보다 뒤입니다. 다른 설치의 값이거나 복원 전의 값입니다. "
        "이 위치를 쓰면 이벤트를 놓치므로 거절합니다."
    )
    en = (
        "after={after} is beyond the last event, {head}: it belongs to another installation or to the time before a "
        "restore. Reading on from there would miss events."
    )


class DeliveryUnknown(Refusal):
    """This event was never owed to this endpoint."""

    code = "DELIVERY_NOT_FOUND"
    http_status = 404
    ko = "해당 수신 주소로 보낸 이벤트가 아닙니다."
    en = "This event was never owed to this endpoint."


class ReplayTooLarge(Refusal):
    """One replay would send more events than one replay may."""

    code = "REPLAY_TOO_LARGE"
    http_status = 422
    ko = "한 번에 {most}건까지 다시 보낼 수 있습니다. 기간을 나눠 주세요."
    en = "One replay sends {most} events at most. Ask for a shorter time."


class OnlyForPractice(Refusal):
    """Sample events are for sandbox and test mode; with real money about, everybody would believe them."""

    code = "ONLY_FOR_PRACTICE"
    http_status = 409
    ko = "시험 이벤트는 sandbox와 test 모드에서만 만들 수 있습니다."
    en = "Sample events can only be made in sandbox and test mode."
