import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field

from jangbu.clock import SystemClock
from jangbu.ids import Ids
from jangbu.web.app_kit import WebOptions, assemble
from jangbu.web.openapi import description

ADDRESS = re.compile(r"""(?:https?:)?//[a-z0-9.-]+""", re.IGNORECASE)


async def test_the_docs_pages_and_their_start_name_no_address_but_our_own(client: httpx.AsyncClient) -> None:
    for path in ("/api-docs", "/admin-docs"):
        page = await client.get(path)
        assert page.status_code == 200
        assert ADDRESS.findall(page.text) == []
        assert "<script>" not in page.text
        links = re.findall(r'(?:src|href|data-description)="([^"]+)"', page.text)
        assert len(links) == 6
        for link in links:
            file = await client.get(link)
            assert file.status_code == 200, link
            if link.endswith("docs-start.js"):
                assert [found for found in ADDRESS.findall(file.text) if not found.startswith("// ")] == []
            assert b"sourceMappingURL" not in file.content


async def test_each_audience_sees_its_own_routes_and_no_pages(client: httpx.AsyncClient) -> None:
    public = (await client.get("/api/openapi.json")).json()
    admin = (await client.get("/api/openapi-admin.json")).json()
    assert "/api/orders" in public["paths"]
    assert not [path for path in public["paths"] if not path.startswith("/api/")]
    assert list(admin["paths"]) == ["/api/staff/close-day"]
    assert "/api/staff/close-day" not in public["paths"]
    assert set(admin["components"]["schemas"]) == {"Line", "Error", "Problem"}
    about = public["info"]["description"]
    assert all(
        said in about for said in ("Authorization: Bearer jbk_", "Idempotency-Key", "smallest unit", "Accept-Language")
    )


async def test_a_bad_request_is_described_as_it_is_answered(client: httpx.AsyncClient) -> None:
    public = (await client.get("/api/openapi.json")).json()
    invalid = public["paths"]["/api/orders"]["post"]["responses"]["422"]
    assert invalid["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}
    assert "HTTPValidationError" not in public["components"]["schemas"]


class Cat(BaseModel):
    kind: Literal["cat"]
    const: int | None = None
    """Named like a keyword on purpose."""


class Dog(BaseModel):
    kind: Literal["dog"]
    examples: list[str] = Field(default_factory=list, examples=[["a"]])
    weight: Annotated[int, Field(gt=0, lt=100)] = 1


class Kennel(BaseModel):
    animal: Annotated[Cat | Dog, Field(discriminator="kind")]
    guest: Dog | None = None
    mixed: int | str | None = None


def test_the_description_is_openapi_3_0_which_the_shipped_viewer_reads() -> None:
    app = FastAPI()
    router = APIRouter()

    @router.post("/api/kennels", tags=["admin", "public"])
    def kennels(body: Kennel) -> None: ...

    app.include_router(router)
    for audience in ("public", "admin"):
        document = description(app, audience)  # type: ignore[arg-type]
        assert document["openapi"] == "3.0.3"
        schemas = document["components"]["schemas"]
        assert schemas["Kennel"]["properties"]["guest"]["nullable"] is True
        assert schemas["Kennel"]["properties"]["guest"]["allOf"] == [{"$ref": "#/components/schemas/Dog"}]
        assert schemas["Kennel"]["properties"]["mixed"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
        assert schemas["Cat"]["properties"]["kind"]["enum"] == ["cat"]
        assert schemas["Cat"]["properties"]["const"]["nullable"] is True
        assert schemas["Dog"]["properties"]["examples"]["example"] == ["a"]
        weight = schemas["Dog"]["properties"]["weight"]
        assert (weight["minimum"], weight["exclusiveMinimum"]) == (0, True)
        assert (weight["maximum"], weight["exclusiveMaximum"]) == (100, True)
        assert {"type": "null"} not in list(nodes(document))
        targets = {node["$ref"].rpartition("/")[2] for node in nodes(document) if "$ref" in node}
        assert targets <= schemas.keys()


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
async def test_the_frameworks_own_docs_which_need_the_internet_are_off(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/api-docs", "/admin-docs"])
async def test_the_docs_cannot_be_mistaken_for_another_modes(path: str) -> None:
    """Whoever tries a call there has to see where it goes."""
    for mode, word in (("sandbox", "SANDBOX"), ("test", "TEST"), ("live", "")):
        app = assemble([], options=WebOptions(mode=mode), clock=SystemClock(), ids=Ids(), title="x")  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            page = (await client.get(path)).text
        assert ("mode-banner" in page) is bool(word)
        assert word in page
