"""Fills a database with payments and the webhooks about them, as a shop with years behind it has them."""

import asyncpg

FILL_PAYMENTS = """
INSERT INTO payments (id, store_id, order_id, provider_order_id, provider_transaction_id, order_name, amount, currency,
    tax_profile, vat_amount, status, cancelled_amount, cancellable_amount, paid_at, failed_at, cancelled_at, expires_at,
    channel_key, pg_provider, method, review, portone, portone_changed_at, created_at)
SELECT md5('payment' || n)::uuid, 'store-' || CASE WHEN n % 20 = 0 THEN 2 ELSE 1 END, 'order-' || n,
       md5('order' || n), 'tx-' || md5('tx' || n),
       (ARRAY['겨울 모자', '보리차 2병', '커피 원두 1kg', '구독 프로 플랜', '가죽 지갑'])[1 + n % 5] || ' ' || n % 9973,
       amount, currency, 'taxable', CASE WHEN is_taken THEN amount / 11 ELSE 0 END, status,
       CASE status WHEN 'CANCELLED' THEN amount WHEN 'PARTIAL_CANCELLED' THEN 1000 ELSE 0 END,
       CASE status WHEN 'PAID' THEN amount WHEN 'PARTIAL_CANCELLED' THEN amount - 1000 ELSE 0 END,
       CASE WHEN is_taken THEN made + interval '90 seconds' END,
       CASE status WHEN 'FAILED' THEN made + interval '80 seconds' END,
       CASE WHEN status LIKE '%CANCELLED' THEN made + interval '2 days' END,
       made + interval '1 day', 'channel-key-' || n % 3, 'TOSSPAYMENTS',
       jsonb_build_object('type', 'PaymentMethod' || (ARRAY['Card', 'Card', 'Card', 'EasyPay', 'Transfer'])[1 + n % 5]),
       CASE WHEN status = 'MISMATCH' THEN 'other_amount' ELSE '' END,
       jsonb_build_object('status', status, 'id', md5('order' || n), 'pgTxId', 'pg' || md5('pg' || n), 'amount',
           jsonb_build_object('total', amount, 'paid', amount, 'vat', amount / 11), 'padding',
           repeat(md5('x' || n), 18)),
       made + interval '90 seconds', made
  FROM (SELECT n, :until::timestamptz - (:count - n) * interval '30 seconds' AS made,
               1100 + n * 37 % 90000 AS amount, CASE WHEN n % 50 = 7 THEN 'USD' ELSE 'KRW' END AS currency,
               CASE WHEN n % (:count / 200) = 11 THEN 'MISMATCH' WHEN n % 17 = 3 THEN 'FAILED'
                    WHEN n % 29 = 4 THEN 'CANCELLED' WHEN n % 41 = 5 THEN 'PARTIAL_CANCELLED'
                    WHEN n % 67 = 6 THEN 'READY' ELSE 'PAID' END AS status
          FROM generate_series(:first::bigint, :last::bigint) AS n) AS numbered,
       LATERAL (SELECT status IN ('PAID', 'CANCELLED', 'PARTIAL_CANCELLED') AS is_taken) AS taken
"""
FILL_WEBHOOKS = """
INSERT INTO webhook_logs (webhook_id, webhook_type, payment_id, provider_transaction_id, request_body, body_sha256,
                          response_status, status, received_at, processed_at)
SELECT 'msg_' || md5(n || '-' || m), (ARRAY['Transaction.Ready', 'Transaction.PayPending', 'Transaction.Paid'])[m],
       md5('payment' || n)::uuid, md5('order' || n),
       jsonb_build_object('type', 'Transaction.Paid', 'data', jsonb_build_object('paymentId', md5('order' || n))),
       sha256(('w' || n || m)::bytea), 200, 'processed', at, at
  FROM generate_series(:first::bigint, :last::bigint) AS n, generate_series(1, 3) AS m,
       LATERAL (SELECT :until::timestamptz - (:count - n) * interval '30 seconds' AS at) AS moment
"""
UNTIL = "2026-08-01 00:00:00+00"
CHUNK = 100_000


async def fill(dsn: str, count: int) -> None:
    """`count` payments, one every thirty seconds up to `UNTIL`, and three webhooks for each. As the owner."""
    connection = await asyncpg.connect(dsn)
    try:
        for first in range(1, count + 1, CHUNK):
            last = min(first + CHUNK - 1, count)
            for sql in (FILL_PAYMENTS, FILL_WEBHOOKS):
                numbers = {":first": first, ":last": last, ":count": count, ":until": f"'{UNTIL}'"}
                for name, value in numbers.items():
                    sql = sql.replace(name, str(value))
                await connection.execute(sql)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
