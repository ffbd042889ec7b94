-- What the exact measure of a heap promises: the size after VACUUM FULL, to the page, and bytes that sum to the file.
SET client_min_messages = warning;
CREATE SCHEMA heaps;
SET search_path = heaps;
CREATE FUNCTION noise(n int, length int) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT left(string_agg(translate(encode(sha512((n || '.' || i)::text::bytea), 'base64'), E'\n', ''), ''), length) FROM generate_series(1, length / 80 + 1) i $$;

-- rows and their alignment
CREATE TABLE narrow AS SELECT g::int4 AS a FROM generate_series(1, 20000) g;
CREATE TABLE padded AS SELECT g::int4 AS a, g::int8 AS b, g::int4 AS c FROM generate_series(1, 20000) g;
CREATE TABLE ordered AS SELECT g::int8 AS a, g::int4 AS b, g::int4 AS c FROM generate_series(1, 20000) g;
CREATE TABLE wide AS SELECT g::int8 AS id, repeat('x', 100) AS filler FROM generate_series(1, 20000) g;
CREATE TABLE two_kilobytes AS SELECT g AS id, noise(g, 1900 + g % 90) AS filler FROM generate_series(1, 2000) g;
CREATE TABLE varied AS SELECT g AS id, repeat('y', g * 7919 % 700) AS filler FROM generate_series(1, 10000) g;
CREATE TABLE nulls AS SELECT CASE WHEN g % 3 = 0 THEN g END AS a, CASE WHEN g % 5 = 0 THEN g::int8 END AS b, CASE WHEN g % 7 = 0 THEN 'z' || g END AS c
FROM generate_series(1, 20000) g;
CREATE TABLE many_nulls (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int, c9 int, c10 bool, c11 int8, c12 text);
INSERT INTO many_nulls (c1, c10, c11) SELECT g, true, CASE WHEN g % 2 = 0 THEN g END FROM generate_series(1, 20000) g;
CREATE TABLE traps AS SELECT true AS a, g::int8 AS b, true AS c, g::int2 AS d, 'x'::"char" AS e, g::float8 AS f, 'abc'::text AS g, now() AS h, '1'::numeric AS i
FROM generate_series(1, 20000) g;
CREATE TABLE no_columns ();
INSERT INTO no_columns SELECT FROM generate_series(1, 5000);
CREATE TABLE unpacked (a int, b text, c text);
ALTER TABLE unpacked ALTER b SET STORAGE PLAIN;
INSERT INTO unpacked SELECT g, repeat('p', g % 40), 'c' FROM generate_series(1, 10000) g;
ALTER TABLE unpacked ALTER b SET STORAGE EXTENDED;

-- fill factors
CREATE TABLE half (a int, b text) WITH (fillfactor = 50);
INSERT INTO half SELECT g, repeat('x', g % 90) FROM generate_series(1, 20000) g;
CREATE TABLE seventy (a int, b text) WITH (fillfactor = 70);
INSERT INTO seventy SELECT g, repeat('x', g % 900) FROM generate_series(1, 10000) g;
CREATE TABLE ninety (a int, b text) WITH (fillfactor = 90);
INSERT INTO ninety SELECT g, repeat('x', g % 900) FROM generate_series(1, 10000) g;
CREATE TABLE changed AS SELECT g AS a, repeat('x', 60) AS b FROM generate_series(1, 10000) g;
ALTER TABLE changed SET (fillfactor = 30);

-- values that are compressed, or in a TOAST table
CREATE TABLE external (id int, body text);
ALTER TABLE external ALTER body SET STORAGE EXTERNAL;
INSERT INTO external SELECT g, repeat('e', 2100 + g * 37 % 9000) FROM generate_series(1, 800) g;
DELETE FROM external WHERE id % 3 = 0;
CREATE TABLE compressed AS SELECT g AS id, repeat(noise(g, 3000), 2 + g % 5) AS body FROM generate_series(1, 1500) g;
DELETE FROM compressed WHERE id % 4 = 1;
CREATE TABLE incompressible AS SELECT g AS id, noise(g, 1000 + g * 31 % 5000) AS body FROM generate_series(1, 800) g;
UPDATE incompressible SET body = noise(id, 2500) WHERE id % 5 = 0;
-- a small value beside a compressed one that is outside is compressed by the rewrite only
CREATE TABLE titled AS SELECT g AS id, repeat('title ', 50) AS title, repeat(noise(g, 300), 10) || noise(g, 9000) || repeat('-', 5000) AS body, noise(g, 20) AS note
FROM generate_series(1, 500) g;
-- what became small enough comes back
CREATE TABLE back_inside AS SELECT g AS id, noise(g, 1500) AS a, noise(-g, 1400) AS b FROM generate_series(1, 800) g;
UPDATE back_inside SET b = '';
UPDATE back_inside SET a = '' WHERE id % 2 = 0;
CREATE TABLE stays (id int, a text, b text) WITH (toast_tuple_target = 512);
ALTER TABLE stays ALTER a SET STORAGE MAIN;
INSERT INTO stays SELECT g, noise(g, 300 + 2 * g), noise(-g, 1000) FROM generate_series(1, 800) g;
CREATE TABLE retargeted AS SELECT g AS id, noise(g, 900) AS a, noise(-g, 1300) AS b FROM generate_series(1, 500) g;
ALTER TABLE retargeted SET (toast_tuple_target = 256);

-- columns that were dropped or added
CREATE TABLE dropped_fixed AS SELECT g::int4 AS a, g::int8 AS gone, g::int4 AS b FROM generate_series(1, 20000) g;
ALTER TABLE dropped_fixed DROP gone;
CREATE TABLE dropped_text AS SELECT g AS a, repeat('x', 20 + g % 100) AS gone, 'b' || g AS b FROM generate_series(1, 10000) g;
ALTER TABLE dropped_text DROP gone;
INSERT INTO dropped_text SELECT g, 'c' || g FROM generate_series(1, 5000) g;
UPDATE dropped_text SET b = 'changed' WHERE a % 7 = 0;
CREATE TABLE dropped_and_added AS SELECT g AS a, g::int8 AS gone FROM generate_series(1, 10000) g;
ALTER TABLE dropped_and_added DROP gone, ADD late int, ADD later text DEFAULT 'default';
INSERT INTO dropped_and_added SELECT g, g FROM generate_series(1, 3000) g;
CREATE TABLE added_null AS SELECT g::int8 AS a FROM generate_series(1, 20000) g;
ALTER TABLE added_null ADD b int, ADD c text;
CREATE TABLE fast_default AS SELECT g::int8 AS a FROM generate_series(1, 20000) g;
ALTER TABLE fast_default ADD b text DEFAULT repeat('d', 100), ADD c int DEFAULT 7;
UPDATE fast_default SET c = 8 WHERE a % 10 = 0;
CREATE TABLE defaults AS SELECT g AS a, repeat('x', g % 50) AS b, CASE WHEN g % 3 = 0 THEN true END AS c FROM generate_series(1, 10000) g;
ALTER TABLE defaults ADD d bool DEFAULT false, ADD e int8, ADD f int8 DEFAULT 8, ADD g text DEFAULT 'text';
INSERT INTO defaults SELECT g, 'b' FROM generate_series(1, 1000) g;
ALTER TABLE defaults ADD h timestamptz DEFAULT now(), DROP c;
CREATE TABLE wide_default AS SELECT g AS a, noise(g, 1500) AS b FROM generate_series(1, 500) g;
ALTER TABLE wide_default ADD c text DEFAULT noise(0, 1000);
CREATE TABLE nine_columns (c1 int, c2 int, c3 int, c4 int, c5 int, c6 int, c7 int, c8 int);
INSERT INTO nine_columns SELECT g, g, g, g, g, g, g, CASE WHEN g % 2 = 0 THEN g END FROM generate_series(1, 10000) g;
ALTER TABLE nine_columns ADD c9 int;

-- what was changed
CREATE TABLE range_deleted AS SELECT g AS a, repeat('x', 50) AS b FROM generate_series(1, 20000) g;
DELETE FROM range_deleted WHERE a BETWEEN 4000 AND 15000;
-- One by one, as CREATE TABLE AS makes some empty pages at the end since PostgreSQL 16.
CREATE TABLE range_vacuumed (LIKE range_deleted);
INSERT INTO range_vacuumed SELECT * FROM range_deleted;
DELETE FROM range_vacuumed WHERE a < 3000;
VACUUM (TRUNCATE false) range_vacuumed;
CREATE TABLE tail_deleted AS SELECT g AS a, repeat('x', 50) AS b FROM generate_series(1, 20000) g;
DELETE FROM tail_deleted WHERE a > 10000;
CREATE TABLE randomly_deleted (a int, b text);
INSERT INTO randomly_deleted SELECT g, repeat('x', g % 300) FROM generate_series(1, 20000) g;
DELETE FROM randomly_deleted WHERE hashint4(a) % 3 = 0;
CREATE TABLE hot (id int PRIMARY KEY, n int, filler text) WITH (fillfactor = 70);
INSERT INTO hot SELECT g, 0, repeat('h', 40) FROM generate_series(1, 5000) g;
UPDATE hot SET n = 1;
UPDATE hot SET n = 2 WHERE id % 2 = 0;
UPDATE hot SET n = 3 WHERE id % 3 = 0;
CREATE TABLE moved (id int PRIMARY KEY, filler text);
INSERT INTO moved SELECT g, repeat('m', 30) FROM generate_series(1, 10000) g;
UPDATE moved SET filler = repeat('m', 200) WHERE id % 3 = 0;
CREATE TABLE aborted_insert AS SELECT g AS a FROM generate_series(1, 5000) g;
BEGIN;
INSERT INTO aborted_insert SELECT g FROM generate_series(1, 8000) g;
ROLLBACK;
CREATE TABLE aborted_update AS SELECT g AS a, 0 AS b FROM generate_series(1, 10000) g;
BEGIN;
UPDATE aborted_update SET b = 1;
ROLLBACK;
BEGIN;
DELETE FROM aborted_update WHERE a < 500;
SAVEPOINT s;
DELETE FROM aborted_update WHERE a > 9000;
ROLLBACK TO s;
COMMIT;
CREATE TABLE multixacts (id int PRIMARY KEY, n int);
INSERT INTO multixacts SELECT g, 0 FROM generate_series(1, 6000) g;
BEGIN;
SELECT count(*) FROM (SELECT FROM multixacts FOR KEY SHARE) locked;
SAVEPOINT a;
UPDATE multixacts SET n = 1 WHERE id % 2 = 0;
ROLLBACK TO a;
SAVEPOINT b;
UPDATE multixacts SET n = 2 WHERE id % 3 = 0;
DELETE FROM multixacts WHERE id % 5 = 0;
RELEASE b;
COMMIT;
BEGIN;
SELECT count(*) FROM (SELECT FROM multixacts FOR SHARE) locked;
COMMIT;
CREATE TABLE upserted (id int PRIMARY KEY, n int);
INSERT INTO upserted SELECT g % 3000, 1 FROM generate_series(1, 3000) g;
INSERT INTO upserted SELECT g, 1 FROM generate_series(1, 5000) g ON CONFLICT (id) DO UPDATE SET n = upserted.n + 1;
CREATE TABLE line_pointers (a text);
INSERT INTO line_pointers SELECT NULL FROM generate_series(1, 291 * 20);
DELETE FROM line_pointers WHERE (ctid::text::point)[1] NOT IN (5, 291);
VACUUM (TRUNCATE false) line_pointers;
INSERT INTO line_pointers SELECT repeat('l', 500) FROM generate_series(1, 100);
CREATE MATERIALIZED VIEW view AS SELECT a, b FROM varied CROSS JOIN LATERAL (SELECT id AS a, filler AS b) v WHERE id % 2 = 0;
CREATE UNLOGGED TABLE unlogged AS SELECT g AS a FROM generate_series(1, 10000) g;
DELETE FROM unlogged WHERE a % 2 = 0;
CREATE TEMPORARY TABLE temporary AS SELECT g AS a FROM generate_series(1, 10000) g;
DELETE FROM temporary WHERE a % 2 = 0;
CREATE TABLE empty (a int, b text);
CREATE TABLE emptied AS SELECT g AS a, 'b' AS b FROM generate_series(1, 20000) g;
DELETE FROM emptied;
CREATE TABLE no_truncation WITH (vacuum_truncate = off) AS SELECT g AS a FROM generate_series(1, 10000) g;
DELETE FROM no_truncation WHERE a > 2000;
CREATE TABLE dead_toast AS SELECT g AS id, noise(g, 5000) AS body FROM generate_series(1, 200) g;
DELETE FROM dead_toast;

CREATE VIEW fixtures AS
SELECT oid, relname AS name, reltoastrelid AS toast FROM pg_class
WHERE relkind IN ('r', 'm') AND relnamespace IN ('heaps'::regnamespace, pg_my_temp_schema()) AND relname <> 'before';
SELECT format('ALTER TABLE %s SET (autovacuum_enabled = off%s)', f.oid::regclass, CASE WHEN f.toast <> 0 THEN ', toast.autovacuum_enabled = off' END)
FROM fixtures f JOIN pg_class c USING (oid) WHERE relkind = 'r' AND relpersistence <> 't' ORDER BY name \gexec

-- Nobody sees any more what is dead.
CREATE PROCEDURE wait_for_horizon() LANGUAGE plpgsql AS $$
BEGIN
    WHILE EXISTS (SELECT FROM heaps.fixtures f, warden.bloat_measure(f.oid, 'exact') WHERE blocked_bytes > 0) LOOP
        COMMIT;
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;
CALL wait_for_horizon();

CREATE TABLE before AS
SELECT f.name, m.* FROM fixtures f, warden.bloat_measure(f.oid, 'exact') m WHERE m.kind IN ('table', 'toast');
-- VACUUM cuts off what it was said to, and no more.
SELECT format('VACUUM %s', oid::regclass) FROM fixtures
WHERE name IN ('tail_deleted', 'emptied', 'aborted_insert', 'aborted_update', 'range_vacuumed', 'randomly_deleted', 'no_truncation') ORDER BY name \gexec
SELECT name, truncatable_bytes > 0 AS some, bytes - pg_relation_size(oid) = truncatable_bytes AS right
FROM before JOIN fixtures USING (name)
WHERE kind = 'table' AND name IN ('tail_deleted', 'emptied', 'aborted_insert', 'aborted_update', 'range_vacuumed', 'randomly_deleted', 'no_truncation') ORDER BY name;

SELECT format('VACUUM FULL %s', oid::regclass) FROM fixtures ORDER BY name \gexec
CREATE VIEW compared AS
SELECT b.*, truth, abs(rewrite_bytes - truth) <= greatest(8192, truth * 0.0005) AS within,
       live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes = bytes AS sums
FROM before b JOIN fixtures f USING (name), pg_relation_size(CASE b.kind WHEN 'table' THEN f.oid ELSE nullif(f.toast, 0) END) truth;
-- A TOAST table is none any more when no column needs one.
SELECT name, kind, status, sums, within, caveats, CASE WHEN NOT within OR NOT sums THEN to_jsonb(compared) END AS figures
FROM compared ORDER BY name, kind;
SELECT count(*) FILTER (WHERE kind = 'table') AS tables, count(*) FILTER (WHERE kind = 'toast' AND truth > 0) AS toast_tables,
       count(*) FILTER (WHERE bytes > rewrite_bytes) > 20 AS many_shrink, count(*) FILTER (WHERE bytes < rewrite_bytes) > 3 AS some_grow
FROM compared;

-- catalogs, mapped ones and others
DO $$
BEGIN
    FOR i IN 1..300 LOOP
        EXECUTE format('CREATE FUNCTION heaps.f%s() RETURNS text LANGUAGE sql AS %L', i, 'SELECT ' || quote_literal(repeat(md5(i::text), 30)));
        EXECUTE format('CREATE TABLE heaps.t%s (a int, b text)', i);
    END LOOP;
    FOR i IN 1..300 LOOP
        IF i % 3 <> 0 THEN
            EXECUTE format('DROP FUNCTION heaps.f%s()', i);
            EXECUTE format('DROP TABLE heaps.t%s', i);
        END IF;
    END LOOP;
END $$;
CREATE TABLE catalogs (name text, sums boolean, rewritten bigint, status text, truth bigint);
SELECT format(command, name) FROM unnest('{pg_proc,pg_attribute,pg_rewrite,pg_description}'::text[]) WITH ORDINALITY catalog (name, n),
    unnest(ARRAY[$$INSERT INTO heaps.catalogs SELECT %1$L, bytes = live_bytes + overhead_bytes + reserve_bytes + vacuum_frees_bytes + blocked_bytes + free_bytes,
    rewrite_bytes, status FROM warden.bloat_measure(%1$L, 'exact') WHERE kind = 'table'$$,
    $$VACUUM FULL %1$I$$, $$UPDATE heaps.catalogs SET truth = pg_relation_size(name::regclass) WHERE name = %1$L$$]) WITH ORDINALITY step (command, m)
ORDER BY n, m \gexec
SELECT name, status, sums, abs(rewritten - truth) <= greatest(8192, truth * 0.0005) AS within,
       CASE WHEN NOT abs(rewritten - truth) <= greatest(8192, truth * 0.0005) THEN to_jsonb(catalogs) END AS figures
FROM catalogs;
SET client_min_messages = error;
DROP SCHEMA heaps CASCADE;
