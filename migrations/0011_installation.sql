-- 0010: which installation this database is, and where it lives, so that a copy is not taken for it (ADR 0020). Additive.

-- Where this database is: the server it was made in and its number there. A dump that is loaded elsewhere says something
-- else; a server that was failed over to says the same. As its owner, because a managed server may keep the server's
-- number from the logins, and both must always be given the same answer.
CREATE FUNCTION database_place() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    here text := (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database());
BEGIN
    RETURN (SELECT system_identifier FROM pg_catalog.pg_control_system()) || '/' || here;
EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
    RETURN '?/' || here;
END $$;

CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    -- The most serious mode that programs ever worked in here; it only ever goes up.
    mode text NOT NULL DEFAULT 'sandbox' CONSTRAINT installation_mode_known CHECK (mode IN ('sandbox', 'test', 'live')),
    place text NOT NULL DEFAULT database_place(),
    adopted_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;
GRANT SELECT ON installation TO jangbu_system, jangbu_request;
GRANT UPDATE ON installation TO jangbu_system;
