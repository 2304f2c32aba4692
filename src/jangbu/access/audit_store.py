"""Reading the audit log for people, with the names of those who acted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jangbu.db import Query, Tx


@dataclass(frozen=True, slots=True)
class NamedLine:
    """One line of the audit log. `name` is who `actor` is now, "" where that is nobody we know."""

    id: int
    at: datetime
    actor: str
    name: str
    action: str
    subject: str
    facts: dict[str, Any]
    request_id: str


def _page(where: str) -> Query[NamedLine]:
    # The page is cut out first: names are looked up for what is shown, not for the whole log.
    return Query(
        NamedLine,
        f"""
        SELECT l.id, l.at, l.actor, coalesce(u.name, k.name, '') AS name, l.action, l.subject, l.facts, l.request_id
          FROM (SELECT * FROM audit_log WHERE id < :before AND {where} ORDER BY id DESC LIMIT :most) l
          LEFT JOIN users u ON l.actor = 'user:' || u.id
          LEFT JOIN api_keys k ON l.actor = 'key:' || k.id
         ORDER BY l.id DESC
        """,
    )


# One statement for each, because the plan of a prepared statement is made once and each has its own index to go by.
LATEST = _page("true")
OF_ACTOR = _page("actor = :actor")
OF_SUBJECT = _page("subject = :subject")
OF_BOTH = _page("actor = :actor AND subject = :subject")


async def lines(tx: Tx, *, actor: str, subject: str, before: int, most: int) -> list[NamedLine]:
    """Lines below `before`, the latest first; "" stands for any actor or subject."""
    given = {"actor": actor, "subject": subject}
    wanted = {name: value for name, value in given.items() if value}
    query = OF_BOTH if len(wanted) > 1 else OF_ACTOR if actor else OF_SUBJECT if subject else LATEST
    return await tx.all(query, before=before, most=most, **wanted)
