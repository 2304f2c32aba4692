-- 0018: lists of payments that cost the same at a thousand and at a million. Additive: indexes only. Whoever has many
-- payments makes them beforehand with CREATE INDEX CONCURRENTLY, so that nobody waits (CHANGELOG, Operations).

-- Each walk of a list (payments/list_store.py) has an index in the list's own order.
CREATE INDEX IF NOT EXISTS payments_of_status ON payments (status, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS payments_of_store ON payments (store_id, created_at DESC, id DESC);
CREATE INDEX IF NOT EXISTS payments_in_review ON payments (created_at DESC, id DESC) WHERE review <> '';

-- What people search by: whole ids, and how an order's name begins.
CREATE INDEX IF NOT EXISTS payments_transaction ON payments (provider_transaction_id)
    WHERE provider_transaction_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payments_pg_transaction ON payments ((portone ->> 'pgTxId'))
    WHERE portone ->> 'pgTxId' IS NOT NULL;
CREATE INDEX IF NOT EXISTS payments_order_name ON payments (order_name text_pattern_ops);

-- The same promise, one payment for an order of a store, with the order first: it also finds an order by its id alone.
CREATE UNIQUE INDEX IF NOT EXISTS payments_one_of_an_order ON payments (order_id, store_id) WHERE order_id IS NOT NULL;
