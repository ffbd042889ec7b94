-- Rows that are moved keep their bytes, whatever they are of: of a drain with jobs, for even the fewest rows.
\set ECHO queries
SET client_min_messages = warning;
SET timezone = 'UTC';
SET warden.partition_drain_direct_rows = 0;
CREATE SCHEMA move_data;
SET search_path = move_data;

-- 1. Odd columns: dropped ones, one that came later, generated, an array, a domain, a composite; out of line, compressed, both.
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE odd (junk text, id int, gone bigint, k timestamptz, body text, outside text, packed text, arr int[], p positive, c pair,
    g int GENERATED ALWAYS AS (id * 2) STORED) PARTITION BY RANGE (k);
ALTER TABLE odd ALTER outside SET STORAGE EXTERNAL;
CREATE TABLE odd_default PARTITION OF odd DEFAULT;
ALTER TABLE odd_default ALTER outside SET STORAGE EXTERNAL;
INSERT INTO odd (junk, id, gone, k, body, outside, packed, arr, p, c)
SELECT 'junk', i, i, '2024-01-01'::timestamptz + i % 60 * interval '1 day',
    CASE WHEN i % 50 = 0 THEN (SELECT string_agg(md5((i * 1000 + j)::text), '') FROM generate_series(1, 200) j) ELSE 'b' || i END,
    CASE WHEN i % 40 = 0 THEN repeat('abcdefgh', 1000) END,
    CASE WHEN i % 30 = 0 THEN repeat('abc', 2000) END,
    ARRAY[i, NULL, i + 1], i, (i, 'x' || i)::pair
FROM generate_series(1, 400) i;
ALTER TABLE odd DROP COLUMN junk, DROP COLUMN gone;
ALTER TABLE odd ADD COLUMN late int DEFAULT 42;
INSERT INTO odd (id, k, late) VALUES (1001, '2024-01-05', NULL), (1001, '2024-01-05', NULL), (1001, '2024-01-05', NULL);
-- They stay: there is no partition for them.
INSERT INTO odd (id, k, late) VALUES (0, NULL, 1), (-1, 'infinity', 2), (-2, '-infinity', 3);
CREATE TABLE odd_before AS SELECT * FROM odd;
SELECT count(*) AS compressed FROM odd WHERE pg_column_compression(packed) IS NOT NULL;
SELECT warden.partition_by_time('odd', '1 month') IS NOT NULL AS declared;
CALL warden.partition_drain('odd');
SELECT tableoid::regclass::text AS partition, count(*), min(k), max(k) FROM odd GROUP BY 1 ORDER BY 1;
SELECT count(*) AS lost FROM (TABLE odd_before EXCEPT ALL TABLE odd) row;
SELECT count(*) AS surplus FROM (TABLE odd EXCEPT ALL TABLE odd_before) row;
SELECT count(*) AS compressed FROM odd WHERE pg_column_compression(packed) IS NOT NULL;
SELECT count(*) AS missing_late FROM odd WHERE id BETWEEN 1 AND 400 AND late IS DISTINCT FROM 42;

-- 2. A value that no domain of today would take is moved as it is; it was there.
ALTER DOMAIN positive DROP CONSTRAINT positive_check;
INSERT INTO odd (id, k, p) VALUES (2000, '2023-12-10', -5);
ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 0) NOT VALID;
CALL warden.partition_drain('odd');
SELECT tableoid::regclass::text AS partition, id, p FROM odd WHERE id = 2000;

-- 3. Unique keys of all kinds; expressions and predicates; the entries are there.
CREATE TABLE keyed (id int, k date, name text, PRIMARY KEY (id, k), UNIQUE (name, k) DEFERRABLE INITIALLY DEFERRED) PARTITION BY RANGE (k);
CREATE TABLE keyed_default PARTITION OF keyed DEFAULT;
CREATE INDEX ON keyed (upper(name)) WHERE id % 2 = 0;
INSERT INTO keyed SELECT i, '2024-03-01'::date + i % 90, 'n' || i FROM generate_series(1, 900) i;
SELECT warden.partition_by_time('keyed', '1 month') IS NOT NULL AS declared;
CALL warden.partition_drain('keyed');
SELECT tableoid::regclass::text AS partition, count(*) FROM keyed GROUP BY 1 ORDER BY 1;
SET enable_seqscan = off;
SELECT count(*) FROM keyed WHERE id BETWEEN 1 AND 900;
SELECT count(*) FROM keyed WHERE upper(name) >= 'N' AND id % 2 = 0;
RESET enable_seqscan;
\set VERBOSITY terse
INSERT INTO keyed VALUES (1, '2024-03-02', 'another');
INSERT INTO keyed VALUES (10001, '2024-03-02', 'n1');
\set VERBOSITY default

-- 4. The trigger's function does nothing for who attaches it by hand.
CREATE TABLE by_hand (a int);
CREATE TRIGGER by_hand AFTER INSERT ON by_hand FOR EACH ROW EXECUTE FUNCTION warden.partition_move_capture('1', '2');
INSERT INTO by_hand VALUES (1);
SELECT warden.partition_move_capture();

-- 5. Nothing is left.
SELECT c.relname FROM pg_class c WHERE c.relname LIKE 'partition\_move\_%\_%' AND c.relkind = 'r' AND c.relname ~ '\d$' ORDER BY 1;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'warden_move%' ORDER BY 1;
SELECT kind, state, rows_copied > 0 AS copied FROM warden.partition_move_jobs WHERE target IN ('odd'::regclass, 'keyed'::regclass) ORDER BY id;
DROP SCHEMA move_data CASCADE;
