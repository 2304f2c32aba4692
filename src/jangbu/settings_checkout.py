"""What an operator sets for hosted checkout: a part of `Settings`."""

import re

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings

BROWSER_SDK_URL = "https://cdn.portone.io/v2/browser-sdk.js"
SANDBOX_CHANNELS = {
    method: f"channel-key-00000000-0000-4000-8000-{number:012d}"
    for method, number in (
        ("CARD", 1),
        ("EASY_PAY", 2),
        ("TRANSFER", 1),
        ("VIRTUAL_ACCOUNT", 1),
        ("MOBILE", 1),
        ("GIFT_CERTIFICATE", 1),
        ("PAYPAL", 4),
        ("ALIPAY", 1),
    )
}
PAY_METHODS = ("CARD", "EASY_PAY", "TRANSFER", "VIRTUAL_ACCOUNT", "MOBILE", "GIFT_CERTIFICATE", "PAYPAL", "ALIPAY")
_WEB_ADDRESS = re.compile(r"https?://(?:\*\.)?[a-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._/-]*)?")


class CheckoutSettings(BaseSettings):
    """The settings of checkout alone."""

    checkout_channels: dict[str, str] = Field(
        validation_alias=AliasChoices("JANGBU_CHECKOUT_CHANNELS"),
        default={},
        description="What hosted checkout offers and through which channel, as JSON in the order to show it, e.g. "
        '`{"CARD": "channel-key-…", "VIRTUAL_ACCOUNT": "channel-key-…"}`. Unset: the sandbox\'s own, in sandbox mode.',
    )
    checkout_minutes: int = Field(
        validation_alias=AliasChoices("JANGBU_CHECKOUT_MINUTES"),
        default=30,
        description="Minutes a checkout session may be paid in.",
    )
    checkout_deposit_h: int = Field(
        validation_alias=AliasChoices("JANGBU_CHECKOUT_DEPOSIT_H"),
        default=24,
        description="Hours a payer has to pay into a virtual account; its stock is held as long.",
    )
    checkout_confirm: bool = Field(
        validation_alias=AliasChoices("JANGBU_CHECKOUT_CONFIRM"),
        default=False,
        description="Whether PortOne asks us just before each approval of hosted checkout, at JANGBU_PUBLIC_URL. It "
        "takes no money while we cannot be reached, and Eximbay's channels cannot be asked about.",
    )
    confirm_answer_s: int = Field(
        validation_alias=AliasChoices("JANGBU_CONFIRM_ANSWER_S"),
        default=5,
        ge=1,
        le=9,
        description="Seconds in which PortOne's question before an approval is answered; what is not known by then is "
        "a no. PortOne waits 10 (V1; for V2 it is not published).",
    )
    buyer_keep_days: int = Field(
        validation_alias=AliasChoices("JANGBU_BUYER_KEEP_DAYS"),
        default=90,
        ge=1,
        description="Days that a buyer's name, e-mail and telephone are kept after their checkout session ended.",
    )
    browser_sdk: str = Field(
        validation_alias=AliasChoices("PORTONE_BROWSER_SDK_URL"),
        default="",
        description=f"PortOne's script for browsers. Unset: the sandbox's in sandbox mode, else {BROWSER_SDK_URL}.",
    )
    browser_origins: str = Field(
        validation_alias=AliasChoices("JANGBU_CHECKOUT_FRAME_ORIGINS"),
        default="https://*.portone.io,https://*.iamport.co",
        description="Origins whose frames and calls PortOne's script may make on the hosted checkout page (its Content-"
        "Security-Policy), beside the script's own, separated by commas. Not used in sandbox mode.",
    )

    @field_validator("checkout_channels")
    @classmethod
    def _ways_to_pay_are_known(cls, value: dict[str, str]) -> dict[str, str]:
        for method, channel in value.items():
            if method not in PAY_METHODS or not channel:
                raise ValueError(f"{method!r} is not one of {', '.join(PAY_METHODS)} with a channel key")
        return value

    @field_validator("browser_sdk", "browser_origins")
    @classmethod
    def _browser_addresses_fit_a_policy(cls, value: str) -> str:
        # They become part of a Content-Security-Policy: nothing that could end a directive and begin another.
        for name in value.split(","):
            if name and not _WEB_ADDRESS.fullmatch(name.strip()):
                raise ValueError(f"{name!r} is not an address like https://cdn.portone.io")
        return value
