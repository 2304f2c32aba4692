-- 0019: how far PortOne's list of changed payments was read (reliability F30, F68). Additive.
CREATE TABLE payment_poll (
    -- One row: PortOne's list is one for all the stores that our secret may see.
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    -- Everything that changed at PortOne until then has been asked about, or is due to be.
    read_until timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER touch BEFORE UPDATE ON payment_poll FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
GRANT SELECT, INSERT, UPDATE ON payment_poll TO jangbu_system;
