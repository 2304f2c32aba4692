"""The worker program: jobs and schedules, until it is told to stop."""

from contextlib import nullcontext

from jangbu import app
from jangbu.failpoints import arm_from_environment
from jangbu.metrics import api as metrics_api
from jangbu.ready import say_ready
from jangbu.settings import Settings


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT; those that run are finished, the others wait for the next worker."""
    if settings.mode == "sandbox":
        arm_from_environment()
    port = settings.worker_metrics_port
    listener = None if port is None else app.listen(settings.host, port, setting="JANGBU_WORKER_METRICS_PORT")
    async with app.running(settings, takes_webhooks=False) as wired:
        worker = wired.worker()
        app.stop_on_signals(worker.stop)
        async with nullcontext() if listener is None else metrics_api.serving(wired.metrics, settings, listener):
            say_ready()
            await worker.run()
