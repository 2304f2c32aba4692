"""A real worker process that shows what it ran, to whoever has the token, until it is told to stop."""

from pathlib import Path

import httpx

from jangbu.demo.programs import Programs
from jangbu.wiring import Addresses
from kit import free_port, until

from .scrape import read, value


async def test_a_worker_program_shows_what_it_ran(where: Addresses, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        "JANGBU_MODE": "sandbox", "JANGBU_SANDBOX_PORT": str(free_port()), "JANGBU_SWEEP_CRON": "* * * * * */1",
        "DATABASE_URL": where.system, "JANGBU_DATABASE_URL_REQUEST": where.request, "JANGBU_HOME": str(tmp_path),
        "BETTER_AUTH_SECRET": "a-secret-for-tests-only-0123456789", "JANGBU_METRICS_TOKEN": "s3cret-token",
        "JANGBU_WORKER_METRICS_PORT": str(port),
    }  # fmt: skip
    programs = Programs(tmp_path / "logs", environment)
    url, token = f"http://127.0.0.1:{port}/metrics", {"authorization": "Bearer s3cret-token"}
    try:
        await programs.start("worker", "worker")
        async with httpx.AsyncClient() as caller:

            async def swept() -> bool:
                try:
                    answer = await caller.get(url, headers=token)
                except httpx.ConnectError:
                    return False
                found = read(answer.text)
                return (value(found, "jangbu_job_seconds_count", task="payments.sweep", outcome="done") or 0) >= 1

            await until(swept, what="a sweep in the worker's own count")
            assert (await caller.get(url)).status_code == 403
        worker = programs.running["worker"]
        worker.terminate()
        assert await worker.wait() == 0
    finally:
        await programs.stop()
