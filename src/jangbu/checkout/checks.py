"""What must always hold of stock, sessions and their payments (requirements C4)."""

from jangbu.checks import Check, Sql

INVARIANTS: tuple[Check, ...] = (
    Check(
        "I40",
        "결제 중으로 잡힌 재고는 그 재고를 잡고 있는 세션들의 수량과 같다",
        "what is reserved of an item is what the sessions that hold it are of",
        Sql(
            """
            SELECT 'item:' || i.id, i.reserved || ' are reserved, and sessions hold ' || coalesce(h.held, 0)
              FROM items i
              LEFT JOIN (SELECT l.item_id, sum(l.quantity)::bigint AS held
                           FROM payment_sessions s JOIN payment_session_lines l ON l.session_key = s.id
                          WHERE s.holds_stock GROUP BY l.item_id) h ON h.item_id = i.id
             WHERE i.reserved <> coalesce(h.held, 0)
            """
        ),
    ),
    Check(
        "I41",
        "재고는 그동안의 입출고를 더한 값과 같다",
        "the stock of an item is the sum of its movements",
        Sql(
            """
            SELECT 'item:' || i.id, i.stock || ' in stock, and its movements add up to ' || coalesce(m.sum, 0)
              FROM items i
              LEFT JOIN (SELECT item_id, sum(quantity)::bigint AS sum FROM item_movements GROUP BY item_id) m
                ON m.item_id = i.id
             WHERE i.stock <> coalesce(m.sum, 0)
            """
        ),
        nightly=True,
    ),
    Check(
        "I42",
        "결제된 세션의 상품은 모두 한 번씩 나갔고, 취소된 세션의 상품은 모두 돌아왔다",
        "every line of a paid session was sold once, and of a cancelled one came back if it was",
        Sql(
            """
            SELECT 'checkout:' || s.id, 'is ' || s.state || ', and of item ' || l.item_id || ' '
                   || -coalesce(m.sum, 0) || ' are out instead of '
                   || CASE s.state WHEN 'paid' THEN l.quantity ELSE 0 END
              FROM payment_sessions s
              JOIN payment_session_lines l ON l.session_key = s.id
              LEFT JOIN (SELECT session_key, item_id, sum(quantity)::bigint AS sum FROM item_movements
                          WHERE session_key IS NOT NULL GROUP BY session_key, item_id) m
                ON m.session_key = s.id AND m.item_id = l.item_id
             WHERE -coalesce(m.sum, 0) <> CASE s.state WHEN 'paid' THEN l.quantity ELSE 0 END
            """
        ),
        nightly=True,
    ),
    Check(
        "I43",
        "결제된 세션마다 같은 금액으로 승인된 결제가 있다",
        "every paid session has a captured payment of its order and its price",
        Sql(
            """
            SELECT 'checkout:' || s.id, 'is paid, and no payment of order ' || s.order_id || ' took ' || s.amount || ' '
                   || s.currency
              FROM payment_sessions s
             WHERE s.state = 'paid'
               AND NOT EXISTS (SELECT FROM payments p
                                WHERE (p.store_id, p.order_id) = (s.store_id, s.order_id) AND p.paid_at IS NOT NULL
                                  AND (p.amount, p.tax_free_amount, p.currency)
                                      = (s.amount, s.tax_free_amount, s.currency))
            """
        ),
        nightly=True,
    ),
    Check(
        "I44",
        "돌려줄 늦은 결제는 끝날 때까지 계속 확인된다",
        "late money that is to go back is looked after until it is back",
        Sql(
            """
            SELECT 'checkout:' || s.id, 'is to be given back ' || s.amount || ' ' || s.currency || ', and nobody asks'
              FROM payment_sessions s
             WHERE s.late_refund = 'wanted' AND coalesce(s.due_at < :now::timestamptz - interval '15 minutes', true)
            """
        ),
        nightly=True,
    ),
)
