"""The mode guard: every combination of a mode and what may be wrong with it, judged and told in full (B11)."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from jangbu import app, mode_guard, settings
from jangbu.errors import SetupProblem
from jangbu.mode_guard import Mode, Published, Said, is_sample, not_ready, problems
from jangbu.settings import load
from kit import settings_in

ITS = Published(
    "sandbox-api", "whsec_sandbox", "store-sandbox", frozenset({"channel-sandbox"}), "v1-key-sandbox", "v1-sandbox"
)
SOUND: dict[Mode, Said] = {
    "sandbox": Said(
        mode="sandbox",
        portone_url="http://127.0.0.1:8090",
        public_url="",
        browser_sdk_url="http://127.0.0.1:8090/sdk.js",
        portone_store_id="store-sandbox",
        mock_payments=False,
        is_production=False,
        secrets={"PORTONE_V2_API_SECRET": "sandbox-api", "PORTONE_WEBHOOK_SECRET": "whsec_sandbox"},
        channel_keys=("channel-sandbox",),
        has_published_vault_key=True,
        v1_url="http://127.0.0.1:8090/v1",
    )
}
SOUND["live"] = replace(
    SOUND["sandbox"],
    mode="live",
    portone_url="https://api.portone.io",
    public_url="https://pay.shop.example",
    browser_sdk_url="https://cdn.portone.io/v2/browser-sdk.js",
    portone_store_id="store-real",
    secrets={
        "PORTONE_V2_API_SECRET": "kX81",
        "PORTONE_V1_API_KEY": "8123456789",
        "PORTONE_V1_API_SECRET": "aH12",
        "PORTONE_WEBHOOK_SECRET": "whsec_cmVhbA==",
        "SMTP_PASS": "0aB!",
    },
    channel_keys=("channel-real", ""),
    has_published_vault_key=False,
    v1_url="https://api.iamport.kr",
)
SOUND["test"] = replace(SOUND["live"], mode="test")

# What may be wrong: what it changes, in which modes it is refused, and a word of the refusal.
FAULTS: dict[str, tuple[dict[str, Any], set[Mode], str]] = {
    "mock": ({"mock_payments": True}, {"test", "live"}, "MOCK_PAYMENTS"),
    "mock in production": (
        {"mock_payments": True, "is_production": True}, {"sandbox", "test", "live"}, "MOCK_PAYMENTS"
    ),
    "real PortOne": ({"portone_url": "https://api.portone.io"}, {"sandbox"}, "not on this machine"),
    "sandbox's address": ({"portone_url": "http://localhost:8090"}, {"test", "live"}, "points at a sandbox"),
    "another loopback": ({"portone_url": "https://127.1.2.3"}, {"test", "live"}, "points at a sandbox"),
    "PortOne by http": (
        {"portone_url": "http://api.portone.io"}, {"sandbox", "test", "live"}, "PORTONE_V2_BASE_URL is not"
    ),
    "sandbox's script": ({"browser_sdk_url": "http://[::1]:8090/sdk.js"}, {"test", "live"}, "PORTONE_BROWSER_SDK_URL"),
    "sandbox's store": ({"portone_store_id": "store-sandbox"}, {"test", "live"}, "PORTONE_STORE_ID is not set"),
    "no store": ({"portone_store_id": ""}, {"test", "live"}, "PORTONE_STORE_ID is not set"),
    "sandbox's channel": ({"channel_keys": ("channel-real", "channel-sandbox")}, {"test", "live"}, "channel key"),
    "asked nowhere": ({"is_asked": True, "public_url": ""}, {"test", "live"}, "PortOne can reach"),
    "asked here": (
        {"is_asked": True, "public_url": "https://localhost:8080"}, {"test", "live"}, "PortOne can reach"
    ),
    "published vault key": ({"has_published_vault_key": True}, {"live"}, "JANGBU_SECRETS_KEYS"),
    "http address": ({"public_url": "http://pay.shop.example"}, {"live"}, "JANGBU_PUBLIC_URL is not an https"),
    "real V1": ({"v1_url": "https://api.iamport.kr"}, {"sandbox"}, "PORTONE_V1_BASE_URL is not on this machine"),
    "sandbox's V1": ({"v1_url": "http://localhost:8090/v1"}, {"test", "live"}, "PORTONE_V1_BASE_URL points at a"),
    "V1 by http": (
        {"v1_url": "http://api.iamport.kr"}, {"sandbox", "test", "live"}, "PORTONE_V1_BASE_URL is not"
    ),
    "http address here": ({"public_url": "http://127.0.0.1:8080"}, {"live"}, "JANGBU_PUBLIC_URL is not an https"),
}  # fmt: skip
SECRETS: dict[str, tuple[dict[str, str], set[Mode], str]] = {
    "no API secret": ({"PORTONE_V2_API_SECRET": ""}, {"test", "live"}, "PORTONE_V2_API_SECRET is not set"),
    "sandbox's API secret": ({"PORTONE_V2_API_SECRET": "sandbox-api"}, {"test", "live"}, "PORTONE_V2_API_SECRET"),
    "sandbox's webhook secret": (
        {"PORTONE_WEBHOOK_SECRET": "whsec_cmVhbA==,whsec_sandbox"}, {"test", "live"}, "PORTONE_WEBHOOK_SECRET is not"
    ),
    "sandbox's V1 key": ({"PORTONE_V1_API_KEY": "v1-key-sandbox"}, {"test", "live"}, "PORTONE_V1_API_KEY is set"),
    "no V1 secret": ({"PORTONE_V1_API_SECRET": ""}, {"test", "live"}, "PORTONE_V1_API_SECRET is not"),
    "sandbox's V1 secret": ({"PORTONE_V1_API_SECRET": "v1-sandbox"}, {"test", "live"}, "PORTONE_V1_API_SECRET is not"),
    "sample webhook secret": ({"PORTONE_WEBHOOK_SECRET": "whsec_xxx"}, {"test", "live"}, "PORTONE_WEBHOOK_SECRET is a"),
    "sample auth secret": ({"BETTER_AUTH_SECRET": "change-me"}, {"test", "live"}, "BETTER_AUTH_SECRET is a sample"),
    "sample password": ({"DATABASE_URL": "password"}, {"test", "live"}, "DATABASE_URL is a sample"),
}  # fmt: skip
MODES: tuple[Mode, ...] = ("sandbox", "test", "live")


def changed(mode: Mode, *faults: str) -> Said:
    said = SOUND[mode]
    for name in faults:
        if name in FAULTS:
            said = replace(said, **FAULTS[name][0])
        else:
            said = replace(said, secrets={**said.secrets, **SECRETS[name][0]})
    return said


@pytest.mark.parametrize("mode", MODES)
def test_a_sound_set_up_starts(mode: Mode) -> None:
    assert problems(SOUND[mode], ITS) == []
    assert not_ready(SOUND[mode]) == []


@pytest.mark.parametrize("mode", MODES)
def test_who_does_not_use_v1_is_asked_for_nothing_of_it(mode: Mode) -> None:
    secrets = {name: value for name, value in SOUND[mode].secrets.items() if "V1" not in name}
    assert problems(replace(SOUND[mode], v1_url="", secrets=secrets), ITS) == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fault", [*FAULTS, *SECRETS])
def test_each_fault_is_refused_in_its_modes_alone(mode: Mode, fault: str) -> None:
    _, modes, word = {**FAULTS, **SECRETS}[fault]
    found = problems(changed(mode, fault), ITS)
    assert bool(found) is (mode in modes), found
    if found:
        assert len(found) == 1 and word in found[0], found


APART = ("mock", "sandbox's script", "sandbox's store", "sandbox's channel", "published vault key", "http address",
         "sample webhook secret", "sample auth secret", "sample password", "sandbox's API secret")  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_whatever_is_wrong_together_is_told_together(mode: Mode) -> None:
    """Every subset of the faults that do not overlap: each is told once, and nothing that is not wrong."""
    every = {**FAULTS, **SECRETS}
    for chosen in product((False, True), repeat=len(APART)):
        faults = [name for name, is_in in zip(APART, chosen, strict=True) if is_in]
        said = problems(changed(mode, *faults), ITS)
        expected = [name for name in faults if mode in every[name][1]]
        assert len(said) == len(expected), (faults, said)
        for name in expected:
            assert sum(every[name][2] in one for one in said) == 1, (name, said)


def test_every_rule_has_a_fault_that_breaks_it() -> None:
    broken = {
        rule.name
        for rule in mode_guard.RULES
        for name in [*FAULTS, *SECRETS]
        for mode in MODES
        if mode in rule.modes and rule.broken(changed(mode, name), ITS)
    }
    assert broken == {rule.name for rule in mode_guard.RULES}


@pytest.mark.parametrize(
    "value",
    ["changeme", "CHANGE-ME", "change_this_please", "your-secret-here", "YOUR_API_SECRET", "xxxx", "whsec_xxxxxxxx",
     "***", "<secret>", "secret", "Password", "example", "sample-key", "better-auth-secret-123456789", "whsec_…", "…"],
)  # fmt: skip
def test_samples_are_known(value: str) -> None:
    assert is_sample(value)


@pytest.mark.parametrize(
    "value",
    ["a-real-secret", "whsec_cmVhbA==", "my-shops-key-8fX", "testing123X", "secret-8f2X", "xX81", "exampleless"],
)
def test_a_secret_that_only_resembles_one_is_none(value: str) -> None:
    assert not is_sample(value)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"BETTER_AUTH_SECRET": "change-me"}, "BETTER_AUTH_SECRET is a sample"),
        ({"DATABASE_URL": "postgresql://jangbu_system:change%2Dme@db/jangbu"}, "DATABASE_URL is a sample"),
        ({"SMTP_PASS": "your-password"}, "SMTP_PASS is a sample"),
        ({"JANGBU_METRICS_TOKEN": "changeme"}, "JANGBU_METRICS_TOKEN is a sample"),
        ({"JANGBU_PUBLIC_URL": "http://pay.shop.example"}, "JANGBU_PUBLIC_URL is not an https"),
        ({"PORTONE_V2_BASE_URL": "http://api.portone.io"}, "PORTONE_V2_BASE_URL is not an https"),
        ({"PORTONE_BROWSER_SDK_URL": "http://127.0.0.1:8090/sdk.js"}, "PORTONE_BROWSER_SDK_URL points at a sandbox"),
        ({"JANGBU_IDENTITY_CHANNEL_KEY": settings.SANDBOX_CHANNELS["CARD"]}, "a channel key is the sandbox's"),
    ],
)
def test_the_settings_say_all_the_guard_needs(more: dict[str, str], word: str) -> None:
    """Through the real settings: what stands in an operator's environment reaches the rule it breaks."""
    settings_in("live")
    with pytest.raises(SetupProblem, match=word):
        settings_in("live", **more)


def test_everything_that_is_wrong_is_said_at_once_and_no_secret_with_it() -> None:
    with pytest.raises(SetupProblem) as refused:
        load(
            _env_file=None, JANGBU_MODE="live", PORTONE_V2_API_SECRET="changeme", MOCK_PAYMENTS="true",
            JANGBU_PUBLIC_URL="http://pay.shop.example",
        )  # fmt: skip
    said = str(refused.value)
    for word in (
        "MOCK_PAYMENTS",
        "PORTONE_WEBHOOK_SECRET",
        "PORTONE_STORE_ID",
        "JANGBU_SECRETS_KEYS",
        "JANGBU_PUBLIC_URL",
    ):
        assert word in said
    assert "changeme" not in said


async def test_live_programs_do_not_start_without_an_address_of_their_own() -> None:
    with pytest.raises(SetupProblem, match="JANGBU_PUBLIC_URL is not set"):
        async with app.running(settings_in("live")):
            raise AssertionError("it started")
