"""Every "no" and every crash as an answer: JSON for programs, a page in the console's look for people.

A Refusal says what it means. Anything else that is raised answers one generic sentence and an id, and is told in full
to the log alone (reliability F127).
"""

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from jangbu.clock import Clock
from jangbu.errors import Refusal
from jangbu.web import envelope, language
from jangbu.web.chrome import ErrorPage
from jangbu.web.problems import problems
from jangbu.web.rendering import Pages

log = structlog.get_logger("jangbu.web")

REQUEST_ID = "jangbu.request_id"
"""The scope key under which `requests.Identified` puts the request's id."""


class InvalidRequest(Refusal):
    """The request does not have the agreed form. `details` lists each field and what is wrong with it."""

    code = "INVALID_REQUEST"
    http_status = 422
    ko = "요청 형식이 올바르지 않습니다."
    en = "The request does not have the expected form."

    def __init__(self, *, details: list[dict[str, str]]) -> None:
        super().__init__()
        self.details = details


class MalformedJson(Refusal):
    """The body is not JSON."""

    code = "MALFORMED_JSON"
    http_status = 400
    ko = "본문이 올바른 JSON이 아닙니다."
    en = "The body is not valid JSON."


class BodyIncomplete(Refusal):
    """The caller left before the body was whole. Nobody hears this answer; it is what the log and the figures say."""

    code = "BODY_INCOMPLETE"
    http_status = 400
    ko = "본문이 다 도착하기 전에 연결이 끊어졌습니다. 다시 보내 주세요."
    en = "The connection ended before the whole body had arrived. Send the request again."


class MalformedRequest(Refusal):
    """The request cannot be read at all."""

    code = "MALFORMED_REQUEST"
    http_status = 400
    ko = "요청을 읽을 수 없습니다."
    en = "The request cannot be read."


class NotFound(Refusal):
    """Nothing lives at this address, or not for this caller. Capabilities raise their own, more exact, refusals."""

    code = "NOT_FOUND"
    http_status = 404
    ko = "요청하신 주소를 찾을 수 없습니다."
    en = "There is nothing at this address."


class MethodNotAllowed(Refusal):
    """The address exists, the method does not; the `Allow` header names those that do."""

    code = "METHOD_NOT_ALLOWED"
    http_status = 405
    ko = "이 주소에서 지원하지 않는 HTTP 메서드입니다."
    en = "This address does not support that HTTP method."


class BodyTooLarge(Refusal):
    """The body has more bytes than this route reads; the rest was not read."""

    code = "BODY_TOO_LARGE"
    http_status = 413
    ko = "요청 본문이 너무 큽니다. 최대 {limit_bytes}바이트까지 보낼 수 있습니다."
    en = "The request body is too large. At most {limit_bytes} bytes are accepted."


class QueryTooLong(Refusal):
    """The query of the address has more bytes than any of ours needs; nothing of it was read."""

    code = "QUERY_TOO_LONG"
    http_status = 414
    ko = "주소의 조회 조건이 너무 깁니다. 최대 {limit_bytes}바이트까지 보낼 수 있습니다."
    en = "The query of the address is too long. At most {limit_bytes} bytes are accepted."


class OriginNotAllowed(Refusal):
    """A browser on a page that is not in ALLOWED_ORIGINS asked whether it may call us."""

    code = "ORIGIN_NOT_ALLOWED"
    http_status = 403
    ko = "허용되지 않은 출처(Origin)입니다. ALLOWED_ORIGINS 설정을 확인해 주세요."
    en = "This origin is not allowed. See the setting ALLOWED_ORIGINS."


class InternalError(Refusal):
    """A bug of ours. Nobody raises this: it is a class so that its code stands in the error reference."""

    code = "INTERNAL_ERROR"
    http_status = 500
    ko = "예상하지 못한 오류가 발생했습니다. 요청 번호와 함께 관리자에게 알려 주세요."
    en = "Something went wrong on our side. Please report it together with the request id."


class HttpRefusal(Refusal):
    """A status that the web framework answered by itself and that has no class above."""

    code = "HTTP_ERROR"

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


_BY_STATUS: dict[int, type[Refusal]] = {400: MalformedRequest, 404: NotFound, 405: MethodNotAllowed}
# The framework's own header values that a caller needs; everything else it may say is dropped.
_KEPT_HEADERS = ("allow", "retry-after", "www-authenticate")
_FOR_PROGRAMS = ("/api/", "/metrics", "/health")


class ErrorAnswers:
    """Makes the answers. One per application."""

    def __init__(self, *, clock: Clock, pages: Pages) -> None:
        self._clock = clock
        self._pages = pages

    def install(self, app: FastAPI) -> None:
        """Answer what the routes raise. What nobody expected goes past these, to `requests.LastResort`."""
        app.add_exception_handler(Refusal, self._refused)
        app.add_exception_handler(RequestValidationError, self._invalid)
        app.add_exception_handler(HTTPException, self._framework)
        app.add_exception_handler(ClientDisconnect, self._left)

    def refusal(self, request: Request, refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
        """The answer to an expected "no". Logged at info: it pages nobody."""
        status = refusal.status if isinstance(refusal, HttpRefusal) else refusal.http_status
        log.info("request.refused", code=refusal.code, status=status, method=request.method)
        headers = dict(headers or {})
        retry_after_s: int | None = getattr(refusal, "retry_after_s", None)
        if retry_after_s is not None:
            headers["retry-after"] = str(retry_after_s)
        return self._answer(request, refusal, status, headers)

    def crash(self, request: Request, error: Exception) -> Response:
        """The answer to a bug: generic words and the id. The log gets the traceback."""
        log.error("request.crashed", method=request.method, path=request.url.path, exc_info=error)
        return self._answer(request, InternalError(), InternalError.http_status, {})

    def _answer(self, request: Request, refusal: Refusal, status: int, headers: dict[str, str]) -> Response:
        if wants_page(request):
            try:
                sentence = refusal.sentence(language.for_page(request))
                listed = tuple((each["field"], each["problem"]) for each in getattr(refusal, "details", ()))
                page = ErrorPage(status, refusal.code, sentence, request_id(request), listed)
                return self._pages.page(request, "error.html", page, status=status, headers=headers)
            except Exception as error:
                log.error("error_page.crashed", exc_info=error)
        return envelope.error(
            refusal.code,
            refusal.sentence(language.for_api(request)),
            status=status,
            request_id=request_id(request),
            clock=self._clock,
            details=getattr(refusal, "details", None),
            headers=headers,
        )

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return self.refusal(request, error)

    async def _invalid(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        errors = error.errors()
        if any(each["type"] == "json_invalid" for each in errors):
            return self.refusal(request, MalformedJson())
        spoken = language.for_page(request) if wants_page(request) else language.for_api(request)
        return self.refusal(request, InvalidRequest(details=problems(errors, spoken)))

    async def _left(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, ClientDisconnect)
        return self.refusal(request, BodyIncomplete())

    async def _framework(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kept = {name: value for name, value in (error.headers or {}).items() if name.lower() in _KEPT_HEADERS}
        if error.status_code < 400:
            return Response(status_code=error.status_code, headers=error.headers)
        if error.status_code == 400 and "json" in request.headers.get("content-type", ""):
            # Bytes that are not UTF-8, or nested beyond reason: FastAPI says only "could not parse the body".
            return self.refusal(request, MalformedJson())
        known = _BY_STATUS.get(error.status_code)
        return self.refusal(request, known() if known else HttpRefusal(error.status_code), kept)


def wants_page(request: Request) -> bool:
    """Whether a person is reading: a browser outside the API."""
    path = request.url.path
    return "text/html" in request.headers.get("accept", "") and not path.startswith(_FOR_PROGRAMS)


def request_id(request: Request) -> str:
    """The id under which the log tells this request's story."""
    found: str = request.scope.get(REQUEST_ID, "")
    return found
