"""A web program that is told to go answers whoever has a connection and is about to ask (F96, F100)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from jangbu.app import listen, served_so
from jangbu.web import server as server_module
from jangbu.web.server import Server

ASK = b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n"

PATIENCE_S = 20


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(listener: socket.socket | None = None) -> AsyncIterator[tuple[Server, int, "asyncio.Task[None]"]]:
    listener = listener or listen("127.0.0.1", 0)
    server = Server(served_so(answering, drain_s=5))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield server, listener.getsockname()[1], task
    server.should_exit = True
    await task


async def connections(server: Server) -> None:
    """Until the server has seen that somebody is connected."""
    async with asyncio.timeout(PATIENCE_S):
        while not server.server_state.connections:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize("has_asked_before", [True, False], ids=["kept", "new"])
async def test_who_is_connected_and_about_to_ask_is_answered_and_told_that_it_was_the_last(
    has_asked_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a busy machine to get from the closed door to the question.
    monkeypatch.setattr(server_module, "GOODBYE_S", 3)
    async with serving() as (server, port, task), connected(port) as (reader, writer):
        if has_asked_before:
            writer.write(ASK)
            head = await reader.readuntil(b"\r\n\r\nok")
            assert b"connection: close" not in head.lower()
        await connections(server)
        server.should_exit = True
        while (number := len(server.servers)) and any(one.is_serving() for one in server.servers):
            await asyncio.sleep(0.01)
        assert number == 1
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        head = await reader.read()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in head.lower()
        await asyncio.wait_for(task, PATIENCE_S)


async def knocked_while_the_program_was_busy() -> bytes:
    """What somebody hears whom the kernel has connected and the program has not looked at when it goes."""
    listener = listen("127.0.0.1", 0)
    async with serving(listener) as (server, port, task):
        # The loop does not turn between these lines, as when a request keeps it busy.
        with socket.create_connection(("127.0.0.1", port)) as guest:
            guest.sendall(ASK)
            server.should_exit = True
            await server.shutdown([listener])
            guest.settimeout(5)
            heard = b""
            while piece := await asyncio.to_thread(guest.recv, 65_536):
                heard += piece
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await task
        return heard


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
async def test_who_waits_at_the_door_when_it_closes_is_let_in(
    run: Callable[[Coroutine[Any, Any, bytes]], bytes],
) -> None:
    """Closing a listening socket resets every connection in its queue; a proxy has sent its POST into it already."""
    heard = await asyncio.to_thread(run, knocked_while_the_program_was_busy())
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in heard.lower()


async def test_who_never_asks_is_waited_for_a_while_and_without_anybody_it_goes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as (server, port, task), connected(port):
        await connections(server)
        server.should_exit = True
        while any(one.is_serving() for one in server.servers):
            await asyncio.sleep(0.01)
        assert not task.done(), "who is connected may be about to ask"
        await asyncio.wait_for(task, PATIENCE_S)
    monkeypatch.setattr(server_module, "GOODBYE_S", 10 * PATIENCE_S)
    async with serving() as (server, _, task):
        server.should_exit = True
        await asyncio.wait_for(task, PATIENCE_S)
