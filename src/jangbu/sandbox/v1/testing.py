"""V1's verbs of the sandbox for tests."""

from typing import Any
from urllib.parse import urlencode

import msgspec

from jangbu import sandbox
from jangbu.sandbox.in_process import InProcess
from jangbu.sandbox.v1 import PREFIX


class V1Verbs:
    """What `testing.Sandbox` can do through V1."""

    transport: InProcess

    async def decide(self, transaction_id: str, action: str, **more: str) -> dict[str, Any]:
        raise NotImplementedError

    async def v1(
        self,
        method: str,
        path: str,
        fields: Any = None,
        *,
        token: str | None = None,
        is_form: bool = False,
        tier: str | None = None,
    ) -> tuple[int, Any]:
        """A call of V1 with the store's token: status and envelope. On GET and DELETE `fields` are the query."""
        sent = {"authorization": f"Bearer {token or await self.v1_token()}"} | ({"tier": tier} if tier else {})
        encoded = urlencode(fields or {}, doseq=True).encode()
        target, raw = f"{PREFIX}{path}", b""
        if method in ("GET", "DELETE"):
            target += f"?{encoded.decode()}" if encoded else ""
        else:
            raw = encoded if is_form else msgspec.json.encode(fields or {})
            sent["content-type"] = "application/x-www-form-urlencoded" if is_form else "application/json"
        status, _, answered = await self.transport.send(method, target, sent, raw)
        return status, msgspec.json.decode(answered)

    async def v1_token(self) -> str:
        """The store's token for V1."""
        key = {"imp_key": sandbox.V1_KEY, "imp_secret": sandbox.V1_SECRET}
        _, _, answered = await self.transport.send(
            "POST", f"{PREFIX}/users/getToken", {"content-type": "application/json"}, msgspec.json.encode(key)
        )
        return str(msgspec.json.decode(answered)["response"]["access_token"])

    async def v1_open(self, merchant_uid: str, **params: Any) -> dict[str, Any]:
        """`IMP.request_pay` up to the open window, on the live channel: V1 hides the test ones by default."""
        asked = {
            "imp": sandbox.V1_USER_CODE,
            "channelKey": sandbox.LIVE_CHANNEL,
            "pay_method": "card",
            "merchant_uid": merchant_uid,
            "name": "보리차",
            "amount": 1000,
            **params,
        }
        _, _, answered = await self.transport.send("POST", "/__browser__/v1/payments", {}, msgspec.json.encode(asked))
        opened: dict[str, Any] = msgspec.json.decode(answered)
        return opened

    async def v1_pay(self, merchant_uid: str, **params: Any) -> str:
        """Open a V1 window and pay in it; answers the imp_uid."""
        opened = await self.v1_open(merchant_uid, **params)
        assert "imp_uid" in opened, opened
        await self.decide(opened["imp_uid"], "approve")
        return str(opened["imp_uid"])
