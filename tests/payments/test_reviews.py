"""Whoever is asked to look at a payment is told why and what to do, in words."""

import ast
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

import jangbu.payments
from at_console import at_the_console
from jangbu import audit
from jangbu.access.rules import Role
from jangbu.db import Query
from jangbu.payments.review_rules import (
    CAPTURED_AFTER_RETURN,
    DISPUTE_UNTOLD,
    PASSING_REVIEWS,
    RETURNED,
    REVIEWS,
    UNKNOWN_OUTCOME,
    todo,
    why,
)
from jangbu.payments.rules import Payment, decide
from jangbu.payments.service.sync import _apply as apply
from jangbu.payments.service.sync import find
from kit import TESTER, House

from .test_suspense import LATER, mismatched
from .told import NOW, given_back, payment, seen

HOME, PAGES = "/console/home", "/console/payments"
SET_REVIEW = Query(UUID, "UPDATE payments SET review = :review WHERE id = :id RETURNING id")
PAYMENTS = Path(jangbu.payments.__file__).parent
SAID = re.compile(r"""review(?:=|\s*=\s*|\s*or\s*|=[\w.]+\s*or\s*)"([a-z_]+)\"""")


def words_in_code() -> set[str]:
    """Every word that the code may set: what `mismatch_of` answers, and what is written to `review` elsewhere."""
    text = {path: path.read_text(encoding="utf-8") for path in PAYMENTS.rglob("*.py") if path.name != "review_rules.py"}
    rules = ast.parse(text[PAYMENTS / "rules.py"])
    judge = next(node for node in rules.body if isinstance(node, ast.FunctionDef) and node.name == "mismatch_of")
    answers = {
        inner.value
        for node in ast.walk(judge)
        if isinstance(node, ast.Return)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    }
    written = {word for one in text.values() for word in SAID.findall(one)}
    return (answers - {""}) | written | {DISPUTE_UNTOLD, RETURNED, CAPTURED_AFTER_RETURN} | PASSING_REVIEWS


def test_every_reason_to_look_has_words_in_both_languages() -> None:
    assert words_in_code() == REVIEWS.keys()


@pytest.mark.parametrize("review", REVIEWS)
def test_a_person_is_told_what_to_do(review: str) -> None:
    assert re.search("[가-힣]", why(review, "ko")) and re.search("[가-힣]", todo(review, "ko"))
    assert not re.search("[가-힣]", why(review, "en") + todo(review, "en"))
    assert todo(review, "ko").endswith(".") and todo(review, "en").endswith(".")


def test_a_reason_that_is_newer_than_this_program_is_shown_as_it_is() -> None:
    assert (why("from_the_future", "ko"), todo("from_the_future", "ko")) == ("from_the_future", "")


async def looked_at(
    console: httpx.AsyncClient, payment: Payment, review: str, note: str = "PG에 물어봄"
) -> httpx.Response:
    return await console.post(f"{PAGES}/{payment.id}/looked-at", data={"review": review, "note": note})


async def test_whoever_has_looked_says_so_and_it_waits_for_nobody_until_there_is_another_reason(house: House) -> None:
    wrong = await mismatched(house, store_id="store-2")
    reason = why("other_store", "ko")
    async with at_the_console(house) as console:
        waiting = f"{PAGES}?review=1"
        assert reason in (await console.get(HOME)).text and str(wrong.id) in (await console.get(waiting)).text
        answer = await looked_at(console, wrong, "other_store")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGES}/{wrong.id}")
        again = await looked_at(console, wrong, "other_store", note="포트원도 확인함")
        assert again.status_code == 303, "said twice, both notes are kept"
        story = (await console.get(f"{PAGES}/{wrong.id}")).text
        assert reason in story and "확인함" in story and "looked-at" not in story and "PG에 물어봄" in story
        assert reason not in (await console.get(HOME)).text and str(wrong.id) not in (await console.get(waiting)).text
        # PortOne shows the same again: it was looked at. Then another thing is wrong.
        for store_id, total, is_news in (("store-2", 11_000, False), (wrong.store_id, 500, True)):
            shown = seen("PAID", store_id=store_id, total=total, at=LATER)
            await apply(wrong.id, shown, actor=TESTER, run=house.run)
            assert (str(wrong.id) in (await console.get(waiting)).text) is is_news
        assert why("other_amount", "ko") in (await console.get(HOME)).text
    acts = [line for line in await acts_on(house, wrong) if line.action == "payment.looked_at"]
    assert [line.facts["reason"] for line in acts] == ["PG에 물어봄", "포트원도 확인함"]


async def test_who_looked_at_what_is_no_longer_so_is_shown_what_is(house: House) -> None:
    wrong = await mismatched(house, total=500)
    async with at_the_console(house) as console:
        answer = await looked_at(console, wrong, "other_store")
        assert answer.status_code == 409
        assert "확인 사유가 바뀌었습니다" in answer.text and why("other_amount", "ko") in answer.text
        assert (await find(str(wrong.id), run=house.run)).needs_look
        await apply(wrong.id, seen("PAID", store_id=wrong.store_id, at=LATER), actor=TESTER, run=house.run)
        late = await looked_at(console, wrong, "other_amount")
        assert late.status_code == 409 and "확인할 일이 없어졌습니다" in late.text


async def test_only_whoever_may_give_money_back_says_that_they_have_looked(house: House) -> None:
    wrong = await mismatched(house, total=500)
    async with at_the_console(house, Role.SUPPORT) as console:
        assert (await looked_at(console, wrong, "other_amount")).status_code == 403
        story = (await console.get(f"{PAGES}/{wrong.id}")).text
        assert why("other_amount", "ko") in story and "looked-at" not in story


async def acts_on(house: House, payment: Payment) -> list[audit.Line]:
    async with house.run.db.transaction() as tx:
        return await audit.of_subject(tx, payment.subject)


async def test_whoever_found_nothing_to_say_has_not_looked(house: House) -> None:
    wrong = await mismatched(house, total=500)
    async with at_the_console(house) as console:
        answer = await looked_at(console, wrong, "other_amount", note="  ")
    assert answer.status_code == 422 and "알아낸 것을 적어 주세요" in answer.text
    assert (await find(str(wrong.id), run=house.run)).needs_look


@pytest.mark.parametrize("review", [UNKNOWN_OUTCOME, DISPUTE_UNTOLD])
async def test_what_ends_by_itself_or_has_to_be_decided_is_not_ended_by_looking(house: House, review: str) -> None:
    wrong = await mismatched(house, total=500)
    await house.run.db.statement(SET_REVIEW, id=wrong.id, review=review)
    async with at_the_console(house) as console:
        assert "looked-at" not in (await console.get(f"{PAGES}/{wrong.id}")).text
        assert (await looked_at(console, wrong, review)).status_code == 409
    assert (await find(str(wrong.id), run=house.run)).needs_look


def test_what_was_looked_at_hides_no_later_reason() -> None:
    """Money that PortOne no longer says it has, of a payment that was looked at for another reason."""
    paid = decide(payment(), seen("PAID"), live=False, now=NOW).payment
    looked = replace(paid, review="cancelled_more_than_taken", review_looked_at=NOW)
    after = decide(looked, seen("READY", at=LATER), live=False, now=LATER).payment
    assert after.review == "unpaid_at_portone"
    unlooked = replace(looked, review_looked_at=None)
    assert decide(unlooked, seen("READY", at=LATER), live=False, now=LATER).payment.review == unlooked.review


async def test_a_mismatch_that_is_put_right_after_all_of_it_went_back_waits_for_a_person(house: House) -> None:
    wrong = await mismatched(house, total=500)
    back = given_back(1, 500)
    gone = seen("CANCELLED", store_id=wrong.store_id, total=500, cancellations=(back,), at=LATER)
    returned = await apply(wrong.id, gone, actor=TESTER, run=house.run)
    assert returned.review == RETURNED
    later = LATER + timedelta(minutes=1)
    right = seen("PAID", store_id=wrong.store_id, cancellations=(back,), at=later)
    after = await apply(wrong.id, right, actor=TESTER, run=house.run)
    assert (after.review, after.needs_look) == (CAPTURED_AFTER_RETURN, True)
