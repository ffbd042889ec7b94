-- How a session wants names to be quoted is no change of a table.
SET client_min_messages = warning;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE moods (id int PRIMARY KEY, m mood, t text COLLATE "C");
SELECT status FROM warden.audit_enable('moods');
INSERT INTO moods VALUES (1, 'good');
\c
SET client_min_messages = warning;
SET quote_all_identifiers = on;
INSERT INTO moods VALUES (2, 'bad');
ALTER TABLE moods ADD n int;
INSERT INTO moods VALUES (3, 'bad', 'x', 1);
SELECT relation_name, gaps FROM warden.audit_tables WHERE relation = 'moods'::regclass;
SELECT operation, key, new FROM warden.audit_events WHERE relation = 'moods'::regclass ORDER BY id;
-- Who may read some columns sees these.
CREATE ROLE regress_quotes;
GRANT SELECT (id, n) ON moods TO regress_quotes;
SET ROLE regress_quotes;
SELECT operation, key, new FROM warden.audit_events WHERE relation = 'moods'::regclass ORDER BY id;
RESET ROLE;
ALTER TABLE moods DISABLE TRIGGER ALL;
\c
SET client_min_messages = warning;
SELECT status FROM warden.audit_enable('moods');
INSERT INTO moods VALUES (4, 'bad');
SELECT command, old_name, new_name, jsonb_path_query_array(before, '$[*].type') AS before, jsonb_path_query_array(after, '$[*].type') AS after, gaps
FROM warden.audit_ddl WHERE relation = 'moods'::regclass ORDER BY id;

SELECT warden.audit_disable('moods');
DROP TABLE moods;
DROP TYPE mood;
DROP ROLE regress_quotes;
