-- 0035: how many endpoints there are, for a caller who may see one store's: each takes one of a worker's slots, whosever it
-- is, so their number is bounded for the installation. The owner is bound by no policy; it tells a number and no row. Additive.
CREATE FUNCTION webhook_endpoints_there_are() RETURNS integer LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
    RETURN (SELECT count(*) FROM webhook_endpoints WHERE state <> 'removed');
END $$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION webhook_endpoints_there_are SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE ALL ON FUNCTION webhook_endpoints_there_are() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION webhook_endpoints_there_are() TO jangbu_system, jangbu_request;
