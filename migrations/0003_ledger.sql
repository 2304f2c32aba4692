-- 0003: the double-entry ledger. Additive. Append-only by privilege (no UPDATE or DELETE is granted) and by trigger.
CREATE TABLE ledger_accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    path text NOT NULL CHECK (path ~ '^(assets|liabilities|income|expenses|equity):[a-z_]+$'),
    store_id text NOT NULL DEFAULT '',
    channel_key text NOT NULL DEFAULT '',
    pg text NOT NULL DEFAULT '',
    partner_id text NOT NULL DEFAULT '',
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ledger_account_is_one UNIQUE (path, store_id, channel_key, pg, partner_id, currency)
);

CREATE TABLE ledger_entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL CONSTRAINT ledger_entry_key_once UNIQUE,
    kind text NOT NULL,
    currency text NOT NULL,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    facts jsonb NOT NULL DEFAULT '{}',
    digest bytea NOT NULL CHECK (length(digest) = 32),
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX ledger_entries_happened_at ON ledger_entries (happened_at);

CREATE TABLE ledger_postings (
    entry_id bigint NOT NULL REFERENCES ledger_entries ON DELETE RESTRICT,
    line smallint NOT NULL,
    -- No foreign key: it would make every writer lock the same account row. Accounts are never deleted (trigger), and
    -- the statement trigger below checks that this one exists.
    account_id bigint NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT ledger_posting_not_zero CHECK (amount_minor <> 0),
    PRIMARY KEY (entry_id, line)
);
CREATE INDEX ledger_postings_account ON ledger_postings (account_id, entry_id);

-- Entries that the sealer has not chained yet. A queue, so plain DELETE is right here.
CREATE TABLE ledger_unsealed (
    id bigint PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE TABLE ledger_seal (
    seq bigint PRIMARY KEY,
    entry_id bigint NOT NULL UNIQUE REFERENCES ledger_entries ON DELETE RESTRICT,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    previous bytea NOT NULL CHECK (length(previous) = 32),
    sealed_at timestamptz NOT NULL DEFAULT now()
);

-- Balances as they stood after a seal number, so that a balance is a snapshot and a short tail, never a full sum.
CREATE TABLE ledger_snapshots (
    through_seq bigint NOT NULL,
    account_id bigint NOT NULL,
    balance_minor numeric NOT NULL,
    PRIMARY KEY (through_seq, account_id)
);

-- An entry balances when the transaction ends: at least two postings, and their sum is zero. Deferred, because entry and
-- postings arrive in any order; on the entry and not on its lines, because an entry without lines has no line to ask.
CREATE FUNCTION ledger_entry_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    postings bigint;
    total numeric;
BEGIN
    SELECT count(*), coalesce(sum(amount_minor), 0) INTO postings, total
      FROM ledger_postings WHERE entry_id = NEW.id;
    IF postings < 2 OR total <> 0 THEN
        RAISE EXCEPTION 'entry % does not balance: % postings, sum %', NEW.key, postings, total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_entry_balances();

-- Postings join an entry of this very transaction (an old entry cannot grow) and an account in its currency, and balance.
CREATE FUNCTION ledger_postings_fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added
          LEFT JOIN ledger_entries e ON e.id = added.entry_id
          LEFT JOIN ledger_accounts a ON a.id = added.account_id
         WHERE e.xid IS DISTINCT FROM pg_current_xact_id() OR a.currency IS DISTINCT FROM e.currency
    ) THEN
        RAISE EXCEPTION 'a posting must join a new entry and an account in its currency'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_postings_fit';
    END IF;
    -- An entry's postings come in one statement, which must balance. The deferred check above looks once: whoever asks
    -- it to look early (SET CONSTRAINTS … IMMEDIATE) could post a single leg afterwards and commit it.
    IF EXISTS (
        SELECT FROM ledger_postings p WHERE p.entry_id IN (SELECT entry_id FROM added)
         GROUP BY p.entry_id HAVING sum(p.amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'the postings of an entry come in one statement and add up to nothing'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_postings_fit AFTER INSERT ON ledger_postings
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_postings_fit();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_postings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_seal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON ledger_accounts, ledger_entries, ledger_postings TO jangbu_system, jangbu_request;
GRANT SELECT, INSERT ON ledger_unsealed TO jangbu_request;
GRANT SELECT, INSERT, DELETE ON ledger_unsealed TO jangbu_system;
GRANT SELECT, INSERT ON ledger_seal, ledger_snapshots TO jangbu_system;
GRANT SELECT ON ledger_seal, ledger_snapshots TO jangbu_request;
