"""Roles, scopes, the rules a route may declare, and who passes which. Tables as data; no I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network

from jangbu.access.refusals import (
    EmailMalformed,
    MoreThanYouHave,
    NameMissing,
    PasswordUnfit,
    RoleUnknown,
    ScopeUnknown,
)

SESSION_LIFE = timedelta(days=7)
"""Better Auth's own (tech §8). Fixed: using a session does not lengthen it."""
FAILURES_MAX = 10
FAILURES_WINDOW = timedelta(minutes=15)
KNOWN_ADDRESS_FOR = timedelta(days=30)
FRESH_FOR = timedelta(minutes=15)
"""How long after somebody gave their password the weightiest routes take their word for it (reliability F131)."""
CLOCKS_DIFFER = timedelta(minutes=1)
PASSWORD_SHORTEST, PASSWORD_LONGEST = 10, 128
EMAIL_LONGEST = 254
NAME_LONGEST = 100

_EMAIL = re.compile(r"[!-?A-~]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_KEY_SECRET = re.compile(r"(jbk_[A-Za-z0-9]{8})_[A-Za-z0-9_-]{43}")


class Role(StrEnum):
    """What a member of staff is, in the words of the `admin` table (requirements E8)."""

    SUPER_ADMIN = "Super Admin"
    MANAGER = "Manager"
    SUPPORT = "Support"


_ROLE_WORDS: dict[str, Role] = {
    "super admin": Role.SUPER_ADMIN,
    "super_admin": Role.SUPER_ADMIN,
    "superadmin": Role.SUPER_ADMIN,
    "manager": Role.MANAGER,
    "admin": Role.MANAGER,
    "support": Role.SUPPORT,
}
"""Sources name the first two differently (requirements B9, E8)."""

EVERY_ROLE = frozenset(Role)
ADMIN_ROLES = frozenset({Role.SUPER_ADMIN, Role.MANAGER})
"""The sources' requireAdmin (requirements E8)."""
_SUPER = frozenset({Role.SUPER_ADMIN})
_NOBODY: frozenset[Role] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that may be allowed: to which roles, and whether an API key may be made for it."""

    name: str
    en: str
    ko: str
    roles: frozenset[Role]
    for_keys: bool = True


SCOPES: dict[str, Scope] = {
    scope.name: scope
    for scope in (
        # No role has this one: a price is stated by the shop's server and never from a browser (design §4.4).
        Scope("payments:create", "create payments and state their amount", "결제 생성과 금액 지정", _NOBODY),
        Scope("payments:verify", "ask PortOne what became of a payment", "결제 검증", EVERY_ROLE),
        Scope("payments:read", "see payments", "결제 조회", EVERY_ROLE),
        Scope("payments:export", "take payments and refunds out as files", "결제와 취소 내역 내려받기", ADMIN_ROLES),
        Scope("payments:cancel", "cancel and refund payments", "결제 취소와 환불", ADMIN_ROLES),
        # Neither does this: it states no amount, but whoever makes sessions says for which customer they are.
        Scope("checkout:create", "make checkout sessions of items", "상품 결제 세션 생성", _NOBODY),
        Scope("items:read", "see items and their stock", "상품과 재고 조회", EVERY_ROLE),
        Scope("items:manage", "add and change items, prices and stock", "상품, 가격, 재고 관리", ADMIN_ROLES),
        Scope("books:read", "see the ledger and its proof", "원장과 증명 조회", ADMIN_ROLES),
        Scope("webhooks:read", "see webhooks and what became of them", "웹훅 조회", EVERY_ROLE),
        Scope("webhooks:bodies", "see what webhooks say, word for word", "웹훅 본문 전체 조회", ADMIN_ROLES),
        Scope("webhooks:replay", "handle a webhook again", "웹훅 재처리", ADMIN_ROLES),
        Scope("events:read", "read events and how they were delivered", "이벤트와 전송 내역 조회", EVERY_ROLE),
        Scope("events:manage", "say where events go, and send them again", "이벤트 수신 주소 관리", ADMIN_ROLES),
        Scope("identity:verify", "verify who somebody is", "본인인증 요청과 확인", _NOBODY),
        Scope("identity:read", "see verified people, masked", "본인인증 내역 조회(가림)", EVERY_ROLE),
        Scope("identity:reveal", "see who a verified person is", "본인인증 개인정보 열람", ADMIN_ROLES),
        Scope("notices:read", "see alerts and what was sent", "경보와 알림 조회", EVERY_ROLE, for_keys=False),
        Scope("notices:manage", "take alerts on, send again", "경보 확인과 재발송", ADMIN_ROLES, for_keys=False),
        Scope("audit:read", "see who did what", "감사 기록 조회", ADMIN_ROLES),
        # A key that could make keys or staff would outlive its own revocation.
        Scope("keys:read", "see API keys", "API 키 조회", ADMIN_ROLES, for_keys=False),
        Scope("keys:manage", "make and revoke API keys", "API 키 발급과 폐기", _SUPER, for_keys=False),
        Scope("staff:manage", "let people in and out", "직원 관리", _SUPER, for_keys=False),
    )
}
KEY_SCOPES = frozenset(scope.name for scope in SCOPES.values() if scope.for_keys)


FRESHLY = ", freshly signed in"
ALSO_PAYERS = ", or a payer's token"
ALSO_TOKENS = "; a payer's token narrows it to theirs"


@dataclass(frozen=True, slots=True)
class Public:
    """Anybody may call; `why` is for whoever reviews the list of routes."""

    why: str

    def __str__(self) -> str:
        return f"public: {self.why}"


@dataclass(frozen=True, slots=True)
class Held(Public):
    """Whoever holds a secret that stands for one thing of ours, which the handler looks up; `why` says which.

    Of whatever store that thing is, it is seen (jangbu.sight). `payers`: a payer's token may come along, must then be
    right, and is shown nothing but its payer's.
    """

    payers: bool = False

    def __str__(self) -> str:
        return f"held: {self.why}" + (ALSO_TOKENS if self.payers else "")


@dataclass(frozen=True, slots=True)
class Signed:
    """The body's signature is the authentication, and the handler checks it; `why` says which signature."""

    why: str

    def __str__(self) -> str:
        return f"signed: {self.why}"


@dataclass(frozen=True, slots=True)
class Known:
    """Any valid API key and anybody who is signed in; `why` says what keeps them to what is theirs."""

    why: str

    def __str__(self) -> str:
        return f"known caller: {self.why}"


@dataclass(frozen=True, slots=True)
class Scoped:
    """An API key with this scope, or staff whose role has it.

    `fresh`: a person must have given their password within FRESH_FOR. A key has none to give: it passes by its scope.
    `payers`: so does a payer whom a shop's token names, for what the handler lets payers do.
    """

    scope: str
    fresh: bool = False
    payers: bool = False

    def __post_init__(self) -> None:
        assert self.scope in SCOPES, f"{self.scope} is not in SCOPES"

    def __str__(self) -> str:
        return f"scope {self.scope}" + (FRESHLY if self.fresh else "") + (ALSO_PAYERS if self.payers else "")


@dataclass(frozen=True, slots=True, init=False)
class Roles:
    """Staff of one of these roles; no API key, whatever its scopes. `fresh` as for `Scoped`."""

    roles: frozenset[Role]
    fresh: bool

    def __init__(self, *roles: Role, fresh: bool = False) -> None:
        assert roles, "a rule that nobody passes is a mistake"
        object.__setattr__(self, "roles", frozenset(roles))
        object.__setattr__(self, "fresh", fresh)

    def __str__(self) -> str:
        names = " or ".join(role.value for role in Role if role in self.roles)
        return f"role {names}" + (FRESHLY if self.fresh else "")


@dataclass(frozen=True, slots=True)
class Payers:
    """A payer whom a shop's token names, and nobody else; `why` says what keeps them to what is theirs."""

    why: str

    def __str__(self) -> str:
        return f"payer's token: {self.why}"


Open = Public | Signed
"""What needs nobody to be known."""
Rule = Open | Known | Scoped | Roles | Payers


def welcomes_payers(rule: Rule) -> bool:
    """Whether a payer's token is a credential here at all."""
    return isinstance(rule, Payers) or (isinstance(rule, Scoped | Held) and rule.payers)


def may_pass(rule: Rule, *, scopes: frozenset[str], role: Role | None) -> bool:
    """Whether a key or a person who is known passes."""
    match rule:
        case Payers():
            return False
        case Public() | Signed() | Known():
            return True
        case Scoped(scope):
            return scope in scopes
        case Roles():
            return role in rule.roles


def is_fresh(signed_in_at: datetime, now: datetime) -> bool:
    """Whether a password that was given then still speaks for who sits there now.

    The clocks of two web programs may differ a little; what lies further ahead is not believed.
    """
    return -CLOCKS_DIFFER <= now - signed_in_at < FRESH_FOR


def scopes_of(role: Role | None) -> frozenset[str]:
    """All that a role may do; nothing without one."""
    return frozenset(scope.name for scope in SCOPES.values() if role in scope.roles)


def givable_to_keys(by: Role | None) -> frozenset[str]:
    """The scopes that somebody of this role may make a key for; None is the operator at a terminal.

    What they may do themselves; and what no role may do, because only a shop's server does it (design §4.4).
    """
    if by is None:
        return KEY_SCOPES
    for_nobody = {scope.name for scope in SCOPES.values() if not scope.roles}
    return KEY_SCOPES & (scopes_of(by) | for_nobody)


def refuse_giving_more(role: Role, by: Role | None) -> None:
    """Raise MoreThanYouHave unless all that `role` may do, `by` may do too. None is the operator at a terminal."""
    if by is not None and not scopes_of(role) <= scopes_of(by):
        raise MoreThanYouHave


def role_of(text: str | None) -> Role | None:
    """The role an `admin` row means, in any of the sources' spellings; None for what we do not know."""
    return None if text is None else _ROLE_WORDS.get(text.strip().lower())


def checked_role(text: str) -> Role:
    """The same, for input. Raises RoleUnknown."""
    role = role_of(text)
    if role is None:
        raise RoleUnknown(known=", ".join(Role))
    return role


def checked_scopes(wanted: Iterable[str]) -> list[str]:
    """The scopes of a new key, each once, in order of the list. Raises ScopeUnknown."""
    asked = set(wanted)
    if not asked or not asked <= KEY_SCOPES:
        wrong = ", ".join(sorted(asked - KEY_SCOPES)) or "-"
        raise ScopeUnknown(wrong=wrong, known=", ".join(name for name in SCOPES if name in KEY_SCOPES))
    return [name for name in SCOPES if name in asked]


def checked_name(name: str) -> str:
    """A name without blanks around it. Raises NameMissing."""
    stripped = name.strip()
    if not 1 <= len(stripped) <= NAME_LONGEST or not stripped.isprintable():
        raise NameMissing
    return stripped


def checked_password(password: str) -> str:
    """A password somebody may choose. Raises PasswordUnfit."""
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        raise PasswordUnfit(shortest=PASSWORD_SHORTEST, longest=PASSWORD_LONGEST)
    return password


def email_of(text: str) -> str | None:
    """An e-mail address as we keep it, or None for what is not one.

    Plain ASCII only: Python and PostgreSQL do not agree on the lower case of every other letter.
    """
    email = text.strip().lower()
    return email if len(email) <= EMAIL_LONGEST and _EMAIL.fullmatch(email) else None


def checked_email(text: str) -> str:
    """The same, for input. Raises EmailMalformed."""
    email = email_of(text)
    if email is None:
        raise EmailMalformed
    return email


def key_prefix(secret: str) -> str | None:
    """The part of an API key that may be shown, or None for what has not the form of a key."""
    match = _KEY_SECRET.fullmatch(secret)
    return match[1] if match else None


def place_of(ip: str) -> str:
    """What failed sign-ins from this address are counted under: the address, in IPv6 the /64 it can be changed within.

    A caller with IPv6 has as many addresses as they like, all in one /64 (reliability F123).
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return ip
    return ip if address.version == 4 else str(ip_network((address, 64), strict=False))


def locked_for(failures: Sequence[datetime], now: datetime) -> timedelta:
    """How long no more sign-ins are tried, given the latest failures; zero while they are few enough."""
    recent = sorted(at for at in failures if at > now - FAILURES_WINDOW)
    if len(recent) < FAILURES_MAX:
        return timedelta()
    return recent[-FAILURES_MAX] + FAILURES_WINDOW - now


def local_path(wanted: str, *, otherwise: str) -> str:
    """`wanted` if it is certainly an address of ours, else `otherwise`: where to go after signing in.

    Browsers drop tabs and line breaks and read a backslash as a slash, so a slash, a tab and `/evil.example` would
    leave us: only visible ASCII without backslashes or doubled slashes stays.
    """
    plain = len(wanted) <= 2000 and re.fullmatch(r"/[!-\[\]-~]*", wanted) is not None
    return wanted if plain and "//" not in wanted else otherwise
