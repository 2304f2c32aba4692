"""The account of the payer that a deposit is given back to (requirements B3, reliability F40). Pure.

It is personal data of whoever is refunded: kept encrypted until PortOne has it, shown masked, and logged nowhere.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import msgspec

from jangbu.payments.banks import NOT_FOR_REFUNDS, bank_code, bank_name
from jangbu.payments.cancellations.refusals import (
    RefundAccountNeeded,
    RefundAccountUnfit,
    RefundBankUnknown,
    RefundHolderPhoneNeeded,
)
from jangbu.payments.methods import Kind, read
from jangbu.payments.rules import Payment

PHONE_NEEDED_BY = frozenset({"SMARTRO", "SMARTRO_V2"})
"""PGs that want the holder's telephone number (portone-facts §2.8)."""
HOLDER_LONGEST = 50
SHOWN_DIGITS = 3
_NUMBER = re.compile(r"[0-9]{6,20}")
_PHONE = re.compile(r"0[0-9]{8,10}")


@dataclass(frozen=True, slots=True)
class RefundAccount:
    """Checked and normalised: PortOne's word for the bank, digits alone. Its repr tells nothing."""

    bank: str
    number: str
    holder: str
    phone: str = ""

    def __repr__(self) -> str:
        return "RefundAccount(…)"

    @property
    def masked(self) -> dict[str, Any]:
        """What of it may be kept and shown: enough to recognise it, too little to pay into it."""
        hidden = "*" * (len(self.number) - SHOWN_DIGITS)
        return {
            "bank": self.bank,
            "number": hidden + self.number[-SHOWN_DIGITS:],
            "holderName": masked_name(self.holder),
        }

    @property
    def sealed_text(self) -> str:
        """All of it as one text, always the same for the same account: what the vault encrypts and fingerprints."""
        return msgspec.json.encode([self.bank, self.number, self.holder, self.phone]).decode()

    @classmethod
    def opened(cls, text: str) -> "RefundAccount":
        """The account of a `sealed_text`."""
        return cls(*msgspec.json.decode(text, type=tuple[str, str, str, str]))


def checked(bank: str, number: str, holder: str, phone: str = "") -> RefundAccount:
    """The account as somebody wrote it down. Raises RefundBankUnknown, RefundAccountUnfit."""
    code = bank_code(bank)
    if code is None or code in NOT_FOR_REFUNDS:
        raise RefundBankUnknown
    digits = re.sub(r"[\s\-–.]", "", unicodedata.normalize("NFKC", number))
    if not digits.isascii() or not _NUMBER.fullmatch(digits):
        raise RefundAccountUnfit(field="number")
    name = " ".join(unicodedata.normalize("NFC", holder).split())
    if not name or len(name) > HOLDER_LONGEST or not name.isprintable():
        raise RefundAccountUnfit(field="holderName")
    return RefundAccount(code, digits, name, _phone(phone))


def needed_for(payment: Payment, account: RefundAccount | None) -> RefundAccount | None:
    """The account a refund of this payment is sent with; None where the money goes back the way it came.

    Raises RefundAccountNeeded, RefundHolderPhoneNeeded.
    """
    method = read(payment.method)
    if method is not None and method.kind is Kind.OTHER:
        # A way to pay that we have never heard of: whoever gives an account for it knows more than we do.
        return account
    if not goes_to_an_account(payment):
        return None
    if account is None:
        raise RefundAccountNeeded
    if payment.pg_provider in PHONE_NEEDED_BY and not account.phone:
        raise RefundHolderPhoneNeeded(pg=payment.pg_provider)
    return account


def goes_to_an_account(payment: Payment) -> bool:
    """A deposit has nothing it could go back to by itself (portone-facts §10.9)."""
    method = read(payment.method)
    return method is not None and method.kind is Kind.VIRTUAL_ACCOUNT


def masked_name(name: str) -> str:
    """김*수; of two letters 김*."""
    if len(name) < 3:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]


def in_words(masked: dict[str, Any] | None) -> str:
    """A masked account for people: 국민은행 *********123 김*수."""
    if not masked:
        return ""
    return " ".join((bank_name(masked["bank"]), masked["number"], masked["holderName"]))


def _phone(written: str) -> str:
    if not written.strip():
        return ""
    digits = re.sub(r"[\s\-–.()]", "", unicodedata.normalize("NFKC", written))
    digits = re.sub(r"^\+82", "0", digits)
    if not digits.isascii() or not _PHONE.fullmatch(digits):
        raise RefundAccountUnfit(field="holderPhoneNumber")
    return digits
