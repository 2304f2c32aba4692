"""The worker program: jobs and schedules, until it is told to stop."""

from jangbu import app
from jangbu.failpoints import arm_from_environment
from jangbu.settings import Settings


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; those that run are finished, the others wait for the next worker."""
    if settings.mode == "sandbox":
        arm_from_environment()
    async with app.running(settings, takes_webhooks=False) as wired:
        worker = wired.worker()
        app.stop_on_signals(worker.stop)
        await worker.run()
