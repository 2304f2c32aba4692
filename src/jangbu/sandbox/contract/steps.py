"""What is asked of a PortOne when it is recorded, in order. A `{name}` is filled in when it is asked.

`{payment}` and `{other}` are fresh ids, `{tomorrow}` is a time, `{mark}` and `{mark2}` are Idempotency-Keys; what a
step `keeps` of its answer is there for those after it. `{billingKey}` is given by whoever records.
"""

from typing import Any, Literal

import msgspec

CHARGE: dict[str, Any] = {
    "billingKey": "{billingKey}",
    "orderName": "jangbu contract",
    "amount": {"total": 1_100},
    "currency": "KRW",
}


class Step(msgspec.Struct, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """One request. On GET and DELETE the body goes into the query (portone-facts §1.3)."""

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = {}
    credential: Literal["secret", "wrong", "none"] = "secret"
    keeps: dict[str, str] = {}
    """Name to the place in the answer, as `schedule.id`."""
    writes: bool = False
    """It changes something, on a test channel: asked with test payments only."""


def _list(name: str, path: str, **body: Any) -> Step:
    return Step(name, "GET", path, {"page": {"number": 0, "size": 3}, **body})


READING = (
    Step("the banks", "GET", "/banks", credential="none"),
    Step("without a credential", "GET", "/payments/{payment}", credential="none"),
    Step("with a wrong secret", "GET", "/payments/{payment}", credential="wrong"),
    Step("a payment that is not there", "GET", "/payments/{payment}"),
    Step("its transactions", "GET", "/payments/{payment}/transactions"),
    Step("its cash receipt", "GET", "/payments/{payment}/cash-receipt"),
    Step("a store that is not there", "GET", "/payments/{payment}?storeId=store-of-nobody"),
    _list("the payments", "/payments"),
    _list("the payments, oldest first", "/payments", filter={"sortOrder": "ASC", "sortBy": "REQUESTED_AT"}),
    Step("a page of nothing", "GET", "/payments", {"page": {"number": 0, "size": 0}}),
    Step("a page beyond the last row", "GET", "/payments", {"page": {"number": 60_000, "size": 10}}),
    Step("a filter of a wrong type", "GET", "/payments", {"filter": {"status": "PAID"}}),
    Step("a body that is no JSON", "GET", "/payments?requestBody=%7B"),
    Step("payments by cursor", "GET", "/payments-by-cursor", {"size": 3}),
    Step("a cursor that is none", "GET", "/payments-by-cursor", {"cursor": "nobody"}),
    Step("a page by cursor that is too long", "GET", "/payments-by-cursor", {"size": 1_001}),
    Step("events by cursor", "GET", "/payment-events-by-cursor", {"size": 3}),
    _list("the billing keys", "/billing-keys"),
    Step("a billing key that is not there", "GET", "/billing-keys/{payment}"),
    _list("the schedules", "/payment-schedules"),
    Step("a schedule that is not there", "GET", "/payment-schedules/{payment}"),
    _list("the cash receipts", "/cash-receipts"),
    _list("the identity verifications", "/identity-verifications"),
    Step("a verification that is not there", "GET", "/identity-verifications/{payment}"),
    Step("a promotion that is not there", "GET", "/promotions/{payment}"),
)

_WITH_TEST_PAYMENTS = (
    Step("a cancel of nothing", "POST", "/payments/{payment}/cancel", {"reason": "contract"}),
    Step("an amount fixed", "POST", "/payments/{other}/pre-register", {"totalAmount": 1_100, "currency": "KRW"}),
    Step("what was only fixed", "GET", "/payments/{other}"),
    Step("an amount fixed again", "POST", "/payments/{other}/pre-register", {"totalAmount": 2_200, "currency": "KRW"}),
    Step(
        "an Idempotency-Key without quotes",
        "POST",
        "/payments/{other}/pre-register",
        {"totalAmount": 1_100},
        {"idempotency-key": "{mark}"},
    ),
    Step(
        "an Idempotency-Key",
        "POST",
        "/payments/{other}/pre-register",
        {"totalAmount": 1_100},
        {"idempotency-key": '"{mark}"'},
    ),
    Step(
        "the same key for something else",
        "POST",
        "/payments/{other}/pre-register",
        {"totalAmount": 3_300},
        {"idempotency-key": '"{mark}"'},
    ),
    Step("the billing key", "GET", "/billing-keys/{billingKey}"),
    Step("a charge of nothing", "POST", "/payments/{payment}/billing-key", CHARGE | {"amount": {"total": 0}}),
    Step(
        "a charge of parts above the whole",
        "POST",
        "/payments/{payment}/billing-key",
        CHARGE | {"amount": {"total": 1_100, "taxFree": 1_000, "vat": 200}},
    ),
    Step("a charge", "POST", "/payments/{payment}/billing-key", CHARGE, {"idempotency-key": '"{mark2}"'}),
    Step("the same charge again", "POST", "/payments/{payment}/billing-key", CHARGE),
    Step("a payment", "GET", "/payments/{payment}"),
    Step(
        "more given back than there is", "POST", "/payments/{payment}/cancel", {"reason": "contract", "amount": 2_000}
    ),
    Step(
        "a part given back that is thought to be of more",
        "POST",
        "/payments/{payment}/cancel",
        {"reason": "contract", "amount": 100, "currentCancellableAmount": 9},
    ),
    Step(
        "a part given back",
        "POST",
        "/payments/{payment}/cancel",
        {"reason": "contract", "amount": 100, "currentCancellableAmount": 1_100},
        keeps={"cancellation": "cancellation.id"},
    ),
    Step("a payment given back in part", "GET", "/payments/{payment}"),
    Step("a stop of what is done", "POST", "/payments/{payment}/cancellations/{cancellation}/stop", {}),
    Step("the rest given back", "POST", "/payments/{payment}/cancel", {"reason": "contract"}),
    Step("a payment given back", "GET", "/payments/{payment}"),
    Step("nothing is left to give back", "POST", "/payments/{payment}/cancel", {"reason": "contract"}),
    Step(
        "a schedule",
        "POST",
        "/payments/{other}/schedule",
        {"payment": CHARGE, "timeToPay": "{tomorrow}"},
        keeps={"schedule": "schedule.id"},
    ),
    Step(
        "a second schedule for it", "POST", "/payments/{other}/schedule", {"payment": CHARGE, "timeToPay": "{tomorrow}"}
    ),
    Step("what was scheduled", "GET", "/payment-schedules/{schedule}"),
    Step("a schedule revoked", "DELETE", "/payment-schedules", {"scheduleIds": ["{schedule}"]}),
    Step("a schedule revoked twice", "DELETE", "/payment-schedules", {"scheduleIds": ["{schedule}"]}),
)

for _step in _WITH_TEST_PAYMENTS:
    _step.writes = True
STEPS = (*READING, *_WITH_TEST_PAYMENTS)
"""Reading first: what is not there must not be there yet."""
