"""PortOne's V2 operations on billing keys (portone-facts §3.1, §3.2)."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import billing_keys, charges
from jangbu.sandbox.core.billing_records import BillingKey
from jangbu.sandbox.core.bodies import channel_json
from jangbu.sandbox.core.customers import CustomerInput, customer_of
from jangbu.sandbox.core.inputs import ChargeInput, Credential, order_of, receipt_wish_of
from jangbu.sandbox.core.pg_companies import PgCompany, company_of
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.listing import Page, holds, paged, span
from jangbu.sandbox.window.issue_windows import confirm, issue_and_pay

operations = Operations()
TO_PG_OF_A_CHARGE = "`productType`, `shippingAddress`, `locale`, `bypass`"
METHOD_TYPES = {"CARD": "Card", "MOBILE": "Mobile", "EASY_PAY": "EasyPay", "TRANSFER": "Transfer"}
SORTS = Literal["REQUESTED_AT", "ISSUED_AT", "DELETED_AT", "STATUS_TIMESTAMP"]
PLATFORMS = {"SDK_PC": "PC", "SDK_MOBILE": "MOBILE", "API": "API"}


class _Card(msgspec.Struct):
    credential: Credential


class _Method(msgspec.Struct):
    card: _Card | None = None


class _Issue(msgspec.Struct, rename="camel"):
    method: _Method
    store_id: str | None = None
    channel_key: str | None = None
    channel_group_id: str | None = None
    customer: CustomerInput | None = None
    custom_data: str | None = None
    bypass: dict[str, Any] | None = None
    notice_urls: list[str] | None = None
    skip_webhook: bool | None = None


class _Confirm(msgspec.Struct, rename="camel"):
    billing_issue_token: str
    store_id: str | None = None
    is_test: bool | None = None
    skip_webhook: bool | None = None


class _ConfirmAndPay(_Confirm, rename="camel"):
    payment_id: str | None = None
    currency: str | None = None
    total_amount: int | None = None
    tax_free_amount: int | None = None


class _Sort(msgspec.Struct):
    by: SORTS | None = None
    order: Literal["DESC", "ASC"] | None = None


class _TextSearch(msgspec.Struct):
    field: Literal[
        "BILLING_KEY",
        "CARD_BIN",
        "CARD_NUMBER",
        "PG_MERCHANT_ID",
        "CUSTOMER_NAME",
        "CUSTOMER_EMAIL",
        "CUSTOMER_PHONE_NUMBER",
        "CUSTOMER_ADDRESS",
        "CUSTOMER_ZIPCODE",
        "CHANNEL_GROUP_NAME",
        "USER_AGENT",
    ]
    value: str


class _Filter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The filters the sandbox has. One that it lacks is refused aloud: ignoring it would list too much."""

    store_id: str | None = None
    time_range_field: SORTS | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    status: list[Literal["ISSUED", "DELETED"]] | None = None
    channel_group_ids: list[str] | None = None
    customer_id: str | None = None
    platform_type: Literal["SDK_MOBILE", "SDK_PC", "API"] | None = None
    text_search: _TextSearch | None = None
    pg_providers: list[str] | None = None
    pg_companies: list[PgCompany] | None = None
    methods: list[Literal["CARD", "MOBILE", "EASY_PAY", "TRANSFER"]] | None = None
    version: Literal["V1", "V2"] | None = None


class _List(msgspec.Struct):
    page: Page = msgspec.field(default_factory=Page)
    sort: _Sort = msgspec.field(default_factory=_Sort)
    filter: _Filter = msgspec.field(default_factory=_Filter)


@operations.add("POST", "/billing-keys", to_pg="`bypass`")
async def issue_billing_key(call: Call) -> dict[str, Any]:
    """portone-facts §3.1."""
    asked = call.body(_Issue)
    store = call.store(asked.store_id)
    if asked.method.card is None:
        raise ApiError("INVALID_REQUEST", "method.card is required.")
    channels = billing_keys.channels_for(call.world, store, asked.channel_key, asked.channel_group_id)
    key = BillingKey(
        id=f"billing-key-{call.world.ids.uuid()}",
        store_id=store.id,
        channel_keys=[channel.key for channel in channels],
        requested_at=call.now,
        customer=customer_of(asked.customer),
        custom_data=asked.custom_data,
        notice_urls=asked.notice_urls or [],
        channel_group_id=asked.channel_group_id if asked.channel_key is None else None,
    )
    credential, is_announced = asked.method.card.credential, not asked.skip_webhook
    failures = billing_keys.issue(call.world, call.parts.faults, key, credential, call.now, is_announced=is_announced)
    info = {
        "billingKey": key.id,
        "issuedAt": rfc3339(call.now),
        "channels": _channels_json(call.world, key),
    }
    return {"billingKeyInfo": info, **({"channelSpecificFailures": failures} if failures else {})}


@operations.add("POST", "/billing-keys/confirm")
async def confirm_billing_key(call: Call) -> dict[str, Any]:
    """portone-facts §3.1."""
    return {"billingKey": _confirmed(call, call.body(_Confirm)).id}


@operations.add("POST", "/billing-keys/confirm-issue-and-pay")
async def confirm_billing_key_issue_and_pay(call: Call) -> dict[str, Any]:
    """portone-facts §3.1."""
    asked = call.body(_ConfirmAndPay)
    believed = {
        "paymentId": asked.payment_id,
        "currency": asked.currency,
        "totalAmount": asked.total_amount,
        "taxFreeAmount": asked.tax_free_amount,
    }
    key = _confirmed(call, asked, believed)
    attempt = issue_and_pay(call.world, call.parts.faults, key, call.now, is_announced=not asked.skip_webhook)
    if attempt.failure is not None:
        raise charges.declined(attempt)
    return {"billingKey": key.id, "paymentId": attempt.payment_id}


def _confirmed(call: Call, asked: _Confirm, payment: dict[str, Any] | None = None) -> BillingKey:
    return confirm(
        call.world,
        call.parts.faults,
        call.store(asked.store_id),
        asked.billing_issue_token,
        call.now,
        is_test=asked.is_test,
        is_announced=not asked.skip_webhook,
        payment=payment,
    )


@operations.add("GET", "/billing-keys/{billingKey}")
async def get_billing_key_info(call: Call) -> dict[str, Any]:
    """portone-facts §3.1."""
    store = call.store(call.query("storeId"))
    return billing_key_json(call.world, billing_keys.find(call.world, store, call.path("billingKey")))


@operations.add("GET", "/billing-keys")
async def get_billing_key_infos(call: Call) -> dict[str, Any]:
    """portone-facts §3.1."""
    asked = call.body(_List)
    store, world = call.store(asked.filter.store_id), call.world
    by = asked.sort.by or "REQUESTED_AT"
    wanted = asked.filter
    times = span(wanted.from_, wanted.until, call.now)
    keys = [
        key
        for key in world.state.billing_keys.get(store.id, {}).values()
        if key.issued_at is not None and _is_of(times, wanted, key) and _passes(call, wanted, key)
    ]
    keys.sort(key=lambda key: (_time_of(key, by) or key.requested_at, key.id), reverse=asked.sort.order != "ASC")
    return paged(keys, asked.page, lambda key: billing_key_json(world, key))


@operations.add("DELETE", "/billing-keys/{billingKey}")
async def delete_billing_key(call: Call) -> dict[str, Any]:
    """portone-facts §3.1."""
    store, world = call.store(call.query("storeId")), call.world
    key = world.state.billing_keys.get(store.id, {}).get(call.path("billingKey"))
    if key is not None and key.issued_at is None and world.inferred.unconfirmed_key_is_not_issued:
        raise ApiError("BILLING_KEY_NOT_ISSUED", "The billing key is not issued.")
    key = billing_keys.find(world, store, call.path("billingKey"))
    billing_keys.delete(
        world,
        call.parts.faults,
        key,
        call.now,
        reason=call.query("reason"),
        requester=call.query("requester"),
        is_announced=call.query("skipWebhook") != "true",
    )
    return {"deletedAt": rfc3339(call.now)}


@operations.add("POST", "/payments/{paymentId}/billing-key", to_pg=TO_PG_OF_A_CHARGE)
async def pay_with_billing_key(call: Call) -> dict[str, Any]:
    """portone-facts §3.2. `paidAt` of what still waits is the time of the call [I: paid_at_of_what_waits]."""
    asked = call.body(ChargeInput)
    store = call.store(asked.store_id)
    attempt = charges.charge(
        call.world, call.parts.faults, store, wish_of(call.world, asked, call.path("paymentId")), call.now
    )
    if attempt.failure is not None:
        raise charges.declined(attempt)
    return {"payment": {"pgTxId": attempt.pg_tx_id, "paidAt": rfc3339(attempt.paid_at or call.now)}}


def wish_of(world: World, asked: ChargeInput, payment_id: str) -> charges.Wish:
    """What is asked for, its arithmetic checked."""
    order = order_of(world, asked)
    order.receipt = receipt_wish_of(asked.cash_receipt)
    return charges.Wish(
        payment_id,
        asked.billing_key,
        order,
        asked.channel_key,
        asked.installment_month or 0,
        asked.use_free_interest_from_merchant or False,
        asked.use_card_point or False,
        is_announced=not asked.skip_webhook,
    )


def billing_key_json(world: World, key: BillingKey) -> dict[str, Any]:
    """A member of the `BillingKeyInfo` union: never an expiry (portone-facts §3.1)."""
    assert key.issued_at is not None, "only issued keys are shown"
    group = world.state.channel_groups.get(key.channel_group_id or "")
    shown = {
        "status": key.status,
        "billingKey": key.id,
        "merchantId": world.state.merchant_id,
        "storeId": key.store_id,
        "methods": [key.method] if key.method else None,
        "channels": _channels_json(world, key),
        "customer": key.customer,
        "customData": key.custom_data,
        "issueId": key.issue_id,
        "issueName": key.issue_name,
        "requestedAt": rfc3339(key.requested_at),
        "issuedAt": rfc3339(key.issued_at),
        "deletedAt": rfc3339(key.deleted_at) if key.deleted_at else None,
        "channelGroup": {"id": group.id, "name": group.name, "isForTest": group.type == "TEST"} if group else None,
        "pgBillingKeyIssueResponses": key.responses or None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _channels_json(world: World, key: BillingKey) -> list[dict[str, str]]:
    return [channel_json(world.state.channels[each]) for each in key.channel_keys]


def _time_of(key: BillingKey, field: str) -> datetime | None:
    match field:
        case "REQUESTED_AT":
            return key.requested_at
        case "ISSUED_AT":
            return key.issued_at
        case "DELETED_AT":
            return key.deleted_at
        case _:
            return key.deleted_at or key.issued_at


def _is_of(times: tuple[datetime, datetime], wanted: _Filter, key: BillingKey) -> bool:
    at = _time_of(key, wanted.time_range_field or "REQUESTED_AT")
    return at is not None and times[0] <= at <= times[1]


def _passes(call: Call, wanted: _Filter, key: BillingKey) -> bool:
    providers = {call.world.state.channels[each].pg_provider for each in key.channel_keys}
    type_ = (key.method or {}).get("type", "").removeprefix("BillingKeyPaymentMethod")
    conditions = (
        (wanted.status, key.status in (wanted.status or ())),
        (wanted.channel_group_ids, key.channel_group_id in (wanted.channel_group_ids or ())),
        (wanted.customer_id, wanted.customer_id == key.customer.get("id")),
        (wanted.platform_type, PLATFORMS.get(wanted.platform_type or "") == key.platform),
        (wanted.pg_providers, providers & set(wanted.pg_providers or ())),
        (wanted.pg_companies, {company_of(each) for each in providers} & set(wanted.pg_companies or ())),
        (wanted.methods, type_ in [METHOD_TYPES[each] for each in wanted.methods or ()]),
        (wanted.version, wanted.version == key.version),
        (wanted.text_search, wanted.text_search is not None and _has_text(call.world, wanted.text_search, key)),
    )
    return holds(conditions)


def _has_text(world: World, search: _TextSearch, key: BillingKey) -> bool:
    customer, method = key.customer, key.method or {}
    card = method.get("card") or method.get("method", {}).get("card") or {}
    group = world.state.channel_groups.get(key.channel_group_id or "")
    fields: dict[str, list[str | None]] = {
        "BILLING_KEY": [key.id],
        "CARD_BIN": [card.get("bin")],
        "CARD_NUMBER": [card.get("number")],
        "PG_MERCHANT_ID": [world.state.channels[each].pg_merchant_id for each in key.channel_keys],
        "CUSTOMER_NAME": [customer.get("name")],
        "CUSTOMER_EMAIL": [customer.get("email")],
        "CUSTOMER_PHONE_NUMBER": [customer.get("phoneNumber")],
        "CUSTOMER_ADDRESS": [customer.get("address", {}).get("oneLine")],
        "CUSTOMER_ZIPCODE": [customer.get("zipcode")],
        "CHANNEL_GROUP_NAME": [group.name if group else None],
        "USER_AGENT": [key.user_agent],
    }
    return any(text is not None and search.value in text for text in fields[search.field])
