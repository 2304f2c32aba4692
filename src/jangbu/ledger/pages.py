"""The console's journal: every entry with its postings, whether it is what was sealed, and the same as a file."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.clock import SEOUL
from jangbu.errors import Refusal
from jangbu.ledger import journal_store, store
from jangbu.ledger.exporting import export_journal
from jangbu.ledger.store import StoredEntry
from jangbu.money import Money
from jangbu.periods import RangeBackwards, moment
from jangbu.runtime import Runtime
from jangbu.sealing import Tail
from jangbu.sheets import Format
from jangbu.web import rendering
from jangbu.web.chrome import Pager
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.files import made
from jangbu.web.listing import ONE_MORE, as_files, filled_in, fitting
from jangbu.web.texts import Words

JOURNAL = "/console/journal"
TYPED_CHARACTERS_MAX = 200
_BEYOND = timedelta(days=366)
"""How far ahead "until now" looks: an entry that PortOne dates a second ahead of us is not left out."""
_PAYMENT = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")

Reader = Annotated[Caller, guard(Scoped("books:read"))]
LeadsTo = Callable[[str], str]
"""An entry's key → the page of what it is about, or ""."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One posting; one of the two amounts is None.

    `account` is what `path` is called. `whole` is all that tells accounts of one path apart, `more` what of it a reader
    needs to see here.
    """

    account: str
    path: str
    more: str
    whole: str
    debit: Money | None
    credit: Money | None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry. `seal` is what stands in the chain's column; `is_true`: it says what it said when it was posted."""

    key: str
    title: str
    href: str
    happened_at: datetime
    legs: tuple[Leg, ...]
    seal: str
    is_sealed: bool
    is_true: bool


@dataclass(frozen=True, slots=True)
class JournalForm:
    """The filters as they were filled in."""

    since: str = ""
    until: str = ""
    account: str = ""
    search: str = ""

    @property
    def narrows(self) -> bool:
        return any(self.query.values())

    @property
    def query(self) -> dict[str, str]:
        return {"from": self.since, "until": self.until, "account": self.account, "q": self.search}


@dataclass(frozen=True, slots=True)
class JournalPage:
    """All that journal.html may use. `accounts`: path and name. `shows` says which days, where nobody asked for any."""

    form: JournalForm
    action: str
    accounts: tuple[tuple[str, str], ...]
    rows: tuple[EntryRow, ...]
    proof: str
    is_proven: bool
    shows: str
    pager: Pager
    exports: tuple[tuple[str, str], ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a form means."""

    since: datetime
    until: datetime
    prefix: str
    account: str
    is_this_month: bool


def routes(run: Runtime, leads_to: LeadsTo) -> APIRouter:
    """`/console/journal` and its files."""
    router = APIRouter(include_in_schema=False)

    @router.get(JOURNAL)
    async def journal(request: Request, caller: Reader, before: str = "") -> Response:  # noqa: ARG001
        form, t = _form_of(request), rendering.words(request)
        try:
            asked = _asked(form, run.clock.now())
        except Refusal as refusal:
            return await _page(request, form, None, before, run, leads_to, problem=refusal.sentence(t.language))
        return await _page(request, form, asked, before, run, leads_to)

    @router.get(JOURNAL + ".{form}")
    async def as_a_file(request: Request, form: Format, caller: Reader) -> Response:
        asked = _asked(_form_of(request), run.clock.now())
        return await made(
            "journal",
            form,
            lambda path: export_journal(
                path, since=asked.since, until=asked.until, prefix=asked.prefix, account=asked.account,
                kind=form, actor=caller.actor, run=run,
            ),
            clock=run.clock,
        )  # fmt: skip

    return router


def _form_of(request: Request) -> JournalForm:
    names = ("from", "until", "account", "q")
    return JournalForm(*(filled_in(request, name, most=TYPED_CHARACTERS_MAX) for name in names))


def _asked(form: JournalForm, now: datetime) -> _Asked:
    """Raises MomentUnreadable, RangeBackwards. Without days: this month; of one payment or key: all there is."""
    since, until = moment(form.since, "from"), moment(form.until, "until", is_end=True)
    is_this_month = since is None and until is None and not form.search
    if is_this_month:
        since = now.astimezone(SEOUL).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    since, until = since or datetime(1970, 1, 1, tzinfo=SEOUL), until or now + _BEYOND
    if since > until:
        raise RangeBackwards(field="day")
    prefix = f"payment:{form.search}:" if _PAYMENT.fullmatch(form.search) else form.search
    return _Asked(since, until, prefix, form.account, is_this_month)


async def _page(
    request: Request,
    form: JournalForm,
    asked: _Asked | None,
    before: str,
    run: Runtime,
    leads_to: LeadsTo,
    *,
    problem: str = "",
) -> Response:
    t, cursor = rendering.words(request), cursor_of(before)
    async with run.db.transaction(snapshot=True) as tx:
        accounts = await journal_store.accounts(tx)
        tail = await tx.one(store.CHAIN.tail)
        found = []
        if asked is not None:
            found = await journal_store.page(
                tx,
                since=asked.since,
                until=asked.until,
                prefix=asked.prefix,
                account=asked.account,
                before=(cursor[0], cursor[1].int % 2**63) if cursor else (asked.until, 2**63 - 1),
                most=ONE_MORE,
            )
    fit, pager = fitting(request, found, lambda one: cursor_text(one.happened_at, UUID(int=one.id)))
    stores = {leg[1] for one in fit for leg in one.legs if leg[1]}
    rows = tuple(_row(one, leads_to, t, shows_store=len(stores) > 1) for one in fit)
    shown = JournalPage(
        form=form,
        action=JOURNAL,
        accounts=tuple((path, t(f"account.{path}")) for path in accounts),
        rows=rows,
        proof=_proof(rows, tail, t),
        is_proven=all(row.is_true for row in rows),
        shows=t("journal.this_month") if asked is not None and asked.is_this_month else "",
        pager=pager,
        exports=as_files(JOURNAL, form.query) if asked is not None else (),
        problem=problem,
    )
    return rendering.page(request, "journal.html", shown, status=422 if problem else 200)


def _proof(rows: tuple[EntryRow, ...], tail: Tail, t: Words) -> str:
    """What looking at this page proved. All of the books are proven by the checks each night, and `books verify`."""
    broken = sum(not row.is_true for row in rows)
    if broken:
        return t("journal.altered", count=broken)
    return t("journal.unaltered", count=len(rows), waiting=tail.rows) if rows else ""


def _row(entry: StoredEntry, leads_to: LeadsTo, t: Words, *, shows_store: bool) -> EntryRow:
    title = f"story.entry.{entry.kind}"
    return EntryRow(
        key=entry.key,
        title=t.or_else(title, entry.kind),
        href=leads_to(entry.key),
        happened_at=entry.happened_at,
        legs=tuple(_leg(leg, entry.currency, t, shows_store=shows_store) for leg in entry.legs),
        seal=t("journal.unsealed") if entry.seq is None else f"#{entry.seq:,}",
        is_sealed=entry.seq is not None,
        is_true=store.is_as_posted(entry),
    )


def _leg(leg: list[Any], currency: str, t: Words, *, shows_store: bool) -> Leg:
    path, store_id, channel_key, pg, partner_id, amount = leg
    money = Money(abs(amount), currency)
    return Leg(
        account=t(f"account.{path}"),
        path=path,
        more=" · ".join(filter(None, (store_id if shows_store else "", pg, partner_id))),
        whole=" · ".join(filter(None, (store_id, channel_key, pg, partner_id))),
        debit=money if amount > 0 else None,
        credit=money if amount < 0 else None,
    )
