"""What V1 is given: JSON or a form, amounts in major units, times as unix seconds (portone-facts §6.1, §6.3)."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from jangbu.money import AMOUNT_MINOR_MAX
from jangbu.sandbox.core.currencies import EXPONENTS
from jangbu.sandbox.core.problems import UNREADABLE
from jangbu.sandbox.v1.problems import V1Refusal

_JSON = msgspec.json.Decoder(float_hook=Decimal)
"""An amount may have decimals, and a float would change it."""
MerchantUid = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
OrderName = Annotated[str, msgspec.Meta(max_length=40)]
BuyerName = Annotated[str, msgspec.Meta(max_length=16)]
"""How long V1 lets them be (portone-facts §7.2, §9.3)."""
LAST_SECOND = 253_402_300_799
NAME_MAX = 1_000
_SUB_KEY = re.compile(r"\[([^\]]*)\]")


def decoded(raw: bytes, content_type: str) -> dict[str, Any]:
    """The fields of a body. Refuses what is neither a JSON object nor a form."""
    if not raw:
        return {}
    if content_type.partition(";")[0].strip() == "application/x-www-form-urlencoded":
        return form(raw.decode(errors="replace"))
    try:
        fields = _JSON.decode(raw)
    except UNREADABLE:
        raise _unreadable() from None
    if not isinstance(fields, dict):
        raise _unreadable()
    return fields


def form(text: str) -> dict[str, Any]:
    """`a=1&b[]=2&c[0][d]=3` as `{"a": "1", "b": ["2"], "c": [{"d": "3"}]}`: how forms write lists and objects."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        # Looking for brackets takes the square of a name's length.
        if len(name) > NAME_MAX:
            raise _unreadable()
        path = [name.partition("[")[0], *_SUB_KEY.findall(name)]
        at: Any = root
        for key, below in pairwise(path):
            at = at.setdefault(key or str(len(at)), {"[]": True} if below == "" or below.isdecimal() else {})
            if not isinstance(at, dict):
                raise _unreadable()
        at[path[-1] or str(len(at))] = value
    whole: dict[str, Any] = _lists(root)
    return whole


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.pop("[]", False):
        return [_lists(each) for each in value.values()]
    return {name: _lists(each) for name, each in value.items()}


def minor_of(amount: Decimal, currency: str) -> int:
    """Minor units. Refuses an unknown currency, and what the currency has no coin for."""
    if currency not in EXPONENTS:
        raise V1Refusal(400, f"지원하지 않는 통화입니다. ({currency})")
    minor = _minor(amount, EXPONENTS[currency])
    if minor is None:
        raise _no_amount()
    return minor


def of_any_currency(amount: Decimal) -> Decimal:
    """An amount whose currency nobody said. Refuses what none has a coin for."""
    if all(_minor(amount, exponent) is None for exponent in set(EXPONENTS.values())):
        raise _no_amount()
    return amount


def _minor(amount: Decimal, exponent: int) -> int | None:
    # Its size is looked at first: Decimal rounds or raises where a number is beyond its own limits.
    if amount.is_finite() and 0 <= amount <= AMOUNT_MINOR_MAX:
        minor = int(amount.scaleb(exponent))
        if minor <= AMOUNT_MINOR_MAX and Decimal(minor).scaleb(-exponent) == amount:
            return minor
    return None


def _no_amount() -> V1Refusal:
    return V1Refusal(400, "금액이 올바르지 않습니다.")


def unix(at: datetime | None) -> int:
    """Whole seconds, 0 when it never happened."""
    return int(at.timestamp()) if at is not None else 0


def time_of(seconds: int) -> datetime:
    """Refuses what is before 1970 or after 9999."""
    if not 0 <= seconds <= LAST_SECOND:
        raise V1Refusal(400, "시각이 올바르지 않습니다.")
    return datetime.fromtimestamp(seconds, UTC)


def _unreadable() -> V1Refusal:
    return V1Refusal(400, "요청 본문을 해석할 수 없습니다.")
