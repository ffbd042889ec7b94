-- What becomes of audited tables whose definition changes: versions, audit_ddl, warnings, and gaps.
SET timezone = 'UTC';
CREATE SCHEMA changing;
SET search_path = changing;
CREATE TABLE items (id integer PRIMARY KEY, name text, price integer);
SELECT status FROM warden.audit_enable('items');
-- one row a command; columns as [name, type, place in the key]
CREATE VIEW ddl AS
SELECT command, old_name, new_name,
       (SELECT string_agg(concat_ws(' ', c ->> 'name', c ->> 'type', c ->> 'key'), ', ') FROM jsonb_array_elements(before) c) AS before,
       (SELECT string_agg(concat_ws(' ', c ->> 'name', c ->> 'type', c ->> 'key'), ', ') FROM jsonb_array_elements(after) c) AS after, gaps
FROM warden.audit_ddl WHERE old_name ~ 'changing|else' ORDER BY id;
CREATE VIEW events AS SELECT relation, operation, key, old, new FROM warden.audit_events WHERE relation_name ~ 'changing|else' ORDER BY id;
INSERT INTO items VALUES (1, 'a', 5);
ALTER TABLE items ADD COLUMN extra text DEFAULT 'x';
UPDATE items SET extra = 'y';
ALTER TABLE items RENAME COLUMN name TO title;
UPDATE items SET title = 'b';
ALTER TABLE items ALTER COLUMN price TYPE bigint USING price * 100;
ALTER TABLE items ADD COLUMN moment timestamptz DEFAULT clock_timestamp();
ALTER TABLE items DROP COLUMN extra, DROP COLUMN moment;
UPDATE items SET price = 7;
ALTER TABLE items DROP CONSTRAINT items_pkey;
UPDATE items SET price = 8;
ALTER TABLE items ADD PRIMARY KEY (id, title);
UPDATE items SET price = 9;
-- there and back again is two changes, and what changes no column is none
ALTER TABLE items ADD COLUMN again text;
ALTER TABLE items DROP COLUMN again;
ALTER TABLE items ALTER COLUMN title SET STATISTICS 10;
COMMENT ON TABLE items IS 'x';
CREATE INDEX ON items (price);
ALTER TABLE items RENAME TO "Things, renamed";
CREATE SCHEMA elsewhere;
ALTER TABLE "Things, renamed" SET SCHEMA elsewhere;
ALTER SCHEMA elsewhere RENAME TO "else where";
UPDATE "else where"."Things, renamed" SET price = 10;
BEGIN;
ALTER TABLE "else where"."Things, renamed" ADD COLUMN undone text;
ROLLBACK;
SELECT * FROM ddl;
SELECT * FROM events;
SELECT relation, relation_name, key, gaps FROM warden.audit_tables WHERE relation_name ~ 'changing|else';
-- each event can be read by the version that it names
SELECT e.operation, e.after, v.columns @> jsonb_build_array(jsonb_build_object('name', k.key)) AS known
FROM warden.audit_log e JOIN warden.audit_versions v ON v.id = e.version, jsonb_each(e.after) k
WHERE e.relation = (SELECT id FROM warden.audit_relations WHERE name ~ 'Things') ORDER BY e.id, k.key;

-- columns that go with a type, a key that goes with its index, a parent's columns
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE moods (id integer NOT NULL, mood mood);
CREATE UNIQUE INDEX moods_id ON moods (id);
ALTER TABLE moods REPLICA IDENTITY USING INDEX moods_id;
CREATE TABLE parent (a integer);
CREATE TABLE child (b integer) INHERITS (parent);
SELECT count(*) FROM warden.audit_enable('moods') m, warden.audit_enable('child') c;
ALTER TYPE mood RENAME TO feeling;
DROP INDEX moods_id;
DROP TYPE feeling CASCADE;
ALTER TABLE parent RENAME COLUMN a TO aa;
ALTER TABLE parent ADD COLUMN c text;
SELECT * FROM ddl WHERE new_name !~ 'Things';
SELECT relation, gaps FROM warden.audit_tables WHERE relation_name ~ 'changing|else' ORDER BY relation::text;

-- partitions: a rewrite of all of them is one
CREATE TABLE parts (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (1, 1), (11, 1);
SELECT status FROM warden.audit_enable('parts');
ALTER TABLE parts ALTER COLUMN n TYPE numeric USING n / 2.0;
SELECT * FROM ddl WHERE new_name ~ 'parts';

-- triggers
CREATE TABLE watched (id integer PRIMARY KEY);
SELECT status FROM warden.audit_enable('watched');
ALTER TABLE watched DISABLE TRIGGER ALL;
INSERT INTO watched VALUES (1);
ALTER TABLE watched ENABLE TRIGGER ALL;
ALTER TABLE watched ENABLE ALWAYS TRIGGER "!pg_warden_audit";
ALTER TABLE watched ENABLE ALWAYS TRIGGER "!pg_warden_audit_truncate";
ALTER TRIGGER "!pg_warden_audit" ON watched RENAME TO last;
DROP TRIGGER last ON watched;
SELECT relation, enabled, gaps FROM warden.audit_tables WHERE relation = 'watched'::regclass;
SELECT status FROM warden.audit_enable('watched');
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE TRIGGER "!pg_warden_audit" AFTER INSERT ON watched FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT status FROM warden.audit_enable('watched');
SELECT command, gaps FROM ddl WHERE new_name ~ 'watched';

-- event triggers off: seen in audit_tables, and by the next change of a row
ALTER EVENT TRIGGER pg_warden_audit_change DISABLE;
ALTER TABLE watched ADD COLUMN unseen text;
SELECT relation, gaps FROM warden.audit_tables WHERE relation = 'watched'::regclass;
INSERT INTO watched VALUES (2, 'x');
ALTER EVENT TRIGGER pg_warden_audit_change ENABLE ALWAYS;
SELECT relation, gaps FROM warden.audit_tables WHERE relation = 'watched'::regclass;
SELECT command, before, after FROM ddl WHERE new_name ~ 'watched' ORDER BY after DESC LIMIT 1;
SELECT new FROM events WHERE relation = 'watched'::regclass;

-- no password is in the log, whatever the command
SELECT status FROM warden.audit_enable_schema('changing') WHERE status <> 'skipped' AND relation = 'parent'::regclass;
CREATE ROLE regress_warden_secret PASSWORD 'hush-hush';
ALTER ROLE regress_warden_secret PASSWORD 'hush-hush-2';
CREATE TABLE with_default (id integer DEFAULT length('hush-hush'));
CREATE FUNCTION found_in(pattern text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; total bigint := 0; t text;
BEGIN
    FOR t IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'warden'::regnamespace AND relkind = 'r' AND relname ~ 'audit' LOOP
        EXECUTE format('SELECT count(*) FROM %s t WHERE t::text LIKE %L', t, '%' || pattern || '%') INTO n;
        total := total + n;
    END LOOP;
    RETURN total;
END $$;
SELECT found_in('hush-hush'), found_in('with_default') > 0 AS "is searched";
DROP ROLE regress_warden_secret;

-- DROP TABLE ends it, also that of a schema
DROP TABLE "else where"."Things, renamed";
SELECT relation, operation, key FROM warden.audit_events WHERE relation_name ~ 'Things' ORDER BY id LIMIT 2;
SELECT command, new_name, after FROM ddl WHERE old_name ~ 'Things' ORDER BY new_name NULLS FIRST LIMIT 1;
SET client_min_messages = warning;
SELECT count(*) FROM warden.audit_disable_schema('changing');
DROP SCHEMA changing, "else where" CASCADE;
SELECT relation FROM warden.audit_tables WHERE relation_name ~ 'changing|else';
SELECT DISTINCT relation::oid, until IS NOT NULL AS ended FROM warden.audit_relations WHERE name ~ 'changing|else';
