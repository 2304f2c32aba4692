-- 0023: the console's first page says which invariants are broken. Additive.
GRANT SELECT ON check_runs TO jangbu_request;
