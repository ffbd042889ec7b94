-- keep_dropped: what goes with a column that is dropped is logged, by whichever command that is.
SET timezone = 'UTC';
CREATE SCHEMA dropping;
SET search_path = dropping;
CREATE DOMAIN short AS text CHECK (length(value) < 100);
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE place AS (x integer, y integer);
CREATE VIEW events AS
SELECT relation_name, operation, key, old, new FROM warden.audit_events WHERE relation_name LIKE 'dropping.%' ORDER BY relation_name, id;
CREATE TABLE items (id integer PRIMARY KEY, name text, price numeric, length integer GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO items VALUES (1, 'a', 1.50), (2, NULL, 2.50), (3, repeat('long ', 1000), NULL);
-- a default that is in no row
ALTER TABLE items ADD COLUMN color text DEFAULT 'red';
INSERT INTO items (id, name, color) VALUES (4, 'd', 'blue'), (5, 'e', NULL);
SELECT status FROM warden.audit_enable('items', keep_dropped => true);
SELECT relation, keep_dropped, gaps FROM warden.audit_tables WHERE relation = 'items'::regclass;
ALTER TABLE items DROP COLUMN color;
-- beside a rewrite of the table, and of several columns
ALTER TABLE items DROP COLUMN length, ALTER COLUMN id TYPE bigint, DROP COLUMN name;
SELECT operation, key, CASE WHEN length(old::text) < 100 THEN old::text ELSE length(old::text)::text END AS old, new FROM events;
-- with the key, the whole row is told of what comes after it
ALTER TABLE items DROP COLUMN id;
DELETE FROM items WHERE price IS NULL;
SELECT command, (SELECT string_agg(c ->> 'name', ', ') FROM jsonb_array_elements(before) c) AS before,
       (SELECT string_agg(c ->> 'name', ', ') FROM jsonb_array_elements(after) c) AS after, gaps
FROM warden.audit_ddl WHERE new_name = 'dropping.items' ORDER BY id;
SELECT operation, key, old FROM events OFFSET 11;

-- nothing is kept of what is not logged, or without being told
CREATE TABLE plain (id integer PRIMARY KEY, a text);
CREATE TABLE partly (id integer PRIMARY KEY, a text, b text);
INSERT INTO plain VALUES (1, 'a');
INSERT INTO partly VALUES (1, 'a', 'b');
SELECT p.status, s.status FROM warden.audit_enable('plain') p, warden.audit_enable('partly', except_columns => '{b}', keep_dropped => true) s;
ALTER TABLE plain DROP COLUMN a;
ALTER TABLE partly DROP COLUMN b;
-- again with it, and without
SELECT status FROM warden.audit_enable('partly');
ALTER TABLE partly ADD COLUMN c text DEFAULT 'c', DROP COLUMN a;
SELECT status FROM warden.audit_enable('partly', keep_dropped => true);
ALTER TABLE partly DROP COLUMN c;
SELECT * FROM events WHERE relation_name IN ('dropping.plain', 'dropping.partly');

-- types that go with CASCADE
CREATE TABLE types (id integer PRIMARY KEY, s short, m mood[], p place, f text GENERATED ALWAYS AS (upper('x' || id)) STORED);
SELECT status FROM warden.audit_enable('types', keep_dropped => true);
INSERT INTO types VALUES (1, 'short', '{good,bad}', (1, 2));
SET client_min_messages = warning;
DROP DOMAIN short CASCADE;
DROP TYPE mood CASCADE;
DROP TYPE place CASCADE;
RESET client_min_messages;
SELECT operation, key, old FROM events WHERE relation_name = 'dropping.types';
SELECT command, (SELECT string_agg(c ->> 'name', ', ') FROM jsonb_array_elements(after) c) AS after
FROM warden.audit_ddl WHERE new_name = 'dropping.types' ORDER BY id;

-- partitions, whose columns have other numbers; and what inherits
CREATE TABLE parts (id integer PRIMARY KEY, a text, b text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 (b text, id integer NOT NULL, gone integer, a text);
ALTER TABLE parts_2 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (1, 'a1', 'b1'), (11, 'a11', 'b11');
CREATE TABLE parent (id integer, a text);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO child VALUES (1, 'a');
SELECT p.status, c.status FROM warden.audit_enable('parts', keep_dropped => true) p, warden.audit_enable('child', keep_dropped => true) c;
ALTER TABLE parts DROP COLUMN a, DROP COLUMN b;
ALTER TABLE parent DROP COLUMN a;
SELECT * FROM events WHERE relation_name IN ('dropping.parts', 'dropping.child');

-- in a session that has nothing to do with the audit before
CREATE TABLE later (id integer PRIMARY KEY, a text);
INSERT INTO later VALUES (1, 'a');
SELECT status FROM warden.audit_enable('later', keep_dropped => true);
\c -
SET search_path = dropping;
ALTER TABLE later DROP COLUMN a;
SELECT * FROM events WHERE relation_name = 'dropping.later';

-- exactly if the column is dropped
CREATE TABLE tried (id integer PRIMARY KEY, a text, b text);
INSERT INTO tried VALUES (1, 'a', 'b');
SELECT status FROM warden.audit_enable('tried', keep_dropped => true);
BEGIN;
SAVEPOINT before;
ALTER TABLE tried DROP COLUMN a;
ROLLBACK TO before;
UPDATE tried SET a = 'other';
ALTER TABLE tried DROP COLUMN a;
COMMIT;
DO $$ BEGIN EXECUTE 'ALTER TABLE tried DROP COLUMN b'; END $$;
SELECT * FROM events WHERE relation_name = 'dropping.tried';
SELECT command, gaps FROM warden.audit_ddl WHERE new_name = 'dropping.tried' ORDER BY id;

-- what can be read: the history, the table as it was, whose row has no such column any more; and back into a new one
SELECT operation, key, old, new FROM warden.audit_history('tried', '{"id": 1}');
SELECT * FROM warden.audit_as_of(NULL::tried, (SELECT since FROM warden.audit_tables WHERE relation = 'tried'::regclass));
SELECT "column", value FROM warden.audit_blame('tried', '{"id": 1}');
ALTER TABLE tried ADD COLUMN a text;
UPDATE tried t SET a = e.old ->> 'a'
FROM warden.audit_events e
WHERE e.relation = 'tried'::regclass AND e.operation = 'DROP COLUMN' AND e.old ? 'a' AND e.key = jsonb_build_object('id', t.id);
SELECT * FROM tried;

-- a context that is required is required here, too
CREATE TABLE strict (id integer PRIMARY KEY, a text);
INSERT INTO strict VALUES (1, 'a');
SELECT status FROM warden.audit_enable('strict', require_context => true, keep_dropped => true);
ALTER TABLE strict DROP COLUMN a;
BEGIN;
SELECT warden.audit_set_context('{"ticket": 7}');
ALTER TABLE strict DROP COLUMN a;
COMMIT;
SELECT operation, old, context FROM warden.audit_events WHERE relation = 'strict'::regclass;

-- the owner's own session, without other rights
CREATE ROLE regress_warden_dropper;
GRANT ALL ON SCHEMA dropping TO regress_warden_dropper;
CREATE TABLE owned (id integer PRIMARY KEY, a text);
ALTER TABLE owned OWNER TO regress_warden_dropper;
SELECT status FROM warden.audit_enable('owned', keep_dropped => true);
SET ROLE regress_warden_dropper;
INSERT INTO owned VALUES (1, 'a');
ALTER TABLE owned DROP COLUMN a;
RESET ROLE;
SELECT operation, old, active_role FROM warden.audit_events WHERE relation = 'owned'::regclass ORDER BY id;

-- what would not be kept
ALTER EVENT TRIGGER pg_warden_audit_begin DISABLE;
SELECT relation, gaps FROM warden.audit_tables WHERE relation IN ('owned'::regclass, 'plain'::regclass) ORDER BY relation_name;
ALTER EVENT TRIGGER pg_warden_audit_begin ENABLE ALWAYS;

-- schemas
SELECT count(*) > 0 FROM warden.audit_enable_schema('dropping', keep_dropped => true);
CREATE TABLE fresh (id integer PRIMARY KEY, a text);
INSERT INTO fresh VALUES (1, 'a');
ALTER TABLE fresh DROP COLUMN a;
SELECT operation, key, old FROM events WHERE relation_name = 'dropping.fresh';
SELECT relation FROM warden.audit_tables WHERE relation_name LIKE 'dropping.%' AND gaps IS NOT NULL;

SET client_min_messages = warning;
SELECT count(*) > 0 FROM warden.audit_disable_schema('dropping');
DROP SCHEMA dropping CASCADE;
DROP ROLE regress_warden_dropper;
