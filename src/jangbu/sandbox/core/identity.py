"""Verifying who somebody is by their telephone: by the API with a code, or in a window (portone-facts §8)."""

import base64
import hashlib
from datetime import datetime
from typing import Any, Literal, NoReturn

from jangbu.sandbox.core.faults import Faults, Kind
from jangbu.sandbox.core.identity_records import IdentityVerification, Person
from jangbu.sandbox.core.problems import ApiError, NotOurs, pg_refusal
from jangbu.sandbox.core.records import Channel, Failure, Store, Version
from jangbu.sandbox.core.world import World

OPERATION = "verify_identity"
"""What a fault of the operator's word is ordered for."""

PGS = frozenset({"DANAL", "INICIS_UNIFIED", "KCP_V2"})
VERIFIES_ALONE = frozenset({"DANAL", "INICIS_UNIFIED"})
"""Of them those that nobody pays with."""
WRONG_CODES_MAX = 5
"""After so many the operator gives up [I: confirm_code_tries]."""


def find(world: World, store: Store, verification_id: str) -> IdentityVerification:
    """Refuses IDENTITY_VERIFICATION_NOT_FOUND."""
    found = world.state.identity_verifications.get(store.id, {}).get(verification_id)
    if found is None:
        raise ApiError("IDENTITY_VERIFICATION_NOT_FOUND", "The identity verification is not found.")
    return found


def channel_for(world: World, store: Store, channel_key: str) -> Channel:
    """A channel that verifies identities. Refuses CHANNEL_NOT_FOUND."""
    channel = world.state.channels.get(channel_key)
    if channel is None or channel.store_id != store.id or channel.pg_provider not in PGS:
        raise ApiError("CHANNEL_NOT_FOUND", "The channel is not found.")
    return channel


def begin(
    world: World,
    store: Store,
    verification_id: str,
    channel: Channel,
    now: datetime,
    *,
    custom_data: str | None = None,
    version: Version = "V2",
) -> IdentityVerification:
    """READY, in a new try under the same id. Refuses one that is verified, and too many tries."""
    of_store = world.state.identity_verifications.setdefault(store.id, {})
    before = of_store.get(verification_id)
    if before is not None and before.status == "VERIFIED":
        raise ApiError("IDENTITY_VERIFICATION_ALREADY_VERIFIED", "The identity is verified already.")
    tries = before.tries if before is not None else 0
    if tries >= world.inferred.identity_tries_max:
        raise ApiError("MAX_TRANSACTION_COUNT_REACHED", "The identity verification was tried too often.")
    new_id = f"imp_{world.ids.chance().randrange(10**12):012d}" if version == "V1" else str(world.ids.uuid())
    of_store[verification_id] = IdentityVerification(
        id=verification_id,
        store_id=store.id,
        channel_key=channel.key,
        transaction_id=new_id,
        person=None,
        requested_at=now,
        updated_at=now,
        status_changed_at=now,
        tries=tries + 1,
        custom_data=custom_data,
        version=version,
    )
    return of_store[verification_id]


def send(
    world: World,
    faults: Faults,
    store: Store,
    verification_id: str,
    channel: Channel,
    person: Person,
    method: Literal["SMS", "APP"],
    now: datetime,
    *,
    custom_data: str | None = None,
    version: Version = "V2",
) -> IdentityVerification:
    """A code by SMS, or a question in the operator's app. Refuses as PortOne does (portone-facts §12)."""
    before = world.state.identity_verifications.get(store.id, {}).get(verification_id)
    if before is None and version == "V2" and world.inferred.identity_send_needs_a_window:
        raise ApiError("IDENTITY_VERIFICATION_NOT_FOUND", "The identity verification is not found.")
    if before is not None and before.status == "READY" and before.otp is not None:
        raise ApiError("IDENTITY_VERIFICATION_ALREADY_SENT", "The code is sent already.")
    found = begin(world, store, verification_id, channel, now, custom_data=custom_data, version=version)
    if faults.take(Kind.PG, OPERATION, verification_id, "identity_refused") is not None:
        _refuse(found, now, "IDENTITY_MISMATCH", "입력하신 정보와 일치하는 가입자가 없습니다.")
    found.person, found.method = person, method
    _draw_code(world, found, now)
    return found


def resend(world: World, faults: Faults, found: IdentityVerification, now: datetime) -> None:
    """Another code; the one before is worth nothing."""
    _expect_sent(found)
    if faults.take(Kind.PG, OPERATION, found.id, "identity_refused") is not None:
        raise pg_refusal("RESEND_REFUSED", "인증번호를 다시 보낼 수 없습니다.")
    _draw_code(world, found, now)


def confirm(world: World, found: IdentityVerification, otp: str | None, now: datetime) -> None:
    """READY → VERIFIED with the right code, or once it was approved in the app. Refuses a wrong one; after too many
    it is FAILED [I: confirm_code_tries].
    """
    _expect_sent(found)
    if found.method == "APP":
        if not found.is_approved_in_app:
            raise pg_refusal("APP_NOT_APPROVED", "앱에서 인증이 완료되지 않았습니다.")
    elif otp is None:
        raise ApiError("INVALID_REQUEST", "otp is required.")
    elif otp != found.otp:
        found.wrong_codes += 1
        found.updated_at = now
        if found.wrong_codes >= WRONG_CODES_MAX:
            _refuse(found, now, "OTP_TRIES_EXCEEDED", "인증번호 입력 횟수를 초과하였습니다.")
        raise pg_refusal("OTP_MISMATCH", "인증번호가 일치하지 않습니다.")
    verify(world, found, now)


def verify(world: World, found: IdentityVerification, now: datetime) -> None:
    """The operator says yes."""
    assert found.person is not None, "somebody was verified"
    found.status = "VERIFIED"
    found.pg_tx_id = f"idv{world.ids.token(17)}"
    found.verified_at = found.status_changed_at = found.updated_at = now


def fail(found: IdentityVerification, failure: Failure, now: datetime) -> None:
    """The operator, or the person, says no."""
    found.status, found.failure = "FAILED", failure
    found.failed_at = found.status_changed_at = found.updated_at = now


def approve_in_app(found: IdentityVerification) -> None:
    """The person agrees in the operator's app. Refuses when nobody asked there."""
    if found.status != "READY" or found.method != "APP" or found.otp is None:
        raise NotOurs(f"identity verification {found.id} does not wait for an app")
    found.is_approved_in_app = True


def person_of(
    name: str, phone_number: str, identity_number: str | None, operator: Any = None, customer_id: str | None = None
) -> Person:
    """What the first seven digits say: birthday, and in the seventh the century, the sex and where one is from.

    Refuses digits that are none, and a day that never was.
    """
    digits = identity_number or "9001011"
    if not phone_number.isdecimal():
        raise ApiError("INVALID_REQUEST", "phoneNumber must be digits.")
    if not (digits.isdecimal() and len(digits) == 7 and digits[6] in "12345678"):
        raise ApiError("INVALID_REQUEST", "identityNumber must be the first seven digits.")
    century = "19" if digits[6] in "1256" else "20"
    birth_date = f"{century}{digits[:2]}-{digits[2:4]}-{digits[4:6]}"
    try:
        datetime.strptime(birth_date, "%Y-%m-%d")  # noqa: DTZ007 (a birthday has no zone)
    except ValueError:
        raise ApiError("INVALID_REQUEST", "identityNumber has no such day.") from None
    gender: Literal["MALE", "FEMALE"] = "MALE" if int(digits[6]) % 2 else "FEMALE"
    return Person(name, phone_number, birth_date, gender, digits[6] in "5678", operator, customer_id)


def ci_of(person: Person) -> str:
    """The same for a person everywhere: 88 characters."""
    return base64.b64encode(hashlib.sha512(_facts(person)).digest()).decode()


def di_of(person: Person, store_id: str) -> str:
    """The same for a person at one merchant: 64 characters."""
    return base64.b64encode(hashlib.sha384(_facts(person) + store_id.encode()).digest()).decode()


def _facts(person: Person) -> bytes:
    return "\n".join(("sandbox", person.name, person.birth_date, person.gender)).encode()


def _draw_code(world: World, found: IdentityVerification, now: datetime) -> None:
    found.otp = f"{world.ids.chance().randrange(10**6):06d}"
    found.wrong_codes, found.is_approved_in_app = 0, False
    found.updated_at = now


def _expect_sent(found: IdentityVerification) -> None:
    if found.status == "VERIFIED":
        raise ApiError("IDENTITY_VERIFICATION_ALREADY_VERIFIED", "The identity is verified already.")
    if found.otp is None or found.status == "FAILED":
        raise ApiError("IDENTITY_VERIFICATION_NOT_SENT", "No code was sent.")


def _refuse(found: IdentityVerification, now: datetime, pg_code: str, pg_message: str) -> NoReturn:
    fail(found, Failure("PGProviderError", pg_message, pg_code, pg_message), now)
    raise pg_refusal(pg_code, pg_message)
