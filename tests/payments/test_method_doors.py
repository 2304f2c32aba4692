"""Disputes, closed accounts, receipts and escrow through the doors that people and shops use."""

from jangbu.payments.service.disputes import disputes_of
from kit import House
from payments.test_refund_doors import FORM_TYPE, desk, paid, shop

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
