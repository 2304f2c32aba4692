-- 0032: of the payments, a payer's token shows those of their own checkout sessions. Additive.
CREATE POLICY own_payer ON payments AS RESTRICTIVE FOR SELECT TO jangbu_request
    USING (sees_payer('') OR EXISTS (
        SELECT FROM payment_sessions s WHERE s.store_id = payments.store_id AND s.order_id = payments.order_id));
