-- 0020: row-level security (requirements B9): a second wall behind every WHERE that keeps a caller to their store.
-- The request role sees the rows of the store that its transaction names in `jangbu.stores`; '*' is all of them. The
-- system role sees everything, by policy. The owner, who migrates and makes backups, is not bound.

-- Where a program of the release before this may still be at work, who names no store sees all of them, because that
-- release names none; the next release takes this away. Everywhere else such a transaction sees nothing.
DO $$
DECLARE
    unnamed text := CASE WHEN EXISTS (SELECT FROM pgqueuer_schedules) THEN '''*''' ELSE 'NULL' END;
BEGIN
    -- A setting that was once local to a transaction is '' afterwards, and '' is also the store of what belongs to none.
    EXECUTE format(
        'CREATE FUNCTION sees_store(store_id text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $body$
             SELECT coalesce(nullif(current_setting(''jangbu.stores'', true), ''''), %s) IN (''*'', store_id)
         $body$', unnamed);
END $$;
CREATE FUNCTION sees_all_stores() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sees_store('*')
$$;

-- Every table is locked for a moment. Payments first and with patience, which holds up nearly all others; the rest
-- without waiting at all, so that nobody who holds one of them and wants payments ever waits in a circle with this.
DO $$
BEGIN
    FOR try IN 1..300 LOOP
        BEGIN
            LOCK TABLE payments IN ACCESS EXCLUSIVE MODE;
            PERFORM pg_sleep(0.01);
            LOCK TABLE payment_attempts, payment_cancellations, identity_verifications, webhook_logs, events, outbox_feed,
                       webhook_endpoints, webhook_endpoint_secrets, webhook_deliveries, webhook_delivery_attempts,
                       ledger_accounts, items, payment_sessions, payment_session_lines, item_movements IN ACCESS EXCLUSIVE MODE NOWAIT;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF try = 300 THEN
                RAISE;
            END IF;
        END;
        PERFORM pg_sleep(0.01 + random() * 0.05);
    END LOOP;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'payments', 'payment_attempts', 'payment_cancellations', 'identity_verifications', 'webhook_logs', 'events',
        'outbox_feed', 'webhook_endpoints', 'webhook_endpoint_secrets', 'webhook_deliveries',
        'webhook_delivery_attempts', 'ledger_accounts', 'items', 'payment_sessions', 'payment_session_lines',
        'item_movements']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY system ON %I TO jangbu_system USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;

-- What names its store itself.
CREATE POLICY own_store ON payments TO jangbu_request USING (sees_store(store_id));
CREATE POLICY own_store ON identity_verifications TO jangbu_request USING (sees_store(store_id));
CREATE POLICY own_store ON items TO jangbu_request USING (sees_store(store_id));
CREATE POLICY own_store ON payment_sessions TO jangbu_request USING (sees_store(store_id));
CREATE POLICY own_store ON webhook_endpoints TO jangbu_request USING (sees_store(store_id));
CREATE POLICY own_store ON outbox_feed FOR SELECT TO jangbu_request USING (sees_store(store_id));
CREATE POLICY own_store ON events TO jangbu_request USING (sees_store(store_id));
-- Accounts that are no store's, such as the bank's, are posted to by every store's entries.
CREATE POLICY own_store ON ledger_accounts TO jangbu_request USING (store_id = '' OR sees_store(store_id));

-- What belongs to a row that does. Whoever may write it may write it beside a row that this very statement makes, which
-- a look-up would not find yet; so only looking and changing ask for the other row.
CREATE POLICY own_store ON payment_attempts FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY changes_own ON payment_attempts FOR UPDATE TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY adds ON payment_attempts FOR INSERT TO jangbu_request WITH CHECK (true);
CREATE POLICY own_store ON payment_cancellations FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY changes_own ON payment_cancellations FOR UPDATE TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payments p WHERE p.id = payment_id));
CREATE POLICY adds ON payment_cancellations FOR INSERT TO jangbu_request WITH CHECK (true);
CREATE POLICY own_store ON payment_session_lines FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM payment_sessions s WHERE s.id = session_key));
CREATE POLICY adds ON payment_session_lines FOR INSERT TO jangbu_request WITH CHECK (true);
CREATE POLICY own_store ON item_movements FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM items i WHERE i.id = item_id));
CREATE POLICY adds ON item_movements FOR INSERT TO jangbu_request WITH CHECK (true);
CREATE POLICY own_store ON webhook_endpoint_secrets FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id));
CREATE POLICY changes_own ON webhook_endpoint_secrets FOR UPDATE TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id));
CREATE POLICY adds ON webhook_endpoint_secrets FOR INSERT TO jangbu_request WITH CHECK (true);
CREATE POLICY own_store ON webhook_deliveries FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id));
CREATE POLICY changes_own ON webhook_deliveries FOR UPDATE TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id));
CREATE POLICY adds ON webhook_deliveries FOR INSERT TO jangbu_request WITH CHECK (true);
CREATE POLICY own_store ON webhook_delivery_attempts FOR SELECT TO jangbu_request
    USING (sees_all_stores() OR EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = endpoint_id));

-- What PortOne said before anybody knew of which store: for whoever sees all of them (requirements B9: admins).
CREATE POLICY every_store ON webhook_logs FOR SELECT TO jangbu_request USING (sees_all_stores());
