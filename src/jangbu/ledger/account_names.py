"""What an accountant calls each account of the chart: 계정과목, and in English."""

from jangbu.web.texts import Catalogue

NAMES: dict[str, tuple[str, str]] = {
    "assets:pg_receivable": ("PG 미수금", "PG receivable"),
    "assets:pg_in_transit": ("PG 미착 정산금", "PG money in transit"),
    "assets:bank": ("보통예금", "Bank"),
    "assets:input_vat": ("부가세대급금", "Input VAT"),
    "assets:partner_receivable": ("파트너 미수금", "Partner receivable"),
    "assets:disputed": ("분쟁 보류금", "Held in dispute"),
    "liabilities:vat_payable": ("부가세예수금", "VAT payable"),
    "liabilities:partner_payable": ("파트너 미지급금", "Partner payable"),
    "liabilities:withholding_tax": ("원천세 예수금", "Withholding tax"),
    "liabilities:payouts_payable": ("송금 미지급금", "Payouts payable"),
    "liabilities:suspense": ("가수금", "Suspense"),
    "income:sales": ("매출", "Sales"),
    "income:discounts": ("매출할인", "Discounts"),
    "expenses:pg_fee": ("PG 지급수수료", "PG fees"),
    "expenses:partner_share": ("파트너 정산비", "Partner share"),
    "expenses:payouts": ("송금 비용", "Payouts"),
    "expenses:rounding": ("단수 차이", "Rounding"),
    "expenses:write_off": ("대손상각비", "Written off"),
    "expenses:fx": ("외환차손익", "Exchange differences"),
    "equity:opening": ("기초 잔액", "Opening balance"),
}
"""Path of the chart (`rules.ACCOUNTS`) → Korean, English. The path stays what is stored, asked for and proven."""

TEXTS: Catalogue = {f"account.{path}": names for path, names in NAMES.items()}


def korean(path: str) -> str:
    """For files, which accountants open."""
    return NAMES[path][0]
