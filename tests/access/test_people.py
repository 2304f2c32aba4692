"""Staff and their affairs: one-time links, own sessions and password; nobody gives more than they have."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jangbu import audit
from jangbu.access.caller import Caller
from jangbu.access.refusals import (
    EmailTaken,
    LastSuperAdmin,
    LinkUnusable,
    MoreThanYouHave,
    PasswordUnfit,
    PasswordWrong,
    PersonUnknown,
    SessionUnknown,
    SignInRefused,
    TooManySignIns,
)
from jangbu.access.rules import KEY_SCOPES, Role, givable_to_keys, refuse_giving_more, scopes_of
from jangbu.access.service import links, own
from jangbu.access.service.keys import create_api_key
from jangbu.access.service.links import Made
from jangbu.access.service.sessions import session_of
from jangbu.access.service.staff import change_admin, create_admin, list_staff, sign_out_everywhere
from jangbu.audit import Actor
from jangbu.db import Query

TESTER = Actor("test")
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
LEE, NEW = "lee@shop.example", "옥수수차 세 병 주세요"
DIGESTS = Query(bytes, "SELECT token_sha256 FROM staff_links WHERE ended_at IS NULL")

pytestmark = pytest.mark.usefixtures("scrypts")


def token_of(made: Made) -> str:
    return made.url.rpartition("/")[2]


async def invited(office: Any, role: str = "Manager", by: Role | None = Role.SUPER_ADMIN) -> Made:
    return await links.invite(LEE, "이실장", role, actor=TESTER, by=by, run=office.run)


async def caller_of(office: Any, email: str = EMAIL, password: str = PASSWORD) -> Caller:
    caller = await session_of(await office.cookie(email, password), run=office.run)
    assert caller is not None
    return caller


async def lines_about(office: Any, subject: str) -> list[tuple[str, str]]:
    async with office.run.db.transaction() as tx:
        return [(line.action, line.actor) for line in await audit.of_subject(tx, subject)]


async def test_an_invited_person_chooses_a_password_and_comes_in(office: Any) -> None:
    made = await invited(office)
    assert (made.email, made.purpose) == (LEE, "invite")
    with pytest.raises(SignInRefused):
        await office.cookie(LEE, "")
    looked = await links.look(token_of(made), run=office.run)
    assert (looked.name, looked.email) == ("이실장", LEE)
    used = await links.use(token_of(made), NEW, run=office.run, request_id="r-1")
    assert (await caller_of(office, LEE, NEW)).role is Role.MANAGER
    acts = await lines_about(office, f"user:{used.user_id}")
    me = f"user:{used.user_id}"
    assert acts == [
        ("access.admin_invited", "test"),
        ("access.link_made", "test"),
        ("access.password_chosen", me),
        ("access.signed_in", me),
    ]


async def test_only_the_digest_of_a_link_is_kept(office: Any) -> None:
    made = await invited(office)
    kept = await office.run.db.statement(DIGESTS)
    assert kept == hashlib.sha256(token_of(made).encode()).digest()


async def test_a_link_works_once(office: Any) -> None:
    made = await invited(office)
    outcomes = await asyncio.gather(
        *(links.use(token_of(made), f"{NEW}{number}", run=office.run) for number in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["Link", "LinkUnusable"]
    with pytest.raises(LinkUnusable):
        await links.look(token_of(made), run=office.run)


async def test_looking_at_a_link_uses_nothing_up_and_neither_does_a_bad_password(office: Any) -> None:
    made = await invited(office)
    for _ in range(3):
        await links.look(token_of(made), run=office.run)
    with pytest.raises(PasswordUnfit):
        await links.use(token_of(made), "short", run=office.run)
    await links.use(token_of(made), NEW, run=office.run)


@pytest.mark.parametrize(("purpose", "days"), [("invite", 3), ("reset", 1)])
async def test_a_link_expires(office: Any, purpose: str, days: int) -> None:
    made = await invited(office)
    if purpose == "reset":
        await links.use(token_of(made), NEW, run=office.run)
        made = await links.link_for(LEE, actor=TESTER, by=None, run=office.run)
    assert made.purpose == purpose
    office.clock.move(timedelta(days=days) - timedelta(seconds=1))
    await links.look(token_of(made), run=office.run)
    office.clock.move(timedelta(seconds=1))
    for act in (links.look(token_of(made), run=office.run), links.use(token_of(made), NEW, run=office.run)):
        with pytest.raises(LinkUnusable):
            await act


async def test_a_newer_link_ends_the_older_and_letting_out_ends_both(office: Any) -> None:
    first = await invited(office)
    second = await links.link_for(LEE, actor=TESTER, by=Role.SUPER_ADMIN, run=office.run)
    with pytest.raises(LinkUnusable):
        await links.use(token_of(first), NEW, run=office.run)
    await change_admin(LEE, is_active=False, actor=TESTER, run=office.run)
    await change_admin(LEE, is_active=True, actor=TESTER, run=office.run)
    with pytest.raises(LinkUnusable):
        await links.use(token_of(second), NEW, run=office.run)


async def test_a_reset_ends_every_session_and_the_old_password_holds_until_then(office: Any) -> None:
    value = await office.cookie()
    made = await links.link_for(EMAIL, actor=TESTER, by=Role.SUPER_ADMIN, run=office.run)
    assert await session_of(value, run=office.run) is not None
    await office.cookie()
    await links.use(token_of(made), NEW, run=office.run)
    assert await session_of(value, run=office.run) is None
    with pytest.raises(SignInRefused):
        await office.cookie()
    await office.cookie(EMAIL, NEW)


@pytest.mark.parametrize("token", ["", "x", "x" * 5_000, "\ud800", "jbk_" + "a" * 39])
async def test_nothing_else_is_a_link(office: Any, token: str) -> None:
    await invited(office)
    with pytest.raises(LinkUnusable):
        await links.look(token, run=office.run)


async def test_who_is_there_already_is_not_invited(office: Any) -> None:
    with pytest.raises(EmailTaken):
        await links.invite(EMAIL, "다른 사람", "Support", actor=TESTER, by=None, run=office.run)
    with pytest.raises(PersonUnknown):
        await links.link_for("nobody@shop.example", actor=TESTER, by=None, run=office.run)


async def test_who_was_invited_and_has_not_come_does_not_rule(office: Any) -> None:
    """The one Super Admin who can sign in must not go because another one might come some day."""
    made = await invited(office, "Super Admin")
    with pytest.raises(LastSuperAdmin):
        await change_admin(EMAIL, role="Support", actor=TESTER, run=office.run)
    await links.use(token_of(made), NEW, run=office.run)
    await change_admin(EMAIL, role="Support", actor=TESTER, run=office.run)


@pytest.mark.parametrize("by", list(Role))
@pytest.mark.parametrize("role", list(Role))
def test_nobody_gives_a_role_that_may_do_more_than_they(by: Role, role: Role) -> None:
    order = list(Role)
    if order.index(role) < order.index(by):
        with pytest.raises(MoreThanYouHave):
            refuse_giving_more(role, by)
    else:
        refuse_giving_more(role, by)
    refuse_giving_more(role, None)


@pytest.mark.parametrize(
    "act",
    [
        lambda run: links.invite("x@shop.example", "엑스", "Super Admin", actor=TESTER, by=Role.MANAGER, run=run),
        lambda run: links.link_for(EMAIL, actor=TESTER, by=Role.MANAGER, run=run),
        lambda run: change_admin(EMAIL, role="Support", by=Role.MANAGER, actor=TESTER, run=run),
        lambda run: change_admin(EMAIL, is_active=False, by=Role.SUPPORT, actor=TESTER, run=run),
        lambda run: change_admin("park@shop.example", role="Super Admin", by=Role.MANAGER, actor=TESTER, run=run),
        lambda run: sign_out_everywhere(EMAIL, by=Role.MANAGER, actor=TESTER, run=run),
        lambda run: create_api_key("k", ["audit:read"], actor=TESTER, by=Role.SUPPORT, run=run),
    ],
)
async def test_the_services_themselves_refuse_to_give_more(office: Any, act: Callable[[Any], Any]) -> None:
    """F111: not only the route's rule stands between a Manager and a Super Admin's rights."""
    await create_admin("park@shop.example", "박대리", PASSWORD, "Support", actor=TESTER, run=office.run)
    with pytest.raises(MoreThanYouHave):
        await act(office.run)
    assert {person.email: person.role for person in await list_staff(run=office.run)} == {
        EMAIL: "Super Admin",
        "park@shop.example": "Support",
    }


def test_a_key_may_begin_what_only_shops_begin_though_no_role_may() -> None:
    for role in Role:
        assert givable_to_keys(role) - scopes_of(role) == {"payments:create", "checkout:create", "identity:verify"}
    assert givable_to_keys(None) == KEY_SCOPES
    assert givable_to_keys(Role.SUPER_ADMIN) == KEY_SCOPES


async def test_one_sees_and_ends_ones_own_sessions_alone(office: Any) -> None:
    await create_admin(LEE, "이실장", NEW, "Support", actor=TESTER, run=office.run)
    first, second = await caller_of(office), await caller_of(office)
    theirs = await caller_of(office, LEE, NEW)
    assert theirs.session_id is not None and second.session_id is not None
    person, sessions = await own.about(first, run=office.run)
    assert person.email == EMAIL
    assert {one.id for one in sessions} == {first.session_id, second.session_id}
    with pytest.raises(SessionUnknown):
        await own.end_session(first, theirs.session_id, run=office.run)
    await own.end_session(first, second.session_id, run=office.run)
    with pytest.raises(SessionUnknown):
        await own.end_session(first, second.session_id, run=office.run)
    third = await caller_of(office)
    assert await own.end_other_sessions(third, run=office.run) == 1
    _, left = await own.about(third, run=office.run)
    assert [one.id for one in left] == [third.session_id]
    assert len((await own.about(theirs, run=office.run))[1]) == 1


async def test_another_password_ends_every_other_session(office: Any) -> None:
    here, elsewhere = await caller_of(office), await office.cookie()
    open_link = await links.link_for(EMAIL, actor=TESTER, by=None, run=office.run)
    with pytest.raises(PasswordWrong):
        await own.change_password(here, "not this one", NEW, run=office.run)
    with pytest.raises(PasswordUnfit):
        await own.change_password(here, PASSWORD, "short", run=office.run)
    assert await session_of(elsewhere, run=office.run) is not None
    await own.change_password(here, PASSWORD, NEW, run=office.run)
    assert await session_of(elsewhere, run=office.run) is None
    assert len((await own.about(here, run=office.run))[1]) == 1
    with pytest.raises(LinkUnusable):
        await links.look(token_of(open_link), run=office.run)
    with pytest.raises(SignInRefused):
        await office.cookie()
    await office.cookie(EMAIL, NEW)


async def test_a_stolen_session_guesses_the_password_ten_times_at_most(office: Any) -> None:
    here = await caller_of(office)
    outcomes = await asyncio.gather(
        *(own.change_password(here, f"guess {number}", NEW, run=office.run) for number in range(14)),
        return_exceptions=True,
    )
    counted = [type(one).__name__ for one in outcomes]
    assert (counted.count("PasswordWrong"), counted.count("TooManySignIns")) == (10, 4)
    with pytest.raises(TooManySignIns):
        await own.change_password(here, PASSWORD, NEW, run=office.run)
    # Whoever holds the session must not be able to lock its owner out of signing in.
    await office.cookie()
    office.clock.move(timedelta(minutes=15))
    await own.change_password(here, PASSWORD, NEW, run=office.run)


async def test_signing_somebody_out_everywhere_ends_every_session(office: Any) -> None:
    values = [await office.cookie() for _ in range(2)]
    assert await sign_out_everywhere(EMAIL, by=Role.SUPER_ADMIN, actor=TESTER, run=office.run) == 2
    assert [await session_of(value, run=office.run) for value in values] == [None, None]


async def test_a_link_says_our_own_address_and_not_the_callers(office: Any) -> None:
    run = replace(
        office.run, settings=office.run.settings.model_copy(update={"public_url": "https://pay.shop.example"})
    )
    made = await links.invite(LEE, "이실장", "Support", actor=TESTER, by=None, run=run)
    assert made.url.startswith("https://pay.shop.example/console/link/")
