"""What lies outside: PortOne with our credentials, the webhook secret, and the way back in to us."""

from urllib.parse import urlsplit

from jangbu.clock import Clock
from jangbu.doctor.findings import Finding, bad, good, look, unchecked
from jangbu.errors import SetupProblem
from jangbu.ids import Ids
from jangbu.inbox import probe
from jangbu.mode_guard import LOOPBACK
from jangbu.payments.confirm.question import ROUTE as QUESTION
from jangbu.portone import AiohttpTransport, Done, PortOne, PortOneV1, Refused, Unknown, Why, parse_secret
from jangbu.settings import Settings

NO_SUCH_PAYMENT = "jangbu-doctor-no-such-payment"
READ_TIMEOUT_S = 15
CONNECT_TIMEOUT_S = 5


async def portone(settings: Settings) -> Finding:
    """Ask PortOne for a payment nobody has: the right credentials are told that there is none."""
    name = "PortOne"
    try:
        transport = AiohttpTransport(
            settings.portone_url, read_timeout_s=READ_TIMEOUT_S, connect_timeout_s=CONNECT_TIMEOUT_S
        )
        client = PortOne(transport, api_secret=settings.v2_api_secret, store_id=settings.portone_store_id)
    except SetupProblem as problem:
        return bad(name, str(problem), "Correct it in the environment or in .env.")
    async with transport:
        outcome = await client.get_payment(NO_SUCH_PAYMENT)
    where = settings.portone_url
    match outcome:
        case Refused(type="PAYMENT_NOT_FOUND") | Done():
            return good(name, f"{where} answers, and knows our secret and store {settings.portone_store_id}.")
        case Refused(http_status=401):
            return bad(
                name,
                f"{where} does not know the API secret (401).",
                "Copy the V2 API secret again from PortOne's console (Payment integration, API keys). It is neither "
                "V1's key or secret, nor the webhook secret, nor a PG's; and it may have expired.",
            )
        case Refused(http_status=403):
            return bad(
                name,
                f"The API secret is right, and may not use the store {settings.portone_store_id} (403).",
                "Set PORTONE_STORE_ID to the store the secret was issued for (console, top right: store-…).",
            )
        case Refused():
            said = f"{outcome.type}: {outcome.message or ''}".rstrip(": ")
            return bad(
                name, f"{where} refuses ({outcome.http_status}) {said}.", "Look it up in PortOne's API reference."
            )
        case Unknown(why=Why.NOT_SENT) if settings.mode == "sandbox":
            return unchecked(
                name, f"The sandbox is not running at {where}.", "Start it: jangbu sandbox (or jangbu demo)."
            )
        case Unknown(why=Why.NOT_SENT):
            return bad(
                name,
                f"No connection to {where}.",
                "Let this machine reach it: outgoing HTTPS, DNS, and the proxy or firewall in between.",
            )
        case Unknown():
            return bad(
                name,
                f"{where} gave no answer we can use ({outcome.why.value}).",
                "Try again; if it stays, look at PortOne's status page and at a proxy in between.",
            )


async def portone_v1(settings: Settings) -> Finding:
    """The same of V1, for whoever gave a key for it."""
    name = "PortOne V1"
    where = urlsplit(settings.portone_v1_url)
    key, secret = settings.v1_credentials
    try:
        transport = AiohttpTransport(
            f"{where.scheme}://{where.netloc}", read_timeout_s=READ_TIMEOUT_S, connect_timeout_s=CONNECT_TIMEOUT_S
        )
        client = PortOneV1(
            transport,
            api_key=key,
            api_secret=secret,
            store_id=settings.portone_store_id,
            root=where.path.rstrip("/"),
        )
    except SetupProblem as problem:
        return bad(name, str(problem), "Correct it in the environment or in .env.")
    async with transport:
        outcome = await client.get_order(NO_SUCH_PAYMENT)
    match outcome:
        case Refused(type="PAYMENT_NOT_FOUND") | Done():
            return good(name, f"{settings.portone_v1_url} answers, and knows our key.")
        case Refused(http_status=401):
            return bad(
                name,
                f"{settings.portone_v1_url} does not know the key or its secret (401).",
                "Copy both again from PortOne's console (Payment integration, API keys, V1 API).",
            )
        case Refused():
            return bad(
                name,
                f"{settings.portone_v1_url} refuses ({outcome.http_status}) {outcome.message or ''}".rstrip() + ".",
                "Look it up in PortOne's API reference.",
            )
        case Unknown():
            return bad(
                name,
                f"{settings.portone_v1_url} gave no answer we can use ({outcome.why.value}).",
                "Let this machine reach it by outgoing HTTPS; payments made with V2 do not need it.",
            )


def webhook_secret(settings: Settings) -> Finding:
    """Whether the webhook secrets are ones that PortOne issues."""
    name = "webhook secret"
    secrets = settings.webhook_secrets
    if not secrets:
        return bad(name, "None is set.", "Copy it from PortOne's console (webhook settings): PORTONE_WEBHOOK_SECRET.")
    for secret in secrets:
        try:
            parse_secret(secret)
        except SetupProblem as problem:
            return bad(name, str(problem), "Set PORTONE_WEBHOOK_SECRET to it.")
    count = "One, well-formed." if len(secrets) == 1 else f"{len(secrets)}, all well-formed: one is being replaced."
    return good(name, count)


def proxies(settings: Settings) -> Finding:
    """Whether callers' addresses will be theirs. We end no TLS, so an https address means that a proxy stands there."""
    name = "proxies"
    trusted = ", ".join(str(network) for network in settings.proxies)
    if trusted:
        return good(name, f"What {trusted} says of a caller's address is believed, and nobody else.")
    if settings.url.startswith("https://"):
        return look(
            name,
            f"Something before us serves {settings.url}, and nobody is trusted to say who calls: every caller seems to "
            "be that proxy, and ten wrong passwords of one lock everybody out for a while.",
            "Set JANGBU_TRUSTED_PROXIES to the proxy's address, as this program sees it (often 127.0.0.1).",
        )
    return good(name, "None is trusted: callers are who is at the other end of the line.")


async def public_address(settings: Settings, clock: Clock) -> Finding:
    """Post ourselves a signed webhook where PortOne would, and say what the answer means."""
    name = "public address"
    url = settings.url + probe.PATH
    parts = urlsplit(settings.url)
    if settings.mode != "sandbox" and parts.hostname in LOOPBACK | {"0.0.0.0"}:  # noqa: S104 (recognised, not bound)
        return bad(
            name,
            f"PortOne cannot reach {settings.url}: that is this machine itself.",
            "Set JANGBU_PUBLIC_URL to the address that your proxy serves, and register it in PortOne's console.",
        )
    parcel = probe.pack(settings.webhook_secrets[0], settings.portone_store_id, at=clock.now(), ids=Ids(clock))
    answer = await probe.send(parcel, url)
    if not answer.listening and not settings.public_url:
        return unchecked(name, f"The web program is not running at {settings.url}.", "Start it: jangbu serve.")
    if not answer.received:
        return bad(name, f"A signed webhook to {url} was not taken.", answer.means)
    if settings.mode == "live" and parts.scheme != "https":
        return look(
            name, f"A signed webhook to {url} was taken, unencrypted.", "Serve https, and set JANGBU_PUBLIC_URL to it."
        )
    return good(name, f"A signed webhook to {url} was verified and written down.")


async def question(settings: Settings, clock: Clock) -> Finding:
    """Ask ourselves PortOne's question before an approval, of a payment nobody has: the answer must be our own no."""
    name = "question before an approval"
    url = settings.url + QUESTION
    secret, store_id = settings.webhook_secrets[0], settings.portone_store_id
    answer = await probe.ask(probe.pack(secret, store_id, at=clock.now(), ids=Ids(clock), type_=probe.QUESTION), url)
    if answer.received:
        return good(name, f"A signed question to {url} was answered no, as one about nobody's payment must be.")
    if not answer.listening and not settings.public_url:
        return unchecked(name, f"The web program is not running at {settings.url}.", "Start it: jangbu serve.")
    return bad(
        name,
        f"A signed question to {url} was not answered: with JANGBU_CHECKOUT_CONFIRM nothing is sold.",
        answer.means,
    )
