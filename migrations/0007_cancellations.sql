-- 0007: giving money back (requirements B3, B7). Additive: the previous release writes none of this.

-- The VAT inside the captured total, so that cancellations together reverse exactly what the capture booked.
ALTER TABLE payments ADD COLUMN vat_amount bigint NOT NULL DEFAULT 0
    CONSTRAINT payments_vat_within CHECK (vat_amount BETWEEN 0 AND amount);
UPDATE payments p SET vat_amount = booked.vat
  FROM (SELECT e.key, -sum(l.amount_minor) AS vat
          FROM ledger_entries e
          JOIN ledger_postings l ON l.entry_id = e.id
          JOIN ledger_accounts a ON a.id = l.account_id AND a.path = 'liabilities:vat_payable'
         WHERE e.kind = 'payment.captured' GROUP BY e.key) AS booked
 WHERE booked.key = 'payment:' || p.id || ':captured';

ALTER TABLE payment_attempts DROP CONSTRAINT payment_attempts_operation_known;
ALTER TABLE payment_attempts ADD CONSTRAINT payment_attempts_operation_known
    CHECK (operation IN ('pre_register', 'cancel'));

CREATE TABLE payment_cancellations (
    -- Ours: also the Idempotency-Key at PortOne and the id of the attempt. Made elsewhere: derived from PortOne's id.
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
    origin text NOT NULL CONSTRAINT payment_cancellations_origin_known CHECK (origin IN ('ours', 'elsewhere')),
    status text NOT NULL CONSTRAINT payment_cancellations_status_known
        CHECK (status IN ('WAITING', 'SENDING', 'REQUESTED', 'SUCCEEDED', 'FAILED', 'REJECTED')),
    amount bigint NOT NULL CONSTRAINT payment_cancellations_amount_positive CHECK (amount > 0),
    tax_free_amount bigint NOT NULL DEFAULT 0
        CONSTRAINT payment_cancellations_tax_free_within CHECK (tax_free_amount BETWEEN 0 AND amount),
    -- What our entry took back of the VAT; set when it succeeds.
    vat_amount bigint NOT NULL DEFAULT 0
        CONSTRAINT payment_cancellations_vat_within CHECK (vat_amount BETWEEN 0 AND amount),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- What could still be cancelled when it was decided; PortOne compares it, so a call that arrives twice acts once.
    cancellable_before bigint NOT NULL DEFAULT 0,
    reason text NOT NULL,
    requester text NOT NULL DEFAULT '' CHECK (requester IN ('', 'CUSTOMER', 'ADMIN')),
    requested_by text NOT NULL,
    decided_by text NOT NULL DEFAULT '',
    request_key text CONSTRAINT payment_cancellations_request_once UNIQUE,
    portone_cancellation_id text,
    pg_cancellation_id text,
    trigger text NOT NULL DEFAULT '',
    failure jsonb,
    sent_at timestamptz,
    cancelled_at timestamptz,
    due_at timestamptz,
    checks integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payment_cancellations_at_portone_once UNIQUE (payment_id, portone_cancellation_id),
    CONSTRAINT payment_cancellations_succeeded_has_a_time CHECK ((status = 'SUCCEEDED') = (cancelled_at IS NOT NULL)),
    CONSTRAINT payment_cancellations_sent_has_a_time
        CHECK (origin = 'elsewhere' OR status IN ('WAITING', 'REJECTED') OR sent_at IS NOT NULL)
);
-- One refund at a time: what may still be given back is only certain once the one before it is settled (F35).
CREATE UNIQUE INDEX payment_cancellations_one_open ON payment_cancellations (payment_id)
    WHERE origin = 'ours' AND status IN ('WAITING', 'SENDING', 'REQUESTED');
CREATE INDEX payment_cancellations_payment ON payment_cancellations (payment_id, created_at);
CREATE INDEX payment_cancellations_due ON payment_cancellations (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payment_cancellations_open ON payment_cancellations (created_at)
    WHERE status IN ('WAITING', 'SENDING', 'REQUESTED');
CREATE TRIGGER touch BEFORE UPDATE ON payment_cancellations FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

GRANT SELECT, INSERT, UPDATE ON payment_cancellations TO jangbu_system, jangbu_request;
