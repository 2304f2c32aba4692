"""The audit log is read by people who know no code: every action that may be written has words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import jangbu
from at_console import at_the_console
from jangbu import audit
from jangbu.access.audit_texts import DONE
from jangbu.audit import Actor
from jangbu.checkout.rules import Step
from jangbu.identity.rules import Status as IdentityStatus
from jangbu.payments.after.dispute_rules import DisputeStatus
from jangbu.payments.after.escrow_rules import OPERATIONS
from jangbu.payments.after.receipt_rules import ReceiptStatus
from jangbu.payments.cancellations.rules import CancellationStatus
from jangbu.payments.rules import Event
from jangbu.payments.service.initialize import Order, initialize
from kit import TESTER, House

SOURCE = Path(jangbu.__file__).parent
PUT_TOGETHER = {
    "f'payment.{event.name.lower()}'": {f"payment.{event.name.lower()}" for event in Event},
    "f'payment.cancellation_{one.status.value.lower()}'": {
        f"payment.cancellation_{status.value.lower()}" for status in CancellationStatus
    },
    "f'payment.dispute_{action}'": {f"payment.dispute_{one.lower()}" for one in ("opened", *DisputeStatus)},
    "f'payment.receipt_{after.status.value.lower()}'": {f"payment.receipt_{one.lower()}" for one in ReceiptStatus},
    "f'payment.{operation}_asked'": {f"payment.{operation}_asked" for operation in OPERATIONS},
    "f'identity.{what}'": {f"identity.{what}" for what in ("revealed", *IdentityStatus)},
    "f'checkout.{step.name.lower()}'": {f"checkout.{step.name.lower()}" for step in Step if step is not Step.NOTHING},
    "f'{what}.exported'": {"payments.exported", "refunds.exported"},
    "f'webhook_endpoint.{what}'": {
        f"webhook_endpoint.{what}"
        for what in ("created", "changed", "secret_rotated", "tested", "enabled", "disabled", "removed")
    },
}
"""Actions that the code puts together, and of what."""


def recorded() -> Iterator[ast.expr]:
    """Every expression that an action is recorded by: an argument of that name, or a variable of that name."""
    texts = (path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    for text in texts:
        for node in ast.walk(ast.parse(text)) if "audit.record(" in text else ():
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="audit"), attr="record")):
                    yield next(one.value for one in node.keywords if one.arg == "action")
                case ast.Assign(targets=[ast.Name(id="action")]):
                    yield node.value


def strings() -> Iterator[str]:
    """Every string of the code but the words themselves: an action may come by an argument or a constant."""
    for path in SOURCE.rglob("*.py"):
        if path.name != "audit_texts.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def test_every_action_that_is_recorded_has_words_and_no_words_are_left_over() -> None:
    said = (one.value for action in recorded() for one in branches(action) if isinstance(one, ast.Constant))
    whole = {one for one in said if "." in one}
    put_together = {ast.unparse(action) for action in recorded() if isinstance(action, ast.JoinedStr)}
    assert len(whole) > 30 and "payment.initialized" in whole, "has the way of recording changed?"
    assert put_together == PUT_TOGETHER.keys()
    together = {action for actions in PUT_TOGETHER.values() for action in actions}
    assert (whole | together) - DONE.keys() == set()
    assert DONE.keys() - together - set(strings()) == set()


def branches(action: ast.expr) -> Iterator[ast.expr]:
    if isinstance(action, ast.IfExp):
        yield from (action.body, action.orelse)
    else:
        yield action


async def test_staff_read_what_was_done_in_words_with_amounts_as_people_write_them(house: House) -> None:
    order = Order(amount=11_000, currency="KRW", order_name="보리차", order_id="order-7")
    payment = await initialize(order, actor=TESTER, run=house.run, portone=house.wired.portone)
    async with house.run.db.transaction() as tx:
        await audit.record(
            tx,
            at=house.run.clock.now(),
            actor=Actor("job:of.tomorrow"),
            action="payment.beamed",
            subject=payment.subject,
            review="other_amount",
            before="READY",
            reason="returned",
            order_id="PAID",
            alone=True,
            done=True,
        )
    async with at_the_console(house) as console:
        page = (await console.get("/console/audit", params={"subject": payment.subject})).text
        english = (await console.get("/console/audit", params={"subject": payment.subject, "lang": "en"})).text
    assert "결제를 등록함" in page and '<code class="code-of">payment.initialized</code>' in page
    assert "금액 <b>₩11,000</b>" in page and "주문 번호 <b>order-7</b>" in page
    # What a later release wrote is shown as it stands there; what it says in our words is told in them.
    assert "<strong>payment.beamed</strong>" in page and "장부 (자동: of.tomorrow)" in page
    assert "확인 사유 <b>요청한 금액과 다른 금액이 결제되었습니다</b>" in page
    assert "전 <b>결제 대기</b>" in page and "done <b>예</b>" in page
    # What people typed is not taken for a word of ours, and what an old line says of a second person is not shown.
    assert "사유 <b>returned</b>" in page and "주문 번호 <b>PAID</b>" in page and "혼자 결정" not in page
    assert "Initialized a payment" in english and "Amount <b>₩11,000</b>" in english
