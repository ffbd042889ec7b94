-- A large table is measured by several processes: the same account, and the size within the bound.
SET client_min_messages = warning;
CREATE SCHEMA large;
SET search_path = large;
CREATE TABLE rows (id int, filler text, late int) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
INSERT INTO rows SELECT g, repeat('x', 600 + g * 7919 % 900), g FROM generate_series(1, 70000) g;
ALTER TABLE rows ALTER filler SET STORAGE EXTERNAL;
UPDATE rows SET filler = repeat('y', 2500 + id % 2500) WHERE id % 70 = 0;
DELETE FROM rows WHERE id % 3 = 0 OR id > 69000;
ALTER TABLE rows DROP late;
CREATE VIEW measured AS
SELECT kind, status, bytes, live_bytes, overhead_bytes, reserve_bytes, vacuum_frees_bytes, blocked_bytes, free_bytes, truncatable_bytes, pages_read, rewrite_bytes
FROM warden.bloat_measure('rows', 'exact') WHERE kind <> 'index';
DO $$
BEGIN
    WHILE (SELECT sum(blocked_bytes) FROM large.measured) > 0 LOOP
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE alone AS SELECT * FROM measured;
SET max_parallel_workers_per_gather = 2;
SET min_parallel_table_scan_size = '1 MB';
SELECT m.kind, m.status, m.bytes > 8192 * 8192 AS large, (to_jsonb(m) - 'rewrite_bytes') = (to_jsonb(a) - 'rewrite_bytes') AS same_account,
       abs(m.rewrite_bytes - a.rewrite_bytes) <= greatest(8192, a.rewrite_bytes * 0.0005) AS same_size,
       CASE WHEN (to_jsonb(m) - 'rewrite_bytes') <> (to_jsonb(a) - 'rewrite_bytes') THEN ARRAY[to_jsonb(m), to_jsonb(a)] END AS figures
FROM measured m JOIN alone a USING (kind) ORDER BY kind;
-- nor in a subtransaction, nor after a change of the same transaction does it differ
BEGIN;
SAVEPOINT s;
DELETE FROM rows WHERE id < 2000;
SELECT m.kind, m.live_bytes = a.live_bytes AS kept_until_committed FROM measured m JOIN alone a USING (kind) ORDER BY kind;
ROLLBACK;
-- whoever asks for no workers has none; the account is the same
ALTER TABLE rows SET (parallel_workers = 0);
SELECT m.kind, m.rewrite_bytes = a.rewrite_bytes AS same_size FROM measured m JOIN alone a USING (kind) ORDER BY kind;
ALTER TABLE rows SET (parallel_workers = 1);
VACUUM FULL rows;
SELECT a.kind, abs(a.rewrite_bytes - truth) <= greatest(8192, truth * 0.0005) AS within, m.bytes = truth AS is_that, m.rewrite_bytes - m.bytes BETWEEN -8192 AND 8192 AS stays
FROM alone a JOIN measured m USING (kind), pg_class c, pg_relation_size(CASE a.kind WHEN 'table' THEN oid ELSE reltoastrelid END) truth
WHERE c.oid = 'rows'::regclass ORDER BY kind;
-- an error of one ends all; the limit goes with its transaction, as a RESET might not be done in time
\set VERBOSITY terse
BEGIN;
SET LOCAL statement_timeout = 1;
SELECT count(*) FROM generate_series(1, 1000), LATERAL (SELECT FROM measured) m;
ROLLBACK;
\set VERBOSITY default
SET client_min_messages = error;
DROP SCHEMA large CASCADE;
