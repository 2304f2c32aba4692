-- 0013: what a mismatch put into suspense stands on the payment.

-- What is in the books of a payment that is not what was asked. Until now a word meant for people decided about it.
ALTER TABLE payments
    ADD COLUMN suspense_amount bigint NOT NULL DEFAULT 0 CHECK (suspense_amount >= 0),
    ADD COLUMN suspense_currency text,
    ADD CONSTRAINT payments_suspense CHECK (
        (suspense_amount = 0) = (suspense_currency IS NULL) AND (suspense_amount = 0 OR paid_at IS NULL));
UPDATE payments p
   SET suspense_amount = booked.amount, suspense_currency = booked.currency
  FROM (SELECT e.key, e.currency, sum(l.amount_minor)::bigint AS amount
          FROM ledger_entries e
          JOIN ledger_postings l ON l.entry_id = e.id AND l.amount_minor > 0
         WHERE e.kind = 'payment.mismatched'
         GROUP BY e.id, e.key, e.currency) AS booked
 WHERE booked.key = 'payment:' || p.id || ':mismatched' AND p.paid_at IS NULL;
