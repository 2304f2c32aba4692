"""Who acted, as people call them: an id tells an approver and an accountant nothing. No I/O."""

from collections.abc import Mapping

_ELSEWHERE = {
    "portone": ("포트원", "PortOne"),
    "portone:console": ("포트원 콘솔", "PortOne's console"),
    "portone:imported": ("이전 시스템", "the system before"),
}


def in_words(actor: str, names: Mapping[str, str], language: str) -> str:
    """`user:<id>`, `key:<id>`, `cli:<login>`, `portone…` for people; what is none of these stays what it is."""
    korean = language == "ko"
    kind, _, rest = actor.partition(":")
    name = names.get(actor, "")
    if kind == "key" and name:
        return f"API 키 {name}" if korean else f"API key {name}"
    if kind == "cli":
        return f"터미널 {rest}" if korean else f"terminal {rest}"
    if kind == "portone":
        return _ELSEWHERE.get(actor, _ELSEWHERE["portone"])[0 if korean else 1]
    return name or actor
