"""Telling whoever started this program that it is ready, as systemd's services do (sd_notify(3)).

Asking at its address instead would not prove anything: a port that was free a second ago may be another program's by
now, which answers just as well.
"""

import os
import socket
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"
READY = b"READY=1"


def say_ready() -> None:
    """Say so where `NOTIFY_SOCKET` points; nothing without it. That nobody listens there any more is no problem."""
    where = os.environ.get(VARIABLE)
    if not where:
        return
    # systemd writes a name without a file, which begins with a zero byte, with an @.
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        speaker.sendto(READY, address)
