-- Values of all types, in a form that no setting has a part in, and from which they can be made again.
SET timezone = 'UTC';
SET client_min_messages = warning;
CREATE SCHEMA types;
SET search_path = types;
CREATE TABLE told AS SELECT coalesce(max(id), 0) AS id FROM warden.audit_log;
-- What was logged since it was last asked for, in order.
CREATE FUNCTION tell() RETURNS TABLE (relation text, op "char", flags smallint, key text, before jsonb, after jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    last bigint := (SELECT max(t.id) FROM told t);
BEGIN
    INSERT INTO told SELECT coalesce(max(l.id), last) FROM warden.audit_log l;
    RETURN QUERY SELECT regexp_replace(r.name, '.*\.', ''), l.operation, l.flags, coalesce(l.key::text, l.key_number::text),
                        l.before, l.after
        FROM warden.audit_log l JOIN warden.audit_relations r ON r.id = l.relation WHERE l.id > last ORDER BY l.id;
END $$;
CREATE FUNCTION watch(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT status FROM warden.audit_enable(relation) $$;
CREATE ROLE regress_warden_type;
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN ints AS int[];
CREATE TYPE pair AS (a int, b timestamptz, c text);
CREATE TABLE source (id int PRIMARY KEY, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric(7, 2),
    m money, t text, vc varchar(9), c char(5), c1 "char", nm name, by bytea, d date, tm time, tt timetz, ts timestamp,
    tz timestamptz, iv interval, u uuid, x xml, bi bit(3), vb varbit, e mood, dom positive, doma ints, p pair);
INSERT INTO source VALUES
    (1, true, -32768, -2147483648, -9223372036854775808, 'NaN', '-0', 'NaN', '-99999.99', '-92233720368547758.08',
     E'a"\\\n\t\u00e9\u0001', '', 'ab', 'q', 'a "name"', '\x00ff5c', '-infinity', '24:00', '12:00:00.000001-15:59', 'infinity',
     '-infinity', '-1 mon +2 days -03:04:05.6', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
     '<?xml version="1.0" standalone="yes"?><a b="1"> &amp; </a>', '101', '', 'it''s "ok"', 7, '[0:1]={3,4}', ROW(1, '2020-06-01 12:00+00', NULL)),
    (2, false, 32767, 2147483647, 9223372036854775807, 'Infinity', '-Infinity', '-Infinity', '0.10', '1234567.89', '', NULL, '',
     '', '', '', 'infinity', '00:00', '00:00+15:59', '-infinity', 'infinity', '178000000 years', NULL, 'text', '000', '1111111111', 'sad', 1,
     '{}', ROW(NULL, '-infinity', 'x "y", \z')),
    (3, NULL, 0, 10000, 100000000, 1.4e-45, 5e-324, 1e-30, 0, '0', '{"$json": 1}', ' ', 'abcde', (-1)::"char", 'x', '\x', '0044-03-15 BC',
     '23:59:59.999999', '23:59:59.999999-00', '4713-01-01 BC', '4713-01-01 00:00+00 BC', '-178000000 years', NULL, '<b/>', NULL, NULL, NULL, NULL,
     '{NULL}', ROW(NULL, NULL, NULL)),
    (4, NULL, 1, -10000, -1, 3.4028235e38, 1.7976931348623157e308, 'Infinity', 1, '0.01', NULL, NULL, NULL, NULL, NULL, NULL,
     '5874897-12-31', NULL, NULL, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '1 day -1 us', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (5, NULL, NULL, NULL, 99999999, 0.1, 4.35, '0.00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '0001-01-01', NULL, NULL,
     '1969-12-31 23:59:59.999999', '1900-01-01 00:00:00+00', '0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (6, NULL, NULL, NULL, 0, '-0', 0, '1.00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '1 year', NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (7, NULL, NULL, NULL, 10000, 16777216, 9007199254740993, 1e1000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     '-0.000001', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE source2 (id int PRIMARY KEY, ia int[], ta text[], na numeric[], fa float8[], tza timestamptz[], bya bytea[], ma mood[], pa pair[],
    da ints[], iva interval[], moa money[], ca char(3)[], r4 int4range, rn numrange, rt tstzrange, mr tstzmultirange, ine inet, ci cidr, ma6 macaddr, ma8 macaddr8, tv tsvector,
    tq tsquery, jp jsonpath, pt point, bx box, pl polygon, li line, ls lseg, pth path, ccl circle, o oid, rc regclass,
    rty regtype, rpr regproc, rpd regprocedure, rop regoper, rod regoperator, rr regrole, rns regnamespace, rco regcollation,
    rcf regconfig, rdi regdictionary, lsn pg_lsn, snap pg_snapshot, ti tid, xi xid, x8 xid8, cd cid, ov oidvector, iv2 int2vector, acl aclitem[]);
INSERT INTO source2 VALUES
    (1, '[0:1]={1,2}', '{"a,b","NULL",NULL,"{}","\"q\"","\\",""," x "}', '{NaN,1.00,-Infinity}', '{NaN,-0,Infinity,1e300,0.1}',
     '{infinity,2020-01-01 00:00:00.5+02}', '{"\\x00"}', '{sad,"it''s \"ok\""}', ARRAY[ROW(1, '2020-01-01 00:00+00', 'x "y"')::pair, NULL],
     ARRAY['{1,2}'::ints], '{1 mon,-1 day}', '{-1.50}', '{a}', '[1,5)', '(,1.50]', '[2020-01-01 00:00+00,)', '{[2020-01-01 00:00+00,2020-01-02 00:00+00)}', '::1/64', '10.0.0.0/8',
     '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '''a b'':1A c', '''a'' & !b', '$.a[*] ? (@ > 1)', '(1e-300,-0)', '(1,1),(0,0)',
     '((0,0),(1,1),(1,0))', '{1,-1,0}', '[(0,0),(1,1)]', '[(0,0),(1,0.1)]', '<(0,0),1.5>', 4294967295, 'source', 'mood', 'now', 'abs(int)',
     NULL, '+(int,int)', 'regress_warden_type', 'types', '"C"', 'english', 'english_stem', '16/B374D848', '10:20:10,14,15', '(0,1)', '3',
     '18446744073709551615', '5', '1 2', '3 4', '{=r/regress_warden_type}');
INSERT INTO source2 VALUES (2, '{{1,2},{NULL,4}}', '[1:1][0:1]={{a,b}}', '{}', '{{0.1}}', '[2:2]={2020-01-01 00:00+00}', '{{"\\x5c"}}', '[0:0]={sad}');
CREATE TABLE target (LIKE source INCLUDING ALL);
CREATE TABLE target2 (LIKE source2 INCLUDING ALL);
SELECT watch('target'), watch('target2');
INSERT INTO target SELECT * FROM source ORDER BY id;
INSERT INTO target2 SELECT * FROM source2 ORDER BY id;
CREATE TABLE standard AS SELECT * FROM tell();
SELECT s.relation, s.key, c.key AS column, CASE WHEN length(c.value::text) > 200 THEN md5(c.value::text) ELSE c.value::text END AS value
FROM standard s, jsonb_each(after) c WHERE c.value <> 'null' AND c.key <> 'id' ORDER BY s.relation, s.key, c.key COLLATE "C";

-- each value can be made again, with the same bytes
SET xmloption = content;
SELECT s.id, record_image_eq(s, jsonb_populate_record(NULL::source, l.after)) AS same
FROM source s JOIN standard l ON l.relation = 'target' AND l.key = s.id::text ORDER BY 1;
SELECT s.id, record_image_eq(s, jsonb_populate_record(NULL::source2, l.after)) AS same
FROM source2 s JOIN standard l ON l.relation = 'target2' AND l.key = s.id::text ORDER BY 1;

-- whatever the settings are
SET datestyle = 'German, DMY';
SET intervalstyle = 'sql_standard';
SET timezone = 'Asia/Kolkata';
SET extra_float_digits = -5;
SET bytea_output = 'escape';
SET xmlbinary = 'hex';
SET xmloption = 'document';
SET quote_all_identifiers = on;
SET search_path = types, pg_temp;
SET client_encoding = 'LATIN1';
SET array_nulls = off;
SET default_text_search_config = 'simple';
DO $$ BEGIN SET lc_monetary = 'de_DE.utf8'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
DELETE FROM target;
DELETE FROM target2;
INSERT INTO target SELECT * FROM source;
INSERT INTO target2 SELECT * FROM source2;
SELECT current_setting('datestyle') AS still_theirs, current_setting('search_path') AS path, current_setting('quote_all_identifiers') AS quotes;
RESET ALL;
SET timezone = 'UTC';
SET client_min_messages = warning;
SET search_path = types;
SELECT l.op, count(*), count(*) FILTER (WHERE record_image_eq(ROW(s.after), ROW(coalesce(l.after, l.before)))) AS same
FROM tell() l JOIN standard s USING (relation, key) GROUP BY 1 ORDER BY 1;

-- JSON: what jsonb is; SQL's null and its own; what looks like one of ours; what jsonb could not hold
CREATE TABLE json_ (id int PRIMARY KEY, b jsonb, a jsonb[], t json);
SELECT watch('json_');
INSERT INTO json_ VALUES
    (1, NULL, NULL, NULL), (2, 'null', ARRAY['null'::jsonb, NULL, '{"$json": 1}', '[1]'], 'null'), (3, '{"$json": null}', '{}', '{"a":1, "a":2, "z":"\u0000"}'),
    (4, '{"$big": {"a": 1}}', '[0:0]={"{\"a\": 1}"}', '"\ud800"'), (5, '{"$json": {"$json": 5}}', NULL, ' 1e999999 '),
    (6, '{"$json": 1, "b": {"$json": 1}}', NULL, '[]'), (7, '[]', NULL, NULL), (8, '[null]', NULL, NULL), (9, '"null"', NULL, NULL),
    (10, '{}', NULL, NULL), (11, 'true', NULL, NULL), (12, '1.50', NULL, NULL), (13, '{"a": {"b": [1, "x", {"c": null}]}, "": 1e10}', NULL, NULL);
UPDATE json_ SET b = 'null' WHERE id = 1;
UPDATE json_ SET b = NULL WHERE id = 2;
UPDATE json_ SET t = '{"a": 1}' WHERE id = 3;
UPDATE json_ SET t = '{"a":1}' WHERE id = 3;
SELECT op, key, before, after FROM tell();

-- what differs in bytes only is a change
CREATE TABLE equal (id int PRIMARY KEY, n numeric, f float8, t char(3), k numeric UNIQUE);
SELECT watch('equal');
INSERT INTO equal VALUES (1, 1.0, 0, 'a');
UPDATE equal SET n = 1.00, f = '-0', t = 'a  ';
SELECT op, before, after FROM tell();

-- values that are too long: their digest; and many that are together
SET warden.audit_max_value = '1kB';
CREATE TABLE big (id int PRIMARY KEY, t text, b bytea, j jsonb, a int[], v varbit, p pair, z text);
SELECT watch('big');
INSERT INTO big SELECT 1, repeat('é', 1000), decode(repeat('00', 2000), 'hex'), jsonb_build_object('a', repeat('x', 2000)), array_agg(i),
    repeat('1', 10000)::varbit, ROW(1, NULL, repeat('y', 2000))::pair, repeat('z', 1000) FROM generate_series(1, 1000) i;
UPDATE big SET t = repeat('é', 1000) || 'x';
UPDATE big SET id = 2;
SELECT op, flags, before - 'z' - 'j' AS before, jsonb_object_agg(k, CASE WHEN k = 'z' THEN '"…"' ELSE v END) AS after
FROM tell(), LATERAL jsonb_each(coalesce(after, '{"z": 1}')) e (k, v) WHERE k NOT IN ('j', 'p') GROUP BY op, flags, before ORDER BY op, before::text;
SELECT encode(sha256(convert_to(repeat('é', 1000), 'UTF8')), 'hex') AS t, encode(sha256(decode(repeat('00', 2000), 'hex')), 'hex') AS b;
RESET warden.audit_max_value;
CREATE TABLE most (id int PRIMARY KEY, a "char"[]);
SELECT watch('most');
SET warden.audit_max_value = '100MB';
INSERT INTO most SELECT 1, array_fill('x'::"char", ARRAY[12000000]);
SELECT op, flags, length(after::text), after #> '{a,$big,bytes}' AS bytes FROM tell();
RESET warden.audit_max_value;

SELECT count(*) > 50 AS some, count(*) FILTER (WHERE NOT record_image_eq(ROW(j), ROW(j::text::jsonb))) AS other
FROM warden.audit_log, LATERAL (VALUES (key), (before), (after)) v (j) WHERE j IS NOT NULL;

DROP SCHEMA types CASCADE;
DROP ROLE regress_warden_type;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
