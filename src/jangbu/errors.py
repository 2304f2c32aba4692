"""Refusals: answers we mean, each with a stable code and a sentence in Korean and English.

    Refusal                 an expected "no": bad input, a conflict, a rule. Logged at info, pages nobody.
    └── Unavailable         we cannot answer now (PortOne or the database is away). Try again later: 503.

Everything else that is raised is a bug: it becomes a 500 with generic text and is logged in full.
"""

from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818 (a refusal is not an error)
    """An expected refusal. Subclasses set `code`, `http_status` and the sentences; facts fill the sentences' blanks."""

    code: ClassVar[str] = "REFUSED"
    http_status: ClassVar[int] = 409
    ko: ClassVar[str] = "요청을 처리할 수 없습니다."
    en: ClassVar[str] = "The request was refused."

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(f"{self.code}: {self.sentence('en')}")

    def sentence(self, language: str) -> str:
        """What to tell a person, `language` being 'ko' or 'en'."""
        template = self.ko if language == "ko" else self.en
        return template.format_map(_Blanks(self.facts))


class _Blanks(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"<{key}>"


class Unavailable(Refusal):
    """Something we depend on is away; nothing was lost and the same request may be sent again."""

    code = "UNAVAILABLE"
    http_status = 503
    ko = "일시적으로 처리할 수 없습니다. 잠시 후 다시 시도해 주세요."
    en = "This cannot be answered right now. Please try again shortly."

    retry_after_s: ClassVar[int] = 5


class SetupProblem(Exception):  # noqa: N818
    """The installation cannot start as it is set up. The message says what is wrong and what to do."""


def every_refusal() -> list[type[Refusal]]:
    """All refusal classes that have been imported, by code: the source of docs/reference/errors.md."""
    found: dict[str, type[Refusal]] = {}
    waiting = [Refusal]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind is Refusal:
            continue
        known = found.setdefault(kind.code, kind)
        assert known is kind, f"{kind.__name__} and {known.__name__} share the code {kind.code}"
    return sorted(found.values(), key=lambda kind: kind.code)
