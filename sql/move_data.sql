-- Rows of odd tables, drained by a job: each is the same afterwards, byte for byte where that can be seen.
SET timezone = 'UTC';
SET client_min_messages = warning;
SET warden.partition_drain_direct_rows = 0;
CREATE SCHEMA odd;
SET search_path = odd;
CREATE DOMAIN positive AS int NOT NULL CHECK (VALUE > 0);
CREATE DOMAIN name_of AS text COLLATE "C" CHECK (VALUE <> 'nobody');
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE pair AS (a int, b text);

-- columns that were dropped, added, and are at other places in the default partition; generated ones
CREATE TABLE shifted (dead1 text, k int NOT NULL, dead2 numeric, a text, g text GENERATED ALWAYS AS (a || '!') STORED, dead3 int[]) PARTITION BY RANGE (k);
CREATE TABLE shifted_rest (dead3 int[], g text GENERATED ALWAYS AS (a || '!') STORED, gone bigint, a text, dead1 text, k int NOT NULL, dead2 numeric);
ALTER TABLE shifted_rest DROP gone;
ALTER TABLE shifted ATTACH PARTITION shifted_rest DEFAULT;
INSERT INTO shifted (dead1, k, dead2, a, dead3) SELECT 'dead', g, g, 'a' || g, ARRAY[g] FROM generate_series(1, 500) g;
ALTER TABLE shifted DROP dead1, DROP dead2;
INSERT INTO shifted (k, a) SELECT g, NULLIF('b' || g, 'b600') FROM generate_series(501, 700) g;
ALTER TABLE shifted DROP dead3, ADD late1 int DEFAULT 7, ADD late2 text DEFAULT repeat('late', 50), ADD late3 timestamptz;
INSERT INTO shifted (k, a, late2) SELECT g, 'c' || g, NULL FROM generate_series(701, 800) g;
-- values that are stored elsewhere, compressed, in both ways, or short
CREATE TABLE stored (k int NOT NULL, plain text, ext text, main text, zip text COMPRESSION pglz, bits bytea) PARTITION BY RANGE (k);
ALTER TABLE stored ALTER ext SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN;
CREATE TABLE stored_rest PARTITION OF stored DEFAULT;
INSERT INTO stored SELECT g, CASE g % 3 WHEN 0 THEN NULL WHEN 1 THEN 'short' ELSE repeat(md5(g::text), 200) END,
    CASE g % 4 WHEN 0 THEN repeat('e', 5000) ELSE 'e' || g END, repeat('main', g * 20), repeat('zip' || g, 2000), decode(repeat('00ff', g % 3000), 'hex')
FROM generate_series(1, 200) g;
UPDATE stored SET k = k WHERE k % 5 = 0;            -- what is stored elsewhere is shared by two versions
UPDATE stored SET ext = ext || 'x' WHERE k % 10 = 0;
DELETE FROM stored WHERE k % 17 = 0;
-- no key at all, and the same row many times; all null; no column but the key
CREATE TABLE twins (k int, x text) PARTITION BY RANGE (k);
CREATE TABLE twins_rest PARTITION OF twins DEFAULT;
INSERT INTO twins SELECT g % 5 * 100, 'same' FROM generate_series(1, 1000) g;
INSERT INTO twins SELECT NULL, NULL FROM generate_series(1, 10);
CREATE TABLE lone (k int) PARTITION BY RANGE (k);
CREATE TABLE lone_rest PARTITION OF lone DEFAULT;
INSERT INTO lone SELECT g FROM generate_series(1, 3000) g;
-- types of users
CREATE TABLE typed (k int, d positive, n name_of, m mood, p pair, r int4range, a mood[], j jsonb, x xml, v varchar(3), b bit(5), ip inet) PARTITION BY RANGE (k);
CREATE TABLE typed_rest PARTITION OF typed DEFAULT;
INSERT INTO typed SELECT g, g, 'name' || g, (ARRAY['sad', 'ok', 'happy', NULL])[1 + g % 4]::mood, ROW(g, 'b' || g)::pair, int4range(g, 2 * g), ARRAY['ok', NULL]::mood[],
    jsonb_build_object('g', g, 'n', NULL), NULL, left(g::text, 3), g::bit(5), '10.0.0.0'::inet + g FROM generate_series(1, 300) g;
ALTER DOMAIN name_of ADD CHECK (VALUE <> 'name7') NOT VALID;
-- unique, and that is looked at when a transaction ends
CREATE TABLE deferred (k int NOT NULL, u int, UNIQUE (u, k) DEFERRABLE INITIALLY DEFERRED) PARTITION BY RANGE (k);
CREATE TABLE deferred_rest PARTITION OF deferred DEFAULT;
INSERT INTO deferred SELECT g, g % 10 FROM generate_series(1, 300) g;
-- indexes of all kinds
CREATE TABLE indexed (k int NOT NULL, t text, a int[], r int4range, f float8, PRIMARY KEY (k) INCLUDE (t)) PARTITION BY RANGE (k);
CREATE TABLE indexed_rest PARTITION OF indexed DEFAULT WITH (fillfactor = 50, autovacuum_enabled = false);
CREATE INDEX ON indexed USING gin (a);
CREATE INDEX ON indexed USING gist (r);
CREATE INDEX ON indexed USING brin (k) WITH (pages_per_range = 2);
CREATE INDEX ON indexed USING hash (t);
CREATE INDEX ON indexed USING spgist (t);
CREATE INDEX ON indexed (lower(t) COLLATE "C" text_pattern_ops DESC NULLS LAST) WHERE k % 2 = 0;
CREATE UNIQUE INDEX ON indexed (t, k) NULLS NOT DISTINCT;
INSERT INTO indexed SELECT g, nullif('T' || g, 'T300'), ARRAY[g, g % 7], int4range(g, g + 5), g / 3.0 FROM generate_series(1, 500) g;
BEGIN;
INSERT INTO indexed SELECT g, 'rolled back' FROM generate_series(501, 600) g;
ROLLBACK;
UPDATE indexed SET f = -f WHERE k % 3 = 0; -- in the same block, without a new entry in an index
UPDATE indexed SET t = t || 'u' WHERE k % 50 = 0;
-- not logged: new partitions are like the newest one, or logged where there is only a default partition
CREATE UNLOGGED TABLE fleeting (k int, x text) PARTITION BY RANGE (k);
CREATE UNLOGGED TABLE fleeting_rest PARTITION OF fleeting DEFAULT;
INSERT INTO fleeting SELECT g, 'x' FROM generate_series(1, 300) g;
CREATE UNLOGGED TABLE fast (k int, x text) PARTITION BY RANGE (k);
CREATE UNLOGGED TABLE fast_rest PARTITION OF fast DEFAULT;
CREATE UNLOGGED TABLE fast_p300 PARTITION OF fast FOR VALUES FROM (300) TO (400);
INSERT INTO fast SELECT g, 'x' FROM generate_series(1, 300) g;
-- nobody's rows: none at all, and one that is deleted
CREATE TABLE empty (k int) PARTITION BY RANGE (k);
CREATE TABLE empty_rest PARTITION OF empty DEFAULT;
INSERT INTO empty VALUES (1);
DELETE FROM empty;

CREATE FUNCTION digest(name regclass, OUT rows bigint, OUT digest text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*), md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")) FROM %s t', name) INTO rows, digest;
END $$;
SELECT relname, count(s) FROM pg_class c LEFT JOIN LATERAL warden.partition_by_number(c.oid, 100, ahead => 1) s ON s.status = 'done'
WHERE relnamespace = 'odd'::regnamespace AND relkind = 'p' GROUP BY 1 ORDER BY relname COLLATE "C";
CREATE TABLE before AS SELECT oid, relname, d.* FROM pg_class, digest(oid) d WHERE relnamespace = 'odd'::regnamespace AND relkind = 'p';
SELECT relname, rows FROM before ORDER BY relname COLLATE "C";
CREATE TEMPORARY TABLE rest AS SELECT c.oid, c.reltoastrelid, c.reloptions, c.relpersistence FROM pg_class c JOIN pg_inherits ON inhrelid = c.oid
WHERE inhparent IN (SELECT oid FROM before) AND relname LIKE '%rest';

SELECT format('CALL warden.partition_drain(%L)', oid::regclass) FROM before ORDER BY relname COLLATE "C" \gexec
SELECT target_name, state, restarts, rows_copied FROM warden.partition_moves WHERE target_name ~ '^odd' ORDER BY target_name COLLATE "C";
SELECT relname, before.rows, d.rows FROM before, digest(oid) d WHERE (d.rows, d.digest) IS DISTINCT FROM (before.rows, before.digest);
CREATE FUNCTION places(name regclass) RETURNS TABLE (place name, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT relname, count(*) FROM %s t JOIN pg_class c ON c.oid = t.tableoid GROUP BY 1', name);
END $$;
SELECT p.* FROM before, places(oid) p ORDER BY place COLLATE "C";
-- default partitions are the same tables, and what keeps values elsewhere is of them
SELECT r.oid::regclass, c.reloptions FROM rest r JOIN pg_class c USING (oid)
WHERE (r.reloptions, r.relpersistence) IS DISTINCT FROM (c.reloptions, c.relpersistence) OR (r.reltoastrelid = 0) <> (c.reltoastrelid = 0);
SELECT t.relname FROM pg_class t WHERE relrewrite <> 0;
SELECT c.relname FROM pg_class c JOIN pg_class t ON t.oid = c.reltoastrelid WHERE c.relnamespace = 'odd'::regnamespace AND t.relname <> 'pg_toast_' || c.oid
    AND c.relname LIKE '%rest';
SELECT relname, relpersistence FROM pg_class WHERE relnamespace = 'odd'::regnamespace AND relkind = 'r' AND relname ~ '^(fast|fleeting)_' ORDER BY relname COLLATE "C";

-- values are as they were stored
SELECT pg_column_compression(zip), count(*) FROM stored GROUP BY 1 ORDER BY 1;
SELECT count(*), sum(length(plain)), sum(length(ext)), sum(length(main)), sum(length(zip)), sum(length(bits)) FROM stored;
SELECT count(*) FROM stored WHERE k % 4 = 0 AND ext LIKE 'eeee%' AND pg_column_compression(ext) IS NULL;
UPDATE stored SET plain = repeat('new', 5000) WHERE k = 150;
SELECT length(plain) FROM stored WHERE k = 150;
VACUUM stored;
SELECT sum(length(zip)) FROM stored;
-- columns that were added, dropped and computed
SELECT k, a, g, late1, left(late2, 8) AS late2, late3 FROM shifted WHERE k IN (1, 600, 800) ORDER BY k;
INSERT INTO shifted (k, a) VALUES (50, 'fresh'), (-1, 'fresh') RETURNING tableoid::regclass, k, g, late1;
-- indexes find what scans find
CREATE FUNCTION found(condition text) RETURNS TABLE (by_index bigint, by_scan bigint) LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL enable_seqscan = off;
    EXECUTE 'SELECT count(*) FROM odd.indexed WHERE ' || condition INTO by_index;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off;
    EXECUTE 'SELECT count(*) FROM odd.indexed WHERE ' || condition INTO by_scan;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_indexonlyscan = on; SET LOCAL enable_bitmapscan = on;
    RETURN NEXT;
END $$;
SELECT c, f.* FROM unnest('{k < 1000,k = 300,k BETWEEN 120 AND 380,a @> ARRAY[3],"r && int4range(198, 203)","t = ''T77''","t ^@ ''T1''","lower(t) LIKE ''t1%'' AND k % 2 = 0",t IS NULL}'::text[])
    WITH ORDINALITY u (c, o), found(c) f ORDER BY o;
SELECT count(*), count(DISTINCT indexrelid) = count(*) AS distinct, bool_and(indisvalid AND indisready AND indislive) AS usable FROM pg_index JOIN pg_class c ON c.oid = indrelid
WHERE relname ~ '^indexed_(p|rest)' GROUP BY indrelid;
SELECT inhparent::regclass, count(*) FROM pg_inherits JOIN pg_class c ON c.oid = inhparent WHERE relkind = 'I' AND relnamespace = 'odd'::regnamespace
    AND relname LIKE 'indexed%' GROUP BY 1 ORDER BY inhparent::regclass::text COLLATE "C";
-- constraints hold
INSERT INTO indexed (k, t) VALUES (300, 'twice');
INSERT INTO typed (k, d, n) VALUES (5, 0, 'x');
INSERT INTO typed (k, d, n) VALUES (5, 5, 'nobody');
BEGIN;
UPDATE deferred SET u = CASE u WHEN 1 THEN 2 ELSE 1 END WHERE u IN (1, 2);
INSERT INTO deferred VALUES (5, 5);
DELETE FROM deferred WHERE ctid = (SELECT min(ctid) FROM deferred WHERE k = 5 AND u = 5) AND k = 5;
COMMIT;
BEGIN;
INSERT INTO deferred VALUES (5, 5);
COMMIT;
SELECT conrelid::regclass, condeferrable, condeferred FROM pg_constraint WHERE conrelid::regclass::text ~ '^deferred' AND contype = 'u' ORDER BY conrelid::regclass::text COLLATE "C";
-- and once more, of what has come since
SELECT format('CALL warden.partition_drain(%L)', oid::regclass) FROM before ORDER BY relname COLLATE "C" \gexec
SELECT tableoid::regclass, k, a, g FROM shifted WHERE k IN (-1, 50) ORDER BY k, a;
DROP SCHEMA odd CASCADE;
