-- 0009: what the invariant checks found last (reliability §4), and the index that lets them see what changed. Additive.
CREATE TABLE check_runs (
    check_id text NOT NULL CHECK (check_id ~ '^I[0-9]{2}(-[a-z]+)?$'),
    scope text NOT NULL CONSTRAINT check_runs_scope_known CHECK (scope IN ('new', 'all')),
    -- The latest run that came to an end: where it ended, how many rows should not have been, and the first of them.
    checkpoint bigint NOT NULL DEFAULT 0,
    kept text,
    rows_found bigint CHECK (rows_found >= 0),
    sample jsonb NOT NULL DEFAULT '[]',
    ran_at timestamptz,
    took_ms integer,
    broken_since timestamptz,
    -- Why the latest run did not come to an end; empty when it did.
    problem text NOT NULL DEFAULT '',
    failed_at timestamptz,
    PRIMARY KEY (check_id, scope),
    CONSTRAINT check_runs_ended CHECK ((rows_found IS NULL) = (ran_at IS NULL)),
    CONSTRAINT check_runs_broken_since CHECK ((coalesce(rows_found, 0) > 0) = (broken_since IS NOT NULL)),
    CONSTRAINT check_runs_failed_at CHECK ((problem = '') = (failed_at IS NULL))
);
GRANT SELECT, INSERT, UPDATE ON check_runs TO jangbu_system;

CREATE INDEX payments_updated ON payments (updated_at);
