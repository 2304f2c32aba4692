-- 0024: the ways into the PGs: what payments showed of them, and what the merchant says of them. Additive.
CREATE TABLE payment_channels (
    key text PRIMARY KEY CONSTRAINT payment_channels_key CHECK (length(key) BETWEEN 1 AND 200),
    -- As the first payment that was taken through it showed it; null while none was.
    seen_at timestamptz,
    seen_pg text,
    seen_live boolean,
    -- As the merchant describes it; null while nobody has.
    described_at timestamptz,
    described_by text,
    name text,
    pg_provider text,
    is_live boolean,
    methods text[] NOT NULL DEFAULT '{}',
    contract_from date,
    contract_until date,
    settlement_note text NOT NULL DEFAULT '',
    CONSTRAINT payment_channels_known_somehow CHECK (seen_at IS NOT NULL OR described_at IS NOT NULL),
    CONSTRAINT payment_channels_described CHECK (
        (described_at IS NULL) = (name IS NULL) AND (described_at IS NULL) = (pg_provider IS NULL)
        AND (described_at IS NULL) = (is_live IS NULL) AND (described_at IS NULL) = (described_by IS NULL)),
    CONSTRAINT payment_channels_contract_in_order CHECK (contract_until >= contract_from)
);
GRANT SELECT, INSERT, UPDATE ON payment_channels TO jangbu_system, jangbu_request;

-- Those that money came through already. PortOne's own answer says which kind a channel is.
INSERT INTO payment_channels (key, seen_at, seen_pg, seen_live)
SELECT DISTINCT ON (channel_key) channel_key, coalesce(paid_at, created_at), pg_provider,
       portone -> 'channel' ->> 'type' = 'LIVE'
  FROM payments
 WHERE channel_key IS NOT NULL AND length(channel_key) BETWEEN 1 AND 200 AND (paid_at IS NOT NULL OR status = 'MISMATCH')
 ORDER BY channel_key, created_at;
