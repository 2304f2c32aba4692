-- 0005: people, their sessions and roles (shapes of requirements E6-E8), and API keys. Additive.
CREATE TABLE users (
    id uuid PRIMARY KEY,
    external_id text UNIQUE,
    email text NOT NULL CONSTRAINT users_email_once UNIQUE CHECK (email = lower(email)),
    name text NOT NULL,
    status text NOT NULL DEFAULT 'Active' CONSTRAINT users_status_known CHECK (status IN ('Active', 'Inactive')),
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE session (
    id uuid PRIMARY KEY,
    token text NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES users ON DELETE RESTRICT,
    expires_at timestamptz NOT NULL,
    ip_address text,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX session_by_user ON session (user_id);

CREATE TABLE admin (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL UNIQUE REFERENCES users ON DELETE RESTRICT,
    role text NOT NULL CONSTRAINT admin_role_known CHECK (role IN ('Super Admin', 'Manager', 'Support')),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER touch BEFORE UPDATE ON admin FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Only the SHA-256 of a key is kept: a key has 256 random bits, so a slow hash would guard nothing more.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    prefix text NOT NULL,
    key_sha256 bytea NOT NULL UNIQUE CHECK (length(key_sha256) = 32),
    scopes text[] NOT NULL,
    store_id text,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE ON users, session, admin, api_keys TO jangbu_system, jangbu_request;
GRANT DELETE ON session TO jangbu_system, jangbu_request;
