"""A local PortOne: stateful, repeatable from a seed, with one clock and faults to order.

It imports the ground only and never our client, so that the two cannot share a misreading (design §7). Each
behaviour cites `portone-facts`; what the facts leave open is a switch in `inferred.Inferred`. This page holds
nothing but the constants of the default world, so importing it costs nothing.
"""

import base64

MERCHANT_ID = "merchant-00000000-0000-4000-8000-000000000000"
STORE_ID = "store-00000000-0000-4000-8000-000000000000"
API_SECRET = "sandbox-api-secret"  # noqa: S105 (opens nothing but the sandbox)
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"jangbu-sandbox-webhook-secret-32").decode()
CARD_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000001"
EASY_PAY_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000002"
LIVE_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000003"
PAYPAL_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000004"
JAPAN_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000005"
IDENTITY_CHANNEL = "channel-key-00000000-0000-4000-8000-000000000006"
CHANNEL_GROUP = "channel-group-00000000-0000-4000-8000-000000000001"
PROMOTION_ID = "promotion-id-00000000-0000-4000-8000-000000000001"
CHECKOUT_PROFILE = "checkout-profile-00000000-0000-4000-8000-000000000001"
V1_USER_CODE = "imp00000000"
V1_KEY = "0000000000000000"
V1_SECRET = "sandbox-v1-secret"  # noqa: S105 (as above)
DEFAULT_PORT = 8090
