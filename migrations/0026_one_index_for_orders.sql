-- 0026: 0018 made an index that keeps the same promise. By itself, because it locks readers out too for a moment: after
-- the other locks of 0018 it would meet, in a circle, whoever had read payments and was about to write them.
DROP INDEX payments_order_once;
