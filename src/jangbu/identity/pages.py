"""The console's identity pages: who was verified, masked; and one person in full, for whoever says why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from jangbu.access.guard import Caller, guard
from jangbu.access.rules import Scoped
from jangbu.errors import Refusal
from jangbu.identity import service
from jangbu.identity.rules import Person, Status, Verification
from jangbu.runtime import Runtime
from jangbu.web import rendering
from jangbu.web.chrome import Fact, Pager
from jangbu.web.cursors import cursor_of, cursor_text
from jangbu.web.listing import ROWS, pager
from jangbu.web.texts import Words

LIST = "/console/identity"
REVEAL = "identity:reveal"
_TONES = {"verified": "good", "failed": "bad", "mismatch": "bad", "started": "waiting", "forgotten": "neutral"}

Reader = Annotated[Caller, guard(Scoped("identity:read"))]


@dataclass(frozen=True, slots=True)
class Row:
    """One verification. `name` and `phone` are masked, or "" where nobody is known."""

    href: str
    name: str
    phone: str
    reference: str
    state: str
    tone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListPage:
    """All that identity_list.html may use."""

    rows: tuple[Row, ...]
    pager: Pager
    days: int


@dataclass(frozen=True, slots=True)
class OnePage:
    """All that identity_one.html may use. `reveal_href` is None for who may not, and where nobody is known."""

    name: str
    state: str
    tone: str
    created_at: datetime
    verified_at: datetime | None
    forgotten_at: datetime | None
    facts: tuple[Fact, ...]
    person: tuple[Fact, ...]
    seen_before: tuple[tuple[str, str], ...]
    reveal_href: str | None
    is_revealed: bool
    problem: str
    back_href: str


def routes(run: Runtime) -> APIRouter:
    """`/console/identity…`."""
    router = APIRouter(include_in_schema=False)

    @router.get(LIST)
    async def identity_list(request: Request, caller: Reader, before: str = "") -> Response:  # noqa: ARG001
        found = await service.page(before=cursor_of(before), most=ROWS, run=run)
        older = None if found.older is None else cursor_text(*found.older)
        rows = tuple(_row(one, person) for one, person in found.rows)
        shown = ListPage(rows, pager(request, older), run.settings.identity_keep_days)
        return rendering.page(request, "identity_list.html", shown)

    @router.get(LIST + "/{verification_id}")
    async def identity_one(request: Request, verification_id: str, caller: Reader) -> Response:
        return await _one(request, verification_id, caller)

    @router.post(LIST + "/{verification_id}/reveal")
    async def reveal(
        request: Request, verification_id: str, caller: Annotated[Caller, guard(Scoped(REVEAL, fresh=True))]
    ) -> Response:
        async with request.form(max_files=0, max_fields=4) as form:
            reason = str(form.get("reason", ""))
        try:
            person = await service.reveal(verification_id, reason, actor=caller.actor, run=run)
        except Refusal as refusal:
            if refusal.http_status == 404:
                raise
            return await _one(request, verification_id, caller, refusal=refusal)
        return await _one(request, verification_id, caller, revealed=person)

    async def _one(
        request: Request,
        verification_id: str,
        caller: Caller,
        *,
        revealed: Person | None = None,
        refusal: Refusal | None = None,
    ) -> Response:
        rendering.stands_at(request, f"{LIST}/{verification_id}")
        t = rendering.words(request)
        looked = await service.look(verification_id, run=run)
        one, person = looked.verification, revealed or looked.person
        may_reveal = REVEAL in caller.scopes and looked.person is not None and revealed is None
        state = _state(one)
        shown = OnePage(
            name=t("identity.deleted" if state == "forgotten" else "identity.nobody")
            if person is None
            else person.name,
            state=state,
            tone=_TONES[state],
            created_at=one.created_at,
            verified_at=one.verified_at,
            forgotten_at=one.forgotten_at,
            facts=_facts(one, t),
            person=() if person is None else _person(person, t),
            seen_before=tuple((str(other), f"{LIST}/{other}") for other in looked.seen_before),
            reveal_href=f"{LIST}/{one.id}/reveal" if may_reveal else None,
            is_revealed=revealed is not None,
            problem=rendering.problem(request, refusal),
            back_href=LIST,
        )
        return rendering.page(request, "identity_one.html", shown, refusal=refusal)

    return router


def _state(one: Verification) -> str:
    return "forgotten" if one.forgotten_at is not None else one.status.value


def _row(one: Verification, person: Person | None) -> Row:
    state = _state(one)
    return Row(
        href=f"{LIST}/{one.id}",
        name="" if person is None else person.name,
        phone="" if person is None else person.phone_number or "",
        reference=one.reference,
        state=state,
        tone=_TONES[state],
        created_at=one.created_at,
    )


def _facts(one: Verification, t: Words) -> tuple[Fact, ...]:
    facts = [Fact("ID", str(one.id), exact=True), Fact("identityVerificationId", one.verification_id, exact=True)]
    if one.reference:
        facts.append(Fact(t("identity.reference"), one.reference, exact=True))
    if one.reason and one.status is not Status.VERIFIED:
        facts.append(Fact(t("identity.reason"), one.reason, exact=True))
    return tuple(facts)


def _person(person: Person, t: Words) -> tuple[Fact, ...]:
    facts = [Fact(t("identity.who"), person.name)]
    for label, value in (
        ("identity.birth", person.birth_date),
        ("identity.phone", person.phone_number),
        ("identity.operator", person.operator),
    ):
        if value:
            facts.append(Fact(t(label), value))
    if person.gender in {"MALE", "FEMALE"}:
        facts.append(Fact(t("identity.gender"), t(f"identity.gender.{person.gender}")))
    if person.is_foreigner is not None:
        answer = "yes" if person.is_foreigner else "no"
        facts.append(Fact(t("identity.foreigner"), t(f"identity.foreigner.{answer}")))
    facts += [Fact(name, value, exact=True) for name, value in (("CI", person.ci), ("DI", person.di)) if value]
    return tuple(facts)
