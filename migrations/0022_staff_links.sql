-- 0022: one-time links by which staff choose their own password, and the audit log read by who acted. Additive.

-- Only the SHA-256 of a link's token is kept: whoever reads the table can use none of them.
CREATE TABLE staff_links (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE RESTRICT,
    purpose text NOT NULL CONSTRAINT staff_links_purpose_known CHECK (purpose IN ('invite', 'reset')),
    token_sha256 bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    made_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Used, or replaced by a newer one, or taken back.
    ended_at timestamptz,
    CONSTRAINT staff_links_expire_later CHECK (expires_at > created_at)
);
CREATE UNIQUE INDEX staff_links_one_open ON staff_links (user_id) WHERE ended_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON staff_links TO jangbu_system, jangbu_request;

CREATE INDEX audit_log_actor ON audit_log (actor, id);
