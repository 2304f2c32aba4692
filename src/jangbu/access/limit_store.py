"""The SQL of limits: one row for everybody who called lately, shared by all programs on this database."""

from datetime import datetime

from jangbu.db import Query

# One statement decides and counts: of requests that come at the same moment to several programs, each finds the row as
# the one before left it.
TAKE = Query(
    datetime,
    """
    INSERT INTO request_limits AS r (subject, free_at) VALUES (:subject, :now::timestamptz + :step::interval)
    ON CONFLICT (subject) DO UPDATE SET free_at = greatest(r.free_at, :now) + :step
     WHERE greatest(r.free_at, :now) + :step <= :now + :window::interval
    RETURNING free_at
    """,
)
FREE_AT = Query(datetime, "SELECT free_at FROM request_limits WHERE subject = :subject")
FORGET = Query(type(None), "DELETE FROM request_limits WHERE free_at < :now")
