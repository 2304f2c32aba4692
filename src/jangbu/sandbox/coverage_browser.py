"""What becomes of every parameter of the browser SDKs' functions, for docs/reference/sandbox.md: tests hold it to what
is read, and to PortOne's own list.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from jangbu.sandbox.core.opening import RequestWindow
from jangbu.sandbox.core.params import RequestPayment
from jangbu.sandbox.v1.window import RequestPay
from jangbu.sandbox.window.identity_windows import RequestCertification, RequestVerification
from jangbu.sandbox.window.issue_windows import RequestIssue

Fate = Literal["used", "told", "script", "to the PG", "nothing"]
FATES: dict[Fate, str] = {
    "used": "changes the window, or what comes of it",
    "told": "read, and told again by PortOne's API",
    "script": "used by the script on the shop's page",
    "to the PG": "PortOne hands it on and tells nobody; no PG is here",
    "nothing": "rightly without effect, for the reason given",
}


class Function(NamedTuple):
    """A function that takes parameters: PortOne's name for their type, and what reads them here."""

    name: str
    request: str
    reads: type[RequestWindow]


class V1Function(NamedTuple):
    name: str
    reads: type[msgspec.Struct]


FUNCTIONS = {
    "pay": Function("requestPayment", "PaymentRequest", RequestPayment),
    "pay-ui": Function("loadPaymentUI", "LoadPaymentUIRequest", RequestPayment),
    "issue": Function("requestIssueBillingKey", "IssueBillingKeyRequest", RequestIssue),
    "issue-ui": Function("loadIssueBillingKeyUI", "LoadIssueBillingKeyUIRequest", RequestIssue),
    "issue-pay": Function("requestIssueBillingKeyAndPay", "IssueBillingKeyAndPayRequest", RequestIssue),
    "verify": Function("requestIdentityVerification", "IdentityVerificationRequest", RequestVerification),
}
"""By the word that stands for it below."""
V1_FUNCTIONS = {
    "pay": V1Function("IMP.request_pay", RequestPay),
    "certify": V1Function("IMP.certification", RequestCertification),
}

WINDOWS = "pay issue issue-pay verify"
PAYS = "pay pay-ui issue-pay"
KEYS_AND_PAYMENTS = "pay pay-ui issue issue-ui issue-pay"
ALL = "pay pay-ui issue issue-ui issue-pay verify"


OTHERS = (
    ("updateLoadPaymentUIRequest, updateLoadIssueBillingKeyUIRequest", "supported", "take what `load…` takes", "§7.1"),
    ("IMP.init", "supported", "–", "§7.2"),
    ("IMP.agency", "supported", "tiers are named by `v1Tiers` of `POST /__sandbox__/config`", "§7.2"),
    ("IMP.loadUI, IMP.updateLoadUIRequest", "partly", "`paypal-spb` alone; take what `request_pay` takes", "§7.2"),
    ("IMP.loadModule", "not", "the facts tell of no module: its callback is told so", "§7.2"),
)
"""Functions without parameters of their own: name, state, what is missing, fact."""


class Row(NamedTuple):
    names: str
    """Dotted, several of one fate beside each other; `[]` stands for each of a list."""
    functions: str
    fate: Fate
    how: str

    @property
    def line(self) -> str:
        """The row in Markdown."""
        names = ", ".join(f"`{name}`" for name in self.names.split())
        functions = "all" if self.functions == ALL else self.functions.replace(" ", ", ")
        return f"| {names} | {functions} | {self.fate} | {self.how} |"


PARAMETERS = (
    Row("storeId channelKey", ALL, "used", "whose window it is, and what PG's"),
    Row("channelGroupId", "pay", "used", "one channel of the group by chance; the API tells both"),
    Row("paymentId", PAYS, "used", "the PG's rules for it hold (portone-facts §10.2)"),
    Row("issueId issueName", "issue issue-ui", "told", "shown in the window"),
    Row("identityVerificationId", "verify", "used", "at most one verification of it succeeds"),
    Row("orderName", PAYS, "used", "the PG's rules for it hold (portone-facts §10.3); shown, and told"),
    Row("totalAmount currency taxFreeAmount vatAmount", PAYS, "used", "the parts fit into the whole"),
    Row("payMethod", "pay", "used", "what the window offers"),
    Row("billingKeyMethod", "issue issue-ui", "used", "what the window registers"),
    Row("billingKeyAndPayMethod", "issue-pay", "used", "what the window registers"),
    Row("uiType", "pay-ui issue-ui", "script", "PayPal's two buttons, drawn as the sandbox's own"),
    Row("displayAmount currency", "issue issue-ui", "used", "shown in the window"),
    Row(
        "customer.customerId customer.fullName customer.firstName customer.lastName customer.phoneNumber customer.email"
        " customer.address.country customer.address.addressLine1 customer.address.addressLine2 customer.address.city"
        " customer.address.province customer.zipcode customer.gender customer.birthYear customer.birthMonth"
        " customer.birthDay",
        KEYS_AND_PAYMENTS,
        "told",
        "`fullName` comes before the two parts of a name; some PGs need some (portone-facts §10.4)",
    ),
    Row(
        "customer.fullName customer.firstName customer.lastName customer.phoneNumber customer.birthYear"
        " customer.birthMonth customer.birthDay customer.gender",
        "verify",
        "used",
        "typed in the window already",
    ),
    Row(
        "customer.customerId customer.email customer.address.country customer.address.addressLine1"
        " customer.address.addressLine2 customer.address.city customer.address.province customer.zipcode",
        "verify",
        "nothing",
        "nobody asks for them to know who somebody is",
    ),
    Row("customer.firstNameKana customer.lastNameKana", ALL, "to the PG", "Japanese PGs"),
    Row("customData", ALL, "told", "as text, whatever it was"),
    Row("noticeUrls", KEYS_AND_PAYMENTS, "used", "webhooks go there, and not to the store's own"),
    Row("confirmUrl", "pay pay-ui", "used", "asked before the approval (portone-facts §4.4)"),
    Row("redirectUrl", ALL, "used", "where a window that took the whole page goes back to"),
    Row("forceRedirect", WINDOWS, "used", "the window takes the whole page"),
    Row(
        "windowType.pc windowType.mobile",
        WINDOWS,
        "used",
        "UI is an overlay, as is a popup that the browser blocks",
    ),
    Row("popup.center iframe.dim", WINDOWS, "script", "where the popup is; whether the page behind is dimmed"),
    Row("locale", "pay pay-ui issue issue-ui issue-pay", "used", "English, where it begins so; Korean else"),
    Row("isEscrow", "pay pay-ui", "used", "the payment has an escrow (portone-facts §2.10)"),
    Row(
        "products[].id products[].name products[].code products[].amount products[].quantity products[].tag"
        " products[].link",
        PAYS,
        "told",
        "",
    ),
    Row("isCulturalExpense country", PAYS, "told", "`country`: two letters of ISO 3166-1"),
    Row("promotionId", "pay", "used", "taken off, or the attempt fails (portone-facts §10.11)"),
    Row("promotionGroupId promotionIds", "pay-ui", "nothing", "promotions are of cards, and the button is PayPal's"),
    Row("card.cardCompany", "pay issue", "used", "that company's card alone; in a payment no other way either"),
    Row("card.availableCards", "pay", "used", "the cards there are to choose from"),
    Row(
        "card.useFreeInterestFromMall card.installment.freeInstallmentPlans[].cardCompany"
        " card.installment.freeInstallmentPlans[].months easyPay.useFreeInterestFromMall"
        " easyPay.installment.freeInstallmentPlans[].cardCompany easyPay.installment.freeInstallmentPlans[].months",
        "pay",
        "used",
        "the window says so; the API tells `isInterestFree` and `isInterestFreeFromMerchant`",
    ),
    Row(
        "card.installment.monthOption.fixedMonth card.installment.monthOption.availableMonthList card.useInstallment"
        " easyPay.installment.monthOption.fixedMonth easyPay.installment.monthOption.availableMonthList"
        " easyPay.useInstallment",
        "pay",
        "used",
        "the months there are to choose from, of ₩50,000 and more; what is less is paid at once",
    ),
    Row("card.useCardPoint easyPay.useCardPoint", "pay", "used", "a box that is ticked; the API tells `pointUsed`"),
    Row("card.useAppCardOnly", "pay", "nothing", "how the card's holder proves who they are is in no record"),
    Row(
        "card.cardPromotion.promotionId card.cardPromotion.discountAmount",
        "pay",
        "used",
        "taken off what `cardCompany`'s card pays; the coupon's id is the PG's own",
    ),
    Row("easyPay.easyPayProvider", "pay issue", "used", "that wallet alone"),
    Row("easyPay.availablePayMethods", "pay issue", "used", "what a wallet pays with; MONEY is CHARGE and TRANSFER"),
    Row("easyPay.availableCards", "pay issue", "used", "the cards there are inside a wallet"),
    Row(
        "virtualAccount.cashReceiptType transfer.cashReceiptType easyPay.cashReceiptType",
        "pay",
        "used",
        "issued once an account has paid (portone-facts §2.11)",
    ),
    Row(
        "virtualAccount.customerIdentifier transfer.customerIdentifier easyPay.customerIdentifier",
        "pay",
        "to the PG",
        "whose receipt it is; such a number is never kept here",
    ),
    Row(
        "virtualAccount.bankCode virtualAccount.availableBanks transfer.bankCode",
        "pay",
        "used",
        "the banks there are to choose from; the list comes before the one",
    ),
    Row(
        "virtualAccount.fixedOption.pgAccountId virtualAccount.fixedOption.accountNumber",
        "pay",
        "used",
        "a FIXED account, of that number where it is said",
    ),
    Row(
        "virtualAccount.accountExpiry.validHours virtualAccount.accountExpiry.dueDate"
        " convenienceStore.paymentDeadline.validHours convenienceStore.paymentDeadline.dueDate",
        "pay",
        "used",
        "the account, or the counter's number, lapses then",
    ),
    Row(
        "mobile.carrier mobile.avaliableCarriers",
        "pay issue issue-pay",
        "used",
        "the operators there are; told nowhere",
    ),
    Row("giftCertificate.giftCertificateType", "pay", "used", "that kind alone"),
    Row("alipayPlus.easyPayProvider", "pay", "used", "that wallet alone"),
    Row("paypal", "pay issue", "nothing", "PortOne has nothing in it"),
    Row("alipay", "pay", "nothing", "PortOne has nothing in it"),
    Row("appScheme", KEYS_AND_PAYMENTS, "nothing", "there is no app to come back to"),
    Row("productType", KEYS_AND_PAYMENTS, "to the PG", "telephone bills"),
    Row(
        "offerPeriod.range.from offerPeriod.range.to offerPeriod.interval",
        "pay pay-ui issue issue-pay",
        "to the PG",
        "NaverPay and others",
    ),
    Row(
        "storeDetails.ceoFullName storeDetails.phoneNumber storeDetails.address storeDetails.zipcode storeDetails.email"
        " storeDetails.businessName storeDetails.businessRegistrationNumber storeDetails.storeName"
        " storeDetails.storeNameShort storeDetails.storeNameEn storeDetails.storeNameKana"
        " storeDetails.openingHours.open storeDetails.openingHours.close storeDetails.contactName",
        "pay pay-ui issue-pay",
        "to the PG",
        "on its receipt, and at Japanese counters",
    ),
    Row(
        "shippingAddress.country shippingAddress.addressLine1 shippingAddress.addressLine2 shippingAddress.city"
        " shippingAddress.province",
        "pay pay-ui",
        "to the PG",
        "",
    ),
    Row("orderDetail merpayCategoryId", "pay", "to the PG", "Japanese PGs"),
    Row("bypass", ALL, "to the PG", "as it is"),
)


V1_PARAMETERS = (
    Row("channelKey pg", "pay certify", "used", "what PG's; `pg` is its name, alone or with `.` and the id there"),
    Row("pay_method", "pay", "used", "what the window offers: one wallet or one certificate, where it is one"),
    Row("merchant_uid", "pay", "used", "the PG's rules for it hold, and those of `prepare`"),
    Row("merchant_uid", "certify", "told", ""),
    Row("name amount tax_free vat_amount", "pay", "used", "the parts fit into the whole; in major units"),
    Row("currency", "pay", "used", "else won, for PayPal dollars"),
    Row("buyer_name buyer_tel buyer_email buyer_addr buyer_postcode custom_data", "pay", "told", ""),
    Row("customer_uid", "pay", "used", "what is paid with is registered under it"),
    Row("notice_url", "pay", "used", "webhooks go there, and not to the store's own"),
    Row("confirm_url", "pay", "used", "asked before the approval (portone-facts §4.4)"),
    Row("m_redirect_url", "pay certify", "used", "where a phone goes back to"),
    Row("language", "pay", "used", "English, where it begins so; Korean else"),
    Row("escrow", "pay", "used", "the payment has an escrow, which V2 shows"),
    Row(
        "products[].id products[].name products[].code products[].unitPrice products[].quantity",
        "pay",
        "told",
        "by V2, as V1's payments have none",
    ),
    Row("vbank_due", "pay", "used", "the account lapses then; a day lasts to its end"),
    Row("display.card_quota", "pay", "used", "over how many months a card may pay, beside at once"),
    Row("card.direct.code card.direct.quota", "pay", "used", "that company's card alone, over so many months"),
    Row("card.detail[].card_code card.detail[].enabled", "pay", "used", "the cards there are to choose from"),
    Row(
        "useFreeInterestFromMall card.detail[].max_month",
        "pay",
        "used",
        "whose interest the store pays, and up to how many months; V2 shows it",
    ),
    Row("min_age", "certify", "used", "whoever is younger fails"),
    Row("name phone", "certify", "used", "typed in the window already"),
    Row("carrier", "certify", "used", "whose customers may verify themselves"),
    Row("popup", "certify", "used", "on a phone; on a computer it is a popup in any case"),
    Row("company", "certify", "nothing", "it is a name for the register of such requests, and changes none"),
    Row("digital", "pay", "to the PG", "telephone bills"),
    Row("biz_num", "pay", "to the PG", "Danal's virtual accounts"),
    Row("app_scheme", "pay", "nothing", "there is no app to come back to"),
    Row("bypass", "pay certify", "to the PG", "as it is"),
)
"""PortOne describes V1's in its guides alone (portone-facts §7.2)."""


def listed(function: str, parameters: Sequence[Row] = PARAMETERS) -> dict[str, Row]:
    """Each parameter of a function, by its dotted name. One that has two fates is a mistake."""
    rows = [row for row in parameters if function in row.functions.split()]
    names = [(name, row) for row in rows for name in row.names.split()]
    assert len(dict(names)) == len(names), f"{function}: a parameter is listed twice"
    return dict(names)
