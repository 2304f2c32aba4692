"""Channels as data: what payments showed of one, what the merchant says of it, and whether the two agree."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from jangbu.errors import Refusal
from jangbu.payments.methods import Kind

KEY_LONGEST, NAME_LONGEST, NOTE_LONGEST = 200, 100, 1000
_PG = re.compile(r"[A-Z0-9_]{2,40}")

Standing = Literal["described", "seen_only", "differs", "unused", "other_mode", "ended"]


class ChannelUnfit(Refusal):
    """A field of a channel's description cannot be right."""

    code = "CHANNEL_UNFIT"
    http_status = 422
    ko = "채널 설명의 {field} 값이 올바르지 않습니다."
    en = "The channel's {field} cannot be right."


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One row of `payment_channels`."""

    key: str
    seen_at: datetime | None = None
    seen_pg: str | None = None
    seen_live: bool | None = None
    described_at: datetime | None = None
    described_by: str | None = None
    name: str | None = None
    pg_provider: str | None = None
    is_live: bool | None = None
    methods: list[str]
    contract_from: date | None = None
    contract_until: date | None = None
    settlement_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the merchant says of a channel."""

    key: str
    name: str
    pg_provider: str
    is_live: bool
    methods: tuple[str, ...] = ()
    contract_from: date | None = None
    contract_until: date | None = None
    settlement_note: str = ""


def checked(said: Description) -> Description:
    """The description, tidied. Raises ChannelUnfit, which names the field."""
    key, name, note = said.key.strip(), " ".join(said.name.split()), said.settlement_note.strip()
    pg, methods = said.pg_provider.strip().upper(), tuple(sorted({each.strip().upper() for each in said.methods}))
    for field, fits in {
        "key": 1 <= len(key) <= KEY_LONGEST and key.isascii() and key.isprintable() and " " not in key,
        "name": 1 <= len(name) <= NAME_LONGEST and name.isprintable(),
        "pg": _PG.fullmatch(pg) is not None,
        "methods": set(methods) <= {kind.value for kind in Kind},
        "settlementNote": len(note) <= NOTE_LONGEST and "\x00" not in note,
        "contractUntil": not said.contract_from or not said.contract_until or said.contract_until >= said.contract_from,
    }.items():
        if not fits:
            raise ChannelUnfit(field=field)
    return Description(
        key=key,
        name=name,
        pg_provider=pg,
        is_live=said.is_live,
        methods=methods,
        contract_from=said.contract_from,
        contract_until=said.contract_until,
        settlement_note=note,
    )


def standing(one: Channel, *, live: bool, today: date) -> Standing:
    """What a person should know of a channel first. `live` is whether this installation moves real money."""
    if one.seen_live is not None and one.seen_live != live:
        # Its payments are mismatches (rules.mismatch_of): money that is no money here, or the other way round.
        return "other_mode"
    if one.described_at is None:
        return "seen_only"
    if one.seen_at is not None and (one.seen_pg, one.seen_live) != (one.pg_provider, one.is_live):
        return "differs"
    if one.contract_until is not None and one.contract_until < today:
        return "ended"
    return "unused" if one.seen_at is None else "described"


def day(text: str, field: str) -> date | None:
    """A day as somebody wrote it, or None for nothing. Raises ChannelUnfit."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise ChannelUnfit(field=field) from None
