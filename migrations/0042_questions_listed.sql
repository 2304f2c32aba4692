-- 0042: PortOne's questions before an approval are listed, and those that nobody could answer are counted. Additive.
CREATE INDEX payment_questions_newest ON payment_questions (asked_at, id);
-- A yes is what nearly all of them are answered: those are found by the other one.
CREATE INDEX payment_questions_not_yes ON payment_questions (answer, asked_at, id) WHERE answer <> 'yes';
