-- 0038: which of PortOne's two APIs a payment was made with. Additive: whoever knows nothing of V1 makes payments of V2.
ALTER TABLE payments ADD COLUMN api text NOT NULL DEFAULT 'v2' CONSTRAINT payments_api_known CHECK (api IN ('v1', 'v2'));

-- An imp_uid pays for one order: one that a payer shows a second time is never taken for another (requirements C2).
CREATE UNIQUE INDEX payments_imp_uid_once ON payments (provider_transaction_id) WHERE api = 'v1';
