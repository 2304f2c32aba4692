"""Whoever is asked to look at a payment is told why and what to do, in words."""

import ast
import re
from pathlib import Path

import pytest

import jangbu.payments
from jangbu.payments.after import dispute_rules
from jangbu.payments.cancellations.rules import RETURNED
from jangbu.payments.reviews import REVIEWS, todo, why
from jangbu.payments.rules import PASSING_REVIEWS

PAYMENTS = Path(jangbu.payments.__file__).parent
SAID = re.compile(r"""review(?:=|\s*=\s*|\s*or\s*|=[\w.]+\s*or\s*)"([a-z_]+)\"""")


def words_in_code() -> set[str]:
    """Every word that the code may set: what `mismatch_of` answers, and what is written to `review` elsewhere."""
    text = {path: path.read_text(encoding="utf-8") for path in PAYMENTS.rglob("*.py") if path.name != "reviews.py"}
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
    return (answers - {""}) | written | {dispute_rules.REVIEW, RETURNED} | PASSING_REVIEWS


def test_every_reason_to_look_has_words_in_both_languages() -> None:
    assert words_in_code() == REVIEWS.keys()


@pytest.mark.parametrize("review", REVIEWS)
def test_a_person_is_told_what_to_do(review: str) -> None:
    assert re.search("[가-힣]", why(review, "ko")) and re.search("[가-힣]", todo(review, "ko"))
    assert not re.search("[가-힣]", why(review, "en") + todo(review, "en"))
    assert todo(review, "ko").endswith(".") and todo(review, "en").endswith(".")


def test_a_reason_that_is_newer_than_this_program_is_shown_as_it_is() -> None:
    assert (why("from_the_future", "ko"), todo("from_the_future", "ko")) == ("from_the_future", "")
