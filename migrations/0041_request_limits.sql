-- 0041: how much of their limit callers have used (reliability F123). Additive. UNLOGGED: it is written with every request and
-- worth nothing after a crash, when everybody simply begins again. `free_at` is when nothing of the limit is used any more.
CREATE UNLOGGED TABLE request_limits (
    subject text PRIMARY KEY CHECK (length(subject) <= 500),
    free_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON request_limits TO jangbu_request;
GRANT SELECT, INSERT, UPDATE, DELETE ON request_limits TO jangbu_system;
