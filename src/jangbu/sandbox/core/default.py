"""The world a sandbox begins with, and returns to when it is reset."""

from datetime import UTC, datetime

from jangbu import sandbox
from jangbu.clock import Clock
from jangbu.sandbox.core.billing_records import ChannelGroup
from jangbu.sandbox.core.inferred import Inferred
from jangbu.sandbox.core.records import Channel, Store, V1Settings, WebhookSettings
from jangbu.sandbox.core.small_records import CheckoutProfile, CheckoutRule, DiscountStep, Promotion
from jangbu.sandbox.core.state import State
from jangbu.sandbox.core.world import World


def default_state(seed: int | None = None) -> State:
    """One store that knows where to send webhooks once it is told, test channels and a live one."""
    store_id = sandbox.STORE_ID

    def channel(number: int, name: str, provider: str, mid: str) -> Channel:
        return Channel(
            key=f"channel-key-00000000-0000-4000-8000-{number:012d}",
            id=f"channel-id-00000000-0000-4000-8000-{number:012d}",
            name=name,
            store_id=store_id,
            pg_provider=provider,
            pg_merchant_id=mid,
            type="LIVE" if number == 3 else "TEST",
        )

    channels = [
        channel(1, "카드 (토스페이먼츠)", "TOSSPAYMENTS", "tosspayments"),
        channel(2, "카카오페이", "KAKAOPAY", "TC0ONETIME"),
        channel(3, "카드 (실연동)", "TOSSPAYMENTS", "jangbu_live"),
        channel(4, "페이팔", "PAYPAL_V2", "jangbu-paypal"),
        channel(5, "편의점 (일본)", "INICIS_JP", "jangbu-jp"),
        channel(6, "본인인증 (다날)", "DANAL", "jangbu-danal"),
    ]
    store = Store(
        id=store_id,
        name="장부 상점",
        api_secrets=[sandbox.API_SECRET],
        webhooks={
            "TEST": WebhookSettings(secrets=[sandbox.WEBHOOK_SECRET]),
            "LIVE": WebhookSettings(secrets=[sandbox.WEBHOOK_SECRET]),
        },
        v1=V1Settings(
            user_code=sandbox.V1_USER_CODE,
            imp_key=sandbox.V1_KEY,
            imp_secret=sandbox.V1_SECRET,
            default_channel_key=sandbox.CARD_CHANNEL,
        ),
    )
    promotion = Promotion(
        id=sandbox.PROMOTION_ID,
        store_id=store_id,
        name="신한카드 10% 할인",
        card_company="SHINHAN_CARD",
        currency="KRW",
        steps=[DiscountStep(10_000, "PERCENT", 10)],
        budget_minor=1_000_000,
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
        start_at=datetime(2020, 1, 1, tzinfo=UTC),
        end_at=datetime(2100, 1, 1, tzinfo=UTC),
        max_discount_minor=5_000,
    )
    profile = CheckoutProfile(
        key=sandbox.CHECKOUT_PROFILE,
        store_id=store_id,
        rules=[
            CheckoutRule("PAY_PAL", sandbox.PAYPAL_CHANNEL, currencies=["USD", "EUR", "JPY"]),
            CheckoutRule(
                "CONVENIENCE_STORE_JP",
                sandbox.JAPAN_CHANNEL,
                countries=["JP"],
                currencies=["JPY"],
                max_minor=299_999,
            ),
        ],
    )
    group = ChannelGroup(
        id=sandbox.CHANNEL_GROUP,
        name="카드와 카카오페이",
        store_id=store_id,
        channel_keys=[sandbox.CARD_CHANNEL, sandbox.EASY_PAY_CHANNEL],
        type="TEST",
    )
    return State(
        merchant_id=sandbox.MERCHANT_ID,
        stores={store_id: store},
        channels={each.key: each for each in channels},
        channel_groups={group.id: group},
        promotions={promotion.id: promotion},
        checkout_profiles={profile.key: profile},
        seed=seed,
    )


def default_world(clock: Clock, seed: int | None = None, inferred: Inferred | None = None) -> World:
    """A fresh world with the constants of `jangbu.sandbox`; without a seed its ids do not repeat."""
    return World(default_state(seed), clock, inferred)
