"""What a shop's page says of each way to pay, as the offer that the window makes (portone-facts §7.1)."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from jangbu.sandbox.core.bank_names import CARD_COMPANIES, bank_of
from jangbu.sandbox.core.choices import CARRIERS, one_of
from jangbu.sandbox.core.opening import RequestWindow, unreadable
from jangbu.sandbox.core.records import Offer
from jangbu.sandbox.core.wallets import WALLETS, Inner

Company = Annotated[str, one_of(CARD_COMPANIES)]
Carrier = Annotated[str, one_of(CARRIERS)]
Provider = Annotated[str, one_of(name.upper() for name in WALLETS)]
ReceiptType = Literal["PERSONAL", "CORPORATE", "ANONYMOUS"]
PayMethod = Literal["CARD", "CHARGE", "TRANSFER", "MONEY"]


class FreePlan(msgspec.Struct, rename="camel"):
    card_company: Company
    months: list[int]


class MonthOption(msgspec.Struct, rename="camel"):
    fixed_month: int | None = None
    available_month_list: list[int] | None = None


class Installment(msgspec.Struct, rename="camel"):
    free_installment_plans: list[FreePlan] = []
    month_option: MonthOption | None = None


class CardPromotion(msgspec.Struct, rename="camel"):
    """A coupon of the card company's own."""

    promotion_id: str
    discount_amount: int


class Cards(msgspec.Struct, rename="camel"):
    """What cards there are to choose from, and on what terms: of a card payment, and of a wallet's card."""

    available_cards: list[Company] | None = None
    use_free_interest_from_mall: bool = False
    installment: Installment | None = None
    use_card_point: bool = False
    use_installment: bool = True


class Card(Cards, rename="camel"):
    card_company: Company | None = None
    card_promotion: CardPromotion | None = None


class EasyPay(Cards, rename="camel"):
    easy_pay_provider: Provider | None = None
    available_pay_methods: list[PayMethod] | None = None
    cash_receipt_type: ReceiptType | None = None


class Mobile(msgspec.Struct, rename="camel"):
    carrier: Carrier | None = None
    carriers: list[Carrier] | None = msgspec.field(default=None, name="avaliableCarriers")
    """PortOne's own spelling."""


class GiftCertificate(msgspec.Struct, rename="camel"):
    gift_certificate_type: Literal["BOOKNLIFE", "SMART_MUNSANG", "CULTURELAND", "CULTURE_GIFT"] | None = None


class AlipayPlus(msgspec.Struct, rename="camel"):
    easy_pay_provider: Provider | None = None


class Transfer(msgspec.Struct, rename="camel"):
    bank_code: str | None = None
    cash_receipt_type: ReceiptType | None = None


class Expiry(msgspec.Struct, rename="camel"):
    valid_hours: int | None = None
    due_date: str | None = None


class FixedOption(msgspec.Struct, rename="camel"):
    """An account that is the shopper's own for good: named by its number, or by the PG's id of it."""

    pg_account_id: str | None = None
    account_number: str | None = None


class VirtualAccount(Transfer, rename="camel"):
    available_banks: list[str] | None = None
    account_expiry: Expiry | None = None
    remittee_name: str | None = None
    fixed_option: FixedOption | None = None


class ConvenienceStore(msgspec.Struct, rename="camel"):
    payment_deadline: Expiry | None = None


class Ways(RequestWindow, rename="camel", kw_only=True):
    """What each way to pay is to be like. Of several only the one that is asked for counts."""

    card: Card | None = None
    easy_pay: EasyPay | None = None
    mobile: Mobile | None = None
    gift_certificate: GiftCertificate | None = None
    alipay_plus: AlipayPlus | None = None
    transfer: Transfer | None = None
    virtual_account: VirtualAccount | None = None
    convenience_store: ConvenienceStore | None = None


def offer_of(asked: Ways, pay_method: str) -> Offer:
    """What the window for `pay_method` leaves to choose from. Refuses a bank that is none."""
    match pay_method:
        case "CARD" if asked.card is not None:
            return _of_cards(asked.card)
        case "EASY_PAY" if asked.easy_pay is not None:
            return _of_wallets(asked.easy_pay)
        case "ALIPAY_PLUS" if asked.alipay_plus is not None and asked.alipay_plus.easy_pay_provider is not None:
            return Offer(ways=[asked.alipay_plus.easy_pay_provider.lower()])
        case "MOBILE" if asked.mobile is not None:
            return _within("mobile", [asked.mobile.carrier] if asked.mobile.carrier else asked.mobile.carriers)
        case "GIFT_CERTIFICATE" if asked.gift_certificate is not None:
            kind = asked.gift_certificate.gift_certificate_type
            return _within("gift_certificate", [kind.replace("CULTURE_GIFT", "CULTUREGIFT")] if kind else None)
        case "TRANSFER" if asked.transfer is not None:
            return _within("transfer", _banks([asked.transfer.bank_code] if asked.transfer.bank_code else None))
        case "VIRTUAL_ACCOUNT" if (account := asked.virtual_account) is not None:
            # The list comes before the one bank, as with KCP.
            named = account.available_banks or ([account.bank_code] if account.bank_code else None)
            return _within("virtual_account", _banks(named))
        case _:
            return Offer()


def offer_to_register(asked: Ways, billing_key_method: str) -> Offer:
    """What the window leaves to choose from where something is registered, to be charged again."""
    easy_pay = asked.easy_pay
    if billing_key_method != "EASY_PAY" or easy_pay is None:
        return offer_of(asked, billing_key_method)
    inner = inner_of(easy_pay.available_pay_methods)
    wallet = WALLETS[easy_pay.easy_pay_provider.lower()] if easy_pay.easy_pay_provider is not None else None
    return Offer(
        ways=[name for way, name in (("CARD", "card"), ("TRANSFER", "transfer")) if inner is None or way in inner],
        choices={"card": easy_pay.available_cards} if easy_pay.available_cards else {},
        wallet=wallet.provider if wallet is not None else None,
    )


def _of_cards(asked: Card) -> Offer:
    offer = _on_terms(asked)
    companies = [asked.card_company] if asked.card_company else asked.available_cards
    if companies:
        offer.choices["card"] = companies
    if asked.card_company:
        # Straight to the company's own page: there is nothing else to choose there.
        offer.ways = ["card"]
    if asked.card_promotion is not None:
        if asked.card_company is None or asked.card_promotion.discount_amount < 0:
            raise unreadable("card.cardPromotion needs cardCompany, and takes something off")
        offer.discount_minor = asked.card_promotion.discount_amount
    return offer


def _of_wallets(asked: EasyPay) -> Offer:
    """Where cards are chosen from, only wallets with cards are narrowed to them; the ways within stand in order."""
    offer = _on_terms(asked)
    if asked.easy_pay_provider is not None:
        offer.ways = [asked.easy_pay_provider.lower()]
    inner = inner_of(asked.available_pay_methods)
    if inner is None and not asked.available_cards:
        return offer
    for name, wallet in WALLETS.items():
        within = [each for each in inner or wallet.inner if each in wallet.inner]
        found = [each for way in within for each in _cards_in(way, asked.available_cards)]
        if found:
            offer.choices[name] = found
    if asked.available_cards:
        offer.choices["card"] = asked.available_cards
    return offer


def inner_of(asked: Sequence[PayMethod] | None) -> list[Inner] | None:
    """MONEY is points and the account."""
    if asked is None:
        return None
    found: list[Inner] = []
    for word in asked:
        found += ["CHARGE", "TRANSFER"] if word == "MONEY" else [word]
    return list(dict.fromkeys(found))


def _cards_in(way: Inner, companies: list[str] | None) -> list[str]:
    return [f"{way}:{each}" for each in companies] if way == "CARD" and companies else [way]


def _on_terms(asked: Cards) -> Offer:
    plan = asked.installment or Installment()
    option = plan.month_option or MonthOption()
    months = None
    if option.fixed_month is not None:
        months = [option.fixed_month]
    elif option.available_month_list is not None:
        months = [0, *(each for each in option.available_month_list if each > 1)]
    return Offer(
        months=months if asked.use_installment else [0],
        free_months={each.card_company: each.months for each in plan.free_installment_plans},
        pays_interest=asked.use_free_interest_from_mall,
        with_points=asked.use_card_point,
    )


def _within(name: str, choices: list[str] | None) -> Offer:
    return Offer(choices={name: choices} if choices else {})


def _banks(words: list[str] | None) -> list[str] | None:
    found = [(word, bank_of(word)) for word in words or ()]
    unknown = [word for word, bank in found if bank is None]
    if unknown:
        raise unreadable(f"bankCode: no bank {unknown[0]}")
    return [bank for _, bank in found if bank is not None] or None
