-- 0015: verified identities (requirements B12). Who somebody is lies here encrypted only, and is emptied when its time is
-- over; that somebody was verified stays. Additive.
CREATE TABLE identity_verifications (
    id uuid PRIMARY KEY,
    store_id text NOT NULL,
    -- What PortOne knows it by.
    verification_id text NOT NULL CONSTRAINT identity_verifications_id_once UNIQUE
        CHECK (verification_id ~ '^[0-9a-f]{32}$'),
    channel_key text NOT NULL CHECK (length(channel_key) BETWEEN 1 AND 200),
    -- The shop's own word for the person: an opaque id of theirs.
    reference text NOT NULL DEFAULT '' CHECK (length(reference) <= 200),
    -- Lets the person's own browser ask how it stands, and nothing else.
    token_sha256 bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    status text NOT NULL CONSTRAINT identity_verifications_status_known
        CHECK (status IN ('started', 'verified', 'failed', 'mismatch')),
    -- A stable word of PortOne's or ours; never a sentence, which may name somebody.
    reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 100),
    person_encrypted text CONSTRAINT identity_verifications_person_form
        CHECK (person_encrypted ~ '^v1\.[a-z0-9-]{1,32}\.[A-Za-z0-9_-]+$'),
    ci_fingerprint text CONSTRAINT identity_verifications_fingerprint_form
        CHECK (ci_fingerprint ~ '^v1\.[a-z0-9-]{1,32}\.[0-9a-f]{64}$'),
    asked_at timestamptz,
    verified_at timestamptz,
    forgotten_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT identity_verifications_person_is_verified CHECK (person_encrypted IS NULL OR status = 'verified'),
    CONSTRAINT identity_verifications_known_or_forgotten
        CHECK (status <> 'verified' OR (person_encrypted IS NULL) = (forgotten_at IS NOT NULL)),
    CONSTRAINT identity_verifications_fingerprint_of_somebody CHECK (ci_fingerprint IS NULL OR person_encrypted IS NOT NULL),
    CONSTRAINT identity_verifications_verified_has_a_time CHECK ((status = 'verified') = (verified_at IS NOT NULL))
);
CREATE INDEX identity_verifications_created ON identity_verifications (created_at DESC, id DESC);
CREATE INDEX identity_verifications_ci ON identity_verifications (ci_fingerprint) WHERE ci_fingerprint IS NOT NULL;
CREATE INDEX identity_verifications_known ON identity_verifications (verified_at) WHERE person_encrypted IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON identity_verifications FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
GRANT SELECT, INSERT, UPDATE ON identity_verifications TO jangbu_system, jangbu_request;
