"""V1: verifying who somebody is, over the same verifications as V2 (portone-facts §6.5, §8)."""

from typing import Any, Literal

import msgspec

from jangbu.sandbox.core import identity
from jangbu.sandbox.core.identity_records import IdentityVerification, Operator
from jangbu.sandbox.v1.channels import channel_key_of
from jangbu.sandbox.v1.fields import unix
from jangbu.sandbox.v1.gate import Call, Operations
from jangbu.sandbox.v1.keys import Bypass
from jangbu.sandbox.v1.problems import V1Refusal

operations = Operations()
OPERATORS: dict[tuple[str, bool], Operator] = {
    ("SKT", False): "SKT",
    ("KT", False): "KT",
    ("LGT", False): "LGU",
    ("SKT", True): "SKT_MVNO",
    ("KT", True): "KT_MVNO",
    ("LGT", True): "LGU_MVNO",
}
"""V1 has LGT where V2 has LGU, and a word of its own for the resellers."""


class _Ask(msgspec.Struct):
    name: str
    phone: str
    birth: str
    gender_digit: str
    carrier: Literal["SKT", "KT", "LGT"]
    is_mvno: bool = False
    merchant_uid: str | None = None
    channel_key: str | None = None
    pg: str | None = None
    company: str | None = None
    verification_method: Literal["SMS", "APP"] = "SMS"
    bypass: Bypass | None = None


class _Answer(msgspec.Struct):
    otp: str | None = None


@operations.add("POST", "/certifications/otp/request", 400, to_pg="`company` (in the SMS), `bypass`")
async def v1_request_otp(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: dashes and dots are taken out of the numbers."""
    asked, world = call.asked(_Ask), call.world
    key = channel_key_of(world, call.store, asked.channel_key, asked.pg, verifies=True)
    channel = identity.channel_for(world, call.store, key)
    operator = OPERATORS[asked.carrier, asked.is_mvno]
    digits = _digits(asked.birth) + asked.gender_digit
    person = identity.person_of(asked.name, _digits(asked.phone), digits, operator)
    imp_uid = f"imp_{world.ids.chance().randrange(10**12):012d}"
    found = identity.send(
        world, call.faults, call.store, imp_uid, channel, person, asked.verification_method, call.now, version="V1"
    )
    found.transaction_id, found.merchant_uid = imp_uid, asked.merchant_uid
    return {"imp_uid": imp_uid}


@operations.add("POST", "/certifications/otp/confirm/{imp_uid}", 400, 404)
async def v1_confirm_otp(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    found = identity.find(call.world, call.store, call.path("imp_uid"))
    identity.confirm(call.world, found, call.asked(_Answer).otp, call.now)
    return certification_json(call, found)


@operations.add("GET", "/certifications/{imp_uid}", 404)
async def v1_get_certification(call: Call) -> dict[str, Any]:
    """portone-facts §6.5."""
    return certification_json(call, identity.find(call.world, call.store, call.path("imp_uid")))


@operations.add("DELETE", "/certifications/{imp_uid}", 404)
async def v1_delete_certification(call: Call) -> dict[str, Any]:
    """portone-facts §6.5: what was learned of the person is forgotten."""
    found = identity.find(call.world, call.store, call.path("imp_uid"))
    del call.world.state.identity_verifications[call.store.id][found.id]
    return certification_json(call, found)


def certification_json(call: Call, found: IdentityVerification) -> dict[str, Any]:
    """Who it is, once they were verified."""
    person = found.person if found.status == "VERIFIED" else None
    channel = call.world.state.channels[found.channel_key]
    told: dict[str, Any] = {
        "imp_uid": found.id,
        "merchant_uid": found.merchant_uid,
        "pg_tid": found.pg_tx_id,
        "pg_provider": channel.pg_provider.lower(),
        "certified": person is not None,
        "certified_at": unix(found.verified_at),
        "foreigner": person is not None and person.is_foreigner,
    }
    if person is None:
        return told
    return told | {
        "name": person.name,
        "gender": person.gender.lower(),
        "birthday": person.birth_date,
        "foreigner_v2": person.is_foreigner,
        "phone": person.phone_number,
        "carrier": next((carrier for (carrier, _), word in OPERATORS.items() if word == person.operator), None),
        "unique_key": identity.ci_of(person),
        "unique_in_site": identity.di_of(person, found.store_id),
    }


def _digits(written: str) -> str:
    digits = "".join(each for each in written if each.isdecimal())
    if not digits:
        raise V1Refusal(400, "숫자가 필요합니다.")
    return digits
