-- 0037: the intent log knows the calls about what comes with a payment. Wider than before, so nothing is scanned twice.
ALTER TABLE payment_attempts DROP CONSTRAINT payment_attempts_operation_known;
ALTER TABLE payment_attempts ADD CONSTRAINT payment_attempts_operation_known
    CHECK (operation IN ('pre_register', 'cancel', 'confirm', 'close_account', 'issue_receipt', 'cancel_receipt',
                         'send_parcel', 'correct_parcel', 'complete_escrow')) NOT VALID;
