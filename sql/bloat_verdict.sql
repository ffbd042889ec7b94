-- What bloat_measure() says of relations that need something done, and that its commands do it.
SET client_min_messages = warning;
CREATE SCHEMA "bloat 'verdict";
SET search_path = "bloat 'verdict";
SET warden.bloat_min_size = '64kB';
SET warden.bloat_min_waste = '64kB';
-- Until nobody else who runs meanwhile, like ANALYZE of autovacuum, could see what is dead.
CREATE FUNCTION settle(VARIADIC tables regclass[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..1000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM unnest(tables) t, warden.bloat_measure(t, 'exact') m WHERE m.blocked_bytes > 0);
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
CREATE TABLE filled (id int PRIMARY KEY, v text) WITH (autovacuum_enabled = off);
INSERT INTO filled SELECT g, repeat('x', 100) FROM generate_series(1, 10000) g;
-- autovacuum never comes, or should have been here
CREATE TABLE starved (LIKE filled) WITH (autovacuum_enabled = off);
INSERT INTO starved TABLE filled;
DELETE FROM starved WHERE id % 2 = 0;
-- it comes later
CREATE TABLE late (LIKE filled) WITH (autovacuum_vacuum_threshold = 1000000);
INSERT INTO late TABLE filled;
DELETE FROM late WHERE id % 2 = 0;
-- the end of the file is empty
CREATE TABLE ended (LIKE filled) WITH (autovacuum_enabled = off);
INSERT INTO ended TABLE filled;
DELETE FROM ended WHERE id > 4000;
-- holes everywhere, which VACUUM has left
CREATE TABLE holes (id int, v text, key text) WITH (autovacuum_enabled = off);
INSERT INTO holes SELECT id, v, md5(id::text) FROM filled;
CREATE INDEX holes_key ON holes (key);
DELETE FROM holes WHERE id % 5 > 0;
-- a range of an index
CREATE TABLE tail (LIKE filled) WITH (autovacuum_enabled = off);
INSERT INTO tail SELECT id, NULL FROM filled ORDER BY id;
CREATE INDEX tail_id ON tail (id);
DELETE FROM tail WHERE id > 2000;
-- an index that is as random inserts leave it
CREATE TABLE random (key text) WITH (autovacuum_enabled = off);
CREATE INDEX random_key ON random (key);
INSERT INTO random SELECT md5(g::text) FROM generate_series(1, 20000) g;
-- a column that is not in the rows yet
CREATE TABLE added (LIKE filled) WITH (autovacuum_enabled = off);
INSERT INTO added TABLE filled;
ALTER TABLE added ADD COLUMN more text DEFAULT repeat('y', 200);
-- what GIN has not put into its tree
CREATE TABLE listed (a int[]) WITH (autovacuum_enabled = off);
CREATE INDEX "listed 'a" ON listed USING gin (a) WITH (gin_pending_list_limit = 4096);
INSERT INTO listed SELECT ARRAY[g, g + 1, g + 2, g + 3] FROM generate_series(1, 4000) g;
ALTER INDEX "listed 'a" SET (gin_pending_list_limit = 64);
-- an index that could not be built, and what REINDEX CONCURRENTLY leaves
CREATE TABLE twice (n int) WITH (autovacuum_enabled = off);
INSERT INTO twice VALUES (1), (1);
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX CONCURRENTLY twice_n ON twice (n);
CREATE UNIQUE INDEX CONCURRENTLY twice_n_ccnew1 ON twice (n);
\set VERBOSITY default
-- one that cannot be rebuilt beside others
CREATE TABLE excluded (n int, EXCLUDE (n WITH =)) WITH (autovacuum_enabled = off);
INSERT INTO excluded SELECT g FROM generate_series(1, 20000) g ORDER BY g;
DELETE FROM excluded WHERE n > 4000;

SELECT settle('starved', 'late', 'ended', 'holes', 'tail', 'excluded');
ALTER TABLE late SET (autovacuum_vacuum_threshold = 1000000, autovacuum_enabled = on);
VACUUM ended;
VACUUM (TRUNCATE false) holes, tail, excluded, random;
ALTER TABLE ended SET (vacuum_truncate = on);
INSERT INTO ended TABLE filled;
DELETE FROM ended WHERE ctid >= '(80,0)';
SELECT settle('ended');
VACUUM (TRUNCATE false) ended;
CREATE VIEW verdicts AS
SELECT relation, verdict, regexp_replace(reason, '\d+(\.\d+)?', 'N', 'g') AS reason, command, command_lock,
       command_disk_bytes = CASE verdict WHEN 'rewrite' THEN family WHEN 'reindex' THEN rewrite_bytes WHEN 'invalid_index' THEN command_disk_bytes ELSE 0 END AS disk,
       command_wal_bytes = command_disk_bytes AS wal, command_seconds >= 0 AS seconds
FROM (SELECT m.*, n, sum(m.rewrite_bytes) OVER (PARTITION BY of_table) AS family
      FROM unnest(ARRAY['filled', 'starved', 'late', 'ended', 'holes', 'tail', 'random', 'added', 'listed', 'twice', 'excluded']::regclass[])
           WITH ORDINALITY t (name, n), LATERAL warden.bloat_measure(t.name, 'exact') m) m
WHERE kind <> 'toast' AND relation::text !~ 'toast'
ORDER BY n, relation::text;
SELECT relation, verdict, reason FROM verdicts;
SELECT relation, command, command_lock, disk, wal, seconds FROM verdicts WHERE command IS NOT NULL;

-- every command can be run, where what had stopped it is gone; what VACUUM has left may need another, and then nothing is left to do
DELETE FROM twice WHERE ctid = '(0,1)';
\o /dev/null
SELECT command FROM verdicts WHERE command IS NOT NULL \gexec
\o
SELECT relation, verdict, command FROM verdicts WHERE command IS NOT NULL;
SELECT command FROM verdicts WHERE command IS NOT NULL \gexec
SELECT relation, verdict, command FROM verdicts WHERE command IS NOT NULL;

-- the command of a TOAST table, and of its index
CREATE TABLE toasted (id int, v text) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
ALTER TABLE toasted ALTER v SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT g, repeat('x', 4000) FROM generate_series(1, 500) g;
DELETE FROM toasted WHERE id % 4 > 0;
SELECT settle('toasted');
VACUUM (TRUNCATE false) toasted;
SELECT kind, verdict, command, command_lock, command_disk_bytes > rewrite_bytes AS with_the_table
FROM warden.bloat_measure('toasted', 'exact') WHERE kind = 'toast';
SELECT command FROM warden.bloat_measure('toasted', 'exact') WHERE kind = 'toast' \gexec
SELECT kind, verdict, command FROM warden.bloat_measure('toasted', 'exact') WHERE kind = 'toast';

-- thresholds
SET warden.bloat_min_size = '1MB';
SELECT verdict, regexp_replace(reason, '\d+', 'N', 'g') AS reason FROM warden.bloat_measure('random_key', 'exact');
SET warden.bloat_min_size = '64kB';
SET warden.bloat_min_ratio = 0.9;
SELECT verdict FROM warden.bloat_measure('random_key', 'exact');
\set VERBOSITY sqlstate
SET warden.bloat_min_ratio = 1.1;
SET warden.bloat_min_size = -1;
SET warden.bloat_cost_delay = -1;

SET client_min_messages = error;
DROP SCHEMA "bloat 'verdict" CASCADE;
