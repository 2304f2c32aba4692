-- 0048: a person says that they have looked at a payment, and it waits for nobody any more; once there is another reason to look, it
-- waits again. Additive: the release before shows such a payment as waiting still, and the trigger works for it too.
ALTER TABLE payments
    ADD COLUMN IF NOT EXISTS review_looked_at timestamptz,
    ADD COLUMN IF NOT EXISTS review_looked_by text NOT NULL DEFAULT '';

CREATE FUNCTION payments_review_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.review_looked_at := NULL;
    NEW.review_looked_by := '';
    RETURN NEW;
END $$;
CREATE TRIGGER payments_review_anew BEFORE UPDATE OF review ON payments
    FOR EACH ROW WHEN (OLD.review <> NEW.review) EXECUTE FUNCTION payments_review_anew();
