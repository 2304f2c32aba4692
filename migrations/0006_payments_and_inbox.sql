-- 0006: one payment's life (requirements B1, B2, B7) and PortOne's webhooks (B4-B6). Additive.
CREATE TABLE payments (
    id uuid PRIMARY KEY,
    store_id text NOT NULL,
    order_id text,
    provider_order_id text NOT NULL CONSTRAINT payments_provider_order_once UNIQUE,
    provider_transaction_id text,
    order_name text NOT NULL,
    amount bigint NOT NULL CONSTRAINT payments_amount_positive CHECK (amount > 0),
    tax_free_amount bigint NOT NULL DEFAULT 0
        CONSTRAINT payments_tax_free_within CHECK (tax_free_amount BETWEEN 0 AND amount),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    tax_profile text NOT NULL
        CONSTRAINT payments_tax_profile_known CHECK (tax_profile IN ('taxable', 'simplified', 'exempt', 'zero_rated')),
    status text NOT NULL CONSTRAINT payments_status_known CHECK (status IN (
        'REGISTERING', 'REGISTRATION_FAILED', 'READY', 'PAY_PENDING', 'VIRTUAL_ACCOUNT_ISSUED', 'PAID', 'FAILED',
        'PARTIAL_CANCELLED', 'CANCELLED', 'MISMATCH', 'ABANDONED')),
    cancelled_amount bigint NOT NULL DEFAULT 0
        CONSTRAINT payments_cancelled_within CHECK (cancelled_amount BETWEEN 0 AND amount),
    cancellable_amount bigint NOT NULL DEFAULT 0
        CONSTRAINT payments_cancellable_within CHECK (cancellable_amount BETWEEN 0 AND amount),
    paid_at timestamptz,
    failed_at timestamptz,
    cancelled_at timestamptz,
    expires_at timestamptz NOT NULL,
    channel_key text,
    pg_provider text,
    method jsonb,
    failure jsonb,
    -- Why a person has to look, as a stable word; empty when nobody has to.
    review text NOT NULL DEFAULT '',
    -- PortOne's last answer, whole, and its own time of change: an older answer that arrives late changes nothing.
    portone jsonb,
    portone_changed_at timestamptz,
    -- When the sweeper asks next (business time); null when there is nothing left to ask.
    due_at timestamptz,
    checks integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payments_cancelled_plus_cancellable
        CHECK (paid_at IS NULL OR cancelled_amount + cancellable_amount = amount),
    CONSTRAINT payments_captured_has_a_time
        CHECK (status NOT IN ('PAID', 'PARTIAL_CANCELLED', 'CANCELLED') OR paid_at IS NOT NULL)
);
CREATE UNIQUE INDEX payments_order_once ON payments (store_id, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX payments_due ON payments (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payments_newest ON payments (created_at DESC, id DESC);
CREATE INDEX payments_review ON payments (updated_at) WHERE review <> '';
CREATE TRIGGER touch BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- The intent log: a row is committed before PortOne is called, and its id is the Idempotency-Key.
CREATE TABLE payment_attempts (
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
    operation text NOT NULL CONSTRAINT payment_attempts_operation_known CHECK (operation IN ('pre_register')),
    request jsonb NOT NULL,
    state text NOT NULL CONSTRAINT payment_attempts_state_known CHECK (state IN ('sent', 'done', 'refused', 'unknown')),
    outcome jsonb,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT payment_attempts_finished CHECK ((state = 'sent') = (finished_at IS NULL))
);
CREATE INDEX payment_attempts_payment ON payment_attempts (payment_id, started_at);
CREATE INDEX payment_attempts_open ON payment_attempts (started_at) WHERE state IN ('sent', 'unknown');

-- B6. It is the inbox: a row is the promise to handle the webhook, written before PortOne hears 200.
CREATE TABLE webhook_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    webhook_id varchar(320) NOT NULL CONSTRAINT webhook_logs_webhook_id_once UNIQUE,
    webhook_type varchar(100),
    payment_id uuid REFERENCES payments ON DELETE RESTRICT,
    provider_transaction_id varchar(255),
    request_body jsonb,
    body_sha256 bytea NOT NULL,
    response_status integer,
    response_body jsonb,
    status varchar(50) NOT NULL DEFAULT 'received'
        CONSTRAINT webhook_logs_status_known CHECK (status IN ('received', 'processed', 'failed', 'skipped')),
    error_message text,
    received_at timestamptz NOT NULL,
    processed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_webhook_logs_webhook_id ON webhook_logs (webhook_id varchar_pattern_ops);
CREATE INDEX idx_webhook_logs_payment_id ON webhook_logs (payment_id);
CREATE INDEX idx_webhook_logs_provider_transaction_id ON webhook_logs (provider_transaction_id);
CREATE INDEX idx_webhook_logs_created_at ON webhook_logs (created_at);
CREATE INDEX webhook_logs_open ON webhook_logs (received_at) WHERE status IN ('received', 'failed');
CREATE TRIGGER update_webhook_logs_updated_at BEFORE UPDATE ON webhook_logs
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

GRANT SELECT, INSERT, UPDATE ON payments, payment_attempts TO jangbu_system, jangbu_request;
GRANT SELECT, INSERT, UPDATE ON webhook_logs TO jangbu_system;
GRANT SELECT ON webhook_logs TO jangbu_request;
