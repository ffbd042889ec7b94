-- Triggers of an audit that is not known in this database, as after a restore of a dump without data: changes are not
-- refused, a WARNING says that they are not logged, and audit_enable() begins anew.
SET search_path = unknown;
CREATE SCHEMA unknown;
CREATE TABLE plain (id integer PRIMARY KEY);
CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE TABLE ended (id integer);
CREATE TABLE known (id integer);
SELECT status FROM warden.audit_enable('plain', require_context => true, on_truncate => 'refuse');
SELECT status FROM unnest('{parts,ended,known}'::regclass[]) t, warden.audit_enable(t);
DELETE FROM warden.audit_relations WHERE name IN ('unknown.plain', 'unknown.parts', 'unknown.ended');

-- another session: each table is warned of once
\c -
SET search_path = unknown;
INSERT INTO plain VALUES (1);
INSERT INTO plain VALUES (2);
UPDATE plain SET id = 3 WHERE id = 1;
DELETE FROM plain WHERE id = 2;
TRUNCATE plain;
INSERT INTO parts VALUES (1), (11);
TRUNCATE parts;
INSERT INTO known VALUES (1);
SELECT relation_name, operation, key, new FROM warden.audit_events WHERE relation_name ~ '^unknown' ORDER BY id;
SELECT relation, relation_name, enabled, since IS NULL AS is_unknown, require_context, on_truncate, key, gaps
FROM warden.audit_tables WHERE relation_name ~ '^unknown' ORDER BY relation_name COLLATE "C";

-- maintenance says so as well, as long as it is so
CALL warden.maintain();

-- found out again with each transaction, and at once when it is declared
BEGIN;
INSERT INTO plain VALUES (4);
SELECT regexp_replace(command, '\d+', 'N', 'g') AS command FROM warden.audit_enable('plain');
INSERT INTO plain VALUES (5);
COMMIT;
INSERT INTO plain VALUES (6);
BEGIN;
INSERT INTO parts VALUES (4), (14);
SAVEPOINT before;
SELECT action FROM warden.audit_enable('parts');
INSERT INTO parts VALUES (5), (15);
ROLLBACK TO before;
INSERT INTO parts VALUES (6), (16);
COMMIT;
SELECT relation_name, operation, key FROM warden.audit_events WHERE relation_name ~ '^unknown' ORDER BY id;

-- a trigger by another name would log twice: it goes
ALTER TRIGGER "!pg_warden_audit" ON parts RENAME TO renamed;
SELECT regexp_replace(command, '''\d+''', 'N', 'g') AS command FROM warden.audit_enable('parts', dry_run => true);
SELECT action FROM warden.audit_enable('parts');
INSERT INTO parts VALUES (7), (17);
UPDATE parts SET id = 18 WHERE id = 7;
SELECT operation, key, new FROM warden.audit_events WHERE relation = 'parts'::regclass ORDER BY id;
SELECT g.tgrelid::regclass, g.tgname, g.tgenabled, g.tgargs = g1.tgargs AS same FROM pg_trigger g
JOIN pg_trigger g1 ON g1.tgrelid = 'parts'::regclass AND g1.tgname = '!pg_warden_audit'
WHERE g.tgrelid IN ('parts'::regclass, 'parts_1'::regclass, 'parts_2'::regclass) AND g.tgname !~ '^RI' ORDER BY 1, 2;

-- or nothing of it remains
SELECT warden.audit_disable('ended');
INSERT INTO ended VALUES (1);
SELECT relation, gaps FROM warden.audit_tables WHERE relation_name ~ '^unknown' ORDER BY relation_name COLLATE "C";
CALL warden.maintain();

SET client_min_messages = warning;
DROP SCHEMA unknown CASCADE;
