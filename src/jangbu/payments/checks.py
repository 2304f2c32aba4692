"""What must always hold of payments, and between them and the ledger (reliability I07, I08, I13; requirements B7)."""

from jangbu.checks import Check, Growth, Sql
from jangbu.db import Query
from jangbu.ledger.checks import GROWTH as LEDGER_GROWTH
from jangbu.ledger.checks import LOOKED_AT

# In microseconds of `updated_at`. It is when a change's transaction began and not when it committed, so every run looks
# back over the five minutes below its checkpoint: none of our transactions may stay open for as long as that.
GROWTH = Growth(
    "payments",
    Query(
        int,
        """
        WITH now_us AS (SELECT (extract(epoch FROM now()) * 1000000)::bigint AS us),
        step_us AS (
            SELECT (extract(epoch FROM updated_at) * 1000000)::bigint AS us FROM payments
             WHERE updated_at > to_timestamp(:after::bigint / 1000000.0)
             ORDER BY updated_at OFFSET :step::bigint LIMIT 1
        )
        SELECT greatest(:after::bigint, least((SELECT us FROM step_us), now_us.us)) FROM now_us
        """,
    ),
)
_CHANGED = """
    (:full::boolean OR p.updated_at > to_timestamp(:after::bigint / 1000000.0) - interval '5 minutes'
                   AND p.updated_at <= to_timestamp(:upto::bigint / 1000000.0) + interval '1 second')
"""

INVARIANTS: tuple[Check, ...] = (
    Check(
        "I07",
        "승인된 결제마다 같은 금액의 매입 분개가 하나 있다",
        "every captured payment has exactly one capture entry, of its amount",
        Sql(
            f"""
            SELECT 'payment:' || p.id,
                   CASE WHEN e.id IS NULL THEN 'is captured, and the ledger has no entry of it'
                        ELSE 'is ' || p.amount || ' ' || p.currency || ', and its entry says '
                             || coalesce(sum(l.amount_minor), 0) || ' ' || e.currency || ' owed to the store' END
              FROM payments p
              LEFT JOIN ledger_entries e ON e.key = 'payment:' || p.id || ':captured'
              LEFT JOIN (ledger_postings l JOIN ledger_accounts a ON a.id = l.account_id)
                ON l.entry_id = e.id AND a.path = 'assets:pg_receivable' AND a.store_id = p.store_id
             WHERE p.paid_at IS NOT NULL AND {_CHANGED}
             GROUP BY p.id, e.id
            HAVING e.id IS NULL OR e.currency <> p.currency OR coalesce(sum(l.amount_minor), 0) <> p.amount
            """
        ),
        GROWTH,
    ),
    Check(
        "I08",
        "매입 분개마다 승인된 결제가 있다",
        "every capture entry has its captured payment",
        Sql(
            f"""
            WITH {LOOKED_AT}
            SELECT 'entry:' || e.key,
                   CASE WHEN p.id IS NULL THEN 'its payment is not there' ELSE 'its payment is not captured' END
              FROM looked JOIN ledger_entries e USING (id)
              LEFT JOIN payments p ON p.id =
                   CASE WHEN e.key ~ '^payment:[0-9a-f-]{{36}}[:]captured$' THEN substr(e.key, 9, 36)::uuid END
             WHERE (e.kind = 'payment.captured' OR e.key ~ '^payment:.*[:]captured$') AND p.paid_at IS NULL
            """
        ),
        LEDGER_GROWTH,
    ),
    Check(
        "I09",
        "환불한 금액과 환불 중인 금액의 합은 결제 금액을 넘지 않는다",
        "refunds done and under way are never more than was taken",
        Sql(
            f"""
            SELECT 'payment:' || p.id,
                   sum(c.amount) || ' of ' || p.amount || ' ' || p.currency || ' is given back or about to be'
              FROM payments p JOIN payment_cancellations c ON c.payment_id = p.id
             WHERE p.paid_at IS NOT NULL AND {_CHANGED} AND c.status IN ('SENDING', 'REQUESTED', 'SUCCEEDED')
             GROUP BY p.id HAVING sum(c.amount) > p.amount
            """
        ),
        GROWTH,
    ),
    Check(
        "I10",
        "결제의 취소 금액과 상태는 성공한 환불과 같다",
        "what a payment says was given back is what its refunds say",
        Sql(
            f"""
            SELECT 'payment:' || p.id,
                   p.status || ' with ' || p.cancelled_amount || ' cancelled, and its refunds say '
                   || coalesce(sum(c.amount), 0)
              FROM payments p
              LEFT JOIN payment_cancellations c ON c.payment_id = p.id AND c.status = 'SUCCEEDED'
             WHERE p.paid_at IS NOT NULL AND {_CHANGED}
             GROUP BY p.id
            HAVING p.cancelled_amount <> coalesce(sum(c.amount), 0)
                OR p.status <> CASE WHEN p.cancelled_amount = 0 THEN 'PAID'
                                    WHEN p.cancelled_amount = p.amount THEN 'CANCELLED' ELSE 'PARTIAL_CANCELLED' END
            """
        ),
        GROWTH,
    ),
    # An open outcome is normal for as long as somebody asks PortOne about it; it may not be forgotten, nor last.
    Check(
        "I13",
        "결과를 모르는 요청은 계속 확인되고 6시간을 넘기지 않는다",
        "an unknown outcome is asked about, and not for longer than six hours",
        Sql(
            """
            SELECT 'attempt:' || t.id,
                   t.operation || ' of payment ' || p.id || ' is open since ' || t.started_at
                   || CASE WHEN t.started_at < :now::timestamptz - interval '6 hours' THEN ''
                           ELSE ', and nobody asks' END
              FROM payment_attempts t JOIN payments p ON p.id = t.payment_id
              LEFT JOIN payment_cancellations c ON c.id = t.id
             WHERE t.state IN ('sent', 'unknown') AND t.started_at < :now::timestamptz - interval '15 minutes'
               AND (t.started_at < :now::timestamptz - interval '6 hours'
                    OR coalesce(t.due_at, c.due_at, p.due_at) IS NULL
                    OR coalesce(t.due_at, c.due_at, p.due_at) < :now::timestamptz - interval '15 minutes')
            """
        ),
    ),
    # PostgreSQL itself refuses such a row (requirements B7). That it does is what is checked.
    Check(
        "I28",
        "승인된 결제는 취소된 금액과 취소할 수 있는 금액의 합이 결제 금액이다",
        "once captured, cancelled plus cancellable is the amount",
        Sql(
            f"""
            SELECT 'payment:' || p.id,
                   p.status || ' of ' || p.amount || ' ' || p.currency || ': cancelled ' || p.cancelled_amount
                   || ', cancellable ' || p.cancellable_amount
                   || CASE WHEN p.paid_at IS NULL THEN ', never paid' ELSE '' END
              FROM payments p
             WHERE {_CHANGED}
               AND (p.paid_at IS NOT NULL AND p.cancelled_amount + p.cancellable_amount <> p.amount
                    OR p.paid_at IS NULL AND p.status IN ('PAID', 'PARTIAL_CANCELLED', 'CANCELLED'))
            """
        ),
        GROWTH,
    ),
    # Disputes are few: all of them, each time.
    Check(
        "I34",
        "분쟁 계정의 잔액은 분쟁 중인 결제에 묶인 금액과 같고, 남은 결제 금액을 넘지 않는다",
        "what stands in dispute is what disputes hold, and never more than is left of the payment",
        Sql(
            """
            WITH moved AS (
                SELECT payment_id,
                       sum(CASE kind WHEN 'held' THEN amount WHEN 'recovered' THEN 0 ELSE -amount END) AS held,
                       sum(CASE kind WHEN 'written_off' THEN amount WHEN 'recovered' THEN -amount ELSE 0 END) AS lost
                  FROM payment_dispute_moves GROUP BY payment_id
            ), said AS (
                SELECT payment_id, sum(held_amount) AS held, sum(written_off_amount) AS lost
                  FROM payment_disputes GROUP BY payment_id
            )
            SELECT 'payment:' || p.id,
                   'its disputes hold ' || said.held || ' and lost ' || said.lost || ', their moves make '
                   || coalesce(moved.held, 0) || ' and ' || coalesce(moved.lost, 0) || ', and '
                   || p.cancellable_amount || ' is left'
              FROM said JOIN payments p ON p.id = said.payment_id LEFT JOIN moved ON moved.payment_id = said.payment_id
             WHERE said.held <> coalesce(moved.held, 0) OR said.lost <> coalesce(moved.lost, 0)
                OR said.held + said.lost > p.cancellable_amount
            UNION ALL
            SELECT 'account:' || a.id,
                   'has ' || sum(l.amount_minor) || ' ' || a.currency || ' in dispute, and its disputes hold '
                   || coalesce(max(holds.minor), 0)
              FROM ledger_accounts a JOIN ledger_postings l ON l.account_id = a.id
              LEFT JOIN (SELECT p.store_id, coalesce(p.channel_key, '') AS channel_key,
                                coalesce(p.pg_provider, '') AS pg, d.currency, sum(d.held_amount) AS minor
                           FROM payment_disputes d JOIN payments p ON p.id = d.payment_id GROUP BY 1, 2, 3, 4) holds
                ON (holds.store_id, holds.channel_key, holds.pg, holds.currency)
                   = (a.store_id, a.channel_key, a.pg, a.currency)
             WHERE a.path = 'assets:disputed' AND a.partner_id = ''
             GROUP BY a.id HAVING sum(l.amount_minor) <> coalesce(max(holds.minor), 0)
            """
        ),
    ),
)
