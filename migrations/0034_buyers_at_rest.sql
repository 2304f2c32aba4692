-- 0034: buyers' details of checkout sessions encrypted by the vault, and dropped in time. Expands: the plain column is written
-- beside the encrypted one for as long as a program of the release before may have to read it, and emptied by
-- `jangbu secrets rotate`.
ALTER TABLE installation ADD COLUMN keeps_plain_buyers boolean NOT NULL DEFAULT false;
UPDATE installation SET keeps_plain_buyers = true WHERE EXISTS (SELECT FROM pgqueuer_schedules);

ALTER TABLE payment_sessions
    ADD COLUMN buyer_encrypted text CONSTRAINT payment_sessions_buyer_encrypted_form
        CHECK (buyer_encrypted ~ '^v1\.[a-z0-9-]{1,32}\.[A-Za-z0-9_-]+$');
CREATE INDEX payment_sessions_buyer_kept ON payment_sessions (expires_at)
    WHERE buyer_encrypted IS NOT NULL OR buyer <> '{}';
