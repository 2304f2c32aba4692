"""Staff, signing in and out, and what a session is worth."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jangbu import audit
from jangbu.access import cli, store
from jangbu.access.cookies import signed, token_of
from jangbu.access.refusals import (
    EmailTaken,
    LastSuperAdmin,
    PasswordUnfit,
    PersonUnknown,
    RoleUnknown,
    SignInRefused,
)
from jangbu.access.rules import Role, scopes_of
from jangbu.access.secret import signing_secret
from jangbu.access.service.sessions import session_of, sign_in, sign_out
from jangbu.access.service.staff import change_admin, create_admin, create_first_admin, list_staff, reset_password
from jangbu.audit import Actor
from jangbu.db import Query
from jangbu.ids import secret_token

TESTER = Actor("test")
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
HERE = "192.0.2.1"
SESSIONS = Query(int, "SELECT count(*)::int FROM session")
LOGGED = Query(str, "SELECT to_jsonb(l)::text FROM audit_log l")
SOMEBODY_WAITS = Query(
    bool,
    """
    SELECT EXISTS (SELECT FROM pg_locks
                    WHERE locktype = 'advisory' AND NOT granted
                      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
    """,
)
SET_STATUS = Query(type(None), "UPDATE users SET status = :status WHERE email = :email")
STORED_HASH = Query(str, "SELECT password_hash FROM users WHERE email = :email")
FORGET_PASSWORD = Query(type(None), "UPDATE users SET password_hash = NULL WHERE email = :email")
MAKE_MEMBER = Query(
    type(None),
    """
    INSERT INTO users (id, email, name, password_hash)
    SELECT :id, :email, 'member', password_hash FROM users WHERE email = :like
    """,
)


async def fail(office: Any, times: int, *, email: str = EMAIL, ip: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            await sign_in(email, "wrong password", ip, "tests", run=office.run)


async def test_a_session_says_who_and_what_they_may_do(office: Any) -> None:
    session, value = await sign_in(" KIM@shop.example ", PASSWORD, HERE, "Firefox", run=office.run)
    caller = await session_of(value, run=office.run, request_id="request-9")
    assert caller is not None
    assert caller.actor == Actor(f"user:{session.user_id}", "request-9")
    assert (caller.user_id, caller.session_id, caller.key_id) == (session.user_id, session.id, None)
    assert caller.role is Role.SUPER_ADMIN
    assert caller.scopes == scopes_of(Role.SUPER_ADMIN)
    assert caller.name == "김장부"


async def test_the_password_and_the_address_are_not_in_the_audit_log(office: Any) -> None:
    value = await office.cookie()
    await fail(office, 1, email="lee@shop.example")
    async with office.run.db.transaction() as tx:
        everything = "".join(await tx.all(LOGGED))
    assert "access.signed_in" in everything
    for secret in (
        PASSWORD,
        "shop.example",
        "wrong password",
        value[:32],
        token_of(value, signing_secret(office.run.settings)),
    ):
        assert secret not in everything


async def test_the_kept_password_has_better_auths_format(office: Any) -> None:
    salt, _, key = (await office.run.db.statement(STORED_HASH, email=EMAIL)).partition(":")
    assert (len(salt), len(key)) == (32, 128)
    made = hashlib.scrypt(PASSWORD.encode(), salt=salt.encode(), n=16384, r=16, p=1, dklen=64, maxmem=2**26)
    assert made.hex() == key


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "wrong password"),
        (EMAIL, ""),
        ("lee@shop.example", PASSWORD),
        ("", ""),
        ("kim\x00@shop.example", PASSWORD),
        ("%", "%"),
    ],
)
async def test_wrong_words_are_refused_alike(office: Any, email: str, password: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        await sign_in(email, password, HERE, "tests\x00\n", run=office.run)
    assert refused.value.facts == {}
    assert await office.run.db.statement(SESSIONS) == 0


async def test_an_unknown_address_takes_the_same_work_as_a_wrong_password(
    office: Any, scrypts: list[dict[str, Any]]
) -> None:
    await fail(office, 1)
    await fail(office, 1, email="lee@shop.example")
    await fail(office, 1, email="not an address")
    assert len(scrypts) == 3
    assert scrypts[0] == scrypts[1] == scrypts[2]


async def test_who_has_no_password_here_cannot_sign_in(office: Any) -> None:
    await office.run.db.statement(FORGET_PASSWORD, email=EMAIL)
    for password in ("", PASSWORD):
        with pytest.raises(SignInRefused):
            await sign_in(EMAIL, password, HERE, "tests", run=office.run)


async def test_a_session_ends_after_seven_days_and_using_it_does_not_lengthen_it(office: Any) -> None:
    value = await office.cookie()
    for _ in range(7):
        assert await session_of(value, run=office.run) is not None
        office.clock.move(timedelta(hours=23, minutes=59))
    office.clock.move(timedelta(minutes=7) - timedelta(seconds=1))
    assert await session_of(value, run=office.run) is not None
    office.clock.move(timedelta(seconds=1))
    assert await session_of(value, run=office.run) is None


async def test_the_token_alone_or_wrongly_signed_is_nobody(office: Any) -> None:
    session, value = await sign_in(EMAIL, PASSWORD, HERE, "tests", run=office.run)
    secret = signing_secret(office.run.settings)
    assert len(session.token) == 32
    assert signed(session.token, secret) == value
    for wrong in (
        session.token,
        f"{session.token}.",
        signed(session.token, "another secret"),
        value[:-1],
        value.swapcase(),
    ):
        assert await session_of(wrong, run=office.run) is None
    assert await session_of(signed(secret_token(24), secret), run=office.run) is None, "well signed, and no session"


async def test_signing_out_ends_this_session_only(office: Any) -> None:
    one, other = await office.cookie(), await office.cookie()
    assert await sign_out(one, run=office.run)
    assert await session_of(one, run=office.run) is None
    assert await session_of(other, run=office.run) is not None
    assert not await sign_out(one, run=office.run)
    assert not await sign_out("nonsense", run=office.run)


async def test_an_expired_session_is_cleaned_up_at_the_next_sign_in(office: Any) -> None:
    await office.cookie()
    office.clock.move(timedelta(days=7))
    await office.cookie()
    assert await office.run.db.statement(SESSIONS) == 1


async def test_a_demoted_admin_may_do_less_at_the_next_request(office: Any) -> None:
    await create_admin("lee@shop.example", "이실장", PASSWORD, "Super Admin", actor=TESTER, run=office.run)
    value = await office.cookie("lee@shop.example")
    before = await change_admin("lee@shop.example", role="support", actor=TESTER, run=office.run)
    assert before.role == "Super Admin"
    caller = await session_of(value, run=office.run)
    assert caller is not None
    assert caller.role is Role.SUPPORT
    assert caller.scopes == scopes_of(Role.SUPPORT)


async def test_an_admin_who_was_let_out_may_do_nothing_at_the_next_request(office: Any) -> None:
    await create_admin("lee@shop.example", "이실장", PASSWORD, actor=TESTER, run=office.run)
    value = await office.cookie("lee@shop.example")
    await change_admin("lee@shop.example", is_active=False, actor=TESTER, run=office.run)
    caller = await session_of(value, run=office.run)
    assert caller is not None
    assert (caller.role, caller.scopes) == (None, frozenset())
    await change_admin("lee@shop.example", is_active=True, actor=TESTER, run=office.run)
    again = await session_of(value, run=office.run)
    assert again is not None
    assert again.role is Role.SUPER_ADMIN


async def test_an_inactive_user_is_nobody_at_the_next_request_and_cannot_sign_in(office: Any) -> None:
    value = await office.cookie()
    await office.run.db.statement(SET_STATUS, email=EMAIL, status="Inactive")
    assert await session_of(value, run=office.run) is None
    with pytest.raises(SignInRefused):
        await office.cookie()


async def test_somebody_who_is_no_staff_may_do_nothing(office: Any) -> None:
    await office.run.db.statement(MAKE_MEMBER, id=office.run.ids.uuid(), email="member@shop.example", like=EMAIL)
    caller = await session_of(await office.cookie("member@shop.example"), run=office.run)
    assert caller is not None
    assert (caller.role, caller.scopes) == (None, frozenset())


async def test_the_last_super_admin_stays(office: Any) -> None:
    for change in ({"role": "Manager"}, {"is_active": False}):
        with pytest.raises(LastSuperAdmin):
            await change_admin(EMAIL, actor=TESTER, run=office.run, **change)
    await create_admin("lee@shop.example", "이실장", PASSWORD, "Manager", actor=TESTER, run=office.run)
    with pytest.raises(LastSuperAdmin):
        await change_admin(EMAIL, role="Support", actor=TESTER, run=office.run)


async def test_two_super_admins_cannot_demote_each_other_at_once(office: Any) -> None:
    await create_admin("lee@shop.example", "이실장", PASSWORD, actor=TESTER, run=office.run)
    outcomes = await asyncio.gather(
        *(change_admin(email, role="Manager", actor=TESTER, run=office.run) for email in (EMAIL, "lee@shop.example")),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastSuperAdmin", "Staff"]
    assert [person.role for person in await list_staff(run=office.run)].count("Super Admin") == 1


async def test_what_a_member_of_staff_cannot_be_is_refused(office: Any) -> None:
    with pytest.raises(EmailTaken):
        await create_admin(EMAIL.upper(), "다른 사람", PASSWORD, actor=TESTER, run=office.run)
    with pytest.raises(PasswordUnfit):
        await create_admin("lee@shop.example", "이실장", "123456789", actor=TESTER, run=office.run)
    with pytest.raises(RoleUnknown):
        await create_admin("lee@shop.example", "이실장", PASSWORD, "root", actor=TESTER, run=office.run)
    with pytest.raises(PersonUnknown):
        await change_admin("lee@shop.example", role="Support", actor=TESTER, run=office.run)
    assert [person.email for person in await list_staff(run=office.run)] == [EMAIL]


async def test_changes_of_staff_are_written_down(office: Any) -> None:
    user_id = await create_admin("lee@shop.example", "이실장", PASSWORD, "admin", actor=TESTER, run=office.run)
    await change_admin("lee@shop.example", role="Support", actor=TESTER, run=office.run)
    async with office.run.db.transaction() as tx:
        lines = await audit.of_subject(tx, f"user:{user_id}")
    assert [(line.action, line.facts) for line in lines] == [
        ("access.admin_created", {"role": "Manager"}),
        (
            "access.admin_changed",
            {"before": {"role": "Manager", "active": True}, "after": {"role": "Support", "active": True}},
        ),
    ]


async def test_a_new_password_ends_every_session(office: Any) -> None:
    value = await office.cookie()
    await reset_password(EMAIL, "다른 비밀번호 열 자 넘게", actor=TESTER, run=office.run)
    assert await session_of(value, run=office.run) is None
    with pytest.raises(SignInRefused):
        await office.cookie()
    assert await office.cookie(password="다른 비밀번호 열 자 넘게")


async def test_the_first_admin_is_made_once(request_run: Any, run: Any, scrypts: list[dict[str, Any]]) -> None:
    # Told apart by address, so that it is the lock and not the address that lets only one in.
    made = await asyncio.gather(*(cli.first_admin(f"admin{n}@jangbu.local", "관리자", run=run) for n in range(4)))
    passwords = [password for password in made if password is not None]
    assert len(passwords) == 1
    (first,) = await cli.list_staff(run=run)
    _, value = await sign_in(first.email, passwords[0], "", "tests", run=request_run)
    caller = await session_of(value, run=request_run)
    assert caller is not None
    assert caller.role is Role.SUPER_ADMIN
    assert await create_first_admin("second@jangbu.local", "관리자", actor=TESTER, run=run) is None
    assert isinstance(await cli.create_admin("third@jangbu.local", "셋째", PASSWORD, "Support", run=run), UUID)
    assert [person.role for person in await cli.list_staff(run=run)] == ["Super Admin", "Support"]


async def test_a_first_admin_who_is_just_being_made_is_waited_for(run: Any) -> None:
    async with run.db.transaction() as tx:
        assert await store.lock_staff(tx) == []
        user_id, now = run.ids.uuid(), run.clock.now()
        await store.insert_user(tx, user_id=user_id, email="a@jangbu.local", name="a", password_hash="", at=now)
        await store.insert_admin(tx, user_id, "Super Admin", now)
        second = asyncio.create_task(create_first_admin("b@jangbu.local", "b", actor=TESTER, run=run))
        while not second.done() and not await run.db.statement(SOMEBODY_WAITS):
            await asyncio.sleep(0.01)
    assert await second is None
    assert [person.email for person in await list_staff(run=run)] == ["a@jangbu.local"]


async def test_a_password_changed_while_it_was_checked_does_not_let_in(office: Any) -> None:
    from jangbu import failpoints

    reached, go_on = asyncio.Event(), []

    def note(name: str) -> None:
        if name == "access.sign_in.password_checked":
            go_on.append(name)
            reached.set()

    # The row is locked by us when the old password has just been found right, and is another one when it is released.
    with failpoints.watched(note):
        async with office.run.db.transaction() as tx:
            await tx.run(
                Query(type(None), "SELECT pg_advisory_xact_lock(hashtextextended(:s, 0))"),
                s=f"access.sign_in:ip:{HERE}",
            )
            trying = asyncio.create_task(sign_in(EMAIL, PASSWORD, HERE, "tests", run=office.run))
            await asyncio.wait_for(reached.wait(), 10)
            await tx.run(
                Query(type(None), "UPDATE users SET password_hash = 'changed' WHERE email = :email"), email=EMAIL
            )
        with pytest.raises(SignInRefused):
            await trying
    assert go_on
    assert await office.run.db.statement(SESSIONS) == 0
