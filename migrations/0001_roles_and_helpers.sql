-- 0001: what every later table leans on. Additive.
-- The logins jangbu_system and jangbu_request are made by whoever owns the server (the embedded one makes them itself,
-- `jangbu init --print-sql` prints the statements for any other): a migration must not need the right to make roles.
DO $$
BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('jangbu_system', 'jangbu_request')) < 2 THEN
        RAISE EXCEPTION 'the roles jangbu_system and jangbu_request do not exist yet'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO jangbu_system, jangbu_request;
GRANT SELECT ON schema_migrations TO jangbu_system, jangbu_request;

-- Append-only tables: the roles lack the right, and this refuses even those who have it.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'Correct a wrong entry with another entry.';
END $$;

-- B9: updated_at follows every change, whoever makes it.
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- Sandbox mode only: how far the business clock is ahead of the machine's (design 4.7). One row.
CREATE TABLE sandbox_clock (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    offset_s bigint NOT NULL DEFAULT 0 CHECK (offset_s >= 0)
);
INSERT INTO sandbox_clock DEFAULT VALUES;
GRANT SELECT ON sandbox_clock TO jangbu_system, jangbu_request;
GRANT UPDATE (offset_s) ON sandbox_clock TO jangbu_system;
