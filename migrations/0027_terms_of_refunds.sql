-- 0027: what a refund's asker said stands on the refund. By itself: refunds are read before their payment is locked, and
-- after it, so a migration that locked both tables would meet somebody in a circle.

-- The terms as they were asked: an amount that was left out is not the amount that was meant then, because by the time
-- the same key comes again less may be left. Null for cancellations made elsewhere, and for those older than this.
ALTER TABLE payment_cancellations ADD COLUMN asked jsonb;
