-- 0043: sessions whose money the PG keeps until the goods have arrived. Additive; releases before know of none.
ALTER TABLE payment_sessions ADD COLUMN is_escrow boolean NOT NULL DEFAULT false;
