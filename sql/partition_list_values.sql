-- Values of a list as they come: those that cannot be read any more, those that are called alike, those in the way.
SET timezone = 'UTC';
SET client_min_messages = warning;
\set SHOW_CONTEXT never
CREATE ROLE regress_warden_keeper;
CREATE SCHEMA valued AUTHORIZATION regress_warden_keeper;
SET search_path = valued;

-- a label that is renamed: that value alone fails, the others go on, and the views show all as it is
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE moods (mood mood) PARTITION BY LIST (mood);
CREATE TABLE moods_rest PARTITION OF moods DEFAULT;
SELECT partition, status FROM warden.partition_by_list('moods', keys => '{sad,ok,happy}', min_rows => 5,
    storage_parameters => '{fillfactor=77}');
ALTER TYPE mood RENAME VALUE 'ok' TO 'it''s ok';
DROP TABLE moods_sad, moods_happy;
INSERT INTO moods SELECT 'happy' FROM generate_series(1, 3);
SELECT partition, action, status, command, detail FROM warden.partition_maintain('moods', dry_run => true) \gx
SELECT partition, status FROM warden.partition_maintain('moods');
DROP TABLE moods_sad;
CALL warden.maintain();
SELECT parent, keys, partitions, colliding, last_error FROM warden.partition_sets;
SELECT partition, kind, bound FROM warden.partitions ORDER BY bound COLLATE "C";
-- what it says is to be typed: with the new name, without the value
SELECT replace(replace(command, 's.keys', 'array_replace(s.keys, ''ok'', ''it''''s ok'')'), 'result.*', 'status') AS command
FROM warden.partition_maintain('moods') WHERE status = 'failed' \gexec
SELECT keys, min_rows, storage_parameters, last_error FROM warden.partition_sets;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
ALTER TYPE mood RENAME VALUE 'happy' TO 'glad';
SELECT status, left(detail, 40) AS detail FROM warden.partition_maintain('moods');
SELECT DISTINCT command FROM warden.partition_maintain('moods') WHERE status = 'failed' \gexec
SELECT keys, last_error FROM warden.partition_sets;
DROP TABLE moods;

-- a domain with another check; whose SQLSTATE is that of rows in the default partition, which this is not
CREATE DOMAIN code AS text;
CREATE TABLE codes (code code) PARTITION BY LIST (code);
CREATE TABLE codes_rest PARTITION OF codes DEFAULT;
INSERT INTO codes SELECT x FROM unnest('{c,c,d,d}'::text[]) x;
ANALYZE codes_rest;
SELECT partition, status FROM warden.partition_by_list('codes', keys => '{a,b}', min_rows => 2);
DROP TABLE codes_b;
ALTER DOMAIN code ADD CONSTRAINT no_vowels CHECK (value NOT IN ('a', 'c')) NOT VALID;
SELECT partition, status, detail FROM warden.partition_maintain('codes');
SELECT colliding, last_error FROM warden.partition_sets;
DROP TABLE codes;

-- below a set: the tree is made without it, and what is below tells
CREATE TABLE logs (n int, mood mood) PARTITION BY LIST (n);
SELECT * FROM warden.partition_by_list('logs');
SELECT * FROM warden.partition_subdivide('logs', 'list', 'mood', keys => '{blue,"it''s ok"}');
ALTER TYPE mood RENAME VALUE 'it''s ok' TO 'ok';
SELECT parent, partition, status, detail FROM warden.partition_by_list('logs', keys => '{1}');
SELECT relid FROM pg_partition_tree('logs') ORDER BY relid::text;
SELECT parent, last_error FROM warden.partition_sets_below;
SELECT count(*) FROM warden.partitions;
SELECT replace(command, 's.sub_keys', 'array_replace(s.sub_keys, ''it''''s ok'', ''ok'')') AS command
FROM warden.partition_maintain('logs') WHERE status = 'failed' \gexec
SELECT * FROM warden.partition_maintain('logs');
SELECT relid FROM pg_partition_tree('logs') ORDER BY relid::text;
DROP TABLE logs;

-- one that no catalogue can hold keeps no other from having a partition
CREATE TABLE longs (v text) PARTITION BY LIST (v);
SELECT left(partition, 25) AS partition, status, left(detail, 27) AS detail FROM warden.partition_by_list('longs',
    keys => ARRAY[(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 600) n), 'short']);
DROP TABLE longs;

-- keys that are stored out of line are read as well between the transactions of CALL
CREATE TABLE wides (v text, w text) PARTITION BY LIST (v);
SELECT string_agg(md5(n::text), '') AS wide FROM generate_series(1, 100) n \gset
SELECT left(partition, 25) AS partition, status FROM warden.partition_by_list('wides', keys => ARRAY[:'wide', :'wide' || 'x', NULL]);
SELECT * FROM warden.partition_subdivide('wides', 'list', 'w', keys => ARRAY[:'wide', 'y']) WHERE status <> 'skipped';
SELECT pg_relation_size(reltoastrelid) > 0 AS "out of line" FROM pg_class WHERE oid = 'warden.partition_policies'::regclass;
DROP TABLE wides_null;
CALL warden.maintain();
SELECT count(*) FROM pg_partition_tree('wides_null');
SELECT length(keys::text), last_error FROM warden.partition_sets;
DROP TABLE wides;

-- a type that says more of what it does not read
CREATE DOMAIN object AS jsonb CHECK (jsonb_typeof(value) = 'object');
CREATE TABLE objects (v object) PARTITION BY LIST (v);
SELECT partition FROM warden.partition_by_list('objects', keys => '{"{\"a\": 1}"}');
UPDATE warden.partition_policies SET keys = '{"{a: 1}"}' WHERE parent = 'objects'::regclass;
SELECT detail FROM warden.partition_maintain('objects');
DROP TABLE objects;

-- money
SET lc_monetary = 'C';
CREATE TABLE prices (v money) PARTITION BY LIST (v);
SELECT partition, status FROM warden.partition_by_list('prices', keys => '{1.50,"1.5"}');
SELECT keys FROM warden.partition_sets;
-- what pads a value is not in the name
CREATE TABLE padded (v char(5)) PARTITION BY LIST (v);
SELECT partition FROM warden.partition_by_list('padded', keys => '{a,"a  ",bc,""}');
-- rows, arrays
CREATE TYPE pair AS (a int, b text);
CREATE TABLE pairs (v pair) PARTITION BY LIST (v);
CREATE TABLE pairs_rest PARTITION OF pairs DEFAULT;
CREATE TABLE arrays (v text[]) PARTITION BY LIST (v);
CREATE TABLE arrays_rest PARTITION OF arrays DEFAULT;
INSERT INTO pairs VALUES ((3, 'it''s "so"\'));
INSERT INTO arrays VALUES ('{NULL,"NULL","a,b"}');
SELECT partition FROM warden.partition_by_list('pairs', keys => ARRAY[(1, 'x')::pair::text, '(,)', (3, 'it''s "so"\')::pair::text]);
SELECT partition FROM warden.partition_by_list('arrays', keys => '{"{}","{NULL,\"NULL\",\"a,b\"}","{{1,2},{3,4}}"}');
SET array_nulls = off;
SELECT detail FROM warden.partition_maintain('arrays');
RESET array_nulls;
SELECT command FROM warden.partition_maintain() WHERE parent IN ('pairs'::regclass, 'arrays'::regclass) \gexec
SELECT tableoid::regclass, v FROM pairs;
SELECT tableoid::regclass, v FROM arrays;
SELECT * FROM warden.partition_maintain();
DROP TABLE prices, padded, pairs, arrays;

-- values that are called alike have names of their own, also in a plan, whose commands can be run one after the other
CREATE TABLE alike (v text, n int) PARTITION BY LIST (v);
CREATE TABLE alike_rest PARTITION OF alike DEFAULT;
INSERT INTO alike VALUES ('de', 1), ('DE', 2), (repeat('ü', 70), 3), (repeat('ü', 71), 4);
SELECT partition, status FROM warden.partition_by_list('alike', dry_run => true,
    keys => ARRAY['de', 'DE', 'De', 'dE', 'de_1', repeat('ü', 70), repeat('ü', 71), repeat('ü', 72)]);
SELECT partition, status FROM warden.partition_by_list('alike',
    keys => ARRAY['de', 'DE', 'De', 'dE', 'de_1', repeat('ü', 70), repeat('ü', 71), repeat('ü', 72)]);
SELECT command FROM warden.partition_maintain('alike') \gexec
SELECT * FROM warden.partition_maintain('alike');
SELECT tableoid::regclass, n FROM alike ORDER BY n;
DROP TABLE alike;

-- one pass tells of all values, however many there are; and an index of no more rows than are counted
CREATE TABLE counted (v text COLLATE "C", n int) PARTITION BY LIST (v);
CREATE TABLE counted_rest PARTITION OF counted DEFAULT;
INSERT INTO counted SELECT 'v' || n % 50, n FROM generate_series(1, 1000) n;
INSERT INTO counted SELECT NULL, n FROM generate_series(1, 7) n;
INSERT INTO counted SELECT 'other', n FROM generate_series(1, 30) n;
ANALYZE counted_rest;
SELECT count(*), count(DISTINCT partition) FROM warden.partition_by_list('counted', min_rows => 30,
    keys => ARRAY(SELECT 'v' || n FROM generate_series(0, 79) n) || '{NULL}', dry_run => true);
SELECT count(*) FROM warden.partition_by_list('counted', min_rows => 30,
    keys => ARRAY(SELECT 'v' || n FROM generate_series(0, 49) n) || '{NULL}');
BEGIN;
SELECT seq_scan AS scans, seq_tup_read AS reads FROM pg_stat_xact_user_tables WHERE relid = 'counted_rest'::regclass \gset
SELECT status, regexp_replace(detail, 'v = .*', '...') AS detail, count(*) FROM warden.partition_maintain('counted')
GROUP BY 1, 2 ORDER BY 2;
SELECT seq_scan - :scans AS scans, seq_tup_read - :reads AS reads FROM pg_stat_xact_user_tables WHERE relid = 'counted_rest'::regclass;
COMMIT;
CREATE INDEX ON counted_rest (v);
BEGIN;
SELECT seq_scan AS scans, coalesce(idx_scan, 0) AS searches FROM pg_stat_xact_user_tables WHERE relid = 'counted_rest'::regclass \gset
SELECT status, regexp_replace(detail, 'v = .*', '...') AS detail, count(*) FROM warden.partition_maintain('counted')
GROUP BY 1, 2 ORDER BY 2;
SELECT seq_scan - :scans AS scans, idx_scan - :searches AS searches FROM pg_stat_xact_user_tables WHERE relid = 'counted_rest'::regclass;
COMMIT;

-- CALL warns of them as of ranges that collide: of the first, and how many there are
CALL warden.maintain();
SELECT colliding, last_error FROM warden.partition_sets;
SELECT count(*) FROM warden.partition_by_list('counted', keys => '{v1,NULL}', min_rows => 30);
CALL warden.maintain();
ALTER TABLE counted ADD CONSTRAINT key UNIQUE (v, n);
CREATE TABLE referring (v text, n int, FOREIGN KEY (v, n) REFERENCES counted (v, n));
CALL warden.maintain();
DROP TABLE referring, counted;

-- what a domain checks runs as the owner of the table, in a restricted operation
CREATE TABLE seen (who name);
GRANT INSERT ON seen TO PUBLIC;
SET ROLE regress_warden_keeper;
CREATE FUNCTION note(v text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE 'RESET ROLE';
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
    INSERT INTO valued.seen VALUES (current_user);
    RETURN v <> 'gone';
END $$;
CREATE DOMAIN checked AS text;
CREATE TABLE guarded (v checked) PARTITION BY LIST (v);
CREATE TABLE guarded_rest PARTITION OF guarded DEFAULT;
INSERT INTO guarded VALUES ('x'), ('x');
RESET ROLE;
SELECT partition, status FROM warden.partition_by_list('guarded', keys => '{gone,x,y}');
SET ROLE regress_warden_keeper;
ALTER DOMAIN checked ADD CHECK (valued.note(value)) NOT VALID;
RESET ROLE;
DROP TABLE guarded_y;
TRUNCATE seen;
SELECT partition, status, left(detail, 60) AS detail FROM warden.partition_maintain('guarded');
CALL warden.maintain();
SELECT count(*) FROM warden.partitions;
SELECT DISTINCT who FROM seen;
DROP SCHEMA valued CASCADE;
DROP ROLE regress_warden_keeper;
