"""What an operator sets of payments: the rules they go by, and the pace of the jobs behind them."""

from typing import Literal

from pydantic_settings import BaseSettings

from jangbu.settings.fields import named

TaxProfile = Literal["taxable", "simplified", "exempt", "zero_rated"]


class PaymentSettings(BaseSettings):
    """The settings of payments, refunds and identities, and of the jobs that follow them up."""

    tax_profile: TaxProfile = named(
        "JANGBU_TAX_PROFILE", default="taxable", description="The store's VAT status; fixed on each payment when made."
    )
    payment_wait_h: int = named(
        "JANGBU_PAYMENT_WAIT_H", default=24, description="Hours a payment may wait for its payer before it expires."
    )

    identity_channel_key: str = named(
        "JANGBU_IDENTITY_CHANNEL_KEY", default="", description="Channel that identities are verified by, if not told."
    )
    identity_keep_days: int = named(
        "JANGBU_IDENTITY_KEEP_DAYS", default=365, ge=1, description="Days that a verified person's data is kept here."
    )
    refund_limits: dict[str, dict[str, int]] = named(
        "JANGBU_REFUND_LIMITS",
        default={"Manager": {"KRW": 1_000_000}},
        description=(
            "What of one payment somebody of a role (or an `API key`, the `terminal`) may refund without a second "
            "person, all refunds together, in minor units per currency, as JSON. Who is not named has no limit; who is "
            "has 0 in a currency that is not."
        ),
    )

    sweep_cron: str = named(
        "JANGBU_SWEEP_CRON",
        default="* * * * * */10",
        description="How often payments that are due are asked about (cron, UTC; a sixth field is seconds).",
    )

    job_lease_s: int = named(
        "JANGBU_JOB_LEASE_S",
        default=30,
        description="Seconds without a sign of life after which a worker's job is given to another worker.",
    )

    drain_s: int = named(
        "JANGBU_DRAIN_S",
        default=15,
        ge=1,
        description=(
            "Seconds that requests and jobs have to finish after SIGTERM. Jobs that are not done by then are given to "
            "another worker, requests are answered 503."
        ),
    )
