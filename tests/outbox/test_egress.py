"""The guard against being made to call inside our own network, and endpoints that misbehave (F125)."""

import asyncio
import gzip
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jangbu.errors import Refusal, SetupProblem
from jangbu.outbox import rules
from jangbu.outbox import sender as sending
from jangbu.outbox.egress import Policy, check_now, policy_of
from jangbu.outbox.refusals import EndpointAddressRefused, EndpointHostUnknown, EndpointUrlMalformed
from jangbu.outbox.sender import HttpSender

LIVE = policy_of("", mode="live")
SANDBOX = policy_of("", mode="sandbox")


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks",
        "https://shop.example:8443/hooks?token=1",
        "https://1.1.1.1/",
        "https://[2606:4700:4700::1111]/x",
        "https://xn--oy2b35ckwhba574atvuzkc.com/",
        "https://a.b.c.co.kr:443/",
        "https://SHOP.example/",
    ],
)
def test_public_addresses_are_sent_to(url: str) -> None:
    LIVE.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "//shop.example/",
        "shop.example/hooks",
        "",
        "https://",
        "https:///hooks",
        "https://user@shop.example/",
        "https://user:password@shop.example/",
        "https://shop.example@10.0.0.1/",
        "https://shop.example/#here",
        "https://shop.example/a b",
        "https://shop.example/\r\nhost: x",
        "https://shop.example\\@10.0.0.1/",
        "https://쇼핑.example/",
        "https://shop.example:22/",
        "https://shop.example:25/",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example:x/",
        # An address in any but its usual form: octal, hexadecimal, one number, short, full width, with a zone.
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://１２７.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://shop.example./",
        "https://-shop.example/",
        "https://sh_op.example/",
        "https://" + "a" * 64 + ".example/",
        "https://shop.example/" + "a" * 2000,
    ],
)
def test_what_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(EndpointUrlMalformed):
        LIVE.check_url(url)


INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104 (an address to refuse)
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "203.0.113.5",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_addresses_off_the_public_internet_are_refused_written_out_or_by_name(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(EndpointAddressRefused):
        LIVE.check_url(f"https://{host}/hooks")

    async def resolve(_: str, __: int) -> Sequence[str]:
        return ["1.1.1.1", address]

    with pytest.raises(EndpointAddressRefused):
        await check_now("https://shop.example/hooks", LIVE, resolve)


def test_the_sandbox_may_call_this_machine_and_nothing_else_inside() -> None:
    SANDBOX.check_url("http://127.0.0.1:3000/hook")
    SANDBOX.check_url("http://[::1]:3000/hook")
    SANDBOX.check_addresses("localhost", ["127.0.0.1", "::1"])
    for inside in ("http://10.0.0.1/", "http://169.254.169.254/", "http://[::ffff:127.0.0.1]/"):
        with pytest.raises(EndpointAddressRefused):
            SANDBOX.check_url(inside)


def test_the_operator_may_name_networks_and_hosts() -> None:
    policy = policy_of(" 10.0.0.0/8, fd00::/8 ,Shop.Internal,192.168.7.7 ", mode="live")
    policy.check_url("https://10.2.3.4:8443/hooks")
    policy.check_url("https://192.168.7.7/hooks")
    policy.check_addresses("any.example", ["10.2.3.4", "fd00::1"])
    policy.check_addresses("shop.internal", ["172.16.5.5"])
    for host, address in (
        ("any.example", "172.16.5.5"),
        ("any.example", "192.168.7.8"),
        # Even a name that the operator vouches for does not lead to the metadata service.
        ("shop.internal", "169.254.169.254"),
        ("evil.shop.internal", "172.16.5.5"),
    ):
        with pytest.raises(EndpointAddressRefused):
            policy.check_addresses(host, [address])
    with pytest.raises(EndpointUrlMalformed):
        policy.check_url("http://shop.internal/")


@pytest.mark.parametrize("wrong", ["10.0.0.0/33", "10.0.0.1/8", "https://shop.internal", "*.internal", "shop internal"])
def test_an_allowance_that_cannot_be_read_stops_the_program(wrong: str) -> None:
    with pytest.raises(SetupProblem, match="JANGBU_EGRESS_ALLOW"):
        policy_of(wrong, mode="live")


async def test_a_name_without_an_address_is_refused_when_the_endpoint_is_made() -> None:
    async def unknown(_: str, __: int) -> Sequence[str]:
        raise OSError("no such name")

    async def empty(_: str, __: int) -> Sequence[str]:
        return []

    for resolve in (unknown, empty):
        with pytest.raises(EndpointHostUnknown):
            await check_now("https://shop.example/", LIVE, resolve)


# What follows speaks HTTP to a program of ours that says, byte for byte, whatever it is told to.


class Listener:
    """Counts its connections and answers each with the same bytes."""

    def __init__(self, answer: bytes, *, then: str = "close") -> None:
        self.answer = answer
        self.then = then
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            self.requests.append(head + await reader.readexactly(length))
            writer.write(self.answer)
            while self.then == "endless":
                writer.write(b"x" * 65_536)
                await writer.drain()
            while self.then == "drip":
                writer.write(b"x-drip: 1\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
            if self.then == "silence":
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(
    answer: bytes, *, then: str = "close", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    listener = Listener(answer, then=then)
    server = await asyncio.start_server(listener.talk, "127.0.0.1", 0, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


async def sent_to(listener: Listener, *, timeout_s: float = 2, policy: Policy = SANDBOX) -> sending.Answer:
    async with HttpSender(policy, timeout_s=timeout_s) as sender:
        return await sender.post(f"http://127.0.0.1:{listener.port}/hook?token=1", {"webhook-id": "1"}, b'{"n":1}')


async def test_a_plain_yes() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as listener:
        answer = await sent_to(listener)
    assert answer == sending.Answer("delivered", 200, "ok")
    (request,) = listener.requests
    assert request.startswith(b"POST /hook?token=1 HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"n":1}')
    assert b"content-type: application/json\r\n" in request.lower()


async def test_a_redirect_is_a_no_and_is_not_followed() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok") as inside:
        location = f"location: http://127.0.0.1:{inside.port}/\r\n".encode()
        for status in (301, 302, 303, 307, 308):
            start = f"HTTP/1.1 {status} Moved\r\n".encode()
            async with listening(start + location + b"content-length: 0\r\n\r\n") as listener:
                answer = await sent_to(listener)
            assert (answer.outcome, answer.status) == ("redirected", status)
    assert inside.connections == 0


async def test_an_endless_answer_is_cut_and_its_status_counts() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", then="endless") as listener:
        answer = await asyncio.wait_for(sent_to(listener), 5)
    assert (answer.outcome, answer.status) == ("delivered", 200)
    assert answer.body == "x" * sending.ANSWER_BYTES_MAX


async def test_a_body_that_never_comes_does_not_keep_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ANSWER_TIMEOUT_S", 0.1)
    async with listening(b"HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nabc", then="silence") as listener:
        answer = await asyncio.wait_for(sent_to(listener), 5)
    assert answer == sending.Answer("refused", 500, "abc")


@pytest.mark.parametrize("then", ["silence", "drip"])
async def test_an_endpoint_that_does_not_answer_in_time_is_given_up(then: str) -> None:
    async with listening(b"HTTP/1.1 200 OK\r\n" if then == "drip" else b"", then=then) as listener:
        answer = await asyncio.wait_for(sent_to(listener, timeout_s=0.3), 5)
    assert answer.outcome == ("timeout")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
    ],
)
async def test_an_endpoint_that_does_not_speak_http_breaks_nothing(answer: bytes) -> None:
    async with listening(answer) as listener:
        assert (await sent_to(listener)).outcome == "broken"


async def test_a_packed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    async with listening(head + bomb) as listener:
        answer = await sent_to(listener)
    assert answer.outcome == "delivered"
    assert "0000" not in answer.body


async def test_nobody_listening_is_said_as_it_is() -> None:
    async with listening(b"") as listener:
        pass
    assert (await sent_to(listener)).outcome == "unreachable"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="SKIPPED ALOUD: no openssl to make a certificate with")
async def test_a_certificate_that_nobody_vouches_for_is_no_delivery(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    yes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    async with listening(yes, tls=context) as listener, HttpSender(SANDBOX, timeout_s=5) as sender:
        answer = await sender.post(f"https://127.0.0.1:{listener.port}/", {}, b"{}")
    assert answer.outcome == "tls"
    assert listener.requests == []


async def test_a_name_that_changes_its_mind_between_check_and_connection_gains_nothing() -> None:
    """DNS rebinding: public when the endpoint is made, this machine when it is called."""
    answers = [["1.1.1.1"], ["127.0.0.1"], ["1.1.1.1", "127.0.0.1"]]

    async def rebinding(_: str, __: int) -> Sequence[str]:
        return answers.pop(0)

    policy = Policy(http=True)
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as listener:
        url = f"http://rebind.example:{listener.port}/"
        async with HttpSender(policy, resolve=rebinding, timeout_s=2) as sender:
            await sender.check(url)
            assert (await sender.post(url, {}, b"{}")).outcome == "address_refused"
            assert (await sender.post(url, {}, b"{}")).outcome == "address_refused"
    assert listener.connections == 0
    assert answers == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    asked = []

    async def once(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as listener:
        async with HttpSender(SANDBOX, resolve=once, timeout_s=2) as sender:
            # Nobody else's resolver knows this name.
            answer = await sender.post(f"http://nowhere.invalid:{listener.port}/", {}, b"{}")
        assert answer.outcome == "delivered"
        assert asked == [("nowhere.invalid", listener.port)]
        assert b"nowhere.invalid" in listener.requests[0]


async def test_an_address_written_out_is_looked_at_at_every_connection() -> None:
    """An endpoint made while the operator allowed it, after the operator no longer does."""
    async with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as listener:
        answer = await sent_to(listener, policy=Policy(http=True))
    assert answer.outcome == "address_refused"
    assert listener.connections == 0


async def test_neither_secrets_nor_tokens_get_into_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    secret = rules.secret_of(b"canary-canary-canary-canary-x")
    headers = rules.signed_headers([secret], "1", datetime(2026, 8, 1, tzinfo=UTC), b"{}")
    async with HttpSender(SANDBOX, timeout_s=0.2) as sender:
        for answer, then in (
            (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "close"),
            (b"", "silence"),
            (b"x\r\n\r\n", ""),
        ):
            async with listening(answer, then=then) as listener:
                said = await sender.post(f"http://127.0.0.1:{listener.port}/?token=canary", headers, b"{}")
                assert "canary" not in said.body
        assert "canary" not in repr(await sender.post("http://10.0.0.1/?token=canary", headers, b"{}"))
    told = capsys.readouterr()
    assert "canary" not in told.out + told.err


async def test_a_name_that_is_gone_is_a_failed_try_and_no_crash() -> None:
    async def unknown(_: str, __: int) -> Sequence[str]:
        raise OSError("no such name")

    async with HttpSender(LIVE, resolve=unknown, timeout_s=2) as sender:
        assert (await sender.post("https://shop.example/", {}, b"{}")).outcome == "unreachable"
        with pytest.raises(Refusal):
            await sender.check("https://shop.example/")
