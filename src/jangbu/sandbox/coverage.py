"""What of PortOne's API the sandbox has, for docs/reference/sandbox.md: tests hold it to what they perform."""

from dataclasses import dataclass
from typing import Literal

from jangbu.sandbox.app import operations

State = Literal["supported", "partly", "not"]

V2 = (
    ("POST", "/login/api-secret", "§1.1"),
    ("POST", "/token/refresh", "§1.1"),
    ("POST", "/payments/{paymentId}/pre-register", "§2.4"),
    ("GET", "/payments/{paymentId}", "§2.2"),
    ("GET", "/payments", "§2.13"),
    ("GET", "/payments-by-cursor", "§2.13"),
    ("GET", "/payment-events-by-cursor", "§2.13"),
    ("GET", "/payments/{paymentId}/transactions", "§2.13"),
    ("POST", "/payments/{paymentId}/confirm", "§2.5"),
    ("POST", "/payments/{paymentId}/instant", "§2.6"),
    ("POST", "/payments/{paymentId}/capture", "§2.7"),
    ("POST", "/payments/{paymentId}/cancel", "§2.8"),
    ("POST", "/payments/{paymentId}/cancellations/{cancellationId}/stop", "§2.8"),
    ("POST", "/payments/{paymentId}/virtual-account/close", "§2.9"),
    ("POST", "/payments/{paymentId}/escrow/logistics", "§2.10"),
    ("PATCH", "/payments/{paymentId}/escrow/logistics", "§2.10"),
    ("POST", "/payments/{paymentId}/escrow/complete", "§2.10"),
    ("POST", "/payments/{paymentId}/register-store-receipt", "§2.10"),
    ("POST", "/cash-receipts", "§2.11"),
    ("GET", "/cash-receipts", "§2.11"),
    ("GET", "/payments/{paymentId}/cash-receipt", "§2.11"),
    ("POST", "/payments/{paymentId}/cash-receipt/cancel", "§2.11"),
    ("POST", "/payments/{paymentId}/resend-webhook", "§2.12"),
    ("POST", "/billing-keys", "§3.1"),
    ("GET", "/billing-keys", "§3.1"),
    ("POST", "/billing-keys/confirm", "§3.1"),
    ("POST", "/billing-keys/confirm-issue-and-pay", "§3.1"),
    ("GET", "/billing-keys/{billingKey}", "§3.1"),
    ("DELETE", "/billing-keys/{billingKey}", "§3.1"),
    ("POST", "/payments/{paymentId}/billing-key", "§3.2"),
    ("POST", "/payments/{paymentId}/schedule", "§3.3"),
    ("GET", "/payment-schedules", "§3.3"),
    ("GET", "/payment-schedules/{paymentScheduleId}", "§3.3"),
    ("DELETE", "/payment-schedules", "§3.3"),
    ("GET", "/identity-verifications", "§8"),
    ("GET", "/identity-verifications/{identityVerificationId}", "§8"),
    ("POST", "/identity-verifications/{identityVerificationId}/send", "§8"),
    ("POST", "/identity-verifications/{identityVerificationId}/resend", "§8"),
    ("POST", "/identity-verifications/{identityVerificationId}/confirm", "§8"),
    ("POST", "/payment-sessions", "§8"),
    ("GET", "/payment-sessions/{sessionId}", "§8"),
    ("POST", "/payment-sessions/{sessionId}/close", "§8"),
    ("GET", "/checkout-profiles/evaluate", "§8"),
    ("GET", "/promotions/{promotionId}", "§8"),
    ("GET", "/payment-gateways/card-promotion", "§8"),
    ("GET", "/banks", "§8"),
    ("GET", "/kakaopay/payment/order", "§8"),
    ("POST", "/paymentwall/delivery/confirm", "§8"),
    ("GET", "/payment-reconciliations/settlements/vat-report", "§8"),
    ("GET", "/payment-reconciliations/transactions/vat-report", "§8"),
)
"""Every operation of V2 but the families below, with the fact that it follows."""

FAMILIES = (("/platform/", 66, "§5"), ("/b2b/", 31, "§5.7"))
"""Path, how many operations PortOne has there, and the fact. The sandbox has none of them."""

BROWSER = (
    (
        "requestPayment",
        "partly",
        (
            "no `channelGroupId`; POPUP and UI windows are overlays; `card`, `easyPay`, `giftCertificate`, `mobile`,"
            " `paypal`, `alipay`, `alipayPlus`, the banks (`bankCode`, `availableBanks`, `fixedOption`),"
            " `customerIdentifier`, `firstNameKana`, `lastNameKana`, `orderDetail`, `appScheme`, `offerPeriod`,"
            " `storeDetails`, `shippingAddress`, `productType`, `merpayCategoryId`, `popup`, `iframe` and `bypass`"
            " change nothing"
        ),
        "§7.1",
    ),
    (
        "requestIssueBillingKey",
        "partly",
        (
            "`displayAmount`, `card`, `mobile`, `easyPay`, `paypal`, `firstNameKana`, `lastNameKana`, `offerPeriod`,"
            " `productType`, `appScheme`, `popup`, `iframe` and `bypass` change nothing"
        ),
        "§7.1",
    ),
    (
        "requestIssueBillingKeyAndPay",
        "partly",
        (
            "`mobile`, `firstNameKana`, `lastNameKana`, `offerPeriod`, `productType`, `storeDetails`, `appScheme`,"
            " `popup`, `iframe` and `bypass` change nothing"
        ),
        "§7.1",
    ),
    ("requestIdentityVerification", "partly", "`customer`, `popup`, `iframe` and `bypass` change nothing", "§7.1"),
    (
        "loadPaymentUI, loadIssueBillingKeyUI, updateLoadPaymentUIRequest, updateLoadIssueBillingKeyUIRequest",
        "partly",
        "the button is the sandbox's own; as above",
        "§7.1",
    ),
    ("IMP.init, IMP.request_pay", "partly", "no `pg`, `vbank_due`, `digital`, `display`, `card`, `bypass`", "§7.2"),
    ("IMP.certification", "partly", "`name`, `phone`, `company` and `popup` change nothing", "§7.2"),
    (
        "IMP.agency",
        "partly",
        "a tier is named by `v1Tiers` of `POST /__sandbox__/config`, and is the store itself",
        "§7.2",
    ),
    ("IMP.loadUI, IMP.updateLoadUIRequest", "partly", "`paypal-spb` alone; the button is the sandbox's own", "§7.2"),
    ("IMP.loadModule", "not", "the facts tell of no module: its callback is told so", "§7.2"),
)
"""Functions of the browser SDK: name, state, what is missing, fact."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the page."""

    method: str
    path: str
    fact: str
    state: State
    lacks: str = ""
    name: str = ""
    to_pg: str = ""

    @property
    def line(self) -> str:
        """The row in Markdown."""
        name = f"`{self.name}`" if self.name else "–"
        handed = f"to the PG alone: {self.to_pg}" if self.to_pg else ""
        missing = "; ".join(part for part in (self.lacks, handed) if part) or "–"
        return f"| `{self.method} {self.path}` | {name} | {self.fact} | {self.state} | {missing} |"


def rows() -> list[Row]:
    """Every operation of V2, in the order above. Unread fields of a body are in `lacks`, each by its name."""
    ours = {(operation.method, operation.path): operation for operation in operations.all}
    unknown = ours.keys() - {(method, path) for method, path, _ in V2}
    assert not unknown, f"PortOne has no {unknown}"
    found = []
    for method, path, fact in V2:
        operation = ours.get((method, path))
        if operation is None:
            found.append(Row(method, path, fact, "not", "all of it"))
        else:
            state: State = "partly" if operation.lacks else "supported"
            found.append(Row(method, path, fact, state, operation.lacks, operation.name, operation.to_pg))
    return found
