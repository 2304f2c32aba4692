"""Settings: the sources' names work, modes do not mix, and what is wrong is said in one plain sentence."""

import pytest

from jangbu import sandbox, settings
from jangbu.errors import SetupProblem
from jangbu.settings import Settings, load
from jangbu.settings.programs import SANDBOX_SECRETS_KEYS

LIVE = {
    "JANGBU_MODE": "live",
    "PORTONE_V2_API_SECRET": "a-real-secret",
    "PORTONE_STORE_ID": "store-11111111-0000-4000-8000-000000000000",
    "PORTONE_WEBHOOK_SECRET": "whsec_cmVhbC1zZWNyZXQtcmVhbC1zZWNyZXQtcmVhbC1zZWNyZXQ=",
    "JANGBU_SECRETS_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}


def given(**environment: str) -> Settings:
    return load(_env_file=None, **environment)


def test_the_sandbox_is_what_a_newcomer_gets() -> None:
    plain = given()
    assert plain.mode == "sandbox"
    assert plain.portone_url == "http://127.0.0.1:8090"


def test_our_sandbox_defaults_are_the_sandboxs_own() -> None:
    assert settings.SANDBOX_STORE_ID == sandbox.STORE_ID
    assert settings.SANDBOX_API_SECRET == sandbox.API_SECRET
    assert settings.SANDBOX_WEBHOOK_SECRET == sandbox.WEBHOOK_SECRET


def test_live_mode_goes_to_portone() -> None:
    assert given(**LIVE).portone_url == "https://api.portone.io"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PORTONE_V2_API_SECRET": ""}, "PORTONE_V2_API_SECRET is not set"),
        ({"PORTONE_V2_API_SECRET": sandbox.API_SECRET}, "the sandbox's value is refused"),
        ({"PORTONE_WEBHOOK_SECRET": sandbox.WEBHOOK_SECRET}, "PORTONE_WEBHOOK_SECRET"),
        ({"PORTONE_STORE_ID": ""}, "PORTONE_STORE_ID"),
        ({"PORTONE_V2_BASE_URL": "http://127.0.0.1:8090"}, "points at a sandbox"),
        ({"JANGBU_SECRETS_KEYS": ""}, "JANGBU_SECRETS_KEYS is not set"),
        ({"JANGBU_SECRETS_KEYS": SANDBOX_SECRETS_KEYS}, "the sandbox's key is refused"),
        (
            {"JANGBU_SECRETS_KEYS": f"{LIVE['JANGBU_SECRETS_KEYS']},{SANDBOX_SECRETS_KEYS}"},
            "the sandbox's key is refused",
        ),
        ({"JANGBU_SECRETS_KEYS": "k1:AAAA"}, "has 3 bytes and must have 32"),
        ({"MOCK_PAYMENTS": "true"}, "MOCK_PAYMENTS is on where real money may move"),
        ({"JANGBU_PORT": "eighty"}, "JANGBU_PORT"),
        ({"JANGBU_MODE": "prod"}, "JANGBU_MODE"),
    ],
)
def test_what_does_not_fit_live_money_is_refused_in_words(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SetupProblem, match=said):
        given(**(LIVE | changed))


def test_the_sandbox_does_not_talk_to_the_real_portone() -> None:
    with pytest.raises(SetupProblem, match="not on this machine"):
        given(PORTONE_V2_BASE_URL="https://api.portone.io")


def test_mock_payments_cannot_stay_on_in_production() -> None:
    assert given(MOCK_PAYMENTS="true").mode == "sandbox"
    with pytest.raises(SetupProblem, match="MOCK_PAYMENTS"):
        given(MOCK_PAYMENTS="true", NODE_ENV="production")


def test_a_sources_secret_is_v2s_unless_v1s_key_is_set() -> None:
    assert given(PORTONE_API_SECRET="v2-secret").v2_api_secret == "v2-secret"
    assert given(PORTONE_API_SECRET="v1-secret", PORTONE_API_KEY="key").v2_api_secret == sandbox.API_SECRET
    both = given(PORTONE_API_SECRET="v1-secret", PORTONE_API_KEY="key", PORTONE_V2_API_SECRET="v2-secret")
    assert both.v2_api_secret == "v2-secret"


def test_v1_is_used_where_it_has_a_key_and_its_secret_goes_by_either_name() -> None:
    assert given().v1_credentials == (sandbox.V1_KEY, sandbox.V1_SECRET)
    assert given().portone_v1_url == "http://127.0.0.1:8090/v1"
    source = given(PORTONE_API_SECRET="v1-secret", PORTONE_API_KEY="key")
    assert source.v1_credentials == ("key", "v1-secret")
    explicit = given(PORTONE_V1_API_KEY="key", PORTONE_V1_API_SECRET="v1", PORTONE_API_SECRET="v2")
    assert (explicit.v1_credentials, explicit.v2_api_secret) == (("key", "v1"), "v2")
    assert given(**LIVE).v1_credentials == ("", "")
    live = given(**LIVE, PORTONE_V1_API_KEY="key", PORTONE_V1_API_SECRET="v1")
    assert live.portone_v1_url == "https://api.iamport.kr"
    with pytest.raises(SetupProblem, match="PORTONE_V1_API_SECRET"):
        given(**LIVE, PORTONE_V1_API_KEY="key")
    with pytest.raises(SetupProblem, match="neither an address nor a network"):
        given(JANGBU_V1_WEBHOOK_SOURCES="52.78.5.241, portone")


def test_values_are_trimmed_and_empty_means_unset() -> None:
    assert given(PORTONE_V2_API_SECRET=" pasted \n").v2_api_secret == "pasted"
    assert given(DATABASE_URL="  ").database_url is None


def test_two_webhook_secrets_are_kept_while_rotating() -> None:
    assert given(PORTONE_WEBHOOK_SECRET="whsec_YQ==, whsec_Yg==").webhook_secrets == ("whsec_YQ==", "whsec_Yg==")


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "a-real-secret" not in repr(given(**LIVE))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ALERT_EMAIL_RECIPIENTS": "kim@shop.example, Lee <lee@shop.example>"}, "ALERT_EMAIL_RECIPIENTS has 'Lee"),
        ({"EMAIL_FROM": "books@shop.example\nBcc: x@y.example"}, "EMAIL_FROM"),
        ({"SLACK_WEBHOOK_URL": "http://hooks.slack.example/services/x"}, "not an https address"),
        ({"JANGBU_SMTP_TLS": "none", "SMTP_USER": "kim", "SMTP_HOST": "mail.example"}, "in the open"),
    ],
)
def test_what_mail_and_slack_cannot_use_is_said_in_words(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SetupProblem, match=said) as refused:
        given(**changed)
    assert "services/x" not in str(refused.value)


def test_recipients_count_once_and_not_while_email_is_off() -> None:
    both = {"ALERT_EMAIL_RECIPIENTS": "kim@shop.example,lee@shop.example, kim@shop.example,"}
    assert given(**both).alert_recipients == ("kim@shop.example", "lee@shop.example")
    assert given(**both, ALERT_EMAIL_ENABLED="false").alert_recipients == ()


def test_mail_is_from_whoever_is_named_first() -> None:
    login = {"SMTP_USER": "login@shop.example"}
    assert given(**login).mail_from == "login@shop.example"
    assert given(**login, ALERT_EMAIL_FROM="alerts@shop.example").mail_from == "alerts@shop.example"
    assert given(**login, EMAIL_FROM="books@shop.example", ALERT_EMAIL_FROM="a@shop.example").mail_from.startswith(
        "books"
    )
    assert given(SMTP_USER="apikey").mail_from == ""
