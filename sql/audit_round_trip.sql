-- Of every built-in type, with its edge values, what a DELETE took comes back byte for byte.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA round_trip;
SET search_path = round_trip;
CREATE ROLE regress_warden_round_trip;
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', '');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN ints AS int[];
CREATE TYPE pair AS (a int, b timestamptz, c text, j jsonb, d positive);
CREATE TYPE nested AS (p pair, a pair[]);
CREATE TYPE texts AS RANGE (subtype = text, collation = "C");

-- What is in no column of its own: NULL is in each, and an array of each.
CREATE TABLE sample (name text PRIMARY KEY, type text NOT NULL, is_built_in boolean NOT NULL, value text[] NOT NULL);
INSERT INTO sample SELECT n, n, true, v FROM (VALUES
('bool', ARRAY['true', 'false']),
('int2', ARRAY['-32768', '32767', '0']),
('int4', ARRAY['-2147483648', '2147483647', '0', '10000', '-10000']),
('int8', ARRAY['-9223372036854775808', '9223372036854775807', '0', '9007199254740993', '100000000']),
('float4', ARRAY['NaN', 'Infinity', '-Infinity', '-0', '0', '1.4e-45', '1.1754942e-38', '3.4028235e38', '0.1', '16777217']),
('float8', ARRAY['NaN', 'Infinity', '-Infinity', '-0', '0', '5e-324', '2.2250738585072009e-308', '1.7976931348623157e308', '0.1', '9007199254740993', '1e300', '4.35']),
('numeric', ARRAY['NaN', 'Infinity', '-Infinity', '1.0', '1.00', '0.00', '-0.000', '1e1000', '1e-1000', '123456789012345678901234567890.1234567890', '10000', '0.0001', '1e131071', '100']),
('money', ARRAY['-92233720368547758.08', '92233720368547758.07', '0', '1234567.89']),
('text', ARRAY['', ' ', E'a"\\\n\t\r\u00e9\u0001', 'null', '{"$json": 1}', '{"$big": {"bytes": 1}}', 'NULL', E'\U0001F600', repeat('long ', 1000)]),
('varchar', ARRAY['', ' a ', repeat('x', 3000)]),
('bpchar', ARRAY['', 'a', 'a  ', '  ']),
('"char"', ARRAY['', 'a', ' ', '\', '"']),
('name', ARRAY['', 'a "name"', repeat('n', 63)]),
('bytea', ARRAY['', '\x00ff5c', '\x', '\x' || repeat('c0ffee', 500)]),
('date', ARRAY['-infinity', 'infinity', '4714-11-24 BC', '5874897-12-31', '0001-01-01 BC', '0044-03-15 BC', '2000-02-29', '1969-12-31']),
('time', ARRAY['24:00', '00:00', '23:59:59.999999', '00:00:00.000001']),
('timetz', ARRAY['24:00-15:59', '00:00+15:59', '23:59:59.999999-00', '12:00:00.000001+05:30:17']),
('timestamp', ARRAY['-infinity', 'infinity', '4714-11-24 00:00 BC', '294276-12-31 23:59:59.999999', '1999-12-31 23:59:59.999999', '0001-01-01 00:00 BC', '1969-12-31 23:59:59.000001']),
('timestamptz', ARRAY['-infinity', 'infinity', '4714-11-24 00:00+00 BC', '294276-12-31 23:59:59.999999+00', '2000-01-01 00:00:00.000001+00', '1883-11-18 12:03:57+00']),
('interval', ARRAY['0', '-1 mon +2 days -03:04:05.6', '1 mon -2 days 03:04:05.6', '178000000 years', '-178000000 years', '1 day -1 us', '-0.000001', '-1 day', '-1 year -1 day -1 second', '2147483647 days', '24:00', '1000:00:00.000001']),
('uuid', ARRAY['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']),
('xml', ARRAY['<?xml version="1.0" standalone="yes"?><a b="1"> &amp; </a>', '<b/>', 'text', ' <a/> <b/> ', '<!-- c --><a><![CDATA[<]]></a>']),
('json', ARRAY['null', '{"a":1, "a":2,   "z":"\u0000"}', ' [ 1 , 2 ] ', '"\ud800"', ' 1e999999 ', '{"$json": 1}', E'{\n\t"b": 1.00,\n\t"a": []}', 'true']),
('jsonb', ARRAY['null', '{"$json": null}', '{"$json": {"$json": 5}}', '{"$big": {"a": 1}}', '{"$json": 1, "b": 2}', '{"$big": 1, "longer": 2}', '[]', '[null]', '"null"', '{}', 'true', '1.50', '1.5', '-0', '{"a": {"b": [1, "x", {"c": null}]}, "": 1e10}', '"{}"', '""']),
('jsonpath', ARRAY['$.a[*] ? (@ > 1)', 'strict $."a b".**{2 to last}', '$']),
('bit', ARRAY['0', '1']),
('varbit', ARRAY['', '1', '1111111111', '00000000', repeat('10', 500)]),
('inet', ARRAY['::1/64', '10.1.2.3', '10.1.2.3/8', '0.0.0.0/0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '::ffff:1.2.3.4']),
('cidr', ARRAY['10.0.0.0/8', '10.1.2.3/32', '::/0', '2001:db8::/32']),
('macaddr', ARRAY['08:00:2b:01:02:03', '00:00:00:00:00:00']),
('macaddr8', ARRAY['08:00:2b:01:02:03:04:05', 'ff:ff:ff:ff:ff:ff:ff:ff']),
('tsvector', ARRAY['', '''a b'':1A,2B c', '''it''''s'' ''\\'':16383', 'a:1 b:2D']),
('tsquery', ARRAY['', '''a'' & !b', 'a <-> (b:*A | ''c''''d'')', '!!a']),
('point', ARRAY['(1e-300,-0)', '(NaN,Infinity)', '(0.1,-Infinity)', '(5e-324,1.7976931348623157e308)']),
('box', ARRAY['(1,1),(0,0)', '(0.1,0.30000000000000004),(-0,-1e-300)', '(NaN,1),(1,NaN)']),
('polygon', ARRAY['((0,0),(1,1),(1,0))', '((0.1,0.2))']),
('line', ARRAY['{1,-1,0}', '{0.1,0.30000000000000004,-0}']),
('lseg', ARRAY['[(0,0),(1,1)]', '[(0.1,-0),(Infinity,5e-324)]']),
('path', ARRAY['[(0,0),(1,0.1)]', '((0,0),(1,0.1))', '[(1,1)]']),
('circle', ARRAY['<(0,0),1.5>', '<(0.1,-0),0>', '<(NaN,0),Infinity>']),
('oid', ARRAY['0', '4294967295', '2147483648']),
('regclass', ARRAY['sample', 'pg_class', '0', '4294967295']),
('regtype', ARRAY['mood', 'timestamptz', 'int[]', '0', '4294967295']),
('regproc', ARRAY['now', 'warden.audit_mark', '0', '4294967295', 'boolin']),
('regprocedure', ARRAY['abs(int)', 'warden.audit_mark(text)', '0', '4294967295']),
('regoper', ARRAY['0', '4294967295', '^@']),
('regoperator', ARRAY['+(int,int)', '-(none,int)', '0', '4294967295']),
('regrole', ARRAY['regress_warden_round_trip', '0', '4294967295']),
('regnamespace', ARRAY['round_trip', 'pg_catalog', '0', '4294967295']),
('regcollation', ARRAY['"C"', 'pg_catalog."default"', '0', '4294967295']),
('regconfig', ARRAY['english', 'simple', '0', '4294967295']),
('regdictionary', ARRAY['english_stem', '0', '4294967295']),
('pg_lsn', ARRAY['0/0', 'FFFFFFFF/FFFFFFFF', '16/B374D848']),
('pg_snapshot', ARRAY['10:20:10,14,15', '1:1:', '9223372036854775806:9223372036854775807:']),
('txid_snapshot', ARRAY['10:20:10,14,15', '1:1:']),
('tid', ARRAY['(0,0)', '(4294967295,65535)', '(0,1)']),
('xid', ARRAY['0', '4294967295', '3']),
('xid8', ARRAY['0', '18446744073709551615', '3']),
('cid', ARRAY['0', '4294967295']),
('oidvector', ARRAY['', '1 2', '4294967295']),
('int2vector', ARRAY['', '3 4', '-32768 32767']),
('aclitem', ARRAY['=r/regress_warden_round_trip', 'regress_warden_round_trip=arwdDxt/regress_warden_round_trip']),
('refcursor', ARRAY['', 'c "1"']),
('int4range', ARRAY['empty', '[1,5)', '(,)', '(,5)', '[-2147483648,2147483647)']),
('int8range', ARRAY['empty', '[1,5)', '[9223372036854775806,)']),
('numrange', ARRAY['empty', '(1.0,1.50]', '[NaN,NaN]', '(,Infinity)', '[1.00,2.000)']),
('daterange', ARRAY['empty', '[-infinity,infinity)', '[2000-01-01,2000-01-02)', '[0044-03-15 BC,)']),
('tsrange', ARRAY['empty', '["2000-01-01 00:00:00.000001",infinity]', '(,"0044-03-15 00:00:00 BC")']),
('tstzrange', ARRAY['empty', '["2000-01-01 00:00:00.000001+00",infinity]', '(,)']),
('int4multirange', ARRAY['{}', '{[1,5),[7,9)}', '{(,)}']),
('int8multirange', ARRAY['{}', '{[1,5),[7,9)}']),
('nummultirange', ARRAY['{}', '{[1.0,1.50],(2.00,)}']),
('datemultirange', ARRAY['{}', '{[2000-01-01,2000-01-02),[infinity,)}']),
('tsmultirange', ARRAY['{}', '{["2000-01-01 00:00:00.000001","2000-01-02 00:00:00"]}']),
('tstzmultirange', ARRAY['{}', '{["2000-01-01 00:00:00.000001+00","2000-01-02 00:00:00+00"]}']),
('information_schema.cardinal_number', ARRAY['0', '1']),
('information_schema.character_data', ARRAY['', 'é']),
('information_schema.sql_identifier', ARRAY['', 'a "name"']),
('information_schema.time_stamp', ARRAY['2000-01-01 00:00:00.12+00']),
('information_schema.yes_or_no', ARRAY['YES', 'NO'])) s (n, v);
-- with a length, and of types of one's own
INSERT INTO sample SELECT n, t, false, v FROM (VALUES
('char_5', 'char(5)', ARRAY['', 'ab', 'abcde', 'é']),
('varchar_9', 'varchar(9)', ARRAY['', 'ab  ', '123456789']),
('numeric_7_2', 'numeric(7, 2)', ARRAY['-99999.99', '0', '0.10', 'NaN']),
('bit_3', 'bit(3)', ARRAY['000', '101']),
('varbit_9', 'varbit(9)', ARRAY['', '101']),
('timestamp_0', 'timestamp(0)', ARRAY['2000-01-01 00:00:01', 'infinity']),
('timestamptz_3', 'timestamptz(3)', ARRAY['2000-01-01 00:00:00.123+00']),
('time_2', 'time(2)', ARRAY['23:59:59.99']),
('interval_3', 'interval day to second(3)', ARRAY['-1 day -00:00:00.001']),
('mood', 'mood', ARRAY['sad', 'it''s "ok"', '']),
('positive', 'positive', ARRAY['1', '2147483647']),
('ints', 'ints', ARRAY['{}', '{1,NULL}', '[0:1]={3,4}', '{{1,2},{3,4}}']),
('pair', 'pair', ARRAY['(1,"2020-06-01 12:00:00.000001+00","a "" \\ , ()","{""$json"": null}",7)', '(,,,,)', '(,-infinity,"",null,)']),
('nested', 'nested', ARRAY['("(1,infinity,"" x "",,)","{""(,,,,)"",NULL}")', '(,)']),
('texts', 'texts', ARRAY['["a b","c""d")', '(,)', 'empty', '["","\\")']),
('regproc_overloaded', 'regproc', ARRAY['1395', '1396']),
('regoper_overloaded', 'regoper', ARRAY['96', '98']),
('text_long', 'text', ARRAY[repeat('long ', 180000), (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3000) i)]),
('xml_document', 'xml', ARRAY['<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'])) s (n, t, v);

UPDATE sample SET value = value || ARRAY['infinity', '-infinity']
WHERE name = 'interval' AND current_setting('server_version_num')::integer >= 170000;

-- Those that have no values of their own in a table: their input functions refuse all.
CREATE TABLE without_values (type text);
INSERT INTO without_values VALUES ('pg_node_tree'), ('pg_ndistinct'), ('pg_dependencies'), ('pg_mcv_list'), ('gtsvector'),
    ('pg_brin_bloom_summary'), ('pg_brin_minmax_multi_summary');
-- No type of the server's is forgotten. Arrays of each are made below; of row types there is one of ours.
SELECT t.oid::regtype AS forgotten
FROM pg_type t
WHERE t.typnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  AND t.typtype IN ('b', 'r', 'm', 'd', 'e')
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
  AND t.oid NOT IN (SELECT s.type::regtype FROM sample s WHERE s.is_built_in)
  AND t.oid NOT IN (SELECT w.type::regtype FROM without_values w)
ORDER BY 1;

-- A column of each, and of an array of each. Row n has the values n, and the last one none.
CREATE FUNCTION array_of(type text, value text[], n integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    elements text;
BEGIN
    elements := (value || NULL::text)::text;
    IF type = 'box' THEN -- whose separator is another one
        elements := replace(replace(elements, '","', '";"'), '",NULL', '";NULL');
    END IF;
    EXECUTE format('SELECT %L::%s[]::text', elements, type) INTO elements;
    RETURN CASE n WHEN 1 THEN '{}'
                  WHEN 2 THEN elements
                  WHEN 3 THEN format('[-1:%s]=%s', cardinality(value) - 1, elements)
                  WHEN 4 THEN format('{%s%s%s}', elements, CASE type WHEN 'box' THEN ';' ELSE ',' END, elements)
                  WHEN 5 THEN '{NULL}' END;
END $$;
UPDATE sample SET name = trim(both '"' from replace(name, 'information_schema.', ''));
CREATE VIEW part AS
SELECT s.name, s.type, s.value, false AS is_array FROM sample s
UNION ALL
SELECT s.name || '_array', format_type(t.typarray, -1), s.value, true
FROM sample s JOIN pg_type t ON t.oid = s.type::regtype WHERE t.typarray <> 0 AND s.type NOT LIKE '%(%' AND s.name NOT IN ('text_long', 'xml_document', 'regproc_overloaded', 'regoper_overloaded');
DO $$
DECLARE
    n integer;
BEGIN
    EXECUTE (SELECT format('CREATE TABLE everything (id int PRIMARY KEY, %s)', string_agg(format('%I %s', name, type), ', ' ORDER BY name COLLATE "C"))
             FROM part);
    FOR n IN 1 .. (SELECT max(cardinality(value)) + 1 FROM sample) LOOP
        EXECUTE (SELECT format('INSERT INTO everything VALUES (%s, %s)', n, string_agg(
                            CASE WHEN p.is_array THEN quote_nullable(array_of(s.type, p.value, n))
                                 ELSE quote_nullable(p.value[n]) END, ', ' ORDER BY p.name COLLATE "C"))
                 FROM part p LEFT JOIN sample s ON s.name || '_array' = p.name AND p.is_array);
    END LOOP;
END $$;
SELECT status FROM warden.audit_enable('everything');
CREATE TABLE before AS TABLE everything;
SELECT count(*) > 8 AS rows, (SELECT count(*) > 170 FROM part) AS columns FROM everything;

-- Each row as texts that tell all values apart: the bytes that are sent, and the text.
CREATE FUNCTION make_forms() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    forms text := (SELECT string_agg(
        format('coalesce(%s || %I::text, ''NULL'')',
               CASE WHEN t.typsend = 0 OR e.typsend = 0 THEN quote_literal('') ELSE format('%s(%I%s)::text', t.typsend, p.name, CASE t.typsend WHEN 'textsend'::regproc THEN '::text' ELSE '' END) END, p.name), ', '
        ORDER BY p.name) FROM part p JOIN pg_type t ON t.oid = p.type::regtype LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typelem <> 0);
BEGIN
    EXECUTE format('CREATE VIEW form_now AS SELECT id, ARRAY[%s] AS form FROM everything', forms);
    EXECUTE format('CREATE VIEW form_before AS SELECT id, ARRAY[%s] AS form FROM before', forms);
END $$;
SELECT make_forms();
CREATE VIEW difference AS
SELECT 'too many' AS what, id FROM (TABLE form_now EXCEPT ALL TABLE form_before) a
UNION ALL SELECT 'too few', id FROM (TABLE form_before EXCEPT ALL TABLE form_now) b
UNION ALL SELECT 'other bytes', id FROM everything e JOIN before b USING (id) WHERE NOT record_image_eq(e, b);
CREATE FUNCTION last_transaction() RETURNS bigint LANGUAGE sql
    RETURN (SELECT transaction_id FROM warden.audit_events ORDER BY id DESC LIMIT 1);

DELETE FROM everything;
SELECT count(*) = (SELECT count(*) FROM before) AS all_differ FROM difference;
SELECT last_transaction() AS id \gset
SELECT action, status, count(*) = (SELECT count(*) FROM before) AS all_rows FROM warden.audit_undo(:id) GROUP BY 1, 2;
SELECT * FROM difference;
-- an UPDATE of all columns to other values, and to none
SELECT format('UPDATE everything e SET %s FROM before b WHERE b.id = e.id %% (SELECT max(id) FROM before) + 1',
              string_agg(format('%I = b.%1$I', name), ', ')) AS rotate,
       format('UPDATE everything e SET %s', string_agg(format('%I = NULL', name), ', ')) AS clear FROM part \gset
:rotate;
SELECT last_transaction() AS id \gset
SELECT action, status FROM warden.audit_undo(:id) GROUP BY 1, 2;
SELECT * FROM difference;
:clear;
SELECT last_transaction() AS id \gset
SELECT action, status FROM warden.audit_undo(:id) GROUP BY 1, 2;
SELECT * FROM difference;
-- the deletion of rows that are without a key
ALTER TABLE everything DROP CONSTRAINT everything_pkey;
DELETE FROM everything;
SELECT last_transaction() AS id \gset
SELECT action, status FROM warden.audit_undo(:id) GROUP BY 1, 2;
SELECT * FROM difference;
:clear;
SELECT last_transaction() AS id \gset
SELECT action, status FROM warden.audit_undo(:id) GROUP BY 1, 2;
SELECT * FROM difference;
TRUNCATE everything;
SELECT last_transaction() AS id \gset

-- whatever the settings are, of him who undoes it
SET datestyle = 'German, DMY';
SET intervalstyle = 'sql_standard';
SET timezone = 'Asia/Kolkata';
SET extra_float_digits = -5;
SET bytea_output = 'escape';
SET xmlbinary = 'hex';
SET xmloption = 'document';
SET quote_all_identifiers = on;
SET client_encoding = 'LATIN1';
SET array_nulls = off;
SET search_path = pg_temp, public;
DO $$ BEGIN SET lc_monetary = 'de_DE.utf8'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
SELECT action, status FROM warden.audit_undo(:id) GROUP BY 1, 2;
RESET ALL;
SET client_min_messages = warning;
SET timezone = 'UTC';
SET search_path = round_trip;
SELECT * FROM difference;

-- What cannot come back: what was too long for the log.
SET warden.audit_max_value = '1kB';
CREATE TABLE big (id int PRIMARY KEY, t text, j jsonb);
SELECT status FROM warden.audit_enable('big');
INSERT INTO big VALUES (1, repeat('x', 2000), '{"$big": {"bytes": 1}}'), (2, 'y', NULL);
BEGIN;
UPDATE big SET t = repeat('z', 2000), j = NULL WHERE id = 1;
DELETE FROM big;
COMMIT;
SELECT last_transaction() AS id \gset
SELECT key, action, status, command, detail FROM warden.audit_undo(:id, dry_run => true) ORDER BY key;
\set VERBOSITY sqlstate
SELECT warden.audit_undo(:id);
\set VERBOSITY default
SELECT key, status FROM warden.audit_undo(:id, on_conflict => 'force') ORDER BY key;
SELECT * FROM big;
RESET warden.audit_max_value;

DROP FUNCTION make_forms();
DROP SCHEMA round_trip CASCADE;
DROP ROLE regress_warden_round_trip;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
