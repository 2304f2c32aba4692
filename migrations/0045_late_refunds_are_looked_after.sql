-- 0045: a session whose late money is to go back comes due until it is back (reliability F11). Additive: the release before
-- leaves such sessions without a time, and passes over those that have one.
ALTER TABLE payment_sessions
    DROP CONSTRAINT payment_sessions_open_are_due,
    ADD CONSTRAINT payment_sessions_open_are_due CHECK (state NOT IN ('open', 'preparing') OR due_at IS NOT NULL) NOT VALID,
    ADD CONSTRAINT payment_sessions_only_moving_are_due CHECK (
        due_at IS NULL OR state IN ('open', 'preparing') OR late_refund <> '') NOT VALID;
