-- 0016: the checkout room (requirements C1, C4, C6): what is sold, and the sessions in which it is paid for. Additive.
CREATE TABLE items (
    id uuid PRIMARY KEY,
    store_id text NOT NULL,
    name_ko text NOT NULL CONSTRAINT items_name_ko_fits CHECK (length(name_ko) BETWEEN 1 AND 80),
    name_en text NOT NULL CONSTRAINT items_name_en_fits CHECK (length(name_en) BETWEEN 1 AND 80),
    price bigint NOT NULL CONSTRAINT items_price_positive CHECK (price > 0),
    tax_free_price bigint NOT NULL DEFAULT 0
        CONSTRAINT items_tax_free_within CHECK (tax_free_price BETWEEN 0 AND price),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    -- On the shelf, and how many of those are promised to sessions. That nothing is sold twice is held here, whatever
    -- the program believes.
    stock bigint NOT NULL DEFAULT 0 CONSTRAINT items_stock_not_negative CHECK (stock >= 0),
    reserved bigint NOT NULL DEFAULT 0 CONSTRAINT items_never_oversold CHECK (reserved BETWEEN 0 AND stock),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX items_newest ON items (created_at DESC, id DESC);
CREATE TRIGGER touch BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE TABLE payment_sessions (
    id uuid PRIMARY KEY,
    -- What a payer knows and nobody can guess; everything a payer may do is done by it.
    session_id text NOT NULL CONSTRAINT payment_sessions_session_once UNIQUE,
    store_id text NOT NULL,
    -- It fixes the payment (design §4.4): one session is paid once, however many windows are opened for it.
    order_id text NOT NULL,
    order_name text NOT NULL,
    customer_id text NOT NULL DEFAULT '',
    amount bigint NOT NULL CONSTRAINT payment_sessions_amount_positive CHECK (amount > 0),
    tax_free_amount bigint NOT NULL DEFAULT 0
        CONSTRAINT payment_sessions_tax_free_within CHECK (tax_free_amount BETWEEN 0 AND amount),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    state text NOT NULL CONSTRAINT payment_sessions_state_known
        CHECK (state IN ('open', 'preparing', 'paid', 'cancelled', 'expired', 'abandoned')),
    -- Whether its lines are counted in items.reserved.
    holds_stock boolean NOT NULL DEFAULT false,
    -- What becomes of money that came too late for goods that are gone.
    late_refund text NOT NULL DEFAULT '' CONSTRAINT payment_sessions_late_refund_known
        CHECK (late_refund IN ('', 'wanted', 'by_hand', 'done')),
    prepares integer NOT NULL DEFAULT 0,
    buyer jsonb NOT NULL DEFAULT '{}',
    redirect_url text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL,
    -- When the sweep looks at it next (business time); null when there is nothing to wait for.
    due_at timestamptz,
    asked_at timestamptz,
    paid_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payment_sessions_order_once UNIQUE (store_id, order_id),
    CONSTRAINT payment_sessions_only_unpaid_hold CHECK (NOT holds_stock OR state = 'preparing'),
    CONSTRAINT payment_sessions_open_are_due CHECK ((state IN ('open', 'preparing')) = (due_at IS NOT NULL)),
    CONSTRAINT payment_sessions_paid_has_a_time CHECK (state <> 'paid' OR paid_at IS NOT NULL)
);
CREATE INDEX payment_sessions_due ON payment_sessions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payment_sessions_customer ON payment_sessions (store_id, customer_id, created_at DESC, id DESC)
    WHERE customer_id <> '';
CREATE INDEX payment_sessions_holding ON payment_sessions (id) WHERE holds_stock;
CREATE TRIGGER touch BEFORE UPDATE ON payment_sessions FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Names and prices as they were when the session was made: a price that changes meanwhile changes no session.
CREATE TABLE payment_session_lines (
    session_key uuid NOT NULL REFERENCES payment_sessions ON DELETE RESTRICT,
    item_id uuid NOT NULL REFERENCES items ON DELETE RESTRICT,
    position integer NOT NULL,
    name_ko text NOT NULL,
    name_en text NOT NULL,
    unit_price bigint NOT NULL CHECK (unit_price > 0),
    tax_free_unit_price bigint NOT NULL CHECK (tax_free_unit_price BETWEEN 0 AND unit_price),
    quantity bigint NOT NULL CONSTRAINT payment_session_lines_quantity_positive CHECK (quantity > 0),
    PRIMARY KEY (session_key, item_id)
);

-- Every change of items.stock. What was sold to whom is the customer's inventory, and the key lets no session be
-- delivered, or given back, twice.
CREATE TABLE item_movements (
    id uuid PRIMARY KEY,
    item_id uuid NOT NULL REFERENCES items ON DELETE RESTRICT,
    session_key uuid REFERENCES payment_sessions ON DELETE RESTRICT,
    kind text NOT NULL CONSTRAINT item_movements_kind_known CHECK (kind IN ('stocked', 'sold', 'returned')),
    -- Into the shelf, negative out of it.
    quantity bigint NOT NULL,
    happened_at timestamptz NOT NULL,
    CONSTRAINT item_movements_once UNIQUE (session_key, item_id, kind),
    CONSTRAINT item_movements_of_a_session CHECK ((kind = 'stocked') = (session_key IS NULL)),
    CONSTRAINT item_movements_direction CHECK (
        kind = 'stocked' AND quantity <> 0 OR kind = 'sold' AND quantity < 0 OR kind = 'returned' AND quantity > 0)
);
CREATE INDEX item_movements_item ON item_movements (item_id, happened_at);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON item_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- C4: the payments a payer made, as a view and not a copy.
CREATE VIEW payment_history WITH (security_invoker = true) AS
SELECT s.id, s.session_id, p.id AS payment_id, p.provider_order_id AS merchant_uid, s.store_id, s.customer_id,
       s.order_name AS item_name, p.amount, p.cancelled_amount, p.currency, p.status, s.state AS session_state,
       s.created_at, p.paid_at
  FROM payment_sessions s
  JOIN payments p ON p.store_id = s.store_id AND p.order_id = s.order_id;

-- C4: what each customer has been delivered and has not given back.
CREATE VIEW customer_inventory WITH (security_invoker = true) AS
SELECT s.store_id, s.customer_id, m.item_id, -sum(m.quantity)::bigint AS quantity
  FROM item_movements m
  JOIN payment_sessions s ON s.id = m.session_key
 WHERE s.customer_id <> ''
 GROUP BY s.store_id, s.customer_id, m.item_id
HAVING sum(m.quantity) <> 0;

GRANT SELECT, INSERT, UPDATE ON items, payment_sessions TO jangbu_system, jangbu_request;
GRANT SELECT, INSERT ON payment_session_lines, item_movements TO jangbu_system, jangbu_request;
GRANT SELECT ON payment_history, customer_inventory TO jangbu_system, jangbu_request;
