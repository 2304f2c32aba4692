-- 0021: what the webhook log shows to people: how a webhook came, and every try to handle it. Additive.

-- The log's own order: the latest first, in business time. Before what locks readers out too, as it takes longest.
CREATE INDEX webhook_logs_newest ON webhook_logs (received_at DESC, id DESC);

-- The headers that matter, and which of our secrets had signed; null for what the release before this one wrote down.
ALTER TABLE webhook_logs ADD COLUMN came_with jsonb;

-- Tries, apart from the first success of a webhook that never failed: the webhook's own row tells that one.
CREATE TABLE webhook_tries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id varchar(320) NOT NULL REFERENCES webhook_logs (webhook_id) ON DELETE RESTRICT,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    outcome text NOT NULL CONSTRAINT webhook_tries_outcome_known CHECK (outcome IN ('processed', 'skipped', 'failed')),
    error_message text,
    -- Who asked for this try, as the audit log names them; empty when the queue did.
    asked_by text NOT NULL DEFAULT ''
);
CREATE INDEX webhook_tries_of_one ON webhook_tries (webhook_id, id);
GRANT SELECT, INSERT ON webhook_tries TO jangbu_system;
GRANT SELECT ON webhook_tries TO jangbu_request;

-- A webhook that names its store is for whoever sees that store; one that names none, for those who see all of them.
DROP POLICY every_store ON webhook_logs;
CREATE POLICY own_store ON webhook_logs FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR sees_store(request_body->'data'->>'storeId'));
ALTER TABLE webhook_tries ENABLE ROW LEVEL SECURITY;
CREATE POLICY system ON webhook_tries TO jangbu_system USING (true) WITH CHECK (true);
CREATE POLICY own_store ON webhook_tries FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM webhook_logs w WHERE w.webhook_id = webhook_tries.webhook_id));
