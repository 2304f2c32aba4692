"""What of PortOne's older API the sandbox has, for docs/reference/sandbox.md: tests hold it to what they perform."""

from jangbu.sandbox.app import v1_operations
from jangbu.sandbox.coverage import Row, State

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


def v1_rows() -> list[Row]:
    """Every operation of V1, in the order above."""
    ours = {(operation.method, operation.path): operation for operation in v1_operations}
    unknown = ours.keys() - {(method, path) for method, path, _ in V1}
    assert not unknown, f"PortOne has no {unknown}"
    found = []
    for method, path, fact in V1:
        operation = ours.get((method, path))
        if operation is None:
            found.append(Row(method, path, fact, "not", "all of it"))
        else:
            state: State = "partly" if operation.lacks else "supported"
            found.append(Row(method, path, fact, state, operation.lacks, operation.name, operation.to_pg))
    return found
