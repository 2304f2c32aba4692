-- 0007: what people are told (design §3 notices): alerts for whoever runs this, and one row per message. Additive.
CREATE TABLE admin_alerts (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    severity text NOT NULL
        CONSTRAINT admin_alerts_severity_known CHECK (severity IN ('info', 'warning', 'critical')),
    -- The cause. One cause is one alert, however many programs notice it at the same moment.
    key text NOT NULL CONSTRAINT admin_alerts_once_per_cause UNIQUE,
    subject text NOT NULL,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    acknowledged_by text,
    acknowledged_at timestamptz,
    CONSTRAINT admin_alerts_acknowledged_by_somebody CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL))
);
CREATE INDEX admin_alerts_listed ON admin_alerts ((acknowledged_at IS NULL) DESC, created_at DESC, id DESC);
CREATE INDEX admin_alerts_subject ON admin_alerts (subject);

CREATE TABLE notices (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    channel text NOT NULL CONSTRAINT notices_channel_known CHECK (channel IN ('email', 'slack')),
    -- An address, or the name of the one Slack channel: its URL is a secret and stays in the settings.
    recipient text NOT NULL,
    language text NOT NULL CONSTRAINT notices_language_known CHECK (language IN ('ko', 'en')),
    subject text NOT NULL,
    facts jsonb NOT NULL,
    alert_id uuid REFERENCES admin_alerts ON DELETE RESTRICT,
    dedupe_key text NOT NULL CONSTRAINT notices_once UNIQUE,
    -- The same on every try, so that a mailbox can drop what arrives twice.
    message_id text NOT NULL,
    state text NOT NULL CONSTRAINT notices_state_known CHECK (state IN ('queued', 'sent', 'failed', 'given_up')),
    -- Tries since it was last begun; sending it again by hand begins again.
    attempts integer NOT NULL DEFAULT 0 CONSTRAINT notices_attempts_counted CHECK (attempts >= 0),
    -- Grows with every try and every beginning: an answer that comes back under an older turn decides nothing.
    turn bigint NOT NULL DEFAULT 0,
    last_error text NOT NULL DEFAULT '' CONSTRAINT notices_last_error_bounded CHECK (length(last_error) <= 500),
    created_at timestamptz NOT NULL,
    -- When it is tried next (business time); while it is being tried, when whoever tries has lost it.
    due_at timestamptz,
    sent_at timestamptz,
    CONSTRAINT notices_open_is_due CHECK ((state IN ('queued', 'failed')) = (due_at IS NOT NULL)),
    CONSTRAINT notices_sent_has_a_time CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notices_due ON notices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notices_newest ON notices (created_at DESC, id DESC);
CREATE INDEX notices_alert ON notices (alert_id) WHERE alert_id IS NOT NULL;

GRANT SELECT, INSERT ON admin_alerts, notices TO jangbu_system, jangbu_request;
-- What happened and to whom it was said is never rewritten; only what became of it is.
GRANT UPDATE (acknowledged_by, acknowledged_at) ON admin_alerts TO jangbu_system, jangbu_request;
GRANT UPDATE (state, attempts, turn, last_error, due_at, sent_at) ON notices TO jangbu_system, jangbu_request;
