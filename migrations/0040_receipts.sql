-- 0040: cash receipts (현금영수증) of payments by transfer and deposit. Additive.
CREATE TABLE payment_receipts (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL CONSTRAINT payment_receipts_one_of_a_payment UNIQUE REFERENCES payments ON DELETE RESTRICT,
    status text NOT NULL CONSTRAINT payment_receipts_status_known
        CHECK (status IN ('WANTED', 'ISSUING', 'ISSUED', 'FAILED', 'CANCELLING', 'CANCELLED', 'NOT_NEEDED')),
    type text NOT NULL DEFAULT '' CHECK (type IN ('', 'PERSONAL', 'CORPORATE')),
    -- Encrypted by the vault, and there only while it may have to be sent: whoever forgets to drop it is refused.
    number_encrypted text CONSTRAINT payment_receipts_number_dropped
        CHECK (number_encrypted IS NULL OR status IN ('WANTED', 'ISSUING')),
    number_shown text NOT NULL DEFAULT '',
    issue_number text NOT NULL DEFAULT '',
    url text NOT NULL DEFAULT '',
    issued_at timestamptz,
    cancelled_at timestamptz,
    failure jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER touch BEFORE UPDATE ON payment_receipts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

ALTER TABLE payment_receipts ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON payment_receipts TO jangbu_system USING (true) WITH CHECK (true);
CREATE POLICY own_store ON payment_receipts FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY changes_own ON payment_receipts FOR UPDATE TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY adds ON payment_receipts FOR INSERT TO jangbu_request WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON payment_receipts TO jangbu_system, jangbu_request;
