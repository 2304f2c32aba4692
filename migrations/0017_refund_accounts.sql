-- 0017: the payer's account that a deposit is given back to. Additive.

-- Encrypted by the vault, and there only while it may still have to be sent: whoever forgets to drop it is refused.
ALTER TABLE payment_cancellations
    ADD COLUMN refund_account_encrypted text,
    ADD CONSTRAINT payment_cancellations_refund_account_dropped
        CHECK (refund_account_encrypted IS NULL OR (origin = 'ours' AND status IN ('WAITING', 'SENDING'))),
    -- What of it a person may see, and what stays: the bank, the number's last three digits, parts of the name.
    ADD COLUMN refund_to jsonb;
