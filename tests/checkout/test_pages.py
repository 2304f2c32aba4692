"""The pages without a browser: their policy, the way back from PortOne, and the console's list of items."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from jangbu.access.rules import Role
from jangbu.access.service.sessions import sign_in
from jangbu.access.service.staff import create_admin
from jangbu.app import create
from jangbu.checkout.pages import policy
from jangbu.checkout.service.items import ItemChange, change_item
from jangbu.errors import SetupProblem
from jangbu.sandbox import CARD_CHANNEL
from kit import TESTER, House, settings_in

from .shop import Shop, order_of

ORIGIN = "http://127.0.0.1:8080"
PASSWORD = "보리차 두 병 주세요"


@pytest.fixture
async def payer(house: House) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"accept": "text/html"}) as client:
        yield client


async def test_the_pages_let_in_our_script_and_portones_and_nobody_frames_them(
    shop: Shop, payer: httpx.AsyncClient
) -> None:
    session = await shop.session(await shop.item())
    shown = await payer.get(f"/pay/{session.session_id}")
    said = shown.headers["content-security-policy"]
    assert "script-src 'self' http://127.0.0.1:8090;" in said
    assert "frame-ancestors 'none'" in said
    assert "unsafe" not in said
    assert shown.headers["referrer-policy"] == "strict-origin"
    assert shown.headers["cache-control"] == "no-store"
    assert '<script type="module" src="/static/' in shown.text
    assert "onclick" not in shown.text and "style=" not in shown.text


def test_in_live_mode_portones_own_script_and_frames_are_named() -> None:
    said = policy(settings_in("live"))
    assert "script-src 'self' https://cdn.portone.io;" in said
    assert "frame-src https://cdn.portone.io https://*.portone.io https://*.iamport.co;" in said
    assert "127.0.0.1" not in said
    assert "paypal" not in said
    with_paypal = policy(settings_in("live", JANGBU_CHECKOUT_CHANNELS={"PAYPAL": "channel-key-x"}))
    assert "script-src 'self' https://cdn.portone.io https://*.paypal.com https://*.paypalobjects.com;" in with_paypal


@pytest.mark.parametrize(
    "given", ["https://x.example; script-src *", "javascript:1", "https://x.example 'unsafe-inline'"]
)
def test_a_setting_cannot_end_the_policy(given: str) -> None:
    for name in ("PORTONE_BROWSER_SDK_URL", "JANGBU_CHECKOUT_FRAME_ORIGINS"):
        with pytest.raises(SetupProblem):
            settings_in("live", **{name: given})


async def test_a_phone_that_brings_back_an_agreement_has_paid_once(shop: Shop, payer: httpx.AsyncClient) -> None:
    shop.house.portone.world.state.channels[CARD_CHANNEL].approves_manually = True
    session = await shop.session(await shop.item())
    prepared = await shop.prepare(session)
    result = await shop.house.portone.pay(prepared.payment_id)
    back = f"/pay/{session.session_id}/return?paymentToken={result['paymentToken']}&txId={result['txId']}"
    forged = await payer.get(back.replace("paymentToken=pt_", "paymentToken=xx_"))
    assert forged.headers["location"] == f"/pay/{session.session_id}/fail"
    assert "결제를 확인하고 있습니다" in (await payer.get(back)).text, (
        "PortOne is not asked as often as somebody reloads"
    )
    for _ in range(2):
        await shop.house.portone.move(timedelta(seconds=3))
        assert (await payer.get(back)).headers["location"] == f"/pay/{session.session_id}/success"
    assert shop.house.portone.captures(prepared.payment_id) == [5_500]


async def test_what_the_query_claims_on_the_way_back_is_not_believed(shop: Shop, payer: httpx.AsyncClient) -> None:
    tea = await shop.item()
    session = await shop.session(tea)
    prepared = await shop.prepare(session)
    path = f"/pay/{session.session_id}"
    claims = f"?paymentId={prepared.payment_id}&transactionType=PAYMENT&txId=x"
    back = await payer.get(f"{path}/return{claims}")
    assert back.status_code == 200
    assert "결제를 확인하고 있습니다" in back.text
    assert (await payer.get(f"{path}/success")).headers["location"] == path
    await shop.house.portone.pay(prepared.payment_id)
    await shop.house.portone.move(timedelta(seconds=3))
    # The other way round: it says failed, and it is paid.
    back = await payer.get(f"{path}/return?code=PGProviderError&message=<b>send+money+to+me</b>")
    assert back.headers["location"] == f"{path}/success"
    assert (await payer.get(f"{path}/fail")).headers["location"] == path
    assert "결제가 완료되었습니다" in (await payer.get(f"{path}/success")).text


async def test_words_in_a_link_never_reach_the_page(shop: Shop, payer: httpx.AsyncClient) -> None:
    session = await shop.session(await shop.item())
    await shop.prepare(session)
    path = f"/pay/{session.session_id}"
    back = await payer.get(f"{path}/return?code=X&message=call+010-1234-5678&pgMessage=evil", follow_redirects=True)
    assert "결제하지 않고 나오셨습니다" in back.text
    assert "010-1234" not in back.text and "evil" not in back.text


async def test_the_decline_of_the_try_before_is_not_told_of_the_one_that_was_just_paid(
    shop: Shop, payer: httpx.AsyncClient
) -> None:
    session = await shop.session(await shop.item())
    prepared = await shop.prepare(session)
    await shop.house.portone.decline(prepared.payment_id)
    await shop.complete(session)
    await shop.prepare(session)
    await shop.house.portone.pay(prepared.payment_id)
    # Too early to ask PortOne again: what is known here is still the decline.
    back = await payer.get(f"/pay/{session.session_id}/return?paymentId={prepared.payment_id}&transactionType=PAYMENT")
    assert "결제를 확인하고 있습니다" in back.text and "/pay.js" in back.text


async def test_portone_is_away_when_the_payer_is_back(shop: Shop, payer: httpx.AsyncClient) -> None:
    session = await shop.session(await shop.item())
    prepared = await shop.prepare(session)
    await shop.house.portone.pay(prepared.payment_id)
    shop.house.portone.fault("status_500", operation="get_payment", times=20)
    back = await payer.get(f"/pay/{session.session_id}/return?paymentId={prepared.payment_id}")
    assert back.status_code == 200
    assert 'data-shows="pending"' in back.text and "/pay.js" in back.text
    assert "다시 결제하지 마세요" in back.text


async def test_each_page_of_a_session_that_is_not_there_is_the_same_404(payer: httpx.AsyncClient) -> None:
    texts = set()
    for path in ("/pay/x", "/pay/cs_" + "A" * 32, "/pay/x/success", "/pay/x/fail", "/pay/x/return"):
        answer = await payer.get(f"{path}?lang=ko")
        assert answer.status_code == 404
        texts.add(answer.text)
    assert len(texts) == 1


async def test_staff_see_what_is_sold_and_how_much_is_left(shop: Shop, house: House) -> None:
    tea, cup = await shop.item(stock=3, name_en="Barley tea"), await shop.item(stock=1, name_ko="찻잔")
    await shop.prepare(await shop.session(tea, cup))
    gone = await shop.item(name_ko="우산")
    await change_item(gone.id, ItemChange(is_active=False), actor=TESTER, run=house.run)
    await create_admin("kim@shop.example", "김장부", PASSWORD, role=Role.SUPPORT.value, actor=TESTER, run=house.run)
    _, cookie = await sign_in("kim@shop.example", PASSWORD, "192.0.2.1", "tests", run=house.wired.request)
    headers = {"cookie": f"better-auth.session_token={cookie}", "accept": "text/html"}
    transport = httpx.ASGITransport(create(house.wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as console:
        shown = (await console.get("/console/items?lang=ko")).text
        for words in ("보리차", "품절", "판매 중지", "판매 중", "₩5,500"):
            assert words in shown
        assert "Barley tea" in (await console.get("/console/items?lang=en")).text


async def test_a_refund_shows_in_the_payers_history_and_page(shop: Shop, payer: httpx.AsyncClient) -> None:
    session = await shop.bought(await shop.item())
    await shop.house.portone.cancel_elsewhere(await order_of(shop.house, session))
    await shop.house.hear()
    await shop.house.work()
    shown = await payer.get(f"/pay/{session.session_id}")
    assert "결제가 취소되었습니다" in shown.text
