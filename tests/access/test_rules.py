"""The tables of roles and scopes, and the small decisions."""

from datetime import UTC, datetime, timedelta

import pytest

from jangbu.access.refusals import EmailMalformed, NameMissing, PasswordUnfit, RoleUnknown, ScopeUnknown
from jangbu.access.rules import (
    KEY_SCOPES,
    SCOPES,
    Known,
    Public,
    Role,
    Roles,
    Scoped,
    Signed,
    checked_email,
    checked_name,
    checked_password,
    checked_role,
    checked_scopes,
    key_prefix,
    local_path,
    locked_for,
    may_pass,
    place_of,
    role_of,
    scopes_of,
)

# Written by hand, so that a change of the table is a change of this test: Super Admin, Manager, Support, API key.
MATRIX = {
    "payments:create": (False, False, False, True),
    "payments:verify": (True, True, True, True),
    "payments:read": (True, True, True, True),
    "payments:export": (True, True, False, True),
    "payments:cancel": (True, True, False, True),
    "books:read": (True, True, False, True),
    "webhooks:read": (True, True, True, True),
    "webhooks:bodies": (True, True, False, True),
    "webhooks:replay": (True, True, False, True),
    "events:read": (True, True, True, True),
    "events:manage": (True, True, False, True),
    "checkout:create": (False, False, False, True),
    "items:read": (True, True, True, True),
    "items:manage": (True, True, False, True),
    "identity:verify": (False, False, False, True),
    "identity:read": (True, True, True, True),
    "identity:reveal": (True, True, False, True),
    "notices:read": (True, True, True, False),
    "notices:manage": (True, True, False, False),
    "audit:read": (True, True, False, True),
    "keys:read": (True, True, False, False),
    "keys:manage": (True, False, False, False),
    "staff:manage": (True, False, False, False),
}
NOON = datetime(2026, 8, 1, 3, tzinfo=UTC)


def test_every_scope_and_every_role_has_a_cell() -> None:
    assert set(MATRIX) == set(SCOPES)
    assert list(Role) == [Role.SUPER_ADMIN, Role.MANAGER, Role.SUPPORT]


@pytest.mark.parametrize("scope", SCOPES)
def test_each_role_may_do_exactly_what_the_matrix_says(scope: str) -> None:
    expected = MATRIX[scope]
    for role, allowed in zip(Role, expected, strict=False):
        assert may_pass(Scoped(scope), scopes=scopes_of(role), role=role) is allowed, role
    assert (scope in KEY_SCOPES) is expected[3]
    assert not may_pass(Scoped(scope), scopes=scopes_of(None), role=None)


def test_no_session_may_state_a_price() -> None:
    assert all("payments:create" not in scopes_of(role) for role in Role)


def test_a_key_with_every_scope_has_no_role() -> None:
    for role in Role:
        assert not may_pass(Roles(role), scopes=KEY_SCOPES, role=None)


def test_a_rule_of_roles_lets_exactly_these_in() -> None:
    rule = Roles(Role.SUPER_ADMIN, Role.MANAGER)
    assert [may_pass(rule, scopes=scopes_of(role), role=role) for role in Role] == [True, True, False]


@pytest.mark.parametrize("rule", [Public("x"), Signed("x"), Known("x")])
def test_open_rules_ask_for_nothing_more(rule: Public | Signed | Known) -> None:
    assert may_pass(rule, scopes=frozenset(), role=None)


def test_a_rule_with_an_unknown_scope_cannot_be_written() -> None:
    with pytest.raises(AssertionError, match="payments:crate"):
        Scoped("payments:crate")


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("Super Admin", Role.SUPER_ADMIN),
        ("super_admin", Role.SUPER_ADMIN),
        ("superadmin", Role.SUPER_ADMIN),
        (" MANAGER ", Role.MANAGER),
        ("admin", Role.MANAGER),
        ("Support", Role.SUPPORT),
        ("owner", None),
        ("", None),
        (None, None),
    ],
)
def test_roles_go_by_all_the_sources_names(text: str | None, role: Role | None) -> None:
    assert role_of(text) is role


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(RoleUnknown):
        checked_role("root")


def test_a_keys_scopes_come_from_the_list() -> None:
    assert checked_scopes(["payments:read", "payments:create", "payments:read"]) == ["payments:create", "payments:read"]
    for wrong in ([], ["payments:*"], ["payments:read", "keys:manage"], ["staff:manage"]):
        with pytest.raises(ScopeUnknown):
            checked_scopes(wrong)


@pytest.mark.parametrize("password", ["", "a" * 9, "a" * 129])
def test_a_password_has_ten_characters_and_an_end(password: str) -> None:
    with pytest.raises(PasswordUnfit):
        checked_password(password)


@pytest.mark.parametrize(
    "email", ["", "kim", "kim@", "@x", "a b@x", "kim@x\n.kr", "김@x.kr", "kim@x\x00", "a" * 260 + "@x"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(EmailMalformed):
        checked_email(email)


def test_an_address_is_kept_in_lower_case() -> None:
    assert checked_email("  Kim+Shop@Example.CO.KR ") == "kim+shop@example.co.kr"
    assert checked_email("admin@localhost") == "admin@localhost"


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb"])
def test_a_name_can_be_read(name: str) -> None:
    with pytest.raises(NameMissing):
        checked_name(name)


@pytest.mark.parametrize(
    "secret", ["", "jbk_", "jbk_short_" + "x" * 43, "jbk_abcdefgh_" + "x" * 42, "JBK_abcdefgh_" + "x" * 43]
)
def test_what_has_not_the_form_of_a_key_has_no_prefix(secret: str) -> None:
    assert key_prefix(secret) is None


def test_ten_failures_in_fifteen_minutes_lock() -> None:
    nine = [NOON - timedelta(minutes=minute) for minute in range(9)]
    assert locked_for(nine, NOON) == timedelta()
    assert locked_for([*nine, NOON - timedelta(minutes=14)], NOON) == timedelta(minutes=1)
    assert locked_for([*nine, NOON - timedelta(minutes=15)], NOON) == timedelta()
    assert locked_for([NOON] * 10, NOON) == timedelta(minutes=15)
    assert locked_for([NOON] * 10, NOON + timedelta(minutes=15)) == timedelta()


@pytest.mark.parametrize("wanted", ["/console", "/console/payments?q=%EA%B9%80&before=1.2", "/", "/a/b;c#d"])
def test_our_own_paths_are_gone_to(wanted: str) -> None:
    assert local_path(wanted, otherwise="/home") == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "console",
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " /console",
        "/console ",
        "/a//evil.example",
        "/console\r\nSet-Cookie: a=b",
        "/김",
        "/\x00",
        "/\u2028/evil.example",
        "javascript:alert(1)",
        "/" + "a" * 2001,
    ],
)
def test_nothing_leads_away_from_us(wanted: str) -> None:
    assert local_path(wanted, otherwise="/home") == "/home"


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_address_that_its_holder_can_change_at_will_counts_as_the_network_they_have(ip: str, place: str) -> None:
    assert place_of(ip) == place
