-- 0046: how far PortOne's feed of events was read, beside its list (reliability F30). Additive: where the release before reads,
-- the feed is read again from where this one stopped.
ALTER TABLE payment_poll ADD COLUMN events_until timestamptz;
