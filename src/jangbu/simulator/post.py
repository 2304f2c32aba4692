"""PortOne's webhooks in a play: on time, late, twice, lost, forged, or for hours none at all."""

from datetime import datetime, timedelta

from jangbu.sandbox.core.webhook_records import Delivery
from jangbu.simulator.outside import headers_forged
from jangbu.simulator.script import May, Scene


class Post:
    """What brings PortOne's words to us."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._notes = scene.notes
        self._silent_until: datetime | None = None

    @property
    def _deliveries(self) -> list[Delivery]:
        return self._scene.portone.world.state.deliveries

    def choices(self, may: May) -> None:
        """What may happen now."""
        mix, chance = self._scene.mix, self._scene.chance
        if due := self.due():
            may("PortOne: webhook", 14, lambda: self._deliver(chance.choice(due)))
        if mix.webhook_forged and self._deliveries:
            may("somebody: forges", 1 + mix.webhook_forged // 20, self._forge)
        may("PortOne: sends no webhooks", mix.webhook_outage // 10, self._fall_silent)

    def due(self) -> list[Delivery]:
        """What PortOne would send now."""
        now = self._scene.portone.clock.now()
        return [one for one in self._deliveries if one.state == "WAITING" and one.next_try_at <= now]

    async def deliver(self, delivery: Delivery) -> None:
        """Send one webhook now, the first time or again."""
        await self._scene.portone.parts.courier.resend(delivery)
        self._notes.say(f"{delivery.type} of {delivery.payment_id[:6]}: {delivery.tries[-1].status}")

    async def _deliver(self, delivery: Delivery) -> None:
        mix, chance = self._scene.mix, self._scene.chance
        roll = chance.randrange(1000)
        if self._silent_until is not None and self._scene.portone.clock.now() < self._silent_until:
            # All of its tries fall into these hours: what PortOne has given up on, it does not send later.
            delivery.state = "LOST"
            self._notes.sometimes("a webhook fell into an outage")
            return
        if not delivery.tries and roll < mix.webhook_lost:
            delivery.state = "LOST"
            self._notes.sometimes("a webhook was lost")
            return
        if roll >= 1000 - mix.webhook_again:
            delivery = chance.choice(self._deliveries)
        await self.deliver(delivery)

    async def _forge(self) -> None:
        """Somebody saw a webhook on its way, and sends one like it."""
        chance = self._scene.chance
        # V1 signs nothing: there anybody may say anything, and nothing of it is believed.
        tried = [one for one in self._deliveries if one.tries and not one.is_v1]
        if not tried:
            return
        delivery = chance.choice(tried)
        seen = chance.choice(delivery.tries).headers
        how = chance.choice(("signature", "none", "old"))
        try:
            status, _, _ = await self._scene.door(delivery.url, headers_forged(seen, how), delivery.body.encode())
        except ConnectionError:
            return
        self._notes.sometimes("a forged webhook was refused")
        if status < 400:
            self._notes.problem(f"a forged webhook ({how}) was answered {status}")

    async def _fall_silent(self) -> None:
        hours = self._scene.chance.choice((1, 6, 30))
        self._silent_until = self._scene.portone.clock.now() + timedelta(hours=hours)
        self._notes.say(f"PortOne sends no webhooks for {hours} h")
