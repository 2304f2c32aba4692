"""What of PortOne's two APIs the sandbox has, for docs/reference/sandbox.md: tests hold it to what they perform."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jangbu.sandbox.app import operations, v1_operations
from jangbu.sandbox.gate import Operation
from jangbu.sandbox.v1.gate import Operation as V1Operation

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

V1 = (
    ("POST", "/users/getToken", "§6.1"),
    ("POST", "/payments/prepare", "§6.2"),
    ("PUT", "/payments/prepare", "§6.2"),
    ("GET", "/payments/prepare/{merchant_uid}", "§6.2"),
    ("GET", "/payments/{imp_uid}", "§6.3"),
    ("GET", "/payments/{imp_uid}/balance", "§6.3"),
    ("GET", "/payments", "§6.3"),
    ("GET", "/payments/find/{merchant_uid}", "§6.3"),
    ("GET", "/payments/find/{merchant_uid}/{payment_status}", "§6.3"),
    ("GET", "/payments/findAll/{merchant_uid}", "§6.3"),
    ("GET", "/payments/findAll/{merchant_uid}/{payment_status}", "§6.3"),
    ("GET", "/payments/status/{payment_status}", "§6.3"),
    ("POST", "/payments/cancel", "§6.4"),
    ("POST", "/subscribe/customers/{customer_uid}", "§6.5"),
    ("GET", "/subscribe/customers/{customer_uid}", "§6.5"),
    ("GET", "/subscribe/customers", "§6.5"),
    ("DELETE", "/subscribe/customers/{customer_uid}", "§6.5"),
    ("GET", "/subscribe/customers/{customer_uid}/payments", "§6.5"),
    ("GET", "/subscribe/customers/{customer_uid}/schedules", "§6.5"),
    ("POST", "/subscribe/payments/again", "§6.5"),
    ("POST", "/subscribe/payments/onetime", "§6.5"),
    ("POST", "/subscribe/payments/schedule", "§6.5"),
    ("POST", "/subscribe/payments/unschedule", "§6.5"),
    ("GET", "/subscribe/payments/schedule", "§6.5"),
    ("GET", "/subscribe/payments/schedule/{merchant_uid}", "§6.5"),
    ("PUT", "/subscribe/payments/schedule/{merchant_uid}", "§6.5"),
    ("POST", "/subscribe/payments/schedule/{merchant_uid}/reschedule", "§6.5"),
    ("POST", "/subscribe/payments/schedule/{merchant_uid}/retry", "§6.5"),
    ("GET", "/subscribe/payments/schedule/customers/{customer_uid}", "§6.5"),
    ("POST", "/vbanks", "§6.5"),
    ("PUT", "/vbanks/{imp_uid}", "§6.5"),
    ("DELETE", "/vbanks/{imp_uid}", "§6.5"),
    ("GET", "/receipts/{imp_uid}", "§6.5"),
    ("POST", "/receipts/{imp_uid}", "§6.5"),
    ("DELETE", "/receipts/{imp_uid}", "§6.5"),
    ("GET", "/receipts/external/{merchant_uid}", "§6.5"),
    ("POST", "/receipts/external/{merchant_uid}", "§6.5"),
    ("DELETE", "/receipts/external/{merchant_uid}", "§6.5"),
    ("POST", "/certifications/otp/request", "§6.5"),
    ("POST", "/certifications/otp/confirm/{imp_uid}", "§6.5"),
    ("GET", "/certifications/{imp_uid}", "§6.5"),
    ("DELETE", "/certifications/{imp_uid}", "§6.5"),
    ("GET", "/escrows/logis/{imp_uid}", "§6.5"),
    ("PUT", "/escrows/logis/{imp_uid}", "§6.5"),
    ("POST", "/escrows/logis/{imp_uid}", "§6.5"),
    ("POST", "/cvs", "§6.5"),
    ("DELETE", "/cvs/{imp_uid}", "§6.5"),
    ("GET", "/banks", "§6.5"),
    ("GET", "/banks/{bank_standard_code}", "§6.5"),
    ("GET", "/cards", "§6.5"),
    ("GET", "/cards/{card_standard_code}", "§6.5"),
    ("GET", "/users/pg", "§6.5"),
    ("GET", "/tiers/{tier_code}", "§6.5"),
)
"""Every operation of V1 but the families below, with the fact that it follows."""

V1_FAMILIES = (
    ("/payments/{imp_uid}/naver/", 15),
    ("/naver/", 2),
    ("/kcpquick/", 7),
    ("/benepia/", 2),
    ("/partners/", 1),
    ("/payco/", 1),
    ("/paymentwall/", 1),
)
"""What belongs to one PG alone, and how many operations PortOne has there. The sandbox has none of them."""

WITHOUT_A_STATUS = ("/payments/find/{merchant_uid}", "/payments/findAll/{merchant_uid}")
"""Of these two searches the last part may be left out: here four operations, where PortOne's description has two."""


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
    """Every operation of V2, in the order above."""
    return _rows(V2, operations.all)


def v1_rows() -> list[Row]:
    """Every operation of V1, in the order above."""
    return _rows(V1, v1_operations)


def _rows(theirs: Sequence[tuple[str, str, str]], all_of_ours: Sequence[Operation | V1Operation]) -> list[Row]:
    ours = {(operation.method, operation.path): operation for operation in all_of_ours}
    unknown = ours.keys() - {(method, path) for method, path, _ in theirs}
    assert not unknown, f"PortOne has no {unknown}"
    found = []
    for method, path, fact in theirs:
        operation = ours.get((method, path))
        if operation is None:
            found.append(Row(method, path, fact, "not", "all of it"))
        else:
            state: State = "partly" if operation.lacks else "supported"
            found.append(Row(method, path, fact, state, operation.lacks, operation.name, operation.to_pg))
    return found
