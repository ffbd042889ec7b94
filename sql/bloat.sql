-- What bloat_measure() promises of any relation: a row, whatever it is, and an error only for what cannot be asked.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA bloat;
SET search_path = bloat;
SET warden.bloat_min_size = 0;

-- its columns
SELECT string_agg(format('%s %s', name, type::regtype), ', ' ORDER BY n)
FROM pg_proc, unnest(proargnames, proallargtypes, proargmodes) WITH ORDINALITY a (name, type, mode, n)
WHERE oid = 'warden.bloat_measure'::regproc AND mode = 't';

-- a table with everything
CREATE TABLE "odd 'name" (id int PRIMARY KEY, "odd "" column" text, doc jsonb, at point, n int) WITH (autovacuum_enabled = off);
ALTER TABLE "odd 'name" ALTER "odd "" column" SET STORAGE EXTERNAL;
INSERT INTO "odd 'name" SELECT g, repeat('x', 3000), jsonb_build_object('g', g), point(g, g), g FROM generate_series(1, 300) g;
CREATE INDEX "odd; index" ON "odd 'name" USING hash ("odd "" column");
CREATE INDEX gin ON "odd 'name" USING gin (doc);
CREATE INDEX gist ON "odd 'name" USING gist (at);
CREATE INDEX spgist ON "odd 'name" USING spgist (at);
CREATE INDEX brin ON "odd 'name" USING brin (n);
VACUUM ANALYZE "odd 'name";
CREATE VIEW measured AS
SELECT regexp_replace(relation::text, '\d+', 'N') AS relation, of_table, kind, access_method, method, status, verdict <> 'unknown' AS judged,
       live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes = bytes AS sums,
       bytes = pg_relation_size(m.relation) AS whole, pages_read >= bytes / 8192 AS read, bytes - rewrite_bytes = wasted_bytes AS difference,
       wasted_low <= wasted_bytes AND wasted_bytes <= wasted_high AS interval, round((wasted_ratio * bytes)::numeric) = wasted_bytes AS ratio
FROM warden.bloat_measure('"odd ''name"', 'exact') m;
SELECT relation, of_table, kind, access_method, method, status FROM measured;
SELECT relation, judged, sums, whole, read, difference, interval, ratio FROM measured;

-- arguments
\set VERBOSITY sqlstate
SELECT * FROM warden.bloat_measure(method => NULL);
SELECT * FROM warden.bloat_measure(method => 'fast');
SELECT * FROM warden.bloat_measure(max_pages => 0);
SELECT * FROM warden.bloat_measure(max_time => '0');
SELECT * FROM warden.bloat_measure(max_time => '-1 month');
SELECT * FROM warden.bloat_measure(1::regclass);
SELECT * FROM warden.bloat_measure('nothing');
\set VERBOSITY default
SELECT * FROM warden.bloat_measure(method => 'Exact');
SELECT * FROM warden.bloat_measure(max_pages => 0);
SELECT * FROM warden.bloat_measure(max_time => '0.5 ms');
SELECT count(*) FROM warden.bloat_measure('brin', 'exact', max_pages => 9223372036854775807, seed => -2147483648, max_time => '100000 years');
SELECT count(*) FROM warden.bloat_measure('"odd ''name"', 'auto', NULL, NULL, NULL);
SELECT method, pages_read FROM warden.bloat_measure('"odd ''name"', 'statistics') GROUP BY 1, 2;

-- the seed of a sample is told, and repeats it
CREATE TABLE large (id int, v text) WITH (autovacuum_enabled = off);
INSERT INTO large SELECT g, repeat('x', 500) FROM generate_series(1, 20000) g;
DELETE FROM large WHERE id % 7 < 3;
SELECT method, caveats FROM warden.bloat_measure('large', 'sample', max_pages => 100, seed => -7) WHERE relation = 'large'::regclass;
SELECT a.wasted_bytes IS NOT DISTINCT FROM b.wasted_bytes AS same
FROM warden.bloat_measure('large', 'sample', max_pages => 100) a,
     LATERAL (SELECT (regexp_match(a.caveats::text, 'seed (-?\d+)'))[1]::int AS seed) s,
     LATERAL warden.bloat_measure('large', 'sample', max_pages => 100, seed => s.seed) b
WHERE a.relation = 'large'::regclass AND b.relation = a.relation;

-- each kind
CREATE TABLE parts (id int, v text) PARTITION BY LIST (id);
CREATE INDEX parts_id ON parts (id);
CREATE TABLE no_parts (id int) PARTITION BY LIST (id);
CREATE INDEX no_parts_id ON no_parts (id);
SELECT relation, kind, status, verdict, reason, bytes, method FROM warden.bloat_measure('parts');
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (v);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES IN ('a');
CREATE MATERIALIZED VIEW materialized AS SELECT 1 AS one;
CREATE UNIQUE INDEX materialized_one ON materialized (one);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
CREATE TEMPORARY TABLE temporary (id int PRIMARY KEY);
INSERT INTO temporary VALUES (1);
CREATE SEQUENCE sequence;
CREATE VIEW view AS SELECT 1 AS one;
CREATE TYPE type AS (one int);
CREATE FOREIGN DATA WRAPPER bloat;
CREATE SERVER bloat FOREIGN DATA WRAPPER bloat;
CREATE FOREIGN TABLE foreign_table (id int) SERVER bloat;
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE ACCESS METHOD gist2 TYPE INDEX HANDLER gisthandler;
CREATE OPERATOR CLASS box_ops2 DEFAULT FOR TYPE box USING gist2
    AS OPERATOR 3 &&, FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
       FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal),
       FUNCTION 7 gist_box_same(box, box, internal);
CREATE TABLE other_methods (area box) USING heap2;
CREATE INDEX other_methods_area ON other_methods USING gist2 (area);
SELECT asked::text, m.relation, m.of_table, m.kind, m.access_method, m.status, CASE WHEN m.status <> 'ok' THEN m.reason END AS reason
FROM unnest(ARRAY['parts', 'parts_id', 'no_parts', 'no_parts_id', 'parts_2', 'materialized', 'unlogged', 'temporary', 'sequence', 'view',
                  'type', 'foreign_table', 'other_methods', 'other_methods_area']::regclass[]) WITH ORDINALITY a (asked, n),
     LATERAL (SELECT * FROM warden.bloat_measure(asked) WHERE kind <> 'toast' AND relation::text !~ 'toast') m
ORDER BY n, m.relation::text;
-- a TOAST table and its index, by name
SELECT m.of_table, m.kind, m.status FROM pg_class c, warden.bloat_measure(c.reltoastrelid) m WHERE c.oid = '"odd ''name"'::regclass;
-- catalogs, and those that all databases share
SELECT relation, kind, status, caveats FROM warden.bloat_measure('pg_am') ORDER BY relation::text;
SELECT relation, kind, status, caveats FROM warden.bloat_measure('pg_tablespace') WHERE relation::text !~ 'toast' ORDER BY relation::text;

-- all of the database: no relation that has a file is missing, none is there twice, and none stops the others
CREATE TEMPORARY TABLE sweep AS SELECT * FROM warden.bloat_measure();
SELECT count(*) > 300 AS many, count(*) = count(DISTINCT relation) AS once, count(*) FILTER (WHERE status = 'error') AS errors FROM sweep;
SELECT oid::regclass FROM pg_class
WHERE relkind IN ('r', 'm', 'f', 'i', 't') AND oid NOT IN (SELECT relation FROM sweep) AND oid::regclass::text !~ 'sweep|pg_toast';
SELECT relation FROM sweep WHERE bytes IS NOT NULL
    AND bytes <> live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes;
SELECT relation FROM sweep WHERE (verdict = 'unknown') <> (status <> 'ok') OR reason = '' OR (status <> 'ok' AND wasted_bytes IS NOT NULL);

-- it leaves no lock, no transaction number and no snapshot behind
BEGIN;
SELECT count(*) > 300 AS many FROM warden.bloat_measure();
SELECT pg_current_xact_id_if_assigned() AS number, (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
           AND relation IN ('large'::regclass, 'brin'::regclass, '"odd ''name"'::regclass, 'pg_tablespace'::regclass)) AS locks;
COMMIT;

-- rights: for members of pg_monitor, who see everybody's
CREATE ROLE bloat_monitor;
CREATE ROLE bloat_nobody;
GRANT pg_monitor TO bloat_monitor;
GRANT SELECT ON sweep TO bloat_monitor;
SET ROLE bloat_nobody;
SELECT count(*) FROM warden.bloat_measure('pg_am');
SELECT count(*) FROM warden.bloat_horizon();
SET ROLE bloat_monitor;
SELECT count(*) > 0 AS some FROM warden.bloat_horizon();
SELECT s.relation FROM pg_temp.sweep s LEFT JOIN warden.bloat_measure() m USING (relation) WHERE m.relation IS NULL;
RESET ROLE;
DROP TABLE temporary, sweep;
DROP ROLE bloat_monitor, bloat_nobody;
SET client_min_messages = error;
DROP SCHEMA bloat CASCADE;
DROP ACCESS METHOD heap2;
DROP ACCESS METHOD gist2 CASCADE;
DROP FOREIGN DATA WRAPPER bloat CASCADE;
