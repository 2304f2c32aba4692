"""What is wrong with a request's fields, in plain words. Never repeats what the caller sent."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jangbu.web.language import Language

PROBLEMS_MAX = 20
"""More than this helps nobody, and a list of ten thousand bad items must not become an answer of ten thousand lines."""

# pydantic's error type → Korean, English. Blanks are filled from limits of our own schema only (`LIMITS`).
WORDS: dict[str, tuple[str, str]] = {
    "missing": ("필수 항목입니다.", "is required."),
    "extra_forbidden": ("알 수 없는 항목입니다.", "is not a known field."),
    "int_type": ("정수여야 합니다.", "must be a whole number."),
    "int_parsing": ("정수여야 합니다.", "must be a whole number."),
    "int_from_float": (
        "정수여야 합니다. 소수는 받지 않습니다.",
        "must be a whole number; fractions are refused.",
    ),
    "int_parsing_size": ("숫자가 너무 큽니다.", "is too large a number."),
    "float_type": ("숫자여야 합니다.", "must be a number."),
    "bool_type": ("true 또는 false여야 합니다.", "must be true or false."),
    "bool_parsing": ("true 또는 false여야 합니다.", "must be true or false."),
    "string_type": ("문자열이어야 합니다.", "must be text."),
    "string_too_short": ("{min_length}자 이상이어야 합니다.", "must have at least {min_length} characters."),
    "string_too_long": ("{max_length}자 이하여야 합니다.", "must have at most {max_length} characters."),
    "string_pattern_mismatch": ("형식이 올바르지 않습니다.", "does not have the expected form."),
    "list_type": ("목록이어야 합니다.", "must be a list."),
    "tuple_type": ("목록이어야 합니다.", "must be a list."),
    "dict_type": ("객체여야 합니다.", "must be an object."),
    "model_type": ("JSON 객체여야 합니다.", "must be a JSON object."),
    "model_attributes_type": (
        "JSON 객체여야 합니다. Content-Type: application/json으로 보내 주세요.",
        "must be a JSON object, sent with Content-Type: application/json.",
    ),
    "dataclass_type": ("JSON 객체여야 합니다.", "must be a JSON object."),
    "too_short": ("항목이 {min_length}개 이상이어야 합니다.", "must have at least {min_length} items."),
    "too_long": ("항목이 {max_length}개 이하여야 합니다.", "must have at most {max_length} items."),
    "greater_than": ("{gt}보다 커야 합니다.", "must be greater than {gt}."),
    "greater_than_equal": ("{ge} 이상이어야 합니다.", "must be {ge} or more."),
    "less_than": ("{lt}보다 작아야 합니다.", "must be less than {lt}."),
    "less_than_equal": ("{le} 이하여야 합니다.", "must be {le} or less."),
    "multiple_of": ("{multiple_of}의 배수여야 합니다.", "must be a multiple of {multiple_of}."),
    "enum": ("허용된 값: {expected}", "must be one of: {expected}"),
    "literal_error": ("허용된 값: {expected}", "must be one of: {expected}"),
    "union_tag_invalid": ("허용된 종류: {expected_tags}", "must be one of: {expected_tags}"),
    "union_tag_not_found": ("종류를 나타내는 항목이 없습니다.", "lacks the field that names its kind."),
    "uuid_type": ("UUID여야 합니다.", "must be a UUID."),
    "uuid_parsing": ("UUID여야 합니다.", "must be a UUID."),
    "date_type": ("날짜(YYYY-MM-DD)여야 합니다.", "must be a date (YYYY-MM-DD)."),
    "date_parsing": ("날짜(YYYY-MM-DD)여야 합니다.", "must be a date (YYYY-MM-DD)."),
    "date_from_datetime_parsing": ("날짜(YYYY-MM-DD)여야 합니다.", "must be a date (YYYY-MM-DD)."),
    "datetime_type": (
        "시간대가 있는 RFC 3339 시각이어야 합니다.",
        "must be an RFC 3339 time with an offset.",
    ),
    "datetime_parsing": (
        "시간대가 있는 RFC 3339 시각이어야 합니다.",
        "must be an RFC 3339 time with an offset.",
    ),
    "datetime_from_date_parsing": (
        "시간대가 있는 RFC 3339 시각이어야 합니다.",
        "must be an RFC 3339 time with an offset.",
    ),
    "timezone_aware": ("시간대가 있어야 합니다.", "must have a time zone offset."),
    "url_parsing": ("URL이어야 합니다.", "must be a URL."),
    "url_type": ("URL이어야 합니다.", "must be a URL."),
    "url_scheme": ("허용된 URL 종류: {expected_schemes}", "must be a URL of: {expected_schemes}"),
}
_ANYTHING_ELSE = ("올바르지 않은 값입니다.", "is not a valid value.")
LIMITS = frozenset(
    {"min_length", "max_length", "gt", "ge", "lt", "le", "multiple_of", "expected", "expected_tags", "expected_schemes"}
)
"""The blanks that words may have. pydantic also offers facts about the input and validators' messages: not those."""
_SPEAKABLE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


def problems(errors: Sequence[Mapping[str, Any]], language: Language) -> list[dict[str, str]]:
    """pydantic's errors as `{"field", "problem"}`, the first `PROBLEMS_MAX` of them."""
    return [{"field": field_name(each["loc"]), "problem": in_words(each, language)} for each in errors[:PROBLEMS_MAX]]


def field_name(location: Sequence[str | int]) -> str:
    """`items[0].price`, `query.limit`, or `body` for the body as a whole."""
    inside_body = location[:1] == ("body",) and len(location) > 1
    name = ""
    for step in location[1:] if inside_body else location:
        if isinstance(step, int):
            name += f"[{step}]"
            continue
        # An unknown field's name is the caller's own text; strange ones are not sent back.
        shown = step if _SPEAKABLE.fullmatch(step) else "…"
        name += f".{shown}" if name else shown
    return name


def in_words(error: Mapping[str, Any], language: Language) -> str:
    """One problem as a sentence."""
    ko, en = WORDS.get(error["type"], _ANYTHING_ELSE)
    try:
        return (ko if language == "ko" else en).format(**error.get("ctx", {}))
    except KeyError:
        return _ANYTHING_ELSE[0 if language == "ko" else 1]
