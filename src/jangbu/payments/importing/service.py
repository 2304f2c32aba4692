"""Bringing payments over from another system, with the entries they make. Nobody is told: it happened long ago."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from jangbu import audit
from jangbu.audit import Actor
from jangbu.db import Tx
from jangbu.failpoints import failpoint
from jangbu.ledger.service import post
from jangbu.payments import postings, store
from jangbu.payments.cancellations import store as cancellation_store
from jangbu.payments.importing import store as import_store
from jangbu.payments.importing.rules import (
    PAYMENT_COLUMNS,
    PAYMENT_OPTIONAL,
    REFUND_COLUMNS,
    REFUND_OPTIONAL,
    FileUnreadable,
    Imported,
    ImportRefused,
    Problem,
    RefundLine,
    Shop,
    Sums,
    differs_from,
    missing_columns,
    payment_of,
    refund_of,
    without_change,
)
from jangbu.runtime import Runtime

BATCH = 500
"""Payments of one transaction. What is in the books already is passed over, so an import that stopped goes on."""
PROBLEMS_SHOWN = 1_000


@dataclass(slots=True)
class Report:
    """What a file holds: what is new, what is here already, and every problem by its line, the first ones in full."""

    new: Sums = field(default_factory=Sums)
    known: int = 0
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    def wrong(self, *problems: Problem) -> None:
        """Note problems."""
        self.problem_count += len(problems)
        self.problems += problems[: max(PROBLEMS_SHOWN - len(self.problems), 0)]


async def check(payments: Path, refunds: Path | None, *, run: Runtime) -> Report:
    """Read everything and change nothing. Raises FileUnreadable."""
    report = Report()
    for chunk in _batches(_read(payments, refunds, report, run)):
        async with run.db.transaction(snapshot=True) as tx:
            for one in chunk:
                if await _is_new(tx, one, report):
                    report.new.add(one.payment, len(one.folded.changes))
    return report


async def bring_over(payments: Path, refunds: Path | None, *, actor: Actor, run: Runtime) -> Report:
    """Check the files, and if nothing is wrong with them write it all. Raises FileUnreadable, ImportRefused.

    Given again, it changes nothing; after a crash it goes on where it stopped.
    """
    checked = await check(payments, refunds, run=run)
    if checked.problem_count:
        raise ImportRefused(count=checked.problem_count)
    report = Report()
    for chunk in _batches(_read(payments, refunds, report, run)):
        async with run.db.transaction(long=True) as tx:
            for one in chunk:
                if await _is_new(tx, one, report):
                    await _write(tx, one, actor=actor, run=run)
                    report.new.add(one.payment, len(one.folded.changes))
            if report.problem_count:
                # Somebody made one of these payments since it was checked.
                raise ImportRefused(count=report.problem_count)
            failpoint("payments.import.batch")
    return report


async def _is_new(tx: Tx, one: Imported, report: Report) -> bool:
    known = await tx.maybe(store.BY_PROVIDER_ORDER, provider_order_id=one.payment.provider_order_id)
    if known is None:
        taken = await import_store.order_taken(tx, one.payment)
        if taken is not None:
            report.wrong(Problem("payments", one.line, "orderId", f"is the order of payment {taken}, which is here"))
        return taken is None
    report.known += 1
    if what := differs_from(known, one):
        report.wrong(Problem("payments", one.line, "paymentId", what))
    return False


async def _write(tx: Tx, one: Imported, *, actor: Actor, run: Runtime) -> None:
    now = run.clock.now()
    if not await store.insert(tx, without_change(one.payment)):
        # Somebody else made it, or its order's payment, this very moment.
        raise ImportRefused(count=1)
    await store.update(tx, one.payment)
    await post(tx, postings.captured(one.captured), recorded_at=now)
    for change in one.folded.changes:
        await cancellation_store.save(tx, change.after)
        await post(tx, postings.cancelled(change.payment, change.after), recorded_at=now)
    await audit.record(tx, at=now, actor=actor, action="payment.imported", subject=one.payment.subject, line=one.line)


def _batches(them: Iterable[Imported]) -> Iterator[list[Imported]]:
    iterator = iter(them)
    while chunk := list(islice(iterator, BATCH)):
        yield chunk


def _read(payments: Path, refunds: Path | None, report: Report, run: Runtime) -> Iterator[Imported]:
    shop = Shop(stores=(run.settings.portone_store_id,), tax_profile=run.settings.tax_profile, now=run.clock.now())
    by_payment: dict[str, list[RefundLine]] = {}
    named: dict[str, int] = {}
    if refunds is not None:
        for line, row in _lines(refunds, REFUND_COLUMNS, REFUND_OPTIONAL):
            refund = refund_of(line, row, shop)
            if isinstance(refund, list):
                report.wrong(*refund)
                continue
            by_payment.setdefault(refund.portone_payment_id, []).append(refund)
    orders: dict[str, int] = {}
    for line, row in _lines(payments, PAYMENT_COLUMNS, PAYMENT_OPTIONAL):
        # Not taken out before the end, so that the second of two equal lines is told about and nothing else.
        one = payment_of(line, row, by_payment.get((row.get("paymentId") or "").strip(), []), shop)
        if isinstance(one, list):
            named.setdefault((row.get("paymentId") or "").strip(), line)
            report.wrong(*one)
            continue
        first = named.setdefault(one.payment.provider_order_id, line)
        order = orders.setdefault(f"{one.payment.store_id}\0{one.payment.order_id}", line)
        if first != line:
            report.wrong(Problem("payments", line, "paymentId", f"stands in line {first} as well"))
        elif one.payment.order_id and order != line:
            report.wrong(Problem("payments", line, "orderId", f"stands in line {order} as well"))
        else:
            yield one
    for paid, several in by_payment.items():
        for refund in several:
            if paid not in named:
                report.wrong(Problem("refunds", refund.line, "paymentId", "is of no payment in the file of payments"))


def _lines(path: Path, needed: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if why := missing_columns(reader.fieldnames or (), needed, optional):
                raise FileUnreadable(why=why)
            for row in reader:
                if None in row or None in row.values():
                    raise FileUnreadable(why=f"{path.name}, line {reader.line_num}: not as many cells as the heading")
                yield reader.line_num, row
    except UnicodeDecodeError:
        raise FileUnreadable(why=f"{path.name} is not UTF-8; in Excel, save it as CSV UTF-8") from None
    except csv.Error as broken:
        raise FileUnreadable(why=f"{path.name}: {broken}") from None
    except OSError as missing:
        raise FileUnreadable(why=f"{path.name}: {missing.strerror}") from None
