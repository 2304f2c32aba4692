"""What an operator sets for hosted checkout: a part of `Settings`."""

import re

from pydantic import field_validator
from pydantic_settings import BaseSettings

from jangbu.settings.fields import named

BROWSER_SDK_URL = "https://cdn.portone.io/v2/browser-sdk.js"
V1_SDK_URL = "https://cdn.iamport.kr/v1/iamport.js"
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

    checkout_channels: dict[str, str] = named(
        "JANGBU_CHECKOUT_CHANNELS",
        default={},
        description="What hosted checkout offers and through which channel, as JSON in the order to show it, e.g. "
        '`{"CARD": "channel-key-…", "VIRTUAL_ACCOUNT": "channel-key-…"}`. Unset: the sandbox\'s own, in sandbox mode.',
    )
    checkout_v1_code: str = named(
        "JANGBU_CHECKOUT_V1_CODE",
        default="",
        description="The store's code in V1 (`imp########`). Set: checkout opens V1's windows, for won, and its "
        "channels are V1's. Whoever had begun to pay when it was changed is asked to order again.",
    )
    checkout_v1_easy_pay: str = named(
        "JANGBU_CHECKOUT_V1_EASY_PAY",
        default="kakaopay",
        description="V1's `pay_method` for EASY_PAY, as your PG has it: `kakaopay`, `naverpay`, `tosspay`…",
    )
    checkout_cash_receipt: bool = named(
        "JANGBU_CHECKOUT_CASH_RECEIPT",
        default=False,
        description="Whether payers of transfers and virtual accounts are asked if they want a cash receipt. With V1 "
        "nobody is.",
    )
    checkout_item_pages: bool = named(
        "JANGBU_CHECKOUT_ITEM_PAGES",
        default=False,
        description="Whether whoever has an item's link, `/buy/<item id>`, may buy it: a page with its price, where "
        "payers say how many. Off: only the shop's server makes sessions.",
    )
    checkout_minutes: int = named(
        "JANGBU_CHECKOUT_MINUTES",
        default=30,
        description="Minutes a checkout session may be paid in.",
    )
    checkout_deposit_h: int = named(
        "JANGBU_CHECKOUT_DEPOSIT_H",
        default=24,
        description="Hours a payer has to pay into a virtual account; its stock is held as long.",
    )
    checkout_confirm: bool = named(
        "JANGBU_CHECKOUT_CONFIRM",
        default=False,
        description="Whether PortOne asks us just before each approval of hosted checkout, at JANGBU_PUBLIC_URL. It "
        "takes no money while we cannot be reached, and Eximbay's channels cannot be asked about.",
    )
    confirm_answer_s: int = named(
        "JANGBU_CONFIRM_ANSWER_S",
        default=5,
        ge=1,
        le=9,
        description="Seconds in which PortOne's question before an approval is answered; what is not known by then is "
        "a no. PortOne waits 10 (V1; for V2 it is not published).",
    )
    buyer_keep_days: int = named(
        "JANGBU_BUYER_KEEP_DAYS",
        default=90,
        ge=1,
        description="Days that a buyer's name, e-mail and telephone are kept after their checkout session ended.",
    )
    browser_sdk: str = named(
        "PORTONE_BROWSER_SDK_URL",
        default="",
        description="PortOne's script for browsers. Unset: the sandbox's in sandbox mode, else "
        f"{BROWSER_SDK_URL}, and for V1's windows {V1_SDK_URL}.",
    )
    browser_origins: str = named(
        "JANGBU_CHECKOUT_FRAME_ORIGINS",
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

    @field_validator("checkout_v1_code")
    @classmethod
    def _a_code_is_v1s(cls, value: str) -> str:
        if value and not re.fullmatch("imp[0-9A-Za-z]{1,20}", value):
            raise ValueError(f"{value!r} is not a store's code in V1, like imp12345678")
        return value

    @field_validator("browser_sdk", "browser_origins")
    @classmethod
    def _browser_addresses_fit_a_policy(cls, value: str) -> str:
        # They become part of a Content-Security-Policy: nothing that could end a directive and begin another.
        for name in value.split(","):
            if name and not _WEB_ADDRESS.fullmatch(name.strip()):
                raise ValueError(f"{name!r} is not an address like https://cdn.portone.io")
        return value
