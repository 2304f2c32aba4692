-- 0039: calls about what comes with a payment are looked after by themselves: a captured payment is not due any more, and
-- what was asked of PortOne about it still is. Additive.
ALTER TABLE payment_attempts ADD COLUMN due_at timestamptz;
CREATE INDEX payment_attempts_due ON payment_attempts (due_at) WHERE due_at IS NOT NULL AND state IN ('sent', 'unknown');
