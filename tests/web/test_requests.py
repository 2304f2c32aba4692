import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from jangbu.errors import SetupProblem
from jangbu.web.requests import BODY_BYTES_MAX, checked_origins

SHOP = "https://shop.example"


@pytest.mark.parametrize("given", ["abcdefgh", "a.b_c-12", "x" * 64])
async def test_a_harmless_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/api/orders", headers={"x-request-id": given})
    assert response.headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given",
    ["short", "x" * 65, "has space", "semi;colon", "<script>alert</script>", "line%0abreak", "값값값값값값값값"],
)
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get("/api/nowhere", headers=[("x-request-id", given.encode())])  # type: ignore[list-item]
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
    assert response.json()["error"]["requestId"] == response.headers["x-request-id"]


async def test_two_request_ids_are_none(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/orders", headers=[("x-request-id", "first-one"), ("x-request-id", "second-one")])
    assert response.headers["x-request-id"] not in ("first-one", "second-one")


async def test_a_line_break_in_a_request_id_cannot_reach_a_header(build: Callable[..., FastAPI]) -> None:
    # httpx would refuse to send this, a hand-written client would not.
    started = await asgi(build(), "/api/orders", [(b"x-request-id", b"goodgood\n")])
    assert b"\n" not in dict(started["headers"])[b"x-request-id"]


@pytest.mark.parametrize(
    "path",
    ["/api/orders", "/console/payments", "/api/nowhere", "/api/crash", "/console/crash", "/api-docs", "/sign-in"],
)
async def test_every_answer_carries_the_safe_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers


async def test_https_adds_hsts_and_a_route_may_state_its_own_policy(
    build: Callable[..., FastAPI], client_of: Callable[[FastAPI], Any]
) -> None:
    async with client_of(build(https=True)) as client:
        response = await client.get("/page-of-its-own")
    assert response.headers["strict-transport-security"] == "max-age=31536000"
    assert response.headers.get_list("content-security-policy") == ["script-src x"]


async def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_not(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/raw", content=b"x" * BODY_BYTES_MAX)).text == str(BODY_BYTES_MAX)
    refused = await client.post("/api/raw", content=b"x" * (BODY_BYTES_MAX + 1))
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "BODY_TOO_LARGE"
    assert "1,000,000" in refused.json()["error"]["message"]
    assert refused.headers["connection"] == "close"


async def test_a_path_may_have_its_own_limit(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/small", content=b"x" * 10)).text == "10"
    assert (await client.post("/api/small", content=b"x" * 11)).status_code == 413


async def test_a_route_never_acts_on_a_body_that_is_refused(
    build: Callable[..., FastAPI], client_of: Callable[[FastAPI], Any]
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 10
        yield b"x"

    app = build()
    async with client_of(app) as client:
        assert (await client.post("/api/small", content=chunks())).status_code == 413
        assert (await client.post("/api/small", content=b"x" * 10)).status_code == 200
    assert app.state.bodies_read == [10]


@pytest.mark.parametrize("path", ["/api/raw", "/api/orders"])
async def test_ten_megabytes_without_a_length_are_not_read_to_the_end(client: httpx.AsyncClient, path: str) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 65_536
            yield b" " * 65_536

    response = await client.post(path, content=chunks(), headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "BODY_TOO_LARGE"
    assert response.json()["error"]["requestId"] == response.headers["x-request-id"]


async def test_an_endless_body_is_dropped_as_it_comes_and_refused_in_the_end(build: Callable[..., FastAPI]) -> None:
    received = 0

    async def endless() -> dict[str, Any]:
        nonlocal received
        received += 1_000_000
        return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}

    started = await asgi(build(), "/api/raw", [(b"content-length", b"5")], receive=endless, method="POST")
    assert started["status"] == 413
    assert received < 40_000_000


async def test_a_caller_who_asks_before_sending_is_refused_before_sending(build: Callable[..., FastAPI]) -> None:
    async def never() -> dict[str, Any]:
        raise AssertionError("reading would tell the caller to go ahead")

    asking = [(b"content-length", b"2000000"), (b"expect", b"100-continue")]
    started = await asgi(build(), "/api/raw", asking, receive=never, method="POST")
    assert started["status"] == 413


async def test_ten_megabytes_over_a_real_line_get_the_same_answer(address: str) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{address}/api/orders", content=b" " * 10_000_000)
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "BODY_TOO_LARGE"
        assert (await client.get(f"{address}/api/orders")).status_code == 200


async def test_an_allowed_origin_may_read_and_send_credentials(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/sold-out", headers={"origin": SHOP})
    assert response.headers["access-control-allow-origin"] == SHOP
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in response.headers["vary"]
    preflight = await client.options("/api/orders", headers={"origin": SHOP, "access-control-request-method": "POST"})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://sub.shop.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://SHOP.example",
        "https://shop.example/",
        "null",
        "*",
        "",
    ],
)
async def test_any_other_origin_is_told_nothing(client: httpx.AsyncClient, origin: str) -> None:
    preflight = {"origin": origin, "access-control-request-method": "POST"}
    for response in (
        await client.get("/api/orders", headers={"origin": origin}),
        await client.options("/api/orders", headers=preflight),
    ):
        assert [name for name in response.headers if name.startswith("access-control-")] == []
        assert "Origin" in response.headers["vary"]
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "ORIGIN_NOT_ALLOWED"


async def test_an_allowed_origin_may_even_read_a_crash(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/crash", headers={"origin": SHOP})
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == SHOP


async def test_the_console_is_for_its_own_origin_only(client: httpx.AsyncClient) -> None:
    response = await client.get("/console/payments", headers={"origin": SHOP})
    assert "access-control-allow-origin" not in response.headers


async def test_an_answer_to_nobody_in_particular_still_varies_by_origin(client: httpx.AsyncClient) -> None:
    assert "Origin" in (await client.get("/api/orders")).headers["vary"]


@pytest.mark.parametrize("origin", ["*", "null", "", "https://*.shop.example", "https://shop.example/", "shop.example"])
def test_a_setting_that_is_not_an_origin_stops_the_start(build: Callable[..., FastAPI], origin: str) -> None:
    with pytest.raises(SetupProblem, match="ALLOWED_ORIGINS"):
        build(allowed_origins=(SHOP, origin))
    with pytest.raises(SetupProblem):
        checked_origins([f"{SHOP}\n"])


@pytest.mark.parametrize("path", ["/api/raw", "/api/orders"])
async def test_whoever_leaves_in_the_middle_of_a_body_is_no_crash_of_ours(
    build: Callable[..., FastAPI], path: str
) -> None:
    """A sender that was killed, say: nobody is there to hear an answer, and nobody here is to be woken."""
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    with structlog.testing.capture_logs() as logged:
        started = await asgi(build(), path, [(b"content-length", b"20")], receive=receive, method="POST")
    assert started["status"] == 400
    assert [line["event"] for line in logged if line["log_level"] == "error"] == []


async def asgi(
    app: FastAPI,
    path: str,
    headers: list[tuple[bytes, bytes]],
    *,
    receive: Callable[[], Any] | None = None,
    method: str = "GET",
) -> dict[str, Any]:
    """One request without a client in between; the message that starts the answer."""
    sent: list[dict[str, Any]] = []

    async def nothing() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "scheme": "http", "server": ("jangbu.test", 80), "client": ("127.0.0.1", 1),
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await app(scope, receive or nothing, send)
    return sent[0]
