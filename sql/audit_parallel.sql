-- What reads the log does it by itself, also where the planner would rather have workers.
SET client_min_messages = warning;
CREATE TABLE moods (id int PRIMARY KEY, mood text);
SELECT status FROM warden.audit_enable('moods');
INSERT INTO moods SELECT i, CASE WHEN i = 7 THEN 'none' ELSE i::text END FROM generate_series(1, 300) i;
SELECT warden.audit_mark() AS mark \gset
UPDATE moods SET mood = '0';
DELETE FROM moods WHERE id > 100;
ALTER TABLE moods ALTER mood TYPE int USING mood::int;
SELECT name AS forced FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :forced = on;
SET parallel_setup_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*), count(mood), sum(mood) FROM warden.audit_as_of(NULL::moods, mark => :mark);
-- Each partition by itself.
SET enable_parallel_append = off;
SET parallel_tuple_cost = 0;
SELECT count(*), count(mood), sum(mood) FROM warden.audit_as_of(NULL::moods, mark => :mark);
SELECT operation, old, new FROM warden.audit_history('moods', '{"id": 7}') ORDER BY id;
SELECT "column", value FROM warden.audit_blame('moods', '{"id": 7}') ORDER BY 1;
INSERT INTO moods VALUES (101, 1);
SELECT max(transaction_id) AS transaction FROM warden.audit_events WHERE relation = 'moods'::regclass \gset
SELECT relation, key, action, status FROM warden.audit_undo(:transaction);
SELECT relation, events FROM warden.audit_costs() WHERE relation = 'moods'::regclass;
RESET :forced;
SELECT warden.audit_disable('moods');
DROP TABLE moods;
