-- 0030: PortOne's question just before an approval (requirements B2), and what it was answered. Additive.
CREATE TABLE payment_questions (
    id uuid PRIMARY KEY,
    -- The webhook-id of a signed question. Of an unsigned one what it says, so that it is one row however often it comes.
    question_id text NOT NULL CONSTRAINT payment_questions_once UNIQUE,
    -- Null where it was about a payment that is none of ours.
    payment_id uuid REFERENCES payments ON DELETE RESTRICT,
    portone_payment_id text NOT NULL,
    asked jsonb NOT NULL,
    -- 'unknown' is a no too: we could not tell in time.
    answer text NOT NULL CONSTRAINT payment_questions_answer_known CHECK (answer IN ('yes', 'no', 'unknown')),
    -- Why not, as a refusal's stable code.
    code text NOT NULL DEFAULT '',
    took_ms integer NOT NULL,
    times integer NOT NULL DEFAULT 1,
    asked_at timestamptz NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT payment_questions_no_has_a_reason CHECK ((answer = 'yes') = (code = ''))
);
CREATE INDEX payment_questions_payment ON payment_questions (payment_id, asked_at) WHERE payment_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON payment_questions TO jangbu_system;
GRANT SELECT ON payment_questions TO jangbu_request;

ALTER TABLE payment_questions ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON payment_questions TO jangbu_system USING (true) WITH CHECK (true);
CREATE POLICY own_store ON payment_questions FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
