"""What must always hold of the events we send (reliability I15, our side of it)."""

from datetime import timedelta

from jangbu.checks import Broken, Check, Found, Span
from jangbu.db import Tx
from jangbu.outbox.feed_store import astray

PATIENCE = timedelta(minutes=5)


async def _look(tx: Tx, span: Span) -> Found:
    lost = await astray(tx, before=span.now - PATIENCE, after_seq=0)
    return Found.of([Broken(one.key, one.what) for one in lost])


INVARIANTS: tuple[Check, ...] = (
    Check(
        "I33",
        "모든 이벤트는 보낼 곳마다 전송 기록이 있고 늦지 않는다",
        "every event has its delivery to whoever wants it, and none is late",
        _look,
        nightly=True,
    ),
)
