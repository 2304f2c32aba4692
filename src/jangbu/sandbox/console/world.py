"""The world as a whole: what a shop connects with, what is counted, what the sandbox assumes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from jangbu.sandbox import control_views
from jangbu.sandbox.console.frame import Asked, money
from jangbu.sandbox.core.inferred import values_of, words_of
from jangbu.sandbox.core.pg_companies import PgProvider
from jangbu.sandbox.core.world import World


@dataclass(frozen=True, slots=True)
class Switch:
    name: str
    value: str
    usual: str
    """What it is where nobody set it: this sandbox began with it."""
    words: tuple[str, ...]
    """What there is to choose from; of a number or a text nothing."""


@dataclass(frozen=True, slots=True)
class WorldPage:
    """All that templates/world.html uses beside the frame."""

    counts: tuple[tuple[str, str, str, str], ...]
    """Currency, status, how many, and what they come to."""
    constants: tuple[tuple[str, str], ...]
    channels: tuple[tuple[str, str], ...]
    seed: str
    switches: tuple[Switch, ...]
    providers: tuple[str, ...]


def world_page(asked: Asked) -> WorldPage:
    world, words = asked.parts.world, asked.words
    store = next(iter(world.state.stores.values()))
    constants = [
        (words["api_url"], asked.origin),
        (words["api_secret"], store.api_secrets[0]),
        (words["store_id"], store.id),
        (words["webhook_secret"], store.webhooks["TEST"].secrets[-1]),
        (words["browser_sdk"], f'<script src="{asked.origin}/v2/browser-sdk.js"></script>'),
    ]
    if store.v1 is not None:
        constants += [
            (words["v1_url"], f"{asked.origin}/v1"),
            ("imp_key", store.v1.imp_key),
            ("imp_secret", store.v1.imp_secret),
            (words["user_code"], store.v1.user_code),
        ]
    return WorldPage(
        counts=tuple(_counts(control_views.state_of(asked.parts)["payments"])),
        constants=tuple(constants),
        channels=tuple((each.name, each.key) for each in world.state.channels.values()),
        seed="" if world.state.seed is None else str(world.state.seed),
        switches=tuple(_switches(world)),
        providers=tuple(sorted(get_args(PgProvider))),
    )


def _counts(of_currencies: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (currency, status, f"{row['count']:,}", money(row["total"], currency))
        for currency, rows in of_currencies.items()
        for status, row in rows.items()
    ]


def _switches(world: World) -> list[Switch]:
    usual, now = values_of(world.assumed), values_of(world.inferred)
    return [Switch(name, _shown(it), _shown(usual[name]), words_of(name)) for name, it in now.items()]


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
