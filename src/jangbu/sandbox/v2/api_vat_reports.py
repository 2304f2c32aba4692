"""PortOne's V2 reports of VAT: what came in and went back, by method and Korean days (portone-facts §8).

There is nothing here that differs from the PG's books, so all of it is MATCHED.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

from jangbu.sandbox.core.params import KST
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.records import Attempt, Event, Store
from jangbu.sandbox.gate import Call, Operations

operations = Operations()
METHODS = {
    "PaymentMethodCard": "CARD",
    "PaymentMethodTransfer": "TRANSFER",
    "PaymentMethodVirtualAccount": "VIRTUAL_ACCOUNT",
    "PaymentMethodMobile": "MOBILE",
    "PaymentMethodEasyPayMethodCharge": "CHARGE",
}
ITSELF = (
    "DANAL", "GALAXIA", "HYPHEN", "INNOPAY", "KAKAOPAY", "KPN", "KSNET", "NAVERPAY", "PAYCO", "PAYLETTER_GLOBAL",
    "PAYMENTWALL", "TOSSPAYMENTS", "UPLUS",
)  # fmt: skip
PROVIDERS = {name: name for name in ITSELF} | {
    "DAOU": "KIWOOMPAY",
    "EXIMBAY_V2": "EXIMBAY",
    "INICIS_JP": "INICIS",
    "INICIS_V2": "INICIS",
    "KCP_V2": "KCP",
    "MOBILIANS_V2": "MOBILIANS",
    "NICE_V2": "NICEPAY",
    "PAYPAL_V2": "PAYPAL",
    "TOSSPAY_V2": "TOSSPAY",
    "TOSS_BRANDPAY": "TOSSPAYMENTS",
}
"""What the reports call each PG: of the twenty-three names in PortOne's description of V2 all but HECTO and HECTO_EASY.
What went through another is in no report [I: vat_report_pgs].
"""


class _Days(msgspec.Struct):
    from_: date = msgspec.field(name="from")
    until: date


class _Pg(msgspec.Struct, rename="camel"):
    pg_merchant_id: str
    pg_provider: str


class _Filter(msgspec.Struct, rename="camel"):
    pg_specifiers: list[_Pg] | None = None
    store_ids: list[str] | None = None
    reconciliation_statuses: list[Literal["MATCHED", "NOT_MATCHED", "INCOMPARABLE", "NOT_COLLECTED"]] | None = None


class _Asked(msgspec.Struct, rename="camel"):
    date_range: _Days
    filter: _Filter = msgspec.field(default_factory=_Filter)


@dataclass(slots=True)
class _Sums:
    supply: int = 0
    vat: int = 0
    tax_free: int = 0

    def add(self, total: int, tax_free: int, vat: int) -> None:
        self.supply += total - tax_free - vat
        self.vat += vat
        self.tax_free += tax_free

    @property
    def total(self) -> int:
        return self.supply + self.vat + self.tax_free


@operations.add("GET", "/payment-reconciliations/transactions/vat-report")
async def get_transaction_vat_report(call: Call) -> dict[str, Any]:
    """portone-facts §8: by the day of the transaction."""
    return _report(call, after_days=0)


@operations.add("GET", "/payment-reconciliations/settlements/vat-report")
async def get_settlement_vat_report(call: Call) -> dict[str, Any]:
    """portone-facts §8: by the day on which the PG pays out [I: pg_pays_out_after_days]."""
    return _report(call, after_days=call.world.inferred.pg_pays_out_after_days)


def _report(call: Call, *, after_days: int) -> dict[str, Any]:
    asked = call.body(_Asked)
    days, wanted = asked.date_range, asked.filter
    if days.from_ > days.until:
        raise ApiError("INVALID_REQUEST", "dateRange ends before it begins.")
    stores = [call.store(each) for each in wanted.store_ids] if wanted.store_ids else [call.store(None)]
    by_method: dict[str, _Sums] = {}
    pgs: set[tuple[str, str]] = set()
    for attempt, event in _events(call, stores):
        day = (event.at.astimezone(KST) + timedelta(days=after_days)).date()
        channel = call.world.channel_of(attempt)
        provider = PROVIDERS.get(channel.pg_provider)
        if provider is None:
            continue
        pg = (provider, channel.pg_merchant_id)
        if not days.from_ <= day <= days.until or not _passes(wanted, pg):
            continue
        pgs.add(pg)
        by_method.setdefault(_method_of(attempt), _Sums()).add(*_parts_of(attempt, event))
    whole = _Sums()
    for sums in by_method.values():
        whole.add(sums.total, sums.tax_free, sums.vat)
    return {
        "items": [
            {
                "paymentMethod": method,
                "supplyAmount": sums.supply,
                "vatAmount": sums.vat,
                "taxFreeAmount": sums.tax_free,
                "totalAmount": sums.total,
            }
            for method, sums in sorted(by_method.items())
        ],
        "summary": {
            "totalSupplyAmount": whole.supply,
            "totalVatAmount": whole.vat,
            "totalTaxFreeAmount": whole.tax_free,
            "totalAmount": whole.total,
        },
        "pgSpecifiers": [{"pgProvider": provider, "pgMerchantId": merchant} for provider, merchant in sorted(pgs)],
    }


def _events(call: Call, stores: list[Store]) -> Iterator[tuple[Attempt, Event]]:
    """Money that moved at these stores. VAT is Korean, so only won."""
    ids = {store.id for store in stores}
    for event in call.world.state.events:
        attempt = call.world.attempt(event.transaction_id)
        assert attempt is not None, "events and attempts are one state"
        if event.store_id in ids and event.currency == "KRW":
            yield attempt, event


def _passes(wanted: _Filter, pg: tuple[str, str]) -> bool:
    named = {(each.pg_provider, each.pg_merchant_id) for each in wanted.pg_specifiers or ()}
    statuses = wanted.reconciliation_statuses
    return (not named or pg in named) and (not statuses or "MATCHED" in statuses)


def _method_of(attempt: Attempt) -> str:
    method = attempt.method or {}
    inner = method.get("easyPayMethod", {}) if method.get("type") == "PaymentMethodEasyPay" else method
    return METHODS.get(inner.get("type", ""), "ETC")


def _parts_of(attempt: Attempt, event: Event) -> tuple[int, int, int]:
    """Total, tax-free part, VAT; below zero for what went back."""
    if event.type == "PAID":
        return attempt.order.total_minor, attempt.order.tax_free_minor, attempt.order.vat_minor
    done = next(each for each in attempt.cancellations if each.id == event.cancellation_id)
    return -done.total_minor, -done.tax_free_minor, -done.vat_minor
