-- 0042: what a payer's token shows is walled by the sessions alone, 0031: their list (payment_history) goes through them. The
-- subquery that 0032 put on payments as well made every list of theirs look a hundred times the work it is, to the planner
-- of whoever is no payer at all; PostgreSQL then compiles what it would better just run. Payments keep their store's policy.
DROP POLICY own_payer ON payments;
