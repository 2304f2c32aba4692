-- 0014: secrets of endpoints encrypted by the vault. Expands: the plain column is written beside the encrypted one for as
-- long as a program of the release before may have to read it, and emptied by `jangbu secrets rotate`.

-- Whether such a program may still be there: only where one has ever worked. What a worker does first is to note its
-- schedules.
ALTER TABLE installation ADD COLUMN keeps_plain_secrets boolean NOT NULL DEFAULT false;
UPDATE installation SET keeps_plain_secrets = true WHERE EXISTS (SELECT FROM pgqueuer_schedules);

ALTER TABLE webhook_endpoint_secrets
    ALTER COLUMN secret DROP NOT NULL,
    ADD COLUMN secret_encrypted text CONSTRAINT webhook_endpoint_secrets_encrypted_form
        CHECK (secret_encrypted ~ '^v1\.[a-z0-9-]{1,32}\.[A-Za-z0-9_-]+$'),
    ADD CONSTRAINT webhook_endpoint_secrets_there CHECK (secret IS NOT NULL OR secret_encrypted IS NOT NULL);
GRANT UPDATE (secret, secret_encrypted) ON webhook_endpoint_secrets TO jangbu_system;
