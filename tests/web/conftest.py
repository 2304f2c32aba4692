"""An application with a route for whatever can go right or wrong, and one payment to which everything happened."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from jinja2 import PackageLoader
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from jangbu.clock import ManualClock
from jangbu.errors import Refusal, Unavailable
from jangbu.ids import Ids
from jangbu.money import Money
from jangbu.payments.lists import page as lists
from jangbu.payments.story import page as story
from jangbu.payments.story.method_words import TEXTS as METHOD_TEXTS
from jangbu.payments.story.texts import PAYMENT_TEXTS
from jangbu.web.app_kit import Looks, WebOptions, assemble
from jangbu.web.chrome import Choice, Fact, NavItem, SignedIn, SignInPage, sign_in_as
from jangbu.web.envelope import ok
from jangbu.web.rendering import page, words
from jangbu.web.texts import Words

NOON = datetime(2026, 8, 1, 3, 0, 0, tzinfo=UTC)
MENU = (
    NavItem("nav.payments", "/console/payments", "nav.group.daily"),
    NavItem("nav.events", "/console/events", "nav.group.close"),
    NavItem("nav.keys", "/console/keys", "nav.group.close", needs="keys:read"),
    NavItem("nav.webhooks", "/console/webhooks", "nav.group.watch"),
    NavItem("nav.audit", "/console/audit", "nav.group.watch"),
)


class StockGone(Refusal):
    """A refusal as a capability would define it."""

    code = "TEST_STOCK_GONE"
    http_status = 409
    ko = "{item} 재고가 없습니다."
    en = "{item} is out of stock."


class Line(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    price: int = Field(gt=0)
    memo: str | None = Field(default=None, max_length=5)


class Order(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    amount: int = Field(gt=0, examples=[12_300])
    currency: str = Field(pattern="^[A-Z]{3}$")
    lines: list[Line] = []


def routes() -> list[APIRouter | Route]:
    api = APIRouter()

    @api.post("/api/orders", tags=["orders"])
    async def order(body: Order, request: Request) -> Response:
        return ok({"paid": Money(body.amount, body.currency)}, message="주문", clock=request.app.state.clock)

    @api.get("/api/orders", tags=["orders"])
    async def orders(limit: int = 10) -> dict[str, int]:
        return {"limit": limit}

    @api.post("/api/staff/close-day", tags=["admin"])
    async def close_day(body: Line) -> dict[str, int]:
        return {"price": body.price}

    @api.get("/api/float")
    async def floating() -> Any:
        return {"rate": 0.1}

    @api.get("/api/crash")
    @api.get("/console/crash")
    async def crash() -> None:
        raise RuntimeError("secret: password=hunter2")

    @api.get("/api/sold-out")
    @api.get("/console/sold-out")
    async def sold_out() -> None:
        raise StockGone(item="<b>모자</b>")

    @api.get("/api/away")
    async def away() -> None:
        raise Unavailable

    @api.get("/console/payments")
    async def payments(request: Request, q: str = "") -> Response:
        greet(request)
        return page(request, "payments_list.html", sample_list(q))

    @api.get("/console/payments/{payment_id}")
    async def payment(request: Request, payment_id: str) -> Response:
        greet(request)
        return page(request, "payment_story.html", sample_story(words(request), apart=payment_id == "apart"))

    @api.get("/sign-in")
    async def sign_in(request: Request) -> Response:
        return page(request, "sign_in.html", SignInPage("/sign-in", "kim@shop.example", "비밀번호가 맞지 않습니다."))

    async def raw(request: Request) -> Response:
        body = await request.body()
        request.app.state.bodies_read = [*getattr(request.app.state, "bodies_read", ()), len(body)]
        return Response(str(len(body)))

    async def half(_: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"half"
            raise RuntimeError("the other half")

        return StreamingResponse(chunks())

    return [
        api,
        Route("/api/raw", raw, methods=["POST"]),
        Route("/api/small", raw, methods=["POST"]),
        Route("/api/half", half),
        Route("/page-of-its-own", lambda _: Response("x", headers={"content-security-policy": "script-src x"})),
    ]


def greet(request: Request) -> None:
    permissions = frozenset({"keys:read"}) if "may_see_keys" in request.cookies else frozenset()
    sign_in_as(request, SignedIn("김하늘", "재무팀", "/sign-out", permissions))


def make_app(**options: Any) -> FastAPI:
    chosen = {"mode": "sandbox", "allowed_origins": ("https://shop.example",)} | options
    clock = ManualClock(NOON)
    return assemble(
        routes(),
        options=WebOptions(**chosen, body_bytes_by_path={"/api/small": 10}),
        clock=clock,
        ids=Ids(clock, seed=7),
        title="장부",
        looks=Looks((PackageLoader("jangbu.payments"),), (PAYMENT_TEXTS, lists.LIST_TEXTS, METHOD_TEXTS), (), MENU),
    )


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    # What the last resort does not answer would surface here as an exception, and fail the test.
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://jangbu.test") as client:
        yield client


@pytest.fixture
def build() -> Callable[..., FastAPI]:
    return make_app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with calling(make_app()) as client:
        yield client


@pytest.fixture
def client_of() -> Callable[[FastAPI], Any]:
    return calling


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """The same application behind a real server on this machine."""
    server = uvicorn.Server(uvicorn.Config(make_app(), host="127.0.0.1", port=0, ws="none", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), "the server did not start"
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


def won(amount: int) -> Money:
    return Money(amount, "KRW")


def sample_story(t: Words, *, apart: bool = False) -> story.StoryPage:
    """A payment with every kind of moment: paid, told twice, partly cancelled by an unknown answer, refused."""
    ko = t.language == "ko"
    said: Callable[[str, str], str] = lambda korean, english: korean if ko else english  # noqa: E731
    start = NOON + timedelta(milliseconds=120)
    later = NOON + timedelta(days=14, hours=2, minutes=11)
    portone_id = "6f0c2b1e9a7d4f38b5c1d20e7a94c3f1"
    after = timedelta
    paid_at = start + after(minutes=3, seconds=12)
    found_at = later + after(minutes=1, seconds=2)

    def call(operation: str, at: datetime, outcome: story.Outcome, took_ms: int | None, words_: str = "") -> story.Call:
        ended = None if took_ms is None else at + after(milliseconds=took_ms)
        return story.Call(operation, f"attempt-{at:%d%H%M%S}-9a7d4f38", outcome, at, ended, took_ms, words_)

    captured = story.Entry(
        "payment:0198:captured",
        (
            story.Posting(said("자산:PG 미수금", "assets:pg_receivable"), debit=won(64_601)),
            story.Posting(said("수익:매출", "income:sales"), credit=won(58_728)),
            story.Posting(said("부채:부가세 예수금", "liabilities:vat_payable"), credit=won(5_873)),
        ),
    )
    returned = story.Entry(
        "payment:0198:cancelled:1",
        (
            story.Posting(said("수익:매출", "income:sales"), debit=won(10_909)),
            story.Posting(said("부채:부가세 예수금", "liabilities:vat_payable"), debit=won(1_091)),
            story.Posting(said("자산:PG 미수금", "assets:pg_receivable"), credit=won(12_000)),
        ),
    )
    hint = json.dumps(
        {
            "type": "Transaction.Paid",
            "timestamp": "2026-08-01T03:03:12.120Z",
            "data": {"paymentId": portone_id},
        },
        indent=2,
    )
    moments = [
        story.called(
            t, call(f"POST /payments/{portone_id}/pre-register", start, "succeeded", 184),
            title=said("결제 금액을 미리 등록했습니다", "Amount registered in advance"),
        ),
        story.webhook(
            t, paid_at, webhook_id="msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
            type_="Transaction.Paid", result="processed", raw=hint,
        ),
        story.called(
            t, call(f"GET /payments/{portone_id}", paid_at + after(milliseconds=241), "succeeded", 96),
            title=said("결제를 조회했습니다", "Payment read"), facts=(Fact(said("상태", "Status"), "PAID"),),
            raw='{"status": "PAID", "amount": {"total": 64601}}',
        ),
        story.changed(
            t, paid_at + after(milliseconds=352), before="READY", after="PAID",
            because=said("금액, 통화, 상점, 채널이 모두 같습니다.", "Amount, currency, store and channel all match."),
        ),
        story.posted(
            t, paid_at + after(milliseconds=352), captured,
            title=said("결제 매입", "Payment captured"), sealed_as=10_482,
        ),
        story.webhook(
            t, start + after(minutes=3, seconds=43), webhook_id="msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
            type_="Transaction.Paid", result="duplicate",
        ),
        story.webhook(
            t, start + after(minutes=5), webhook_id="msg_2KWPCc0QyZ1hR7mUeXoq3hB9tTa", type_="Transaction.Surprise",
            result="failed", problem=said("모르는 종류입니다.", "This type is not known."),
        ),
        story.acted(
            t, later, who=said("김하늘 (재무팀)", "Kim Haneul (finance)"),
            title=said("부분 취소 ₩12,000을 요청했습니다", "Asked for a partial cancellation of ₩12,000"),
            reason=said("단순 변심, 1개 반품", "Changed their mind, one item returned"),
        ),
        story.called(
            t, call(f"POST /payments/{portone_id}/cancel", later + after(milliseconds=310), "unknown", 30_000),
            title=said("취소를 요청했지만 결과를 모릅니다", "Cancellation sent, outcome unknown"),
            facts=(Fact(said("금액", "Amount"), "₩12,000"),),
        ),
        story.called(
            t, call(f"GET /payments/{portone_id}", found_at, "succeeded", 102),
            title=said("포트원에 물어보니 취소되어 있었습니다", "PortOne was asked: it had been cancelled"),
        ),
        story.changed(t, found_at + after(milliseconds=130), before="PAID", after="PARTIAL_CANCELLED"),
        story.posted(
            t, found_at + after(milliseconds=130), returned, title=said("부분 취소", "Partly cancelled")
        ),
        story.called(
            t, call(f"POST /payments/{portone_id}/cancel", later + after(hours=3, minutes=20), "refused", 211,
                    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
            title=said("남은 금액보다 큰 취소는 거절되었습니다", "A cancellation above the remainder was refused"),
        ),
        story.called(
            t, call(f"POST /payments/{portone_id}/cash-receipt", later + after(hours=3, minutes=21), "running", None),
            title=said("현금영수증을 발급하고 있습니다", "Issuing a cash receipt"),
        ),
    ]  # fmt: skip
    figures = [
        story.Figure(said("결제 금액", "Captured"), won(64_601), won(64_601), won(64_601)),
        story.Figure(said("취소 금액", "Cancelled"), won(13_000 if apart else 12_000), won(12_000), won(12_000)),
        story.Figure(said("남은 금액", "Remaining"), None if apart else won(52_601), won(52_601), won(52_601)),
    ]
    head = story.PaymentHead(
        order_name=said("겨울 모자 외 2건", "Winter hat and 2 more"),
        amount=won(64_601),
        status="PARTIAL_CANCELLED",
        requested_at=start,
        payment_id="01986a2f-5b7c-7e1a-9c40-2f6d8b1e3a57",
        portone_payment_id=portone_id,
        transaction_id="01986a2f-6d10-4b8f-a7c2-93e5f0d41b68",
        pg_transaction_id="tviva20260801120312B7Kq",
        facts=(
            Fact(said("결제 수단", "Method"), said("신용카드 · 신한 ****1234", "Card · Shinhan ****1234")),
            Fact(said("채널", "Channel"), said("토스페이먼츠", "Toss Payments")),
            Fact(said("구매자", "Buyer"), said("이*리", "L** R*")),
        ),
    )
    asked_at = later + after(hours=3, minutes=22)
    return story.StoryPage.of(t, head, figures, moments, asked_at=asked_at, back_href="/console/payments")


def sample_list(query: str) -> lists.PaymentsListPage:
    statuses = [
        "PAID",
        "PARTIAL_CANCELLED",
        "VIRTUAL_ACCOUNT_ISSUED",
        "FAILED",
        "CANCELLED",
        "READY",
        "PAY_PENDING",
        "NEWER_THAN_US",
    ]
    names = [
        "겨울 모자 외 2건",
        "구독 프로 플랜 8월",
        "핸드메이드 가죽 지갑 <각인: 하늘>",
        "커피 원두 1kg",
        "도서 「회계의 역사」",
    ]
    rows = tuple(
        lists.PaymentRow(
            href=f"/console/payments/{index}",
            requested_at=NOON - timedelta(minutes=37 * index),
            order_name=names[index % len(names)],
            amount=won(1_234_000 + index) if index == 3 else won(12_300 * (index + 1)),
            status=statuses[index % len(statuses)],
            method=["신용카드", "카카오페이", "가상계좌"][index % 3],
            portone_payment_id=f"6f0c2b1e9a7d4f38b5c1d20e7a94c3{index:02x}",
            cancelled=won(12_000) if index == 1 else None,
            review=index == 3,
        )
        for index in range(14)
    )
    found = tuple(row for row in rows if query in row.order_name)
    return lists.PaymentsListPage(
        form=lists.FilterForm(query=query, since="2026-08-01", currency="KRW"),
        action="/console/payments",
        chips=tuple(Choice(label, f"?status={label}", label == "전체") for label in ("전체", "결제 완료", "확인 필요")),
        currencies=("KRW", "USD"),
        methods=("CARD", "EASY_PAY"),
        rows=found,
        sums=(
            lists.SumOf(1_204, 1_150, won(123_456_789), won(12_000), won(540_000), 1),
            lists.SumOf(3, 3, Money(1_230, "USD"), Money(0, "USD"), Money(0, "USD"), 0),
        ),
        is_whole=False,
        pager=lists.ListPager("?", "?after=a", "?before=b", NOON, "?before=b") if found else lists.ListPager(),
        exports=(("CSV", "/x.csv"), ("Excel", "/x.xlsx")),
    )
