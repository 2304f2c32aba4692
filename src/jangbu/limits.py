"""How many requests somebody may make in a time, as an operator writes it: `100/15m`."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

_WRITTEN = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})([smh])", re.ASCII)
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` at once after a pause as long as `window`; then one more each `step`."""

    most: int
    window: timedelta

    @property
    def step(self) -> timedelta:
        """How long it takes until one more is free."""
        return self.window / self.most


@cache
def read_limit(text: str) -> Limit | None:
    """The limit of `100/15m` (s, m or h), None for `off`. Raises ValueError with words for the operator."""
    if text == "off":
        return None
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no limit; write 100/15m for a hundred in 15 minutes (s, m, h), or off")
    return Limit(int(found[1]), int(found[2]) * _UNITS[found[3]])
