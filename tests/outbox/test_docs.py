"""The howto's own code verifies what we send: Python, Node and a shell, each taken from the page as it stands."""

import asyncio
import json
import re
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from cli.tools import answering, serving
from jangbu.events import declared
from jangbu.outbox.rules import secret_of, signed_headers
from jangbu.portone import verify

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "receive-events.md").read_text(encoding="utf-8")
SECRETS = [secret_of(bytes(range(start, start + 32))) for start in (0, 100)]
BODY = '{"id":"1","data":{"이름":"보리차"}}'.encode()


def code(language: str, containing: str) -> str:
    """The one block of the page in this language with these words."""
    (found,) = [block for block in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if containing in block]
    return str(found)


def headers_at(at: float) -> dict[str, str]:
    return signed_headers(SECRETS, "0198a5f0-7c11-7a3e-9d53-2f6a1c0b7e44", datetime.fromtimestamp(at, UTC), BODY)


CASES = [
    (SECRETS[0], BODY, 0, True),
    (SECRETS[1], BODY, 0, True),
    (SECRETS[0], BODY, -290, True),
    (SECRETS[0], BODY, -400, False),
    (SECRETS[0], BODY, 400, False),
    (SECRETS[0], BODY + b" ", 0, False),
    (secret_of(b"x" * 32), BODY, 0, False),
]


@pytest.mark.parametrize(("secret", "body", "late_s", "holds"), CASES)
def test_the_pages_python_verifies_what_we_send(secret: str, body: bytes, late_s: int, holds: bool) -> None:
    names: dict[str, Any] = {}
    exec(code("python", "def verified"), names)  # noqa: S102 (our own page)
    verified: Callable[..., bool] = names["verified"]
    assert verified(headers_at(time.time() + late_s), body, secret) is holds


@pytest.mark.skipif(shutil.which("node") is None, reason="SKIPPED ALOUD: no node to run the page's JavaScript with")
async def test_the_pages_javascript_verifies_what_we_send() -> None:
    cases = [[headers_at(time.time() + late_s), body.decode(), secret] for secret, body, late_s, _ in CASES]
    ask = f"console.log(JSON.stringify({json.dumps(cases)}.map(([h, b, s]) => verified(h, Buffer.from(b), s))))"
    process = await asyncio.create_subprocess_exec(
        "node", "-e", code("js", "function verified") + ask, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert json.loads(said) == [holds for *_, holds in CASES]


@pytest.mark.skipif(
    not all(shutil.which(one) for one in ("sh", "openssl", "curl", "od")), reason="SKIPPED ALOUD: no openssl or curl"
)
async def test_the_pages_shell_signs_as_we_do() -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def receive(request: Request) -> Response:
        got.append((dict(request.headers), await request.body()))
        return Response()

    async with serving(answering(receive)) as url:
        process = await asyncio.create_subprocess_exec(
            "sh", "-euc", code("sh", "openssl dgst"), env={"PATH": "/usr/bin:/bin", "URL": url, "SECRET": SECRETS[0]}
        )
        assert await asyncio.wait_for(process.wait(), 30) == 0
    ((headers, body),) = got
    assert verify(headers, body, secrets=[SECRETS[0]], now=datetime.now(UTC)).webhook_id == "test-1"


def test_every_public_type_says_what_it_means_in_both_languages() -> None:
    for kind in declared():
        assert re.search("[가-힣]", kind.ko), kind.name
        assert kind.en.endswith("."), kind.name
        if kind.is_public:
            assert kind.example, kind.name
