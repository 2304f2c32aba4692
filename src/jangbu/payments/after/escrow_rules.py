"""Escrow (에스크로): the PG keeps the money until the goods have arrived (portone-facts §2.2, §2.10). No I/O.

The state is PortOne's alone: it stands in its answer for the payment, and nothing of ours is booked by it.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.clock import instant
from jangbu.payments.after.refusals import EscrowNotPossible, InvoiceNumberUnfit
from jangbu.payments.rules import Payment

SEND, CORRECT, COMPLETE = "send_parcel", "correct_parcel", "complete_escrow"
OPERATIONS = (SEND, CORRECT, COMPLETE)
CARRIERS: dict[str, tuple[str, str]] = {
    "CJ": ("CJ대한통운", "CJ Logistics"),
    "LOTTE": ("롯데택배", "Lotte"),
    "HANJIN": ("한진택배", "Hanjin"),
    "POST": ("우체국택배", "Korea Post parcel"),
    "POST_REGISTERED": ("우체국등기", "Korea Post registered"),
    "LOGEN": ("로젠택배", "Logen"),
    "KYUNGDONG": ("경동택배", "Kyungdong"),
    "DAESIN": ("대신택배", "Daesin"),
    "ILYANG": ("일양로지스", "Ilyang"),
    "CHUNIL": ("천일택배", "Chunil"),
    "HAPDONG": ("합동택배", "Hapdong"),
    "KUNYOUNG": ("건영택배", "Kunyoung"),
    "DONGWON": ("동원로엑스", "Dongwon"),
    "WOORI": ("우리택배", "Woori"),
    "GS": ("GS25편의점택배", "GS25"),
    "SLX": ("SLX", "SLX"),
    "GOODSTOLUCK": ("굿투럭", "Goodstoluck"),
    "KGL": ("KGL네트웍스", "KGL"),
    "SUNGWON": ("성원글로벌", "Sungwon"),
    "LX_PANTOS": ("LX판토스", "LX Pantos"),
    "CJ_INTL": ("CJ대한통운 국제특송", "CJ International"),
    "ACI": ("ACI", "ACI"),
    "GSM_NTON": ("GSM NtoN", "GSM NtoN"),
    "SF": ("SF Express", "SF Express"),
    "EMS": ("EMS", "EMS"),
    "DHL": ("DHL", "DHL"),
    "FEDEX": ("FedEx", "FedEx"),
    "UPS": ("UPS", "UPS"),
    "USPS": ("USPS", "USPS"),
    "ETC": ("기타", "Other"),
}
"""PortOne's words for the carriers, with their names."""
INVOICE_LONGEST = 50
_INVOICE = re.compile(rf"[0-9A-Za-z-]{{1,{INVOICE_LONGEST}}}")


@dataclass(frozen=True, slots=True)
class Escrow:
    """How a payment in escrow stands, in PortOne's words; no parcel is named until one was registered."""

    status: str
    company: str = ""
    invoice_number: str = ""
    sent_at: datetime | None = None

    @property
    def parcel(self) -> tuple[str, str, datetime | None]:
        """What was told of the parcel."""
        return self.company, self.invoice_number, self.sent_at


def read(portone: dict[str, Any] | None) -> Escrow | None:
    """The escrow in PortOne's answer for a payment; None where there is none. Whatever it says, this does not fail."""
    said = (portone or {}).get("escrow")
    if not isinstance(said, dict) or not isinstance(said.get("status"), str):
        return None
    sent_at = None
    with suppress(ValueError, OverflowError):
        sent_at = instant(_text(said, "sentAt"))
    return Escrow(said["status"], _text(said, "company"), _text(said, "invoiceNumber"), sent_at)


def checked_invoice(number: str) -> str:
    """An invoice number as somebody typed it. Raises InvoiceNumberUnfit."""
    if not _INVOICE.fullmatch(number.strip()):
        raise InvoiceNumberUnfit
    return number.strip()


def next_parcel(payment: Payment) -> str:
    """What telling the PG of a parcel is now: registering one, or correcting it. Raises EscrowNotPossible."""
    escrow = read(payment.portone)
    if escrow is not None and payment.is_captured and payment.cancellable_amount > 0:
        if escrow.status == "BEFORE_REGISTERED":
            return SEND
        if escrow.status in {"REGISTERED", "DELIVERED"}:
            return CORRECT
    raise EscrowNotPossible(status="NONE" if escrow is None else escrow.status)


def expect_to_complete(payment: Payment) -> None:
    """Raises EscrowNotPossible where there is no purchase to confirm."""
    if next_parcel(payment) != CORRECT:
        raise EscrowNotPossible(status="BEFORE_REGISTERED")


def is_told(payment: Payment, operation: str, request: dict[str, Any]) -> bool:
    """Whether PortOne shows what a call wanted."""
    escrow = read(payment.portone)
    if escrow is None:
        return False
    if operation == COMPLETE:
        return escrow.status == "CONFIRMED"
    return escrow.parcel == (request["company"], request["invoiceNumber"], instant(request["sentAt"]))


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""
