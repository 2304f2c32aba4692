-- 0029: payments whose approval the server makes (requirements B2): the call is an attempt like the others. Additive.
ALTER TABLE payment_attempts DROP CONSTRAINT payment_attempts_operation_known;
ALTER TABLE payment_attempts ADD CONSTRAINT payment_attempts_operation_known
    CHECK (operation IN ('pre_register', 'cancel', 'confirm'));
