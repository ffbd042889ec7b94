-- DDL that is followed, whatever it comes in; and what is shown of that which was not.
SET timezone = 'UTC';
CREATE SCHEMA covered;
CREATE SCHEMA covered_too;
SET search_path = covered;
-- one row a command; columns as [name, type, place in the key]
CREATE VIEW ddl AS
SELECT d.id, command, old_name, new_name,
       (SELECT string_agg(concat_ws(' ', c ->> 'name', c ->> 'type', c ->> 'key'), ', ') FROM jsonb_array_elements(after) c) AS after, gaps
FROM warden.audit_ddl d WHERE coalesce(new_name, old_name) LIKE 'covered%';
CREATE VIEW coverage AS SELECT relation_name, enabled, gaps FROM warden.audit_tables WHERE relation_name LIKE 'covered%' ORDER BY 1;

-- several changes in one command; in a function; and what was rolled back
CREATE TABLE items (id integer PRIMARY KEY, a text, b integer);
SELECT status FROM warden.audit_enable('items');
ALTER TABLE items ADD c integer DEFAULT 3, DROP COLUMN b, ALTER a TYPE varchar(10), ALTER a SET DEFAULT 'q';
CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    ALTER TABLE items ADD d integer;
    INSERT INTO items VALUES (1, 'x', 3, 4);
    ALTER TABLE items DROP d;
END $$;
SELECT change();
DO $$
BEGIN
    BEGIN
        ALTER TABLE items ADD e integer;
        INSERT INTO items VALUES (2, 'y', 3, 5);
        RAISE 'no';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    INSERT INTO items VALUES (3, 'z', 3);
END $$;
SELECT command, after, gaps FROM ddl ORDER BY id;
SELECT operation, new FROM warden.audit_events WHERE relation = 'items'::regclass ORDER BY id;

-- names of types do not depend on who looks
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE pair AS (x integer, y text);
CREATE TABLE moods (id integer PRIMARY KEY, mood mood, pair pair);
SELECT status FROM warden.audit_enable('moods');
SELECT * FROM coverage;
SET search_path = pg_catalog;
SELECT * FROM covered.coverage;
SET search_path = covered;
INSERT INTO moods VALUES (1, 'good', (1, 'y'));
ALTER TYPE mood ADD VALUE 'middling';
ALTER TYPE mood RENAME VALUE 'good' TO 'fine';
ALTER TYPE mood RENAME TO feeling;
ALTER TYPE pair ADD ATTRIBUTE z integer CASCADE;
ALTER TYPE feeling SET SCHEMA covered_too;
UPDATE moods SET mood = 'bad';
SELECT command, after FROM ddl WHERE new_name = 'covered.moods' ORDER BY id;
SELECT operation, old, new FROM warden.audit_events WHERE relation = 'moods'::regclass ORDER BY id;

-- owners
CREATE ROLE regress_warden_first;
CREATE ROLE regress_warden_second;
GRANT ALL ON SCHEMA covered TO regress_warden_first, regress_warden_second;
SET ROLE regress_warden_first;
CREATE TABLE owned (id integer PRIMARY KEY);
CREATE TYPE owned_type AS ENUM ('x');
RESET ROLE;
CREATE TABLE uses (id integer PRIMARY KEY, x owned_type);
SELECT o.status, u.status FROM warden.audit_enable('owned') o, warden.audit_enable('uses') u;
REASSIGN OWNED BY regress_warden_first TO regress_warden_second;
SET client_min_messages = warning;
DROP OWNED BY regress_warden_second CASCADE;
DROP OWNED BY regress_warden_first;
RESET client_min_messages;
SELECT command, old_name, new_name, after FROM ddl WHERE old_name ~ 'owned|uses' ORDER BY id;
DROP ROLE regress_warden_first, regress_warden_second;

-- a partition that is audited by itself
CREATE TABLE root (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE leaf (id integer PRIMARY KEY, a text);
SELECT status FROM warden.audit_enable('leaf');
ALTER TABLE root ATTACH PARTITION leaf FOR VALUES FROM (0) TO (10);
ALTER TABLE root ADD c integer;
ALTER TABLE root ALTER a TYPE integer USING length(a);
INSERT INTO root VALUES (1, 2, 3);
ALTER TABLE leaf DISABLE TRIGGER "!pg_warden_audit";
ALTER TABLE leaf ENABLE ALWAYS TRIGGER "!pg_warden_audit";
SELECT command, after, gaps FROM ddl WHERE new_name = 'covered.leaf' ORDER BY id;
SELECT status FROM warden.audit_enable('root');
SELECT warden.audit_disable('leaf');
SELECT status FROM warden.audit_enable('root');
SELECT relation_name, operation, new FROM warden.audit_events WHERE relation_name ~ 'covered.(root|leaf)' ORDER BY id;

-- event triggers off, and on again: each gap is shown until it is mended
SELECT count(*) FROM warden.audit_enable_schema('covered_too');
CREATE TABLE covered_too.changed (id integer PRIMARY KEY, a text);
CREATE TABLE covered_too.gone (id integer PRIMARY KEY);
CREATE TABLE covered_too.parts (id integer PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE covered_too.left_out (id integer);
SELECT warden.audit_disable('covered_too.left_out');
ALTER EVENT TRIGGER pg_warden_audit_change DISABLE;
ALTER EVENT TRIGGER pg_warden_audit_drop DISABLE;
ALTER EVENT TRIGGER pg_warden_audit_rewrite DISABLE;
CREATE TABLE covered_too.unseen (id integer);
ALTER TABLE covered_too.changed ADD b text;
DROP TABLE covered_too.gone;
CREATE TABLE covered_too.part PARTITION OF covered_too.parts FOR VALUES FROM (0) TO (10);
SELECT relation_name, array_length(gaps, 1) FROM coverage WHERE gaps::text ~ 'event trigger pg_warden_audit';
ALTER EVENT TRIGGER pg_warden_audit_change ENABLE ALWAYS;
ALTER EVENT TRIGGER pg_warden_audit_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER pg_warden_audit_rewrite ENABLE ALWAYS;
SELECT * FROM coverage WHERE NOT enabled;
INSERT INTO covered_too.changed VALUES (1, 'a', 'b');
SELECT relation::text, status FROM warden.audit_enable_schema('covered_too') ORDER BY 1;
CALL warden.maintain();
SELECT * FROM coverage WHERE NOT enabled;
SELECT command, old_name, new_name, after, gaps FROM ddl WHERE old_name LIKE 'covered_too%' ORDER BY id;
SELECT name, until IS NOT NULL AS ended FROM warden.audit_relations WHERE name = 'covered_too.gone';

SET client_min_messages = warning;
SELECT count(*) > 0 FROM warden.audit_disable_schema('covered_too');
DROP SCHEMA covered, covered_too CASCADE;
