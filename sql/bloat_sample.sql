-- What a sample promises: of two hundred, nineteen of twenty have the truth between low and high; no more is read than
-- was allowed; and the same seed draws the same pages.
SET client_min_messages = warning;
CREATE SCHEMA drawn;
SET search_path = drawn;

CREATE TABLE uniform (id int, t text) WITH (autovacuum_enabled = off);
INSERT INTO uniform SELECT g, repeat('x', 60 + g % 90) FROM generate_series(1, 200000) g;
DELETE FROM uniform WHERE id * 7919 % 10 < 4;
VACUUM uniform;
-- The first half of the file is empty, but for VACUUM, who does not know yet.
CREATE TABLE half_empty (id int, t text) WITH (autovacuum_enabled = off);
INSERT INTO half_empty SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g;
VACUUM half_empty;
DELETE FROM half_empty WHERE id <= 100000;
-- Dead rows in some places, and no map of free space or of visibility.
CREATE TABLE clustered (id int, t text) WITH (autovacuum_enabled = off);
INSERT INTO clustered SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g;
DELETE FROM clustered WHERE id / 2000 % 10 < 3;
-- All visible, but for a tail that is written to.
CREATE TABLE hot_tail (id int, t text) WITH (autovacuum_enabled = off);
INSERT INTO hot_tail SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g;
VACUUM hot_tail;
UPDATE hot_tail SET t = t || 'y' WHERE id > 190000;
DELETE FROM hot_tail WHERE id > 170000 AND id % 3 > 0;
CREATE TABLE roomy (id int, t text) WITH (autovacuum_enabled = off, fillfactor = 70);
INSERT INTO roomy SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g;
DELETE FROM roomy WHERE id / 40 % 5 < 2;
VACUUM roomy;
CREATE TABLE wide (id int, t text) WITH (autovacuum_enabled = off);
ALTER TABLE wide ALTER COLUMN t SET STORAGE plain;
INSERT INTO wide SELECT g, repeat('x', 100 + (hashint4(g) & 2047)) FROM generate_series(1, 15000) g;
DELETE FROM wide WHERE id % 4 = 0;
-- One page in a hundred is empty: it is likely that few of them are drawn.
CREATE TABLE rare (id int, t text) WITH (autovacuum_enabled = off);
INSERT INTO rare SELECT g, repeat('x', 100) FROM generate_series(1, 200000) g;
DELETE FROM rare WHERE id / 57 % 100 = 0;
CREATE TABLE stored (id int, other char(300), t text) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off);
ALTER TABLE stored ALTER COLUMN t SET STORAGE external;
INSERT INTO stored SELECT g, 'other', repeat('x', 2100 + (hashint4(g) & 4095)) FROM generate_series(1, 6000) g;
DELETE FROM stored WHERE id % 5 < 2;
VACUUM stored;

CREATE TABLE fixtures AS
SELECT c.oid, CASE WHEN relkind = 't' THEN 'stored (TOAST)' ELSE relname END AS name, pg_relation_size(c.oid) AS bytes
FROM pg_class c
WHERE relnamespace = 'drawn'::regnamespace AND relkind = 'r' AND relname <> 'stored'
   OR c.oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'stored'::regclass);
CREATE TABLE truths AS
SELECT f.oid, e.* FROM fixtures f, warden.bloat_measure(f.oid, 'exact') e WHERE e.relation = f.oid;
CREATE TABLE samples AS
SELECT f.oid, f.name, seed, s.* FROM fixtures f, generate_series(1, 200) seed,
       warden.bloat_measure(f.oid, 'sample', max_pages => 300, seed => seed) s
WHERE s.relation = f.oid;
SELECT format('VACUUM FULL %s', CASE WHEN name LIKE 'stored%' THEN 'stored' ELSE name END) FROM fixtures ORDER BY name COLLATE "C" \gexec

-- The interval has the size that VACUUM FULL made, and on average the estimate is right.
CREATE VIEW outcomes AS
SELECT s.name, count(*) AS samples, count(*) FILTER (WHERE size BETWEEN s.bytes - s.wasted_high AND s.bytes - s.wasted_low) AS covered,
       avg(100.0 * (s.rewrite_bytes - size) / s.bytes) AS bias,
       avg(100.0 * (s.wasted_high - s.wasted_low) / 2 / s.bytes) AS half_width,
       avg(100.0 * (s.vacuum_frees_bytes - t.vacuum_frees_bytes) / s.bytes) AS bias_of_dead,
       avg(100.0 * (s.free_bytes - t.free_bytes) / s.bytes) AS bias_of_free,
       max(s.pages_read) AS most_read, count(DISTINCT s.rewrite_bytes) AS different
FROM samples s JOIN truths t ON t.oid = s.oid, LATERAL (SELECT pg_relation_size(coalesce(
    (SELECT c.reltoastrelid FROM pg_class c WHERE c.oid = 'drawn.stored'::regclass AND s.name LIKE 'stored%'), s.oid)) AS size) truth
GROUP BY s.name;
SELECT name, samples, covered >= 186 AS covered, abs(bias) <= 0.3 AS unbiased, abs(bias_of_dead) <= 0.3 AS dead_unbiased,
       abs(bias_of_free) <= 0.3 AS free_unbiased, most_read <= 300 AS within_budget
FROM outcomes ORDER BY name COLLATE "C";
SELECT * FROM outcomes WHERE covered < 186 OR abs(bias) > 0.3 OR abs(bias_of_dead) > 0.3 OR abs(bias_of_free) > 0.3;
SELECT count(*) AS accounts_that_do_not_sum FROM samples
WHERE bytes <> live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes;
SELECT bool_and(method = 'sample' AND status = 'ok') AS all_are_samples FROM samples;

-- Without a number of pages: as many as two points of the file need; where that is a third of it, all.
CREATE TABLE promised (id int, t text) WITH (autovacuum_enabled = off);
INSERT INTO promised SELECT g, repeat('x', 100) FROM generate_series(1, 600000) g;
DELETE FROM promised WHERE id / 1000 % 10 = 0;
SELECT method, pages_read <= 2500 AS few_pages, (wasted_high - wasted_low) / 2.0 / bytes <= 0.022 AS as_promised,
       wasted_ratio BETWEEN 0.08 AND 0.12 AS right
FROM warden.bloat_measure('promised', 'sample', seed => 1) WHERE kind = 'table';
SELECT method, pages_read * 8192 = bytes AS all_of_it FROM warden.bloat_measure('clustered', 'sample') WHERE kind = 'table';

-- The same seed draws the same pages, another one others.
SELECT count(DISTINCT (rewrite_bytes, wasted_low, wasted_high, live_bytes, free_bytes, pages_read)) AS different, min(caveats) AS caveats
FROM generate_series(1, 5), warden.bloat_measure('promised', 'sample', max_pages => 100, seed => 42) WHERE kind = 'table';
SELECT count(DISTINCT (rewrite_bytes, live_bytes)) AS different
FROM generate_series(1, 5) n, warden.bloat_measure('promised', 'sample', max_pages => 100, seed => n) WHERE kind = 'table';

-- Too few pages are no sample; more than there are, are all.
SELECT status, reason FROM warden.bloat_measure('promised', 'sample', max_pages => 29) WHERE kind = 'table';
SELECT method FROM warden.bloat_measure('promised', 'sample', max_pages => 1000000) WHERE kind = 'table';

-- What VACUUM would cut off, as far as reading went.
DELETE FROM promised WHERE id > 550000;
SELECT e.truncatable_bytes = s.truncatable_bytes AS same, e.truncatable_bytes > 0 AS some, s.pages_read <= 2500 AS few_pages
FROM warden.bloat_measure('promised', 'exact') e JOIN warden.bloat_measure('promised', 'sample', seed => 1) s USING (relation) WHERE e.kind = 'table';
SELECT truncatable_bytes, pages_read <= 200 AS few_pages, regexp_replace(caveats[2], '[0-9]+', 'N') AS caveat
FROM warden.bloat_measure('promised', 'sample', max_pages => 200, seed => 1) WHERE kind = 'table';
ALTER TABLE promised SET (vacuum_truncate = off);
SELECT truncatable_bytes FROM warden.bloat_measure('promised', 'sample') WHERE kind = 'table';

DROP SCHEMA drawn CASCADE;
