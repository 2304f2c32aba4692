"""Disputes, closed accounts, receipts and escrow through the doors that people and shops use."""

from jangbu.payments.after.service.disputes import disputes_of
from jangbu.payments.rules import Payment
from jangbu.payments.service.initialize import Order, initialize
from kit import TESTER, House
from payments.test_refund_doors import FORM_TYPE, code, desk, paid, shop

FORM = {"content-type": FORM_TYPE}


async def heard(house: House) -> None:
    await house.hear()
    await house.work()


async def test_a_dispute_is_decided_at_the_console_by_two_above_the_limit(house: House) -> None:
    payment = await paid(house, 1_200_000)
    for order in ("dispute", "resolve-dispute"):
        await house.portone.order(order, payment.provider_order_id)
        await heard(house)
    [one] = await disputes_of(payment, run=house.run)
    page, at = f"/console/payments/{payment.id}", f"/console/payments/{payment.id}/disputes/{one.id}"
    async with shop(house, "payments:read") as api:
        shown = (await api.get(f"/api/payments/{payment.id}")).json()["data"]["disputes"]
        assert [(each["status"], each["heldAmount"]) for each in shown] == [("UNTOLD", 1_200_000)]
        listed = (await api.get("/api/payments?disputed=true")).json()["data"]["payments"]
        assert [each["id"] for each in listed] == [str(payment.id)]
    async with desk(house, "support", "Support") as support:
        text = (await support.get(page)).text
        assert "상품을 받지 못했습니다." in text
        assert f"{at}/won" not in text, "who may not decide is not offered it"
        assert (await support.post(f"{at}/won", headers=FORM)).status_code == 403
    async with desk(house, "manager", "Manager") as manager:
        assert f"{at}/won" in (await manager.get(page)).text
        assert (await manager.post(f"{at}/maybe", headers=FORM)).status_code == 404
        assert (await manager.post(f"{at}/won", headers=FORM)).status_code == 303
        assert (await disputes_of(payment, run=house.run))[0].status == "UNTOLD"
        assert "두 번째 담당자" in (await manager.get(page)).text
        assert "보리차" in (await manager.get("/console/payments?disputed=1")).text
    async with desk(house, "boss", "Super Admin") as boss:
        assert (await boss.post(f"{at}/won", headers=FORM)).status_code == 303
        again = await boss.post(f"{at}/lost", headers=FORM)
        assert (again.status_code, "지금 결과를 정할 수 없는" in again.text) == (409, True)
        text = (await boss.get(page)).text
        assert "분쟁에서 이겼습니다" in text
        assert "모두 일치합니다" in text, "what was held and released is neither captured nor given back"
    assert [each.status for each in await disputes_of(payment, run=house.run)] == ["WON"]


async def issued(house: House) -> Payment:
    asked = Order(amount=11_000, currency="KRW", order_name="보리차")
    payment = await initialize(asked, actor=TESTER, run=house.run, portone=house.wired.portone)
    await house.portone.pay(payment.provider_order_id, method="virtual_account", payMethod="VIRTUAL_ACCOUNT")
    await heard(house)
    return payment


async def test_an_account_is_closed_by_the_shop_and_at_the_console(house: House) -> None:
    first, second, paid_first = await issued(house), await issued(house), await issued(house)
    async with shop(house, "payments:cancel") as api:
        close = "/api/portone/virtual-account/close"
        answer = await api.post(close, json={"paymentId": first.provider_order_id})
        assert (answer.status_code, answer.json()["data"]["status"]) == (200, "ABANDONED")
        assert (await api.post(close, json={"paymentId": str(first.id)})).status_code == 200, "closed is closed"
        assert code(await api.post(close, json={"paymentId": "nobody"})) == "PAYMENT_NOT_FOUND"
    async with shop(house, "payments:read") as api:
        assert (await api.post(close, json={"paymentId": str(second.id)})).status_code == 403
    page = f"/console/payments/{second.id}"
    async with desk(house, "support", "Support") as support:
        assert f"{page}/close-account" not in (await support.get(page)).text
        assert (await support.post(f"{page}/close-account", headers=FORM)).status_code == 403
    async with desk(house, "manager", "Manager") as manager:
        assert f"{page}/close-account" in (await manager.get(page)).text
        assert (await manager.post(f"{page}/close-account", headers=FORM)).status_code == 303
        text = (await manager.get(page)).text
        assert "가상계좌 말소를 요청했습니다" in text
        assert f"{page}/close-account" not in text
        await house.portone.deposit(paid_first.provider_order_id)
        won = await manager.post(f"/console/payments/{paid_first.id}/close-account", headers=FORM)
        assert (won.status_code, "입금을 기다리는 가상계좌가 없습니다" in won.text) == (409, True)


async def test_a_receipt_is_asked_for_with_the_order_and_by_hand(house: House) -> None:
    body = {"amount": 11_000, "orderName": "차", "cashReceipt": {"type": "PERSONAL", "number": "010-1234-5678"}}
    async with shop(house, "payments:create", "payments:read", "payments:cancel") as api:
        unfit = body | {"cashReceipt": {"type": "PERSONAL", "number": "800101-1234567"}}
        refused = await api.post("/api/portone/initialize", json=unfit)
        assert (code(refused), "800101" in refused.text) == ("RECEIPT_NUMBER_UNFIT", False)
        made = (await api.post("/api/portone/initialize", json=body)).json()["data"]
        at = f"/api/payments/{made['id']}"
        assert (await api.get(at)).json()["data"]["cashReceipt"]["status"] == "WANTED"
        await house.portone.pay(made["paymentId"], method="transfer", payMethod="TRANSFER")
        await heard(house)
        shown = (await api.get(at)).json()["data"]["cashReceipt"]
        assert (shown["status"], shown["number"]) == ("ISSUED", "*******5678")
        again = {"paymentId": made["id"], "type": "CORPORATE", "number": "1234567890"}
        assert code(await api.post("/api/portone/cash-receipt/issue", json=again)) == "RECEIPT_ALREADY_ISSUED"
        back = await api.post("/api/portone/cash-receipt/cancel", json={"paymentId": made["id"]})
        assert (back.status_code, back.json()["data"]["status"]) == (200, "CANCELLED")
    page = f"/console/payments/{made['id']}"
    async with desk(house, "manager", "Manager") as manager:
        wrong = await manager.post(f"{page}/receipt/issue", content="type=PERSONAL&number=12", headers=FORM)
        assert (wrong.status_code, "현금영수증 번호가 올바르지 않습니다" in wrong.text) == (422, True)
        form = "type=CORPORATE&number=123-45-67890"
        assert (await manager.post(f"{page}/receipt/issue", content=form, headers=FORM)).status_code == 303
        text = (await manager.get(page)).text
        assert "******7890" in text
        assert "1234567890" not in text
        assert f"{page}/receipt/cancel" in text
        assert (await manager.post(f"{page}/receipt/cancel", headers=FORM)).status_code == 303
    async with desk(house, "support", "Support") as support:
        assert f"{page}/receipt" not in (await support.get(page)).text
        assert (await support.post(f"{page}/receipt/issue", content=form, headers=FORM)).status_code == 403


async def test_a_parcel_in_escrow_is_told_by_the_shop_and_confirmed_at_the_console(house: House) -> None:
    products = [{"id": "tea", "name": "보리차", "amount": 5_500, "quantity": 2}]
    body = {"amount": 11_000, "orderName": "차", "isEscrow": True}
    async with shop(house, "payments:create", "payments:read", "payments:cancel") as api:
        assert code(await api.post("/api/portone/initialize", json=body)) == "ESCROW_NEEDS_PRODUCTS"
        made = (await api.post("/api/portone/initialize", json=body | {"products": products})).json()["data"]
        assert made["window"] == {"isEscrow": True, "products": products}
        await house.portone.pay(made["paymentId"], method="transfer", payMethod="TRANSFER", **made["window"])
        await heard(house)
        shown = (await api.get(f"/api/payments/{made['id']}")).json()["data"]["escrow"]
        assert shown["status"] == "BEFORE_REGISTERED"
        parcel = {"paymentId": made["id"], "company": "CJ", "invoiceNumber": "123-456"}
        assert code(await api.post("/api/portone/escrow/complete", json={"paymentId": made["id"]})) == (
            "ESCROW_NOT_POSSIBLE"
        )
        assert code(await api.post("/api/portone/escrow/parcel", json=parcel | {"company": "PIGEON"})) == (
            "INVALID_REQUEST"
        )
        told = await api.post("/api/portone/escrow/parcel", json=parcel | {"sentAt": "2026-08-01T09:00:00+09:00"})
        assert (told.status_code, told.json()["data"]["status"]) == (200, "REGISTERED")
    page = f"/console/payments/{made['id']}"
    async with desk(house, "manager", "Manager") as manager:
        text = (await manager.get(page)).text
        assert "CJ대한통운" in text
        assert "123-456" in text
        empty = await manager.post(f"{page}/escrow/parcel", content="company=CJ&invoice=+", headers=FORM)
        assert (empty.status_code, "운송장 번호는" in empty.text) == (422, True)
        form = "company=HANJIN&invoice=789"
        assert (await manager.post(f"{page}/escrow/parcel", content=form, headers=FORM)).status_code == 303
        assert (await manager.post(f"{page}/escrow/complete", headers=FORM)).status_code == 303
        text = (await manager.get(page)).text
        assert "구매 확정" in text
        again = await manager.post(f"{page}/escrow/parcel", content=form, headers=FORM)
        assert (again.status_code, "지금 처리할 수 없는 에스크로" in again.text) == (409, True)
    async with desk(house, "support", "Support") as support:
        assert f"{page}/escrow" not in (await support.get(page)).text
