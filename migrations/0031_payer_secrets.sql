-- 0031: tokens by which a shop's backend vouches for its payers, and sessions that such a payer may see. Additive.

-- The secret that a store's tokens are signed with, encrypted by the vault. Two at once while a shop changes over.
CREATE TABLE payer_secrets (
    id uuid PRIMARY KEY,
    -- What a token's header names; public.
    kid text NOT NULL UNIQUE CONSTRAINT payer_secrets_kid CHECK (kid ~ '^jbp_[A-Za-z0-9]{8}$'),
    store_id text NOT NULL CONSTRAINT payer_secrets_store CHECK (length(store_id) BETWEEN 1 AND 200),
    secret_encrypted text NOT NULL CONSTRAINT payer_secrets_encrypted_form
        CHECK (secret_encrypted ~ '^v1\.[a-z0-9-]{1,32}\.[A-Za-z0-9_-]+$'),
    made_by text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz CONSTRAINT payer_secrets_end_later CHECK (ended_at >= created_at)
);
GRANT SELECT, INSERT, UPDATE ON payer_secrets TO jangbu_system, jangbu_request;

-- A request under a payer's token names its payer in `jangbu.payer`: a third wall, within the store's. Whoever names none
-- is no payer. A setting that was once local to a transaction is '' afterwards.
CREATE FUNCTION sees_payer(customer_id text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('jangbu.payer', true), '') IN ('', customer_id)
$$;
CREATE POLICY own_payer ON payment_sessions AS RESTRICTIVE TO jangbu_request USING (sees_payer(customer_id));
