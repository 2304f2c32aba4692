-- 0021: looking for payments behind row-level security. Additive.

-- Behind a policy PostgreSQL asks an index only with operators that cannot leak what a row holds, and neither LIKE nor ->>
-- is one: a search would read every payment. This looks with the owner's eyes and hands out no row that its caller may
-- not see: the policy's own words stand in it. EXECUTE, so that it is planned for the name at hand.
CREATE FUNCTION payments_found(search text, search_id uuid, named text, named_most bigint) RETURNS SETOF uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 AS $$
DECLARE
    sees_all boolean := pg_has_role(session_user, 'jangbu_system', 'MEMBER');
BEGIN
    RETURN QUERY EXECUTE
        'SELECT id FROM payments WHERE provider_order_id = $1 AND ($5 OR sees_store(store_id))
         UNION ALL SELECT id FROM payments WHERE order_id = $1 AND ($5 OR sees_store(store_id))
         UNION ALL SELECT id FROM payments WHERE provider_transaction_id = $1 AND ($5 OR sees_store(store_id))
         UNION ALL SELECT id FROM payments WHERE portone ->> ''pgTxId'' = $1 AND ($5 OR sees_store(store_id))
         UNION ALL SELECT id FROM payments WHERE id = $2 AND ($5 OR sees_store(store_id))
         UNION ALL (SELECT id FROM payments WHERE order_name LIKE $3 AND ($5 OR sees_store(store_id)) LIMIT $4)'
        USING search, search_id, named, named_most, sees_all;
END $$;
DO $$
BEGIN
    -- The caller's temporary tables come last: none of them may stand in for ours.
    EXECUTE format('ALTER FUNCTION payments_found SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE ALL ON FUNCTION payments_found FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payments_found TO jangbu_system, jangbu_request;
