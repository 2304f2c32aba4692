"""Asking for metrics, and reading the answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jangbu import app as web
from jangbu.metrics import names
from jangbu.payments.service.initialize import Order
from jangbu.wiring import Wired

SERIES = {series: metric for metric in names.EVERY for series in metric.series}
TEA = Order(amount=11_000, currency="KRW", order_name="보리차")
Sample = dict[tuple[str, frozenset[tuple[str, str]]], float]


@asynccontextmanager
async def calling(wired: Wired, *, client: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=web.create(wired), client=(client, 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as caller:
        yield caller


def read(text: str) -> Sample:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name.startswith("jangbu_")
    }


def value(sample: Sample, name: str, **labels: str) -> float | None:
    return sample.get((name, frozenset(labels.items())))


async def scraped(wired: Wired) -> Sample:
    """What a new web process would say: nothing kept from before."""
    async with calling(wired) as caller:
        answer = await caller.get("/metrics")
    assert answer.status_code == 200, answer.text
    return read(answer.text)
