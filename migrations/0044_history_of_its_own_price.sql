-- 0044: what a payer is shown of a session is the payment of its price, and of nothing else that the shop took under the same
-- order (checkout/store.py PAYMENT_OF). Additive: the view keeps its columns.
CREATE OR REPLACE VIEW payment_history WITH (security_invoker = true) AS
SELECT s.id, s.session_id, p.id AS payment_id, p.provider_order_id AS merchant_uid, s.store_id, s.customer_id,
       s.order_name AS item_name, p.amount, p.cancelled_amount, p.currency, p.status, s.state AS session_state,
       s.created_at, p.paid_at
  FROM payment_sessions s
  JOIN payments p ON p.store_id = s.store_id AND p.order_id = s.order_id
   AND (p.amount, p.tax_free_amount, p.currency) = (s.amount, s.tax_free_amount, s.currency);
