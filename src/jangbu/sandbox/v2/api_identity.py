"""PortOne's V2 operations that verify who somebody is (portone-facts §8)."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from jangbu.clock import rfc3339
from jangbu.sandbox.core import identity
from jangbu.sandbox.core.bodies import channel_json
from jangbu.sandbox.core.identity_records import IdentityVerification, Operator, Person
from jangbu.sandbox.core.pg_companies import PgCompany, company_of
from jangbu.sandbox.core.problems import ApiError
from jangbu.sandbox.core.world import World
from jangbu.sandbox.gate import Call, Operations
from jangbu.sandbox.v2.listing import Page, holds, paged, span

operations = Operations()
Times = Literal["REQUESTED_AT", "VERIFIED_AT", "FAILED_AT", "STATUS_UPDATED_AT"]


class _Customer(msgspec.Struct, rename="camel"):
    name: str
    phone_number: str
    ip_address: str
    id: str | None = None
    identity_number: str | None = None


class _Send(msgspec.Struct, rename="camel"):
    channel_key: str
    customer: _Customer
    operator: Operator
    method: Literal["SMS", "APP"]
    store_id: str | None = None
    custom_data: str | None = None
    bypass: dict[str, Any] | None = None


class _Confirm(msgspec.Struct, rename="camel"):
    store_id: str | None = None
    otp: str | None = None


class _Sort(msgspec.Struct):
    by: Times | None = None
    order: Literal["DESC", "ASC"] | None = None


class _WantedPerson(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    name: str | None = None
    birth_year: str | None = None
    birth_month: str | None = None
    birth_day: str | None = None
    phone_number: str | None = None
    gender: Literal["MALE", "FEMALE", "OTHER"] | None = None

    def fits(self, person: Person | None) -> bool:
        """All that is said of the person is so."""
        year, month, day = person.birth_date.split("-") if person is not None else (None, None, None)
        compared = (
            (self.name, person.name if person is not None else None),
            (self.birth_year, year),
            (self.birth_month, month),
            (self.birth_day, day),
            (self.phone_number, person.phone_number if person is not None else None),
            (self.gender, person.gender if person is not None else None),
        )
        return all(wanted in (None, is_) for wanted, is_ in compared)


class _Filter(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The filters the sandbox has. One that it lacks is refused aloud: ignoring it would list too much."""

    store_id: str | None = None
    time_range_field: Times | None = None
    from_: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    identity_verification_id: str | None = None
    identity_verification_tx_id: str | None = None
    is_test: bool | None = None
    statuses: list[Literal["READY", "VERIFIED", "FAILED"]] | None = None
    pg_tx_id: str | None = None
    pg_merchant_id: str | None = None
    pg_providers: list[str] | None = None
    pg_companies: list[PgCompany] | None = None
    carriers: list[Operator] | None = None
    customer: _WantedPerson | None = None
    version: Literal["V1", "V2"] | None = None


class _List(msgspec.Struct):
    page: Page = msgspec.field(default_factory=Page)
    sort: _Sort = msgspec.field(default_factory=_Sort)
    filter: _Filter = msgspec.field(default_factory=_Filter)


@operations.add("POST", "/identity-verifications/{identityVerificationId}/send", to_pg="`bypass`, `ipAddress`")
async def send_identity_verification(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    asked = call.body(_Send)
    store, customer = call.store(asked.store_id), asked.customer
    channel = identity.channel_for(call.world, store, asked.channel_key)
    if asked.method == "SMS" and customer.identity_number is None:
        raise ApiError("INVALID_REQUEST", "identityNumber is required for SMS.")
    person = identity.person_of(
        customer.name, customer.phone_number, customer.identity_number, asked.operator, customer.id
    )
    identity.send(
        call.world,
        call.parts.faults,
        store,
        call.path("identityVerificationId"),
        channel,
        person,
        asked.method,
        call.now,
        custom_data=asked.custom_data,
    )
    return {}


@operations.add("POST", "/identity-verifications/{identityVerificationId}/resend")
async def resend_identity_verification(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    store = call.store(call.query("storeId"))
    found = identity.find(call.world, store, call.path("identityVerificationId"))
    identity.resend(call.world, call.parts.faults, found, call.now)
    return {}


@operations.add("POST", "/identity-verifications/{identityVerificationId}/confirm")
async def confirm_identity_verification(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    asked = call.body(_Confirm)
    found = identity.find(call.world, call.store(asked.store_id), call.path("identityVerificationId"))
    identity.confirm(call.world, found, asked.otp, call.now)
    return {"identityVerification": verification_json(call.world, found)}


@operations.add("GET", "/identity-verifications/{identityVerificationId}")
async def get_identity_verification(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    store = call.store(call.query("storeId"))
    return verification_json(call.world, identity.find(call.world, store, call.path("identityVerificationId")))


@operations.add("GET", "/identity-verifications")
async def get_identity_verifications(call: Call) -> dict[str, Any]:
    """portone-facts §8."""
    asked = call.body(_List)
    wanted, world = asked.filter, call.world
    store = call.store(wanted.store_id)
    since, until = span(wanted.from_, wanted.until, call.now)
    rows = [
        row
        for row in world.state.identity_verifications.get(store.id, {}).values()
        if (at := _time_of(row, wanted.time_range_field)) is not None
        and since <= at <= until
        and _passes(world, wanted, row)
    ]
    by = asked.sort.by
    rows.sort(key=lambda row: (_time_of(row, by) or row.requested_at, row.id), reverse=asked.sort.order != "ASC")
    return paged(rows, asked.page, lambda row: verification_json(world, row))


def verification_json(world: World, found: IdentityVerification) -> dict[str, Any]:
    """A member of the `IdentityVerification` union."""
    channel = world.state.channels[found.channel_key]
    shown: dict[str, Any] = {
        "status": found.status,
        "id": found.id,
        "channel": channel_json(channel),
        "customData": found.custom_data,
        "requestedAt": rfc3339(found.requested_at),
        "updatedAt": rfc3339(found.updated_at),
        "statusChangedAt": rfc3339(found.status_changed_at),
        "version": found.version,
        "pgTxId": found.pg_tx_id,
    }
    person, failure = found.person, found.failure
    if found.status == "VERIFIED":
        assert found.verified_at is not None, "a verified one knows when"
        assert person is not None, "a verified one knows who"
        shown["verifiedAt"] = rfc3339(found.verified_at)
        shown["pgRawResponse"] = msgspec.json.encode({"tid": found.pg_tx_id}).decode()
        shown["verifiedCustomer"] = verified_json(world, found, person)
    else:
        shown["requestedCustomer"] = _requested_json(person)
    if failure is not None:
        shown["failure"] = {"reason": failure.reason, "pgCode": failure.pg_code, "pgMessage": failure.pg_message}
    return {name: value for name, value in shown.items() if value is not None}


def verified_json(world: World, found: IdentityVerification, person: Person) -> dict[str, Any]:
    """Who it is, as far as this PG tells: Inicis knows no operator and no DI; Danal needs a contract for the
    telephone and for where one is from (portone-facts §8).
    """
    is_inicis = world.state.channels[found.channel_key].pg_provider == "INICIS_UNIFIED"
    by_contract = is_inicis or world.inferred.identity_contract_tells_phone
    shown = {
        "id": person.id,
        "name": person.name,
        "operator": person.operator if by_contract and not is_inicis else None,
        "phoneNumber": person.phone_number if by_contract else None,
        "birthDate": person.birth_date,
        "gender": person.gender,
        "isForeigner": person.is_foreigner if by_contract else None,
        "ci": identity.ci_of(person),
        "di": None if is_inicis else identity.di_of(person, found.store_id),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _requested_json(person: Person | None) -> dict[str, Any]:
    if person is None:
        return {}
    year, month, day = person.birth_date.split("-")
    shown = {"id": person.id, "name": person.name, "phoneNumber": person.phone_number}
    shown |= {"birthYear": year, "birthMonth": month, "birthDay": day}
    return {name: value for name, value in shown.items() if value is not None}


def _time_of(row: IdentityVerification, by: Times | None) -> datetime | None:
    match by:
        case "VERIFIED_AT":
            return row.verified_at
        case "FAILED_AT":
            return row.failed_at
        case "STATUS_UPDATED_AT":
            return row.status_changed_at
        case _:
            return row.requested_at


def _passes(world: World, wanted: _Filter, row: IdentityVerification) -> bool:
    channel = world.state.channels[row.channel_key]
    conditions = (
        (wanted.identity_verification_id, wanted.identity_verification_id == row.id),
        (wanted.identity_verification_tx_id, wanted.identity_verification_tx_id == row.transaction_id),
        (wanted.is_test, wanted.is_test == (channel.type == "TEST")),
        (wanted.statuses, row.status in (wanted.statuses or ())),
        (wanted.pg_tx_id, wanted.pg_tx_id == row.pg_tx_id),
        (wanted.pg_providers, channel.pg_provider in (wanted.pg_providers or ())),
        (wanted.pg_companies, company_of(channel.pg_provider) in (wanted.pg_companies or ())),
        (wanted.pg_merchant_id, wanted.pg_merchant_id == channel.pg_merchant_id),
        (wanted.carriers, row.person is not None and row.person.operator in (wanted.carriers or ())),
        (wanted.customer, wanted.customer is not None and wanted.customer.fits(row.person)),
        (wanted.version, wanted.version == row.version),
    )
    return holds(conditions)
