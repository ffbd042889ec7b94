-- What statistics say of the size after a rewrite: it is within five points of the file, or withheld with the reason.
SET client_min_messages = warning;
CREATE SCHEMA unread;
SET search_path = unread;
SET default_statistics_target = 100;
CREATE ROLE warden_statistics_reader IN ROLE pg_monitor;

-- Tables ---------------------------------------------------------------------------------------------------------------
CREATE TABLE half_deleted (id int, t text);
INSERT INTO half_deleted SELECT g, repeat('x', 10 + g % 40) FROM generate_series(1, 40000) g;
DELETE FROM half_deleted WHERE id % 2 = 0;
CREATE TABLE alignment_1 (a bool, b int8, c bool, d int8);
INSERT INTO alignment_1 SELECT true, g, false, g FROM generate_series(1, 30000) g;
CREATE TABLE alignment_2 (a int2, t text, b int8);
INSERT INTO alignment_2 SELECT 1, repeat('x', g % 23), g FROM generate_series(1, 30000) g;
CREATE TABLE narrow (a int);
INSERT INTO narrow SELECT generate_series(1, 50000);
CREATE TABLE wide (id int, a text, b text);
INSERT INTO wide SELECT g, repeat('x', 1 + g * 37 % 900), repeat('y', g % 150) FROM generate_series(1, 10000) g;
DELETE FROM wide WHERE id % 3 = 0;
CREATE TABLE null_heavy (a int8, b int8, c int8, d text, e int4, f int8, g int8, h int8, i int8, j int8);
INSERT INTO null_heavy SELECT n, nullif(n % 10, 1), CASE WHEN n % 7 = 0 THEN n END, CASE WHEN n % 3 = 0 THEN 'some text' END,
       n, CASE WHEN n % 4 = 0 THEN n END FROM generate_series(1, 30000) n;
CREATE TABLE null_together (a int8, b text, c int8, d int8, e int8, f int8, g int8, h int8, i int8);
INSERT INTO null_together SELECT n, CASE WHEN n % 2 = 0 THEN 'x' END, CASE WHEN n % 2 = 0 THEN n END, CASE WHEN n % 2 = 0 THEN n END,
       CASE WHEN n % 2 = 0 THEN n END, n, n, n, n FROM generate_series(1, 30000) n;
CREATE TABLE fillfactor_70 (id int, t text) WITH (fillfactor = 70);
INSERT INTO fillfactor_70 SELECT g, repeat('x', 80) FROM generate_series(1, 20000) g;
CREATE TABLE never_analyzed (id int);
INSERT INTO never_analyzed SELECT generate_series(1, 20000);
CREATE TABLE stale (id int, t text);
INSERT INTO stale SELECT g, 'short' FROM generate_series(1, 30000) g;
CREATE TABLE grown (id int, t text);
INSERT INTO grown SELECT g, 'short' FROM generate_series(1, 30000) g;
CREATE TABLE contradicted (id int, t text);
INSERT INTO contradicted SELECT g, 'short' FROM generate_series(1, 30000) g;
CREATE TABLE column_dropped (id int, gone text, t text);
INSERT INTO column_dropped SELECT g, repeat('g', 100), 'stays' FROM generate_series(1, 20000) g;
ALTER TABLE column_dropped DROP COLUMN gone;
CREATE TABLE fast_default (id int8);
INSERT INTO fast_default SELECT generate_series(1, 30000);
ALTER TABLE fast_default ADD COLUMN t text NOT NULL DEFAULT repeat('d', 30);
-- Of the server's versions that can, with a column that is computed when it is read; of the others, with one without values.
CREATE TABLE computed (id int8);
DO $$ BEGIN
	EXECUTE 'ALTER TABLE computed ADD COLUMN twice numeric'
	        || CASE WHEN current_setting('server_version_num')::int >= 180000 THEN ' GENERATED ALWAYS AS (id * 2) VIRTUAL' ELSE '' END;
END $$;
INSERT INTO computed (id) SELECT generate_series(1, 30000);
CREATE TABLE parent (id int, t text);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent SELECT g, 'short' FROM generate_series(1, 30000) g;
INSERT INTO child SELECT g, repeat('x', 300) FROM generate_series(1, 30000) g;
CREATE TABLE toasted (id int, t text);
ALTER TABLE toasted ALTER COLUMN t SET STORAGE external;
INSERT INTO toasted SELECT g, repeat('x', 3000) FROM generate_series(1, 6000) g;
CREATE TABLE compressed (id int, t text);
INSERT INTO compressed SELECT g, repeat('some words ' || g, 250) FROM generate_series(1, 10000) g;
CREATE TABLE big_and_small (id int, t text);
ALTER TABLE big_and_small ALTER COLUMN t SET STORAGE plain;
INSERT INTO big_and_small SELECT g, repeat('x', CASE WHEN g % 2 = 0 THEN 5 ELSE 3000 END) FROM generate_series(1, 4000) g;
CREATE TABLE many_types (n numeric, j jsonb, a int[], u uuid, d date, ts timestamptz, b bytea);
INSERT INTO many_types SELECT hashint4(g) / 100.0, jsonb_build_object('a', g, 'b', 'text ' || g), ARRAY[g, g + 1], md5(g::text)::uuid,
       '2026-01-01', '2026-01-01 00:00+00', decode(md5(g::text), 'hex') FROM generate_series(1, 20000) g;
CREATE TABLE no_statistics (id int, t text);
ALTER TABLE no_statistics ALTER COLUMN t SET STATISTICS 0;
INSERT INTO no_statistics SELECT g, repeat('x', 100) FROM generate_series(1, 20000) g;
CREATE TABLE small (id int);
INSERT INTO small SELECT generate_series(1, 500);
CREATE TABLE emptied (id int);
INSERT INTO emptied SELECT generate_series(1, 20000);
DELETE FROM emptied;
CREATE TABLE typed (n name, c char(20), v varchar(30));
INSERT INTO typed SELECT 'name' || g, 'c' || g, repeat('v', g % 30) FROM generate_series(1, 20000) g;
CREATE MATERIALIZED VIEW materialized AS SELECT * FROM half_deleted;
CREATE TABLE secured (id int, t text);
INSERT INTO secured SELECT g, repeat('x', 50) FROM generate_series(1, 30000) g;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE secured FORCE ROW LEVEL SECURITY;
CREATE TABLE still_seen (id int, t text);
INSERT INTO still_seen SELECT g, repeat('x', 50) FROM generate_series(1, 30000) g;

-- Indexes --------------------------------------------------------------------------------------------------------------
CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE keys (id int, random uuid, words text, ten int, five_each int, skewed int, half_null int, exact numeric,
                   folded text COLLATE any_case, called name, long text, pair int, flag bool);
INSERT INTO keys SELECT g, md5(g::text)::uuid, 'word ' || repeat('w', g % 17) || g, g % 10, g / 5, CASE WHEN g % 2 = 0 THEN g ELSE g / 100 END,
       CASE WHEN g % 2 = 0 THEN g END, hashint4(g) / 100.0, 'Folded' || g % 1000, 'name ' || g, repeat('long ', 50 + g % 100), g % 100, g % 2 = 0
FROM generate_series(1, 25000) g;
CREATE UNIQUE INDEX keys_unique ON keys (id);
CREATE INDEX keys_plain ON keys (id DESC);
CREATE INDEX keys_uuid ON keys (random);
CREATE INDEX keys_text ON keys (words);
CREATE INDEX keys_ten_values ON keys (ten);
CREATE INDEX keys_five_each ON keys (five_each);
CREATE INDEX keys_skewed ON keys (skewed);
CREATE INDEX keys_half_null ON keys (half_null);
CREATE INDEX keys_numeric ON keys (exact);
CREATE INDEX keys_nondeterministic ON keys (folded);
CREATE INDEX keys_name ON keys (called);
CREATE INDEX keys_long ON keys (long);
CREATE INDEX keys_columns ON keys (ten, id);
CREATE INDEX keys_few_pairs ON keys (ten, flag);
CREATE INDEX keys_include ON keys (ten) INCLUDE (words);
CREATE INDEX keys_not_deduplicated ON keys (ten) WITH (deduplicate_items = off);
CREATE INDEX keys_fillfactor ON keys (id) WITH (fillfactor = 50);
CREATE INDEX keys_partial ON keys (id) WHERE ten = 3;
CREATE INDEX keys_expression ON keys (md5(words));
CREATE TABLE many (id int, five_each int, one_heavy int, seven int);
INSERT INTO many SELECT g, g / 5, CASE WHEN g % 4 = 0 THEN 0 ELSE g END, g % 7 FROM generate_series(1, 200000) g;
CREATE INDEX many_unique ON many (id);
CREATE INDEX many_five_each ON many (five_each);
CREATE INDEX many_one_heavy ON many (one_heavy);
CREATE INDEX many_seven_values ON many (seven);
CREATE TABLE churned (id int, key text);
CREATE INDEX churned_text ON churned (key);
CREATE INDEX churned_id ON churned (id);
INSERT INTO churned SELECT g, md5(g::text) FROM generate_series(1, 30000) g;
DELETE FROM churned WHERE id % 4 > 0;
CREATE TABLE late (id int, t text);
INSERT INTO late SELECT g, g::text FROM generate_series(1, 20000) g;

SELECT pg_stat_force_next_flush();
SELECT format('ANALYZE %I.%I', schemaname, relname) FROM pg_stat_user_tables
WHERE schemaname = 'unread' AND relname <> 'never_analyzed' ORDER BY relname \gexec
CREATE INDEX late_expression ON late (upper(t));
UPDATE stale SET t = 'much longer than it was' WHERE id % 3 = 0;
INSERT INTO grown SELECT g, repeat('x', 1500) FROM generate_series(1, 500) g;
UPDATE pg_class SET reltuples = 25000 WHERE oid = 'contradicted'::regclass;
UPDATE pg_class SET relpages = relpages / 2 WHERE oid = 'many'::regclass; -- and back, below
DELETE FROM still_seen WHERE id % 12 = 0;
SELECT pg_stat_force_next_flush();

-- Measured by who may not read the tables, and by who can see nothing in pg_stats.
CREATE TABLE measured (id oid, relation text, bytes bigint, rewrite_bytes bigint, low bigint, high bigint, status text, reason text,
                       caveats text[], has_account bool, pages_read bigint);
GRANT USAGE ON SCHEMA unread TO warden_statistics_reader;
GRANT INSERT, SELECT ON measured TO warden_statistics_reader;
CREATE PROCEDURE measure(target regclass) LANGUAGE sql AS $$
    INSERT INTO measured
    SELECT m.relation, replace(m.relation::text, 'unread.', ''), m.bytes, m.rewrite_bytes, m.bytes - m.wasted_high, m.bytes - m.wasted_low, m.status, m.reason, m.caveats,
           m.live_bytes IS NOT NULL, m.pages_read
    FROM warden.bloat_measure(target, 'statistics') m
$$;
SET ROLE warden_statistics_reader;
SELECT count(*) AS columns_it_sees FROM pg_stats WHERE schemaname = 'unread';
SELECT format('CALL measure(%L)', 'many') \gexec
RESET ROLE;
SELECT relation, reason FROM measured WHERE relation = 'many';
DELETE FROM measured;
UPDATE pg_class SET relpages = relpages * 2 WHERE oid = 'many'::regclass;
SET ROLE warden_statistics_reader;
SELECT format('CALL measure(%L)', c.oid::regclass) FROM pg_class c
WHERE relnamespace = 'unread'::regnamespace AND relkind IN ('r', 'm') AND relname NOT IN ('measured', 'still_seen') ORDER BY relname \gexec
RESET ROLE;
BEGIN;
SELECT pg_current_xact_id() IS NOT NULL AS is_a_transaction_that_may_see_them;
CALL measure('still_seen');
COMMIT;

-- The truth.
SELECT format('VACUUM FULL %I', relname) FROM pg_class WHERE relnamespace = 'unread'::regnamespace AND relkind IN ('r', 'm') AND relname <> 'measured'
ORDER BY relname \gexec
CREATE VIEW outcomes AS
SELECT m.*, pg_relation_size(id) AS truth,
       100.0 * (rewrite_bytes - pg_relation_size(id)) / nullif(bytes, 0) AS points
FROM measured m;
SELECT CASE WHEN relation LIKE 'pg_toast.%' THEN 'pg_toast' ELSE relation END AS relation,
       CASE WHEN status = 'withheld' THEN 'withheld: ' || regexp_replace(reason, '[0-9]+(\.[0-9]+)?', 'N', 'g')
            WHEN status <> 'ok' THEN status || ': ' || reason
            WHEN abs(points) <= 5 THEN 'within 5 points'
            ELSE format('%s of %s bytes, but %s', rewrite_bytes, bytes, truth) END AS outcome
FROM outcomes WHERE relation NOT LIKE 'pg_toast.%' ORDER BY relation COLLATE "C";
-- TOAST tables and their indexes never have statistics.
SELECT DISTINCT status, reason FROM measured WHERE relation LIKE 'pg_toast.%';
SELECT relation, points, rewrite_bytes, truth, low, high FROM outcomes
WHERE status = 'ok' AND truth NOT BETWEEN low AND high ORDER BY relation COLLATE "C";
SELECT relation, caveats FROM measured WHERE relation IN ('column_dropped', 'fast_default', 'narrow') ORDER BY relation;
SELECT bool_or(has_account) AS some_have_an_account, sum(pages_read) AS pages_read FROM measured;

DROP SCHEMA unread CASCADE;
DROP ROLE warden_statistics_reader;
