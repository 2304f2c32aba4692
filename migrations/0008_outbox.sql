-- 0008: our events to the merchant's own systems: one ordered feed, endpoints, deliveries. Additive.

-- What the data of an event looks like is versioned by type; an old event keeps the version it was announced in.
ALTER TABLE events ADD COLUMN version integer NOT NULL DEFAULT 1 CONSTRAINT events_version_positive CHECK (version > 0);

-- Committed events that have no place in the feed yet. A trigger writes the note, so that no event can be without one,
-- whoever announces it: the previous release too, while both run.
CREATE TABLE outbox_waiting (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE REFERENCES events ON DELETE RESTRICT
);
CREATE FUNCTION note_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox_waiting (event_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
INSERT INTO outbox_waiting (event_id) SELECT id FROM events ORDER BY xid, happened_at, id;
CREATE TRIGGER wait_for_the_feed AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note_event();

-- The feed. One sequencer at a time numbers what is committed, so a number once seen never gets a smaller neighbour.
CREATE TABLE outbox_feed (
    seq bigint PRIMARY KEY CONSTRAINT outbox_feed_seq_positive CHECK (seq > 0),
    event_id uuid NOT NULL UNIQUE REFERENCES events ON DELETE RESTRICT,
    type text NOT NULL,
    subject text NOT NULL,
    store_id text NOT NULL,
    happened_at timestamptz NOT NULL
);
CREATE INDEX outbox_feed_happened ON outbox_feed (happened_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON outbox_feed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY,
    url text NOT NULL CONSTRAINT webhook_endpoints_url_bounded CHECK (length(url) BETWEEN 1 AND 2000),
    description text NOT NULL DEFAULT '',
    -- Empty: every public type.
    types text[] NOT NULL DEFAULT '{}',
    -- Empty: every store.
    store_id text NOT NULL DEFAULT '',
    state text NOT NULL CONSTRAINT webhook_endpoints_state_known CHECK (state IN ('enabled', 'disabled', 'removed')),
    disabled_reason text NOT NULL DEFAULT ''
        CONSTRAINT webhook_endpoints_reason_known CHECK (disabled_reason IN ('', 'by_hand', 'failing', 'gone')),
    disabled_at timestamptz,
    -- Since when every try has failed; null after a success.
    failing_since timestamptz,
    -- Every event up to here that this endpoint wants has its delivery.
    position bigint NOT NULL DEFAULT 0,
    -- Since after which event it wants what `types` and `store_id` say.
    filter_since bigint NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoints_disabled_has_a_reason CHECK ((state = 'disabled') = (disabled_reason <> '')),
    CONSTRAINT webhook_endpoints_disabled_has_a_time CHECK ((state = 'disabled') = (disabled_at IS NOT NULL))
);
CREATE TRIGGER touch BEFORE UPDATE ON webhook_endpoints FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- The signing keys. People's requests may add one and let one expire, and never read one.
CREATE TABLE webhook_endpoint_secrets (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE RESTRICT,
    secret text NOT NULL CONSTRAINT webhook_endpoint_secrets_form CHECK (secret ~ '^whsec_[A-Za-z0-9+/]+=*$'),
    created_at timestamptz NOT NULL,
    expires_at timestamptz
);
CREATE INDEX webhook_endpoint_secrets_endpoint ON webhook_endpoint_secrets (endpoint_id, created_at);

CREATE TABLE webhook_deliveries (
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints ON DELETE RESTRICT,
    seq bigint NOT NULL REFERENCES outbox_feed ON DELETE RESTRICT,
    state text NOT NULL CONSTRAINT webhook_deliveries_state_known
        CHECK (state IN ('pending', 'delivered', 'exhausted', 'cancelled')),
    -- Tries since it was last begun; a replay begins again.
    tries integer NOT NULL DEFAULT 0,
    replays integer NOT NULL DEFAULT 0,
    -- Grows with every claim and replay: an answer that comes back under an older turn decides nothing.
    turn bigint NOT NULL DEFAULT 0,
    due_at timestamptz,
    tried_at timestamptz,
    delivered_at timestamptz,
    last_outcome text NOT NULL DEFAULT '',
    last_status integer,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, seq),
    CONSTRAINT webhook_deliveries_pending_is_due CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_delivered_has_a_time CHECK (state <> 'delivered' OR delivered_at IS NOT NULL)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at, seq) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_seq ON webhook_deliveries (seq);

CREATE TABLE webhook_delivery_attempts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    seq bigint NOT NULL,
    started_at timestamptz NOT NULL,
    took_ms integer NOT NULL,
    outcome text NOT NULL CONSTRAINT webhook_delivery_attempts_outcome_known CHECK (outcome IN (
        'delivered', 'refused', 'redirected', 'gone', 'timeout', 'address_refused', 'unreachable', 'tls', 'broken')),
    status integer,
    answer text NOT NULL DEFAULT '' CONSTRAINT webhook_delivery_attempts_answer_bounded CHECK (length(answer) <= 4096),
    FOREIGN KEY (endpoint_id, seq) REFERENCES webhook_deliveries ON DELETE RESTRICT
);
CREATE INDEX webhook_delivery_attempts_delivery ON webhook_delivery_attempts (endpoint_id, seq, id);

GRANT SELECT, INSERT, DELETE ON outbox_waiting TO jangbu_system;
GRANT INSERT ON outbox_waiting TO jangbu_request;
GRANT SELECT, INSERT ON outbox_feed TO jangbu_system;
GRANT SELECT ON outbox_feed TO jangbu_request;
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_deliveries TO jangbu_system, jangbu_request;
GRANT SELECT, INSERT ON webhook_endpoint_secrets TO jangbu_system;
GRANT SELECT (id, endpoint_id, created_at, expires_at), INSERT ON webhook_endpoint_secrets TO jangbu_request;
GRANT UPDATE (expires_at) ON webhook_endpoint_secrets TO jangbu_system, jangbu_request;
GRANT SELECT, INSERT ON webhook_delivery_attempts TO jangbu_system;
GRANT SELECT ON webhook_delivery_attempts TO jangbu_request;
