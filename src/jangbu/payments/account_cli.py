"""The payer's account for `jangbu payments cancel`: asked for, or from a file. Never an argument: `ps` shows those."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from jangbu.errors import SetupProblem

if TYPE_CHECKING:
    from jangbu.payments.refund_accounts import RefundAccount

BYTES_MAX = 10_000
_FORM = '{"bank": "국민은행", "number": "…", "holderName": "…", "holderPhoneNumber": "…"}'
_FIELDS = {"bank", "number", "holderName", "holderPhoneNumber"}


def account_of(where: str) -> "RefundAccount":
    """The account of a JSON file; `-` is stdin, and `ask` a person at the terminal.

    Raises SetupProblem, RefundBankUnknown, RefundAccountUnfit.
    """
    from jangbu.payments.refund_accounts import checked

    if where == "ask":
        if not sys.stdin.isatty():
            raise SetupProblem("Nobody is here to be asked for the account. Hand in a file, or - for stdin.")
        asked = [
            str(typer.prompt(text, default=default, show_default=False, err=True)).strip()
            for text, default in (("Bank", None), ("Account number", None), ("Holder", None), ("Holder's phone", ""))
        ]
        return checked(*asked)
    found = _read(where)
    return checked(found["bank"], found["number"], found["holderName"], found.get("holderPhoneNumber", ""))


def _read(where: str) -> dict[str, str]:
    try:
        raw = sys.stdin.buffer.read(BYTES_MAX) if where == "-" else Path(where).read_bytes()[:BYTES_MAX]
        found: Any = json.loads(raw)
    except OSError as away:
        raise SetupProblem(f"The account's file cannot be read: {away.strerror}.") from None
    except ValueError:
        # Without what was read: it is somebody's account.
        raise SetupProblem(f"The account must be JSON like {_FORM}.") from None
    is_it = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    if not is_it or not {"bank", "number", "holderName"} <= set(found) <= _FIELDS:
        raise SetupProblem(f"The account must be JSON like {_FORM}.")
    kept: dict[str, str] = found
    return kept
