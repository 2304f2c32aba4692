-- 0028: whom an event was announced to, so that it can be proven that it reached them (I15). Additive. Null for events of
-- the release before this one, which may be at work beside us and knows fewer subscribers.
ALTER TABLE events ADD COLUMN told text[];
