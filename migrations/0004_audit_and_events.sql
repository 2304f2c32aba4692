-- 0004: who did what (sealed like the ledger), and what happened (read by subscribers and feeds). Additive.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    request_id text NOT NULL DEFAULT '',
    digest bytea NOT NULL CHECK (length(digest) = 32),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX audit_log_subject ON audit_log (subject, id);

CREATE TABLE audit_unsealed (
    id bigint PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE TABLE audit_seal (
    seq bigint PRIMARY KEY,
    entry_id bigint NOT NULL UNIQUE REFERENCES audit_log ON DELETE RESTRICT,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    previous bytea NOT NULL CHECK (length(previous) = 32),
    sealed_at timestamptz NOT NULL DEFAULT now()
);

-- xid lets a feed read only what no slower transaction can still precede (reliability F70).
CREATE TABLE events (
    id uuid PRIMARY KEY,
    type text NOT NULL CHECK (type ~ '^[a-z_]+\.[a-z_]+$'),
    subject text NOT NULL,
    store_id text NOT NULL DEFAULT '',
    happened_at timestamptz NOT NULL,
    data jsonb NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX events_subject ON events (subject, happened_at);
CREATE INDEX events_xid ON events (xid, id);

CREATE TABLE event_receipts (
    event_id uuid NOT NULL REFERENCES events ON DELETE RESTRICT,
    subscriber text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, subscriber)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON audit_log, events, audit_unsealed TO jangbu_system, jangbu_request;
GRANT DELETE ON audit_unsealed TO jangbu_system;
GRANT SELECT, INSERT ON audit_seal, event_receipts TO jangbu_system;
GRANT SELECT ON audit_seal, event_receipts TO jangbu_request;
