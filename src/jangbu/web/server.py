"""A uvicorn for programs that have more to stop than it."""

import contextlib
from collections.abc import Iterator

import uvicorn


class Server(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone.

    Its own way is to raise the signal again once it has served, which ends the process at once: before its worker has
    finished its jobs, and with the exit status of a program that was killed.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
