"""What one sandbox consists of, handed to every route."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jangbu.sandbox.core.clock import Pause, SandboxClock
from jangbu.sandbox.core.faults import Faults
from jangbu.sandbox.core.webhooks import Courier
from jangbu.sandbox.core.world import World


@dataclass(slots=True)
class Parts:
    """One PortOne: its records, its time, the faults ordered for it, its webhook courier."""

    world: World
    clock: SandboxClock
    faults: Faults
    courier: Courier
    pause: Pause
    on_change: Callable[[], None] = field(default=lambda: None)
    """Told when the world may have changed; the keeper of the state file listens."""
    save: Callable[[], None] = field(default=lambda: None)
    """Write the state file now; without one, nothing."""

    def nudge(self) -> None:
        """Something happened: there may be a webhook to send and a state to save."""
        self.courier.wake.set()
        self.on_change()
