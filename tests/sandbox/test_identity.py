"""Verifying who somebody is: by a code, by an app, in a window."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jangbu.sandbox import CARD_CHANNEL, IDENTITY_CHANNEL, STORE_ID
from jangbu.sandbox.core import identity
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Channel
from jangbu.sandbox.testing import START, Sandbox

CUSTOMER = {"name": "김장부", "phoneNumber": "01012345678", "ipAddress": "127.0.0.1", "identityNumber": "9002282"}
BODY = {"channelKey": IDENTITY_CHANNEL, "customer": CUSTOMER, "operator": "SKT", "method": "SMS"}
PATH = "/identity-verifications/who-0001"


async def send(sandbox: Sandbox, **changes: Any) -> tuple[int, Any]:
    return await sandbox.api("POST", f"{PATH}/send", BODY | changes)


async def confirm(sandbox: Sandbox, otp: str | None = None) -> tuple[int, Any]:
    return await sandbox.api("POST", f"{PATH}/confirm", {} if otp is None else {"otp": otp})


async def telephone(sandbox: Sandbox) -> Any:
    """What the person reads on it."""
    _, _, raw = await sandbox.transport.send("GET", "/__sandbox__/identity-verifications")
    return msgspec.json.decode(raw)["items"][0]


async def otp_of(sandbox: Sandbox) -> str:
    return str((await telephone(sandbox))["otp"])


async def test_a_code_verifies_the_person(sandbox: Sandbox) -> None:
    assert await send(sandbox, customData="table 7") == (200, {})
    status, ready = await sandbox.api("GET", PATH)
    assert (status, ready["status"], ready["customData"]) == (200, "READY", "table 7")
    assert ready["requestedCustomer"] == {
        "name": "김장부",
        "phoneNumber": "01012345678",
        "birthYear": "1990",
        "birthMonth": "02",
        "birthDay": "28",
    }
    await sandbox.move(timedelta(minutes=1))
    status, answer = await confirm(sandbox, await otp_of(sandbox))
    verified = answer["identityVerification"]
    customer = verified["verifiedCustomer"]
    assert (status, verified["status"]) == (200, "VERIFIED")
    assert (customer["birthDate"], customer["gender"], customer["isForeigner"]) == ("1990-02-28", "FEMALE", False)
    assert (customer["operator"], len(customer["ci"]), len(customer["di"])) == ("SKT", 88, 64)
    assert (await sandbox.api("GET", PATH))[1] == verified
    assert await confirm(sandbox, await otp_of(sandbox)) == (
        409,
        {"type": "IDENTITY_VERIFICATION_ALREADY_VERIFIED", "message": "The identity is verified already."},
    )


async def test_the_ci_is_the_persons_and_the_identity_number_is_not_kept(sandbox: Sandbox) -> None:
    seen = []
    for number, name in (("1", "김장부"), ("2", "김장부"), ("3", "이장부")):
        path = f"/identity-verifications/who-{number}"
        await sandbox.api("POST", f"{path}/send", BODY | {"customer": CUSTOMER | {"name": name}})
        code = sandbox.world.state.identity_verifications[STORE_ID][f"who-{number}"]
        _, answer = await sandbox.api("POST", f"{path}/confirm", {"otp": code.otp})
        seen.append(answer["identityVerification"]["verifiedCustomer"]["ci"])
    assert seen[0] == seen[1] != seen[2]
    assert b"9002282" not in sandbox.world.to_json()


@pytest.mark.parametrize(
    ("digits", "birth_date", "gender", "is_foreigner"),
    [
        ("0003013", "2000-03-01", "MALE", False),
        ("9912311", "1999-12-31", "MALE", False),
        ("8501016", "1985-01-01", "FEMALE", True),
        ("0512317", "2005-12-31", "MALE", True),
    ],
)
async def test_the_seventh_digit_says_century_sex_and_where_from(
    sandbox: Sandbox, digits: str, birth_date: str, gender: str, is_foreigner: bool
) -> None:
    await send(sandbox, customer=CUSTOMER | {"identityNumber": digits})
    _, answer = await confirm(sandbox, await otp_of(sandbox))
    customer = answer["identityVerification"]["verifiedCustomer"]
    assert (customer["birthDate"], customer["gender"], customer["isForeigner"]) == (birth_date, gender, is_foreigner)


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": {name: value for name, value in CUSTOMER.items() if name != "identityNumber"}},
        {"customer": CUSTOMER | {"identityNumber": "9002309"}},
        {"customer": CUSTOMER | {"identityNumber": "9002301"}},
        {"customer": CUSTOMER | {"identityNumber": "900228"}},
        {"customer": CUSTOMER | {"phoneNumber": "010-1234-5678"}},
        {"operator": "ATT"},
    ],
)
async def test_what_cannot_be_sent(sandbox: Sandbox, changes: dict[str, Any]) -> None:
    status, answer = await send(sandbox, **changes)
    assert (status, answer["type"]) == (400, "INVALID_REQUEST")
    assert (await sandbox.api("GET", PATH))[0] == 404


async def test_a_wrong_code_may_be_tried_again_but_not_for_ever(sandbox: Sandbox) -> None:
    await send(sandbox)
    right = await otp_of(sandbox)
    wrong = "000000" if right != "000000" else "000001"
    for _ in range(4):
        status, answer = await confirm(sandbox, wrong)
        assert (status, answer["type"], answer["pgCode"]) == (502, "PG_PROVIDER", "OTP_MISMATCH")
    assert (await confirm(sandbox))[1]["type"] == "INVALID_REQUEST"
    assert (await confirm(sandbox, wrong))[1]["pgCode"] == "OTP_TRIES_EXCEEDED"
    _, failed = await sandbox.api("GET", PATH)
    assert (failed["status"], failed["failure"]["pgCode"]) == ("FAILED", "OTP_TRIES_EXCEEDED")
    assert (await confirm(sandbox, right))[1]["type"] == "IDENTITY_VERIFICATION_NOT_SENT"
    # It may be begun again under the same id.
    assert (await send(sandbox))[0] == 200
    assert (await confirm(sandbox, await otp_of(sandbox)))[0] == 200


async def test_resending_makes_the_code_before_worthless(sandbox: Sandbox) -> None:
    await send(sandbox)
    first = await otp_of(sandbox)
    assert await sandbox.api("POST", f"{PATH}/resend") == (200, {})
    assert await otp_of(sandbox) != first
    assert (await confirm(sandbox, first))[0] == 502
    assert (await confirm(sandbox, await otp_of(sandbox)))[0] == 200


async def test_another_code_gives_new_tries(sandbox: Sandbox) -> None:
    await send(sandbox)
    for _ in range(2):
        for _n in range(4):
            assert (await confirm(sandbox, "none"))[1]["pgCode"] == "OTP_MISMATCH"
        await sandbox.api("POST", f"{PATH}/resend")
    assert (await confirm(sandbox, await otp_of(sandbox)))[0] == 200


def test_the_di_differs_from_merchant_to_merchant_and_the_ci_does_not() -> None:
    person = identity.person_of("김장부", "01012345678", "9002282")
    same_elsewhere = identity.person_of("김장부", "01098765432", "9002282")
    assert identity.di_of(person, "store-1") != identity.di_of(person, "store-2")
    assert identity.di_of(person, "store-1") == identity.di_of(same_elsewhere, "store-1")
    assert identity.ci_of(person) == identity.ci_of(same_elsewhere)


async def test_in_the_operators_app_there_is_no_code(sandbox: Sandbox) -> None:
    customer = {name: value for name, value in CUSTOMER.items() if name != "identityNumber"}
    assert (await send(sandbox, method="APP", customer=customer))[0] == 200
    assert (await confirm(sandbox))[1]["pgCode"] == "APP_NOT_APPROVED"
    status, _, _ = await sandbox.transport.send("POST", "/__sandbox__/identity-verifications/who-0001/approve")
    assert status == 200
    assert (await confirm(sandbox))[0] == 200
    for path in ("who-0001/approve", "who-0001/refuse", "nobody/approve"):
        status, _, _ = await sandbox.transport.send("POST", f"/__sandbox__/identity-verifications/{path}")
        assert status == 400


async def test_what_each_pg_tells() -> None:
    sandbox = Sandbox(inferred=Inferred(identity_contract_tells_phone=False))
    await send(sandbox)
    _, danal = await confirm(sandbox, await otp_of(sandbox))
    assert danal["identityVerification"]["verifiedCustomer"].keys() == {"name", "birthDate", "gender", "ci", "di"}
    channel = Channel("inicis", "inicis-id", "이니시스", STORE_ID, "INICIS_UNIFIED", "mid", "TEST")
    sandbox.world.state.channels[channel.key] = channel
    path = "/identity-verifications/who-0002"
    await sandbox.api("POST", f"{path}/send", BODY | {"channelKey": "inicis"})
    otp = sandbox.world.state.identity_verifications[STORE_ID]["who-0002"].otp
    _, inicis = await sandbox.api("POST", f"{path}/confirm", {"otp": otp})
    customer = inicis["identityVerification"]["verifiedCustomer"]
    assert customer.keys() == {"name", "birthDate", "gender", "ci", "phoneNumber", "isForeigner"}


@pytest.mark.parametrize("needs", [True, False])
async def test_whether_a_window_must_come_first_is_a_switch(needs: bool) -> None:
    sandbox = Sandbox(inferred=Inferred(identity_send_needs_a_window=needs))
    status, answer = await send(sandbox)
    assert (status, answer.get("type")) == ((404, "IDENTITY_VERIFICATION_NOT_FOUND") if needs else (200, None))


async def test_too_many_windows_are_not_told_as_verified() -> None:
    sandbox = Sandbox(inferred=Inferred(identity_tries_max=2))
    assert ["code" in await window(sandbox) for _ in range(2)] == [False, False]
    refused = await window(sandbox)
    assert (refused["code"], "too often" in refused["message"]) == ("InvalidEntityState", True)


async def test_v1_has_no_window_that_must_come_first() -> None:
    """The imp_uid is made by this very call, so no window can have been opened for it."""
    sandbox = Sandbox(inferred=Inferred(identity_send_needs_a_window=True))
    asked = {"name": "김장부", "phone": "01012345678", "birth": "900228", "gender_digit": "2", "carrier": "SKT"}
    status, answer = await sandbox.v1("POST", "/certifications/otp/request", asked)
    assert (status, answer["code"]) == (200, 0)


async def window(sandbox: Sandbox, **changes: Any) -> Any:
    asked = {"storeId": STORE_ID, "identityVerificationId": "who-0001", "channelKey": IDENTITY_CHANNEL, **changes}
    target = "/__browser__/identity-verifications"
    _, _, raw = await sandbox.transport.send("POST", target, {}, msgspec.json.encode(asked))
    return msgspec.json.decode(raw)


async def decide(sandbox: Sandbox, opened: Any, action: str, **more: str) -> Any:
    target = f"/__browser__/identity-verifications/{opened['identityVerificationTxId']}/decision"
    body = msgspec.json.encode({"action": action, **more})
    _, _, raw = await sandbox.transport.send("POST", target, {}, body)
    return msgspec.json.decode(raw)


async def test_a_window_verifies(sandbox: Sandbox) -> None:
    opened = await window(sandbox)
    assert (await sandbox.api("GET", PATH))[1]["requestedCustomer"] == {}
    assert (await confirm(sandbox, "1"))[1]["type"] == "IDENTITY_VERIFICATION_NOT_SENT"
    result = await decide(sandbox, opened, "verify", name="이장부", identityNumber="0102034")
    assert result == {
        "transactionType": "IDENTITY_VERIFICATION",
        "identityVerificationId": "who-0001",
        "identityVerificationTxId": opened["identityVerificationTxId"],
    }
    assert await decide(sandbox, opened, "close") == result
    customer = (await sandbox.api("GET", PATH))[1]["verifiedCustomer"]
    assert (customer["name"], customer["birthDate"]) == ("이장부", "2001-02-03")


@pytest.mark.parametrize("action", ["decline", "close"])
async def test_a_window_that_verifies_nobody(sandbox: Sandbox, action: str) -> None:
    result = await decide(sandbox, await window(sandbox), action)
    assert result["code"]
    assert (await sandbox.api("GET", PATH))[1]["status"] == "FAILED"
    assert (await decide(sandbox, await window(sandbox), "verify")).get("code") is None
    assert (await window(sandbox))["code"] == "IdentityVerificationAlreadyVerified"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"storeId": "store-of-another"}, "StoreNotFound"),
        ({"channelKey": CARD_CHANNEL}, "ChannelNotFound"),
        ({"identityVerificationId": 7}, "RequestParseFailed"),
    ],
)
async def test_what_opens_no_window(sandbox: Sandbox, changes: dict[str, Any], code: str) -> None:
    assert (await window(sandbox, **changes))["code"] == code


async def test_the_list_filters_and_sorts(sandbox: Sandbox) -> None:
    for number in range(3):
        await sandbox.api("POST", f"/identity-verifications/who-{number}/send", BODY)
        await sandbox.move(timedelta(minutes=1))
    found = sandbox.world.state.identity_verifications[STORE_ID]
    await sandbox.api("POST", "/identity-verifications/who-1/confirm", {"otp": found["who-1"].otp})

    async def listed(sort: dict[str, str] | None = None, **wanted: Any) -> list[str]:
        body = {"filter": wanted, **({"sort": sort} if sort else {})}
        status, answer = await sandbox.api("GET", "/identity-verifications", body)
        assert status == 200, answer
        return [item["id"] for item in answer["items"]]

    assert await listed() == ["who-2", "who-1", "who-0"]
    assert await listed({"by": "REQUESTED_AT", "order": "ASC"}) == ["who-0", "who-1", "who-2"]
    assert await listed(statuses=["VERIFIED"]) == ["who-1"]
    assert await listed(timeRangeField="VERIFIED_AT") == ["who-1"]
    assert await listed(identityVerificationTxId=found["who-2"].transaction_id) == ["who-2"]
    assert await listed(until=START.isoformat()) == ["who-0"]
    assert await listed(isTest=False) == []
    assert await listed(version="V1") == []
