"""What the transport says about a request: it never left, it may have arrived, or here is the answer."""

import asyncio
import gzip

import pytest

from jangbu.errors import SetupProblem
from jangbu.portone.transport import AiohttpTransport, AnswerLost, AnswerTooLate, NotSent

SOON_S = 0.3
"""Where no answer will come. Where one does, it may take its time: a busy machine is not a late PortOne."""


async def test_carries_the_request_out_and_the_answer_back_unchanged(server, answer):
    server.plays(answer(418, raw=b"\x00\xff bytes", headers="X-Odd: 1\r\n"))
    async with AiohttpTransport(server.url) as transport:
        status, headers, body = await transport.send("POST", "/a%2Fb?c=%26", {"X-Ours": "2"}, b"\xfe")
    assert (status, headers["X-Odd"], body) == (418, "1", b"\x00\xff bytes")
    assert server.received[0].line == "POST /a%2Fb?c=%26 HTTP/1.1"
    assert server.received[0].headers["X-Ours"] == "2"
    assert server.received[0].body == b"\xfe"


async def test_a_closed_port_means_that_nothing_was_sent(closed_port):
    async with AiohttpTransport(f"http://127.0.0.1:{closed_port}") as transport:
        with pytest.raises(NotSent):
            await transport.send("POST", "/", {}, b"{}")


async def test_a_name_that_does_not_resolve_means_that_nothing_was_sent():
    async with AiohttpTransport("http://portone.invalid") as transport:
        with pytest.raises(NotSent):
            await transport.send("POST", "/", {}, b"{}")


async def test_a_failed_tls_handshake_means_that_nothing_was_sent():
    async def answer_in_plain_text(_reader, writer):
        writer.write(b"HTTP/1.1 400 This is no TLS\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(answer_in_plain_text, "127.0.0.1", 0)
    async with plain, AiohttpTransport(f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}") as transport:
        with pytest.raises(NotSent):
            await transport.send("POST", "/", {}, b"{}")


async def test_waiting_in_vain_for_a_free_connection_means_that_nothing_was_sent(server):
    server.plays(server.hang)
    async with AiohttpTransport(server.url, connect_timeout_s=SOON_S, limit=1) as transport:
        first = asyncio.create_task(transport.send("POST", "/first", {}, b"{}"))
        while not server.received:
            await asyncio.sleep(0)
        with pytest.raises(NotSent):
            await transport.send("POST", "/second", {}, b"{}")
        assert len(server.received) == 1
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_silence_after_the_request_means_that_it_may_have_arrived(server):
    server.plays(server.hang)
    async with AiohttpTransport(server.url, read_timeout_s=SOON_S) as transport:
        with pytest.raises(AnswerTooLate) as caught:
            await transport.send("POST", "/", {}, b"{}")
    assert isinstance(caught.value, TimeoutError)
    assert not isinstance(caught.value, ConnectionRefusedError)
    assert len(server.received) == 1


async def test_an_answer_that_trickles_in_ends_at_the_deadline(server, answer):
    server.plays(server.trickle(answer(200, raw=b"x" * 200), every_s=0.1))
    async with AiohttpTransport(server.url, read_timeout_s=SOON_S) as transport:
        with pytest.raises(AnswerTooLate):
            await transport.send("POST", "/", {}, b"{}")


async def test_a_line_that_drops_before_or_within_the_answer_means_that_it_may_have_arrived(server, answer):
    for act in (server.hang_up, server.half(answer(200, {"a": 1})), b"this is not HTTP\r\n\r\n"):
        server.plays(act)
        async with AiohttpTransport(server.url) as transport:
            with pytest.raises(AnswerLost) as caught:
                await transport.send("POST", "/", {}, b"{}")
        assert not isinstance(caught.value, ConnectionRefusedError)
        assert "secret" not in str(caught.value)


async def test_an_answer_over_the_limit_is_lost_and_one_at_the_limit_is_not(server, answer):
    server.plays(answer(200, raw=b"x" * 1000), answer(200, raw=b"x" * 1001))
    async with AiohttpTransport(server.url, response_bytes_max=1000) as transport:
        assert len((await transport.send("GET", "/", {}, b""))[2]) == 1000
        with pytest.raises(AnswerLost, match="1000 bytes"):
            await transport.send("GET", "/", {}, b"")


async def test_the_limit_counts_unpacked_bytes(server, answer):
    bomb = gzip.compress(b"\x00" * 50_000_000)
    server.plays(answer(200, raw=bomb, headers="Content-Encoding: gzip\r\n"))
    async with AiohttpTransport(server.url, read_timeout_s=10) as transport:
        with pytest.raises(AnswerLost):
            await transport.send("GET", "/", {}, b"")


async def test_a_redirect_is_an_answer_and_is_not_followed(server, answer):
    server.plays(answer(307, {}, headers=f"Location: {server.url}/elsewhere\r\n"))
    async with AiohttpTransport(server.url) as transport:
        assert (await transport.send("POST", "/", {}, b"{}"))[0] == 307
    assert len(server.received) == 1


async def test_connections_are_kept_and_cookies_are_not(server, answer):
    server.plays(answer(200, {}, headers="Set-Cookie: a=b\r\n"))
    # By name, because the HTTP library keeps no cookie of a bare address anyway.
    async with AiohttpTransport(f"http://localhost:{server.port}") as transport:
        for _ in range(3):
            await transport.send("POST", "/", {}, b"{}")
    assert server.connections == 1
    assert all("Cookie" not in request.headers for request in server.received)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_is_never_sent_twice_when_a_kept_connection_dies(server, answer, method):
    server.plays(answer(200, {}), server.hang_up, answer(200, {}))
    async with AiohttpTransport(server.url) as transport:
        await transport.send("GET", "/", {}, b"")
        with pytest.raises(AnswerLost):
            await transport.send(method, "/", {}, b"")
    assert [request.line.split()[0] for request in server.received] == ["GET", method]


async def test_a_change_that_died_on_a_kept_connection_is_not_called_unsent_when_portone_is_gone_after_it(
    answer,
):
    """The trap: aiohttp repeats a DELETE by itself, and a refused second try looks like "not sent"."""
    seen = []

    async def once(reader, writer):
        for _ in range(2):
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            if len(seen) == 2:
                listening.close()
                break
            writer.write(answer(200, {}))
        writer.close()

    listening = await asyncio.start_server(once, "127.0.0.1", 0)
    async with AiohttpTransport(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}") as transport:
        await transport.send("GET", "/", {}, b"")
        with pytest.raises(AnswerLost):
            await transport.send("DELETE", "/", {}, b"")
    assert len(seen) == 2


async def test_a_closed_transport_sends_nothing(server, answer):
    server.plays(answer(200, {}))
    transport = AiohttpTransport(server.url)
    await transport.send("GET", "/", {}, b"")
    await transport.close()
    await transport.close()
    with pytest.raises(NotSent):
        await transport.send("GET", "/", {}, b"")


@pytest.mark.parametrize(
    "url", ["", "api.portone.io", "ftp://api.portone.io", "https://", "https://u:p@host", "https://host/?a=b"]
)
def test_an_address_that_is_none_stops_the_program_with_a_sentence(url):
    with pytest.raises(SetupProblem, match=r"api\.portone\.io"):
        AiohttpTransport(url)


def test_waits_a_minute_for_an_answer_unless_told_otherwise():
    assert AiohttpTransport()._timeout.sock_read == 60
    assert AiohttpTransport()._timeout.connect == 10
