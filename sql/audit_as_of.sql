-- A table as it was.
SET client_min_messages = warning;
CREATE TABLE moments (name text PRIMARY KEY, at timestamptz, rows jsonb);
-- Remembers a table, and when.
CREATE FUNCTION remember(moment text, target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO moments SELECT %L, clock_timestamp(), jsonb_agg(to_jsonb(t) ORDER BY t::text) FROM %s t', moment, target);
END $$;
-- Whether it is shown as it was then.
CREATE FUNCTION is_as_it_was(row_type anyelement, moment text) RETURNS boolean LANGUAGE sql AS $$
    SELECT m.rows IS NOT DISTINCT FROM (SELECT jsonb_agg(to_jsonb(t) ORDER BY t::text) FROM warden.audit_as_of(row_type, m.at) t)
    FROM moments m WHERE m.name = moment
$$;

-- Every built-in type with its edges.
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE kinds (
    id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(10, 2), money money,
    t text, v varchar(5), c char(4), q "char", name name, bytes bytea, j json, jb jsonb, x xml, u uuid,
    d date, ti time, tz timetz, ts timestamp, tsz timestamptz, iv interval,
    inet inet, cidr cidr, mac macaddr, mac8 macaddr8, bit bit(3), varbit varbit, point point, line line, lseg lseg, box box, path path,
    polygon polygon, circle circle, r int4range, mr int8multirange, tr tstzrange, tsv tsvector, tsq tsquery, lsn pg_lsn, tid tid, xid xid8,
    oid oid, class regclass, type regtype, role regrole, mood mood, pair pair, positive positive, jp jsonpath,
    ints int[], texts text[], dates timestamptz[], jbs jsonb[], moods mood[], pairs pair[], positives positive[], byteas bytea[], f8s float8[],
    sum int GENERATED ALWAYS AS (i4 + 1) STORED);
SELECT count(*) FROM warden.audit_enable('kinds');
INSERT INTO kinds (id) VALUES (1);
INSERT INTO kinds VALUES
    (2, true, -32768, -2147483648, -9223372036854775808, 'NaN', '-0', 'NaN', 1.10, '-12.34',
     '', 'abc', 'a', 'x', 'n', '\x00ff', '{"a": 1, "a" :null}', 'null', '<a/>', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
     'infinity', '24:00:00', '23:59:59.999999-15:59', '-infinity', 'infinity', '-1 year 2 mons -3 days 04:05:06.789',
     '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '101', '', '(1e300,-0)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]',
     '((0,0),(1,1))', '<(0,0),1>', 'empty', '{[1,2),[5,)}', '(,infinity]', '''a b'':1A c', 'a & !b', '0/16B3748', '(1,2)', '42',
     '7', 'pg_class', 'int4', 'postgres', 'high', '(1,"a ""b""")', 1, '$.a[*] ? (@ > 1)',
     '{}', '{"NULL",NULL,"a,b"}', '{infinity,"2026-01-01 00:00+05"}', '{"null","{\"$json\": 1}",NULL}', '{low,NULL}', '{"(1,x)"}', '{1,2}', '{"\\x00"}', '{NaN,-0,1e-320}'),
    (3, false, 32767, 2147483646, 9223372036854775807, '-infinity', 'infinity', 'infinity', NULL, '0',
     E'\u00e4\\\n"', '     ', '', '', '', '', 'null', '{"$json": null}', NULL, NULL,
     '4713-01-01 BC', '00:00', '00:00+00', '294276-12-31 23:59:59.999999', '4714-11-24 00:00:00+00 BC', 'P178000000Y',
     '0.0.0.0/0', '::/0', NULL, NULL, '000', '1', NULL, NULL, NULL, NULL, '((0,0),(1,1))',
     NULL, NULL, '[1,5)', '{}', '["2026-01-01 00:00+05",)', '', '', '0/0', '(0,0)', '0',
     '0', NULL, NULL, NULL, 'low', '(,)', NULL, NULL,
     '[0:1]={1,2}', '{{a,b},{c,d}}', '{}', '{}', '{}', '{"(,)",NULL}', '{}', '{}', '{}'),
    (4, NULL, 0, 0, 0, '1.17549435e-38', '5e-324', 1e-20, -99999999.99, '92233720368547758.07',
     'a', NULL, 'ä', NULL, NULL, NULL, '[ ]', '{"$big": {}}', NULL, NULL,
     '0001-01-01', NULL, NULL, '10000-01-01', '0044-03-15 12:00:00+00 BC', '0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     '{{1},{2}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO kinds (id, f4, f8, n, jb, n2) VALUES (5, 3.4028235e38, 1.7976931348623157e308, 'infinity', '[1, {"$json": 2}]', 0.00), (6, '1e-45', '-infinity', 12345678901234567890.12345678901234567890, '"s"', NULL),
    (7, 0.1, 0.1, 1.000, '1.50', NULL), (8, -0.0, 123456789012345680, -0.00, 'true', NULL);
CREATE TABLE kept AS TABLE kinds;
SELECT remember('kinds', 'kinds');
-- In other settings than those that it is read in.
SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Tokyo'; SET bytea_output = 'escape'; SET intervalstyle = 'iso_8601'; SET extra_float_digits = 0;
UPDATE kinds SET b = NOT b, t = t || 'x', jb = '2', iv = '1 day', ints = '{7}', pairs = NULL, d = d + 0, f8 = 1, mr = '{}' WHERE id > 1;
DELETE FROM kinds;
-- The same bytes, NULL and JSON null told apart; if not, these columns are to blame.
SELECT count(*), count(*) FILTER (WHERE past *= kept) AS identical, count(*) FILTER (WHERE past.jb IS NULL) AS nulls
FROM warden.audit_as_of(NULL::kinds, (SELECT at FROM moments WHERE moments.name = 'kinds')) past JOIN kept ON kept.id = past.id;
SELECT past.id, a.attname, to_jsonb(past)->a.attname AS past, to_jsonb(kept)->a.attname AS kept
FROM warden.audit_as_of(NULL::kinds, (SELECT at FROM moments WHERE moments.name = 'kinds')) past JOIN kept ON kept.id = past.id,
     (SELECT attname FROM pg_attribute WHERE attrelid = 'kinds'::regclass AND attnum > 0) a
WHERE (to_jsonb(past)->a.attname) IS DISTINCT FROM (to_jsonb(kept)->a.attname);
RESET datestyle; RESET timezone; RESET bytea_output; RESET intervalstyle; RESET extra_float_digits;

-- Whatever happens to rows.
CREATE TABLE accounts (id int PRIMARY KEY DEFERRABLE, name text, amount int);
SELECT count(*) FROM warden.audit_enable('accounts');
INSERT INTO accounts SELECT i, 'n' || i, i FROM generate_series(1, 5) i;
SELECT remember('five', 'accounts');
UPDATE accounts SET amount = 10 WHERE id = 1;
UPDATE accounts SET amount = 20, name = 'x' WHERE id = 1;
DELETE FROM accounts WHERE id = 2;
SELECT remember('four', 'accounts');
UPDATE accounts SET id = id + 1;
SELECT remember('shifted', 'accounts');
INSERT INTO accounts VALUES (20, 'new', 1), (21, 'new', 1);
UPDATE accounts SET id = 1 WHERE id = 20;
UPDATE accounts SET id = 30 WHERE id = 1;
SELECT remember('more', 'accounts');
BEGIN;
DELETE FROM accounts WHERE id = 30;
INSERT INTO accounts VALUES (30, 'again', 1);
UPDATE accounts SET id = 31 WHERE id = 30;
UPDATE accounts SET id = 32 WHERE id = 31;
COMMIT;
SELECT remember('again', 'accounts');
TRUNCATE accounts;
SELECT remember('empty', 'accounts');
INSERT INTO accounts VALUES (1, 'one', 1);
SELECT name, is_as_it_was(NULL::accounts, name) FROM moments WHERE name NOT IN ('kinds') ORDER BY at;

-- A transaction is there from its last event on.
BEGIN;
UPDATE accounts SET amount = 2;
SELECT remember('within', 'accounts');
UPDATE accounts SET amount = 3;
COMMIT;
SELECT * FROM warden.audit_as_of(NULL::accounts, (SELECT at FROM moments WHERE name = 'within'));

-- Columns: renamed, dropped, added, of another type; also of the key.
SELECT remember('before', 'accounts');
ALTER TABLE accounts RENAME id TO number;
ALTER TABLE accounts DROP name, ADD added int DEFAULT 7, ALTER amount TYPE text, ALTER number TYPE bigint;
UPDATE accounts SET amount = 'three';
INSERT INTO accounts VALUES (2, 'two');
SELECT * FROM warden.audit_as_of(NULL::accounts, (SELECT at FROM moments WHERE name = 'before'));
SELECT * FROM warden.audit_as_of(NULL::accounts, clock_timestamp()) ORDER BY number;
-- What is too long, what is no value any more, what is not logged.
CREATE TABLE lossy (id int PRIMARY KEY, body text, mood text, secret text);
SELECT count(*) FROM warden.audit_enable('lossy', except_columns => '{secret}');
SET warden.audit_max_value = 1;
INSERT INTO lossy VALUES (1, repeat('x', 2000), 'sad', 's');
SELECT remember('lossy', 'lossy');
UPDATE lossy SET body = 'short', mood = 'low';
RESET warden.audit_max_value;
ALTER TABLE lossy ALTER mood TYPE mood USING mood::mood;
SELECT * FROM warden.audit_as_of(NULL::lossy, (SELECT at FROM moments WHERE name = 'lossy'));
-- Another key.
ALTER TABLE lossy DROP CONSTRAINT lossy_pkey, ADD PRIMARY KEY (body);
UPDATE lossy SET mood = 'high';
SELECT * FROM warden.audit_as_of(NULL::lossy, (SELECT at FROM moments WHERE name = 'lossy'));
-- One that it had not.
CREATE TABLE keyless (id int, v text);
SELECT count(*) FROM warden.audit_enable('keyless');
INSERT INTO keyless VALUES (1, 'one'), (2, 'two');
SELECT remember('keyless', 'keyless');
UPDATE keyless SET v = 'three' WHERE id = 1;
ALTER TABLE keyless ADD PRIMARY KEY (id);
UPDATE keyless SET v = 'four';
SELECT * FROM warden.audit_as_of(NULL::keyless, (SELECT at FROM moments WHERE name = 'keyless'));
DROP TABLE keyless;

-- Without a key; keys of text; partitions.
CREATE TABLE heap (v text, w int);
SELECT count(*) FROM warden.audit_enable('heap');
INSERT INTO heap VALUES ('a', 1), ('a', 1), ('b', 2), (NULL, NULL);
SELECT remember('heap 1', 'heap');
DELETE FROM heap WHERE ctid = (SELECT min(ctid) FROM heap);
UPDATE heap SET w = 5 WHERE v = 'a';
UPDATE heap SET w = 6 WHERE v IS NULL;
SELECT remember('heap 2', 'heap');
INSERT INTO heap VALUES ('a', 1);
UPDATE heap SET v = 'c', w = 9;
CREATE TABLE parts (tag text, id numeric, v text, PRIMARY KEY (tag, id)) PARTITION BY LIST (tag);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b (v text, gone int, tag text NOT NULL, id numeric NOT NULL);
ALTER TABLE parts_b DROP gone;
ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES IN ('b');
SELECT count(*) FROM warden.audit_enable('parts');
INSERT INTO parts VALUES ('a', 1.50, 'one'), ('b', 2, 'two');
SELECT remember('parts', 'parts');
UPDATE parts SET tag = 'b', v = 'moved' WHERE tag = 'a';
UPDATE parts SET v = 'changed';
DELETE FROM parts WHERE id = 2;
SELECT is_as_it_was(NULL::heap, 'heap 1') AS heap_1, is_as_it_was(NULL::heap, 'heap 2') AS heap_2, is_as_it_was(NULL::parts, 'parts') AS parts;

-- What cannot be had.
SELECT * FROM warden.audit_as_of(NULL::parts_a, now());
SELECT * FROM warden.audit_as_of(1, now());
SELECT * FROM warden.audit_as_of(NULL::moments, now());
SELECT * FROM warden.audit_as_of(NULL::heap, '2000-01-01');
SELECT * FROM warden.audit_as_of(NULL::heap, NULL::timestamptz);
CREATE ROLE regress_reader;
GRANT SELECT (v) ON heap TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM warden.audit_as_of(NULL::heap, now());
SELECT * FROM warden.audit_as_of(NULL::parts, now());
RESET ROLE;
GRANT SELECT ON heap TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM warden.audit_as_of(NULL::heap, clock_timestamp()) ORDER BY w LIMIT 1;
RESET ROLE;

SELECT count(warden.audit_disable(relation)) FROM warden.audit_tables;
DROP TABLE kinds, kept, accounts, lossy, heap, parts, moments;
DROP FUNCTION remember, is_as_it_was;
DROP DOMAIN positive;
DROP TYPE mood, pair;
DROP ROLE regress_reader;
