"""What must always hold in the ledger (reliability I01-I05, I19, I20), and that it is complete.

Entries grow by seal number. Those that are not sealed yet are few and looked at each time, so an entry is looked at
from the moment it is committed, and once more when it is sealed.
"""

from collections.abc import Sequence

from jangbu.checks import Check, Sql
from jangbu.checks.chains import growth_of, of_chain
from jangbu.db import Query
from jangbu.ledger import store
from jangbu.ledger.service import Expectation

GROWTH = growth_of(store.CHAIN)
LOOKED_AT = """
    looked AS (
        SELECT id FROM ledger_entries WHERE :full::boolean
        UNION ALL
        SELECT entry_id FROM ledger_seal WHERE NOT :full::boolean AND seq > :after::bigint AND seq <= :upto::bigint
        UNION ALL
        SELECT id FROM ledger_unsealed WHERE NOT :full::boolean
    )
"""
"""The entries one run looks at, for the WITH of a check that has `GROWTH`."""

SEALED = Query(
    store.StoredEntry,
    """
    SELECT e.id, e.key, e.kind, e.currency, e.happened_at, e.recorded_at, e.facts, e.digest,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(a.path, a.store_id, a.channel_key, a.pg, a.partner_id,
                                                        p.amount_minor) ORDER BY p.line), '[]')
              FROM ledger_postings p LEFT JOIN ledger_accounts a ON a.id = p.account_id
             WHERE p.entry_id = e.id) AS legs,
           s.seq, s.digest AS chained, s.previous
      FROM ledger_seal s JOIN ledger_entries e ON e.id = s.entry_id
     WHERE s.seq > :after AND s.seq <= :upto ORDER BY s.seq
    """,
)

INVARIANTS: tuple[Check, ...] = (
    Check(
        "I01",
        "모든 분개는 차변과 대변이 같다",
        "every entry balances",
        Sql(
            f"""
            WITH {LOOKED_AT}
            SELECT 'entry:' || e.key, 'its postings sum to ' || sum(p.amount_minor)
              FROM looked JOIN ledger_entries e USING (id) JOIN ledger_postings p ON p.entry_id = e.id
             GROUP BY e.id HAVING sum(p.amount_minor) <> 0
            """
        ),
        GROWTH,
    ),
    Check(
        "I02",
        "모든 분개는 두 줄 이상이다",
        "every entry has at least two postings",
        Sql(
            f"""
            WITH {LOOKED_AT}
            SELECT 'entry:' || e.key, 'has ' || count(p.entry_id) || ' postings'
              FROM looked JOIN ledger_entries e USING (id) LEFT JOIN ledger_postings p ON p.entry_id = e.id
             GROUP BY e.id HAVING count(p.entry_id) < 2
            """
        ),
        GROWTH,
    ),
    # By currency and not by store: one bank account may receive for several stores.
    Check(
        "I03",
        "통화마다 차변 합계와 대변 합계가 같다",
        "debits equal credits in every currency",
        Sql(
            f"""
            WITH {store.NOW}
            SELECT 'currency:' || a.currency, 'the balances shown sum to ' || sum(b.balance_minor)
              FROM b JOIN ledger_accounts a ON a.id = b.account_id
             GROUP BY a.currency HAVING sum(b.balance_minor) <> 0
            UNION ALL
            SELECT 'currency:' || a.currency, 'all postings sum to ' || sum(p.amount_minor)
              FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id WHERE :full::boolean
             GROUP BY a.currency HAVING sum(p.amount_minor) <> 0
            """
        ),
    ),
    # The minute recomputes the latest snapshot from the one before it; the night adds up every posting there is.
    Check(
        "I04",
        "보여 주는 잔액은 기록의 합과 같다",
        "every balance shown is the sum of its postings",
        Sql(
            f"""
            WITH {store.NOW},
            before AS (
                SELECT coalesce(max(through_seq), 0) AS seq FROM ledger_snapshots
                 WHERE through_seq < (SELECT seq FROM latest)
            ),
            shown AS (
                SELECT account_id, sum(balance_minor) AS minor FROM b WHERE :full::boolean GROUP BY account_id
                UNION ALL
                SELECT account_id, balance_minor FROM ledger_snapshots
                 WHERE NOT :full::boolean AND through_seq = (SELECT seq FROM latest)
            ),
            made AS (
                SELECT account_id, sum(minor) AS minor FROM (
                    SELECT p.account_id, p.amount_minor AS minor
                      FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id WHERE :full::boolean
                    UNION ALL
                    SELECT account_id, balance_minor FROM ledger_snapshots
                     WHERE NOT :full::boolean AND through_seq = (SELECT seq FROM before)
                    UNION ALL
                    SELECT p.account_id, p.amount_minor
                      FROM ledger_seal s JOIN ledger_postings p USING (entry_id)
                     WHERE NOT :full::boolean
                       AND s.seq > (SELECT seq FROM before) AND s.seq <= (SELECT seq FROM latest)
                ) part GROUP BY account_id
            )
            SELECT 'account:' || account_id,
                   'is shown as ' || coalesce(shown.minor, 0) || ', its postings make ' || coalesce(made.minor, 0)
              FROM shown FULL JOIN made USING (account_id)
             WHERE coalesce(shown.minor, 0) <> coalesce(made.minor, 0)
            """
        ),
    ),
    # Postings have no foreign key to their account (it would make every writer lock the same row): this stands for it.
    Check(
        "I05",
        "모든 기록은 있는 계정에, 같은 통화로 적혀 있다",
        "every posting is in an account that is there, in its entry's currency",
        Sql(
            f"""
            WITH {LOOKED_AT}
            SELECT 'entry:' || e.key || ':' || p.line,
                   CASE WHEN a.id IS NULL THEN 'posts to account ' || p.account_id || ', which is not there'
                        ELSE 'is in ' || e.currency || ' and posts to an account in ' || a.currency END
              FROM looked JOIN ledger_entries e USING (id) JOIN ledger_postings p ON p.entry_id = e.id
              LEFT JOIN ledger_accounts a ON a.id = p.account_id
             WHERE a.currency IS DISTINCT FROM e.currency
            UNION ALL
            SELECT 'posting:' || p.entry_id || ':' || p.line, 'belongs to an entry that is not there'
              FROM ledger_postings p LEFT JOIN ledger_entries e ON e.id = p.entry_id
             WHERE :full::boolean AND e.id IS NULL
            """
        ),
        GROWTH,
    ),
    *of_chain(
        "ledger",
        "원장",
        store.CHAIN,
        page=SEALED,
        recompute=store.recomputed,
        called=lambda entry: f"entry:{entry.key}",
    ),
)


def complete(expectations: Sequence[Expectation]) -> Check:
    """The second verdict of `books verify` as a check: the entries there must be, against those there are."""
    expected = " UNION ALL ".join(f"({expectation.keys.source})" for expectation in expectations)
    return Check(
        "I30",
        "있어야 할 분개가 모두 있고 그 밖의 분개는 없다",
        "every expected entry is there, and none besides",
        Sql(
            f"""
            SELECT 'entry:' || coalesce(x.key, e.key),
                   CASE WHEN e.key IS NULL THEN 'is expected and missing' ELSE 'is there and nobody expects it' END
              FROM ({expected}) x (key) FULL JOIN ledger_entries e ON e.key = x.key
             WHERE x.key IS NULL OR e.key IS NULL
            """
        ),
        nightly=True,
    )
