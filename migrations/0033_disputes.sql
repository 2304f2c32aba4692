-- 0033: disputes: a payer complains at the PG, and the money is in doubt until somebody says how it ended. Additive.
CREATE TABLE payment_disputes (
    -- Derived from what PortOne names it by, so that it is the same one however often it is told.
    id uuid PRIMARY KEY,
    payment_id uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
    portone_dispute_id text NOT NULL DEFAULT '',
    reason text NOT NULL,
    status text NOT NULL CONSTRAINT payment_disputes_status_known
        CHECK (status IN ('OPEN', 'UNTOLD', 'WON', 'LOST', 'RETURNED')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- What of the payment's money stands in assets:disputed because of it; and what was given up as lost.
    held_amount bigint NOT NULL DEFAULT 0 CONSTRAINT payment_disputes_held CHECK (held_amount >= 0),
    written_off_amount bigint NOT NULL DEFAULT 0 CONSTRAINT payment_disputes_written_off CHECK (written_off_amount >= 0),
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    -- What somebody wants to decide who may not decide that much alone.
    wanted_outcome text NOT NULL DEFAULT '' CHECK (wanted_outcome IN ('', 'WON', 'LOST')),
    wanted_by text NOT NULL DEFAULT '',
    decided_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payment_disputes_over_holds_nothing CHECK (held_amount = 0 OR status IN ('OPEN', 'UNTOLD')),
    CONSTRAINT payment_disputes_only_lost_is_written_off CHECK (written_off_amount = 0 OR status = 'LOST')
);
CREATE INDEX payment_disputes_payment ON payment_disputes (payment_id, opened_at);
CREATE INDEX payment_disputes_open ON payment_disputes (opened_at) WHERE status IN ('OPEN', 'UNTOLD');
CREATE TRIGGER touch BEFORE UPDATE ON payment_disputes FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Each time money went into a dispute or out of one; each has its entry, `payment:<id>:dispute:<dispute>:<number>`.
CREATE TABLE payment_dispute_moves (
    dispute_id uuid NOT NULL REFERENCES payment_disputes ON DELETE RESTRICT,
    number integer NOT NULL,
    payment_id uuid NOT NULL REFERENCES payments ON DELETE RESTRICT,
    kind text NOT NULL CONSTRAINT payment_dispute_moves_kind_known
        CHECK (kind IN ('held', 'released', 'written_off', 'recovered')),
    amount bigint NOT NULL CONSTRAINT payment_dispute_moves_amount_positive CHECK (amount > 0),
    moved_at timestamptz NOT NULL,
    PRIMARY KEY (dispute_id, number)
);
CREATE INDEX payment_dispute_moves_payment ON payment_dispute_moves (payment_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_dispute_moves
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['payment_disputes', 'payment_dispute_moves'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY system ON %I TO jangbu_system USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY own_store ON %I FOR SELECT TO jangbu_request USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id))', name);
        EXECUTE format('CREATE POLICY adds ON %I FOR INSERT TO jangbu_request WITH CHECK (true)', name);
    END LOOP;
END $$;
CREATE POLICY changes_own ON payment_disputes FOR UPDATE TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));

GRANT SELECT, INSERT, UPDATE ON payment_disputes TO jangbu_system, jangbu_request;
GRANT SELECT, INSERT ON payment_dispute_moves TO jangbu_system, jangbu_request;
