"""Which of our two languages a request wants. Korean unless it clearly asks for English."""

from collections.abc import Mapping
from typing import Literal

from starlette.requests import HTTPConnection

Language = Literal["ko", "en"]

LANGUAGE_COOKIE = "jangbu_lang"


def from_header(accept_language: str) -> Language:
    """The better-liked of Korean and English in an Accept-Language header (RFC 9110 §12.5.4)."""
    best: Language = "ko"
    best_weight = 0
    for part in accept_language.split(",")[:20]:
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if language in ("ko", "*") and weight > best_weight:
            best, best_weight = "ko", weight
        elif language == "en" and weight > best_weight:
            best, best_weight = "en", weight
    return best


def _weight(parameters: str) -> int:
    """`q=0.85` in thousandths; what is not a weight counts as nothing."""
    name, _, digits = parameters.strip().partition("=")
    if not name:
        return 1000
    whole, _, part = digits.strip().partition(".")
    if name.strip().lower() != "q" or not (whole + part).isascii() or not (whole + part).isdigit():
        return 0
    return min(1000, int(whole[:1] or 0) * 1000 + int(part[:3].ljust(3, "0")))


def for_api(request: HTTPConnection) -> Language:
    """For JSON answers: the header alone, so that an answer never depends on a browser's earlier choices."""
    return from_header(request.headers.get("accept-language", ""))


def for_page(request: HTTPConnection) -> Language:
    """For HTML: `?lang=`, else what was chosen before, else the browser's own wish."""
    return _known(request.query_params) or _known(request.cookies, LANGUAGE_COOKIE) or for_api(request)


def _known(values: Mapping[str, str], name: str = "lang") -> Language | None:
    match values.get(name):
        case "ko":
            return "ko"
        case "en":
            return "en"
        case _:
            return None
