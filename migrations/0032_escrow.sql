-- 0032: orders whose money waits in escrow until the goods have arrived, and what they are of. Additive. How the escrow
-- stands is PortOne's, and stays in its answer.
ALTER TABLE payments
    ADD COLUMN is_escrow boolean NOT NULL DEFAULT false,
    ADD COLUMN products jsonb;
