-- What audit_enable(), audit_disable(), audit_enable_schema(), audit_set_context() and the views promise.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE SCHEMA plain;
CREATE SCHEMA "Odd ""schema""";
SET search_path = plain;
CREATE FUNCTION attempt(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE advice text;
BEGIN
    EXECUTE command;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', sqlstate || ': ' || sqlerrm, nullif(advice, ''));
END $$;
-- numbers depend on what was audited before
CREATE FUNCTION without_number(command text) RETURNS text RETURN regexp_replace(command, '\(''\d+''\)', '(N)', 'g');
CREATE VIEW events AS
SELECT relation, operation, key, old, new, context FROM warden.audit_events WHERE relation_name ~ '^(plain|shop|"Odd)' ORDER BY id;

CREATE TABLE accounts (id integer PRIMARY KEY, name text, secret text, balance numeric);
-- dry_run changes nothing, and says what would be run
SELECT relation, action, status, without_number(command) AS command, detail FROM warden.audit_enable('accounts', dry_run => true);
SELECT count(*) FROM warden.audit_tables WHERE relation_name ~ '^plain';
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'accounts'::regclass;
SELECT relation, action, status, without_number(command) AS command, detail FROM warden.audit_enable('accounts', except_columns => '{secret}');
SELECT relation, relation_name, enabled, columns, except_columns, keep, require_context, on_truncate, key, gaps FROM warden.audit_tables WHERE relation_name ~ '^plain';
INSERT INTO accounts VALUES (1, 'a', 's', 10), (2, NULL, 's', 0.50);
UPDATE accounts SET secret = 't';
UPDATE accounts SET balance = 11 WHERE id = 1;
DELETE FROM accounts WHERE id = 2;
SELECT * FROM events;
-- again: nothing to run; with other options
SELECT status, without_number(command) AS command FROM warden.audit_enable('accounts', columns => '{name}', keep => '1 year', on_truncate => 'event');
UPDATE accounts SET balance = 12, name = 'b';
TRUNCATE accounts;
SELECT * FROM events OFFSET 4;
SELECT columns, except_columns, keep, on_truncate, enabled FROM warden.audit_tables WHERE relation_name ~ '^plain';
SELECT status FROM warden.audit_enable('accounts', on_truncate => 'refuse', require_context => true);
INSERT INTO accounts VALUES (3);
TRUNCATE accounts;
-- the context
BEGIN;
SELECT warden.audit_set_context('{"user": "alice"}');
INSERT INTO accounts VALUES (4);
SAVEPOINT s;
SELECT warden.audit_set_context('{"user": "bob"}');
INSERT INTO accounts VALUES (5);
ROLLBACK TO s;
UPDATE accounts SET name = 'c' WHERE id = 4;
COMMIT;
INSERT INTO accounts VALUES (6);
SELECT * FROM events OFFSET 6;
SELECT attempt(format('SELECT warden.audit_set_context(%L)', c)) FROM unnest(ARRAY['[]', '1', 'null', '{}']) c;
SELECT warden.audit_set_context(NULL) IS NULL;

-- errors
CREATE VIEW a_view AS SELECT 1 AS one;
CREATE SEQUENCE a_sequence;
CREATE TEMPORARY TABLE fleeting (id integer);
CREATE TABLE parts (id integer, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2001-01-01') TO ('2002-01-01');
SELECT target, regexp_replace(attempt(format('SELECT warden.audit_enable(%s)', target)), 'pg_temp_\d+', 'pg_temp')
FROM unnest(ARRAY['NULL', '''a_view''', '''a_sequence''', '''fleeting''', '''parts_1''', '''accounts_pkey''', '0', '''nothing''',
    '''pg_class''', '''warden.audit_log''', '''warden.audit_relations''',
    '''accounts'', columns => ''{NULL}''', '''accounts'', columns => ''{nothing}''', '''accounts'', except_columns => ''{name,xmin}''', '''accounts'', except_columns => ''{id}''',
    '''accounts'', require_context => NULL', '''accounts'', on_truncate => NULL', '''accounts'', on_truncate => ''ROWS''',
    '''accounts'', dry_run => NULL', '''accounts'', keep => ''-1 day''', '''accounts'', keep => ''0''',
    '''accounts'', keep => ''2000 years''']) WITH ORDINALITY t (target, n) ORDER BY n;
SELECT attempt($$SELECT warden.audit_disable('parts')$$), attempt($$SELECT warden.audit_disable('a_view')$$),
       warden.audit_disable(NULL) IS NULL;
SELECT attempt($$SELECT warden.audit_disable(0)$$);
BEGIN READ ONLY;
SELECT status FROM warden.audit_enable('parts', dry_run => true);
SELECT warden.audit_enable('parts');
ROLLBACK;

-- disable: what was logged stays, and it can begin again
SELECT warden.audit_disable('accounts');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'accounts'::regclass;
SELECT count(*) FROM warden.audit_tables WHERE relation_name ~ '^plain';
INSERT INTO accounts VALUES (7);
SELECT count(*), count(*) FILTER (WHERE key = '{"id": 7}') FROM events;
SELECT attempt($$SELECT warden.audit_disable('accounts')$$);
SELECT status FROM warden.audit_enable('accounts');
UPDATE accounts SET id = 8 WHERE id = 7;
SELECT * FROM events WHERE operation = 'UPDATE' AND new ? 'id';

-- odd names
CREATE TABLE "Odd ""schema"""."it's a \ ""table"" %I" ("Id ""x""" integer, "it's" text, "ü" text, PRIMARY KEY ("Id ""x""", "it's"));
SELECT status, without_number(command) AS command FROM warden.audit_enable('"Odd ""schema"""."it''s a \ ""table"" %I"', except_columns => '{ü}');
INSERT INTO "Odd ""schema"""."it's a \ ""table"" %I" VALUES (1, 'a', 'b');
UPDATE "Odd ""schema"""."it's a \ ""table"" %I" SET "it's" = '"';
SELECT * FROM events WHERE relation::text ~ 'Odd';
SELECT relation, key, gaps FROM warden.audit_tables WHERE relation::text ~ 'Odd';
SELECT warden.audit_disable('"Odd ""schema"""."it''s a \ ""table"" %I"');

-- partitions, also new and attached ones; what was detached is not logged
SELECT status, without_number(command) AS command FROM warden.audit_enable('parts');
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2002-01-01') TO ('2003-01-01');
CREATE TABLE parts_3 (at date NOT NULL, gone text, id integer NOT NULL);
ALTER TABLE parts_3 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_3 FOR VALUES FROM ('2003-01-01') TO ('2004-01-01');
INSERT INTO parts VALUES (1, '2001-05-05'), (2, '2002-05-05'), (3, '2003-05-05');
TRUNCATE parts_3;
ALTER TABLE parts DETACH PARTITION parts_2;
TRUNCATE parts_2;
SELECT * FROM events WHERE relation = 'parts'::regclass;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname ~ 'warden' AND tgrelid::regclass::text ~ 'parts' ORDER BY tgrelid, tgname;
SELECT gaps FROM warden.audit_tables WHERE relation = 'parts'::regclass;
SELECT warden.audit_disable('parts');
SELECT count(*) FROM pg_trigger WHERE tgname ~ 'warden' AND tgrelid::regclass::text ~ 'parts';

-- triggers that were taken away, changed, or forged are mended
ALTER TABLE accounts DISABLE TRIGGER "!pg_warden_audit";
DROP TRIGGER "!pg_warden_audit_truncate" ON accounts;
CREATE FUNCTION forged() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "!pg_warden_audit_truncate" BEFORE TRUNCATE ON accounts EXECUTE FUNCTION forged();
SELECT enabled, gaps FROM warden.audit_tables WHERE relation = 'accounts'::regclass;
SELECT without_number(command) AS command FROM warden.audit_enable('accounts');
ALTER TRIGGER "!pg_warden_audit" ON accounts RENAME TO zzz;
SELECT gaps FROM warden.audit_tables WHERE relation = 'accounts'::regclass;
SELECT without_number(command) AS command FROM warden.audit_enable('accounts');
SELECT gaps FROM warden.audit_tables WHERE relation = 'accounts'::regclass;

-- a schema
CREATE SCHEMA shop;
CREATE TABLE shop.before (id integer PRIMARY KEY, secret text);
CREATE TABLE shop.own (id integer PRIMARY KEY, secret text);
SELECT status FROM warden.audit_enable('shop.own');
SELECT relation, action, status, without_number(command) AS command, detail FROM warden.audit_enable_schema('shop', except_columns => '{secret,id}', dry_run => true);
SELECT count(*) FROM warden.audit_schemas WHERE schema = 'shop';
SELECT relation, action, status, detail FROM warden.audit_enable_schema('shop', except_columns => '{secret,id}', keep => '1 year');
SELECT schema, columns, except_columns, require_context, on_truncate FROM warden.audit_schemas WHERE schema = 'shop';
CREATE TABLE shop.made (id integer PRIMARY KEY, secret text);
CREATE TABLE shop.filled AS SELECT n AS id, 's' AS secret FROM generate_series(1, 2) n;
SELECT n AS id INTO shop.selected FROM generate_series(3, 3) n;
CREATE TABLE shop.copied (LIKE shop.made);
CREATE TEMPORARY TABLE shop_temporary (id integer);
CREATE TABLE shop.parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE plain.moved (id integer);
ALTER TABLE plain.moved SET SCHEMA shop;
CREATE MATERIALIZED VIEW shop.material AS SELECT 1 AS one;
INSERT INTO shop.made VALUES (1, 'x');
INSERT INTO shop.own VALUES (1, 'x');
INSERT INTO shop.parts VALUES (1);
TRUNCATE shop.parts_1;
INSERT INTO shop.moved VALUES (1);
SELECT * FROM events WHERE relation::text ~ 'shop' ORDER BY relation::text, operation, new::text;
SELECT relation, except_columns, keep, gaps FROM warden.audit_tables WHERE relation::text ~ 'shop' ORDER BY relation::text;
-- what is detached goes on being audited; what was taken out stays out
ALTER TABLE shop.parts DETACH PARTITION shop.parts_1;
INSERT INTO shop.parts_1 VALUES (2);
SELECT * FROM events WHERE relation = 'shop.parts_1'::regclass;
SELECT gaps FROM warden.audit_tables WHERE relation = 'shop.parts_1'::regclass;
SELECT warden.audit_disable('shop.made');
ALTER TABLE shop.made ADD COLUMN more text;
SELECT count(*) FROM warden.audit_tables WHERE relation = 'shop.made'::regclass;
SELECT relation, action, status, detail FROM warden.audit_disable_schema('shop', dry_run => true) ORDER BY relation::text;
SELECT relation, action, status, detail FROM warden.audit_disable_schema('shop') ORDER BY relation::text;
CREATE TABLE shop.later (id integer);
SELECT relation FROM warden.audit_tables WHERE relation::text ~ 'shop';
SELECT arguments, attempt(format('SELECT warden.audit_enable_schema(%s)', arguments))
FROM unnest(ARRAY['NULL', '''nothing''', '''warden''', '''pg_catalog''', '''pg_toast''', '''shop'', on_truncate => ''x''',
                  '''shop'', keep => ''-1 day''']) WITH ORDINALITY a (arguments, n) ORDER BY n;
SELECT attempt($$SELECT warden.audit_disable_schema('shop')$$), attempt($$SELECT warden.audit_disable_schema(NULL)$$);

SELECT warden.audit_disable(relation) FROM warden.audit_tables WHERE relation_name ~ '^(plain|shop)' ORDER BY relation_name;
DROP SCHEMA plain, shop, "Odd ""schema""" CASCADE;
