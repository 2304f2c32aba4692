"""Too many failed sign-ins, and whom they lock out."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest

from jangbu.access.refusals import SignInRefused, TooManySignIns
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import reset_password
from jangbu.audit import Actor
from jangbu.db import Query

TESTER = Actor("test")
EMAIL, PASSWORD = "kim@shop.example", "보리차 두 병 주세요"
HERE, THERE = "192.0.2.1", "198.51.100.7"
FAILED = Query(int, "SELECT count(*)::int FROM audit_log WHERE action = 'access.sign_in_failed' AND subject = :subject")


def email_subject(email: str) -> str:
    return f"email:{hashlib.sha256(email.encode()).hexdigest()}"


async def fail(office: Any, times: int, *, email: str = EMAIL, ip: str = HERE) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            await sign_in(email, "wrong password", ip, "tests", run=office.run)


async def test_after_ten_failures_nothing_more_is_tried_until_the_first_is_a_quarter_of_an_hour_old(
    office: Any, scrypts: list[dict[str, Any]]
) -> None:
    await reset_password(EMAIL, PASSWORD, actor=TESTER, run=office.run)
    await fail(office, 4)
    office.clock.move(timedelta(minutes=5))
    await fail(office, 6)
    worked = len(scrypts)
    for password in (PASSWORD, "wrong password"):
        with pytest.raises(TooManySignIns) as refused:
            await sign_in(EMAIL, password, HERE, "tests", run=office.run)
        assert refused.value.retry_after_s == 600
    assert len(scrypts) == worked, "no password was looked at"
    assert await office.run.db.statement(FAILED, subject=email_subject(EMAIL)) == 10, "refused tries do not count"
    office.clock.move(timedelta(minutes=10) - timedelta(seconds=1))
    with pytest.raises(TooManySignIns):
        await office.cookie()
    office.clock.move(timedelta(seconds=1))
    assert await office.cookie()


async def test_an_address_is_locked_whoever_it_tries_to_be(office: Any, scrypts: list[dict[str, Any]]) -> None:
    await reset_password(EMAIL, PASSWORD, actor=TESTER, run=office.run)
    for number in range(10):
        await fail(office, 1, email=f"guess{number}@shop.example", ip=THERE)
    with pytest.raises(TooManySignIns):
        await office.cookie(ip=THERE)
    assert await office.cookie(ip=HERE)


async def test_an_e_mail_is_locked_wherever_the_tries_come_from(office: Any, scrypts: list[dict[str, Any]]) -> None:
    await reset_password(EMAIL, PASSWORD, actor=TESTER, run=office.run)
    for number in range(10):
        await fail(office, 1, ip=f"198.51.100.{number}")
    with pytest.raises(TooManySignIns):
        await office.cookie(ip=HERE)
    with pytest.raises(TooManySignIns):
        await office.cookie(ip="")


async def test_strangers_cannot_lock_a_person_out_of_the_place_they_sign_in_from(
    office: Any, scrypts: list[dict[str, Any]]
) -> None:
    await reset_password(EMAIL, PASSWORD, actor=TESTER, run=office.run)
    await office.cookie(ip=HERE)
    for number in range(10):
        await fail(office, 1, ip=f"198.51.100.{number}")
    assert await office.cookie(ip=HERE)
    with pytest.raises(TooManySignIns):
        await office.cookie(ip=THERE)
    await fail(office, 10, ip=HERE)
    with pytest.raises(TooManySignIns):
        await office.cookie(ip=HERE)


async def test_signing_in_from_nowhere_in_particular_makes_no_place_ones_own(
    office: Any, scrypts: list[dict[str, Any]]
) -> None:
    await reset_password(EMAIL, PASSWORD, actor=TESTER, run=office.run)
    await office.cookie(ip="")
    await fail(office, 10, ip="")
    with pytest.raises(TooManySignIns):
        await office.cookie(ip="")


async def test_guesses_sent_all_at_once_count_like_guesses_one_by_one(
    office: Any, scrypts: list[dict[str, Any]]
) -> None:
    outcomes = await asyncio.gather(
        *(sign_in(EMAIL, f"guess {number}", HERE, "tests", run=office.run) for number in range(25)),
        return_exceptions=True,
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds.count(SignInRefused) == 10
    assert kinds.count(TooManySignIns) == 15
    assert await office.run.db.statement(FAILED, subject=email_subject(EMAIL)) == 10
    assert await office.run.db.statement(FAILED, subject=f"ip:{HERE}") == 10
