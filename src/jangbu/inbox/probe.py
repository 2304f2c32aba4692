"""Sending ourselves what PortOne would send, signed with our own secret, and reading what the answer means.

The body names a payment nobody has: the inbox writes a webhook down, finds it is not about anything of ours, and skips
it; a question before an approval is answered no, and not written down.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import msgspec

from jangbu.clock import rfc3339
from jangbu.ids import Ids
from jangbu.portone import sign

PATH = "/api/portone/webhook"
WEBHOOK, QUESTION = "Transaction.Ready", "Transaction.Confirm"
TIMEOUT_S = 30
"""PortOne gives up on a receiver after this long."""
ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Parcel:
    """A signed webhook, ready to be sent as often as you like."""

    webhook_id: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `received`: our own inbox took it. `means`: one sentence for the operator.

    `listening` is False only when nothing at all answers at that address.
    """

    status: int | None
    received: bool
    duplicate: bool
    means: str
    listening: bool = True


def pack(secret: str, store_id: str, *, at: datetime, ids: Ids, type_: str = WEBHOOK) -> Parcel:
    """A test webhook, or a QUESTION, signed at `at`. Raises SetupProblem when the secret is malformed."""
    number = ids.uuid()
    data = {
        "storeId": store_id,
        "paymentId": f"jangbu-test-{number.hex}",
        "transactionId": f"jangbu-test-{number}",
    }
    asked = {"totalAmount": 1} if type_ == QUESTION else {}
    body = msgspec.json.encode({"type": type_, "timestamp": rfc3339(at), "data": data | asked})
    webhook_id = f"jangbu_test_{number}"
    return Parcel(webhook_id, {**sign(secret, webhook_id, at, body), "content-type": "application/json"}, body)


async def send(parcel: Parcel, url: str) -> Answer:
    """Post a webhook, and say what the answer means. Never raises for what the network or the other side does."""
    return await _post(parcel, url, _judge)


async def ask(parcel: Parcel, url: str) -> Answer:
    """The same for a question: what is `received` was answered by our own no, as it must be."""
    return await _post(parcel, url, _judge_answer)


async def _post(parcel: Parcel, url: str, judge: Callable[[int, str, bytes], Answer]) -> Answer:
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, connect=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
            # PortOne does not say that it follows redirects, so neither do we.
            http.post(url, data=parcel.body, headers=parcel.headers, allow_redirects=False) as answer,
        ):
            text = await answer.content.read(ANSWER_BYTES_MAX)
            return judge(answer.status, answer.headers.get("location", ""), text)
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return _no(None, "That is not an address. It must look like https://pay.example.com (JANGBU_PUBLIC_URL).")
    except aiohttp.ClientConnectorDNSError:
        return _no(None, "The name in that address is not known here. Check its spelling and its DNS record.")
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
        return _no(
            None,
            "The certificate there is not valid for that name, or its chain is incomplete: PortOne would not deliver. "
            "Renew it, and serve the full chain.",
        )
    except (aiohttp.ClientConnectorError, ConnectionRefusedError):
        return Answer(
            None, False, False, "Nothing answers there. Start the web program: jangbu serve.", listening=False
        )
    except TimeoutError:
        return _no(
            None, f"No answer within {TIMEOUT_S} s, which is when PortOne gives up too. Is a firewall in between?"
        )
    except (aiohttp.ClientError, OSError) as broken:
        return _no(None, f"The connection broke ({type(broken).__name__}). Look at the proxy's log.")


def _judge_answer(status: int, location: str, text: bytes) -> Answer:
    said = _read(text)
    own = said.get("code") if isinstance(said, dict) else None
    if status == 404 and own == "PAYMENT_NOT_FOUND":
        return Answer(status, True, False, "Answered: no such payment.")
    if status == 200:
        return _no(
            status, "Something answers 200 there, which PortOne takes for a yes. Check where the proxy sends it."
        )
    if own == "PAYMENT_CANNOT_BE_CHECKED":
        return _no(status, "Jangbu answers there, and could not tell in time. Look at the database, and at PortOne.")
    return _refused(status, location, said)


def _read(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _judge(status: int, location: str, text: bytes) -> Answer:
    said = _read(text)
    data = _part(said, "data")
    if status == 200 and data.get("received") is True:
        duplicate = data.get("duplicate") is True
        told = "seen before, and nothing changed" if duplicate else "verified and written down"
        return Answer(status, True, duplicate, f"Received: {told}.")
    return _refused(status, location, said)


def _refused(status: int, location: str, said: Any) -> Answer:
    code = str(_part(said, "error").get("code", ""))
    return _no(status, _OF_CODE.get(code) or _of_status(status, location, code))


def _of_status(status: int, location: str, code: str) -> str:
    if code:
        return f"Jangbu refused it ({status}, {code})."
    if status == 200:
        return "Something answers 200 there, but it is not Jangbu. Check where the proxy sends /api/portone/webhook."
    if 300 <= status < 400:
        to = f" to {location}" if location else ""
        return f"It redirects ({status}){to}, and PortOne does not follow. Set JANGBU_PUBLIC_URL to the final address."
    if status == 404:
        return "Something answers there, but not this path. The proxy must pass /api/portone/… on unchanged."
    if status in {401, 403}:
        return (
            f"Something before Jangbu refuses it ({status}), such as a login page or firewall. Let this path through."
        )
    if status == 413:
        return "A proxy finds the body too large (413). Allow at least 64 KB."
    if status in {502, 503, 504}:
        return f"The proxy cannot reach Jangbu ({status}). Is `jangbu serve` running where the proxy looks for it?"
    return f"An unexpected answer: {status}. Look at the log of the proxy and of the web program."


_OF_CODE = {
    "WEBHOOK_SIGNATURE_INVALID": (
        "The signature did not match: the program there has another PORTONE_WEBHOOK_SECRET, or something on the way "
        "changes the body."
    ),
    "WEBHOOK_HEADERS_MISSING": "The webhook-* headers did not arrive. Let the proxy pass them on.",
    "WEBHOOK_TIMESTAMP_TOO_OLD": "The clock there is more than five minutes ahead of this machine's. Set both by NTP.",
    "WEBHOOK_TIMESTAMP_TOO_NEW": "The clock there is more than five minutes behind this machine's. Set both by NTP.",
    "DATABASE_UNAVAILABLE": "The program there runs, but its database is away.",
}


def _no(status: int | None, means: str) -> Answer:
    return Answer(status, False, False, means)


def _part(said: Any, name: str) -> dict[str, Any]:
    part = said.get(name) if isinstance(said, dict) else None
    return part if isinstance(part, dict) else {}
