-- 0036: virtual accounts that were closed. Additive. PortOne may go on showing one as issued, so which one it was, by its
-- transaction, stands on the payment; the payer may be given another account under the same payment.
ALTER TABLE payments ADD COLUMN closed_transaction_id text;
