-- Rows that are marked instead of deleted.
SET client_min_messages = warning;
CREATE ROLE warden_shop;
CREATE ROLE warden_clerk;
GRANT CREATE, USAGE ON SCHEMA public TO warden_shop;
SET ROLE warden_shop;
CREATE TABLE customer (id integer PRIMARY KEY, email text UNIQUE, "Name" text);
CREATE UNIQUE INDEX customer_name ON customer ("Name", email);
CREATE TABLE purchase (id integer PRIMARY KEY, customer integer REFERENCES customer);
GRANT SELECT, DELETE, UPDATE ON customer TO warden_clerk;
INSERT INTO customer VALUES (1, 'a@example.org', 'A'), (2, 'b@example.org', 'B'), (3, 'c@example.org', 'C');
INSERT INTO purchase VALUES (1, 3);
RESET ROLE;

-- only the statements
SELECT action, status, command FROM warden.audit_soft_delete('customer', dry_run => true);
SELECT count(*) FROM pg_class WHERE relname = 'customer_live';

-- it is done, but for the indexes, which would lock writers out
SELECT action, status, command, detail FROM warden.audit_soft_delete('customer', keep => '30 days');
SELECT relation, column_name, keep FROM warden.audit_soft_deletes;
SELECT relowner::regrole, reloptions, has_table_privilege('warden_clerk', oid, 'DELETE') AS deletes,
       has_table_privilege('warden_clerk', oid, 'INSERT') AS inserts FROM pg_class WHERE relname = 'customer_live';

-- DELETE from the view marks; who may not update the table may not mark
SET ROLE warden_clerk;
DELETE FROM customer_live WHERE id = 1 RETURNING id;
DELETE FROM customer_live WHERE id = 1;
SELECT id, email FROM customer_live ORDER BY id;
RESET ROLE;
SELECT id, deleted_at = now() AS "now" FROM customer ORDER BY id;
REVOKE UPDATE ON customer FROM warden_clerk;
SET ROLE warden_clerk;
DELETE FROM customer_live WHERE id = 2;
RESET ROLE;

-- the other commands go through the view as they did
INSERT INTO customer_live (id, email) VALUES (4, 'd@example.org');
UPDATE customer_live SET email = 'dd@example.org' WHERE id = 4;
SELECT id, email, deleted_at FROM customer WHERE id = 4;

-- with the statements for the indexes an address can be used again
SELECT string_agg(command, ';') AS commands FROM warden.audit_soft_delete('customer', keep => '30 days', dry_run => true) \gset
SELECT regexp_split_to_table(:'commands', '; ?') \gexec
SELECT indexrelid::regclass, pg_get_expr(indpred, indrelid) FROM pg_index WHERE indrelid = 'customer'::regclass ORDER BY indexrelid::regclass::text COLLATE "C";
INSERT INTO customer_live (id, email) VALUES (5, 'a@example.org');
-- and there is nothing left to do
SELECT * FROM warden.audit_soft_delete('customer', keep => '30 days');

-- what was marked long ago is deleted by the next maintenance; what cannot be is told
INSERT INTO customer (id) SELECT generate_series(100, 2600);
UPDATE customer SET deleted_at = now() - interval '31 days' WHERE id IN (1, 3) OR id >= 100;
UPDATE customer SET deleted_at = now() - interval '29 days' WHERE id = 2;
CALL warden.maintain();
SELECT id FROM customer ORDER BY id;
DELETE FROM purchase;
CALL warden.maintain();
SELECT id FROM customer ORDER BY id;

-- a key is found whatever it is as text in a session's settings
CREATE TABLE precise (a double precision, b timestamptz, c char(5), PRIMARY KEY (a, b, c));
SELECT status FROM warden.audit_soft_delete('precise');
INSERT INTO precise VALUES (0.1::float8 + 0.2, '2020-02-03 04:05:06.789+00', 'a');
SET extra_float_digits = 0; SET datestyle = 'SQL, DMY';
DELETE FROM precise_live;
RESET extra_float_digits; RESET datestyle;
SELECT deleted_at IS NOT NULL AS is_marked FROM precise;
DROP TABLE precise CASCADE;

-- errors
SELECT warden.audit_soft_delete('customer', column_name => 'email');
SELECT warden.audit_soft_delete('customer_live');
SELECT warden.audit_soft_delete('customer', keep => '-1 day');
SELECT warden.audit_soft_delete(NULL);
CREATE TABLE keyless (a integer);
SELECT warden.audit_soft_delete('keyless');
CREATE TRIGGER mark BEFORE DELETE ON keyless FOR EACH ROW EXECUTE FUNCTION warden.audit_mark_deleted('a');
INSERT INTO keyless VALUES (1);
DELETE FROM keyless;
SET ROLE warden_clerk;
SELECT warden.audit_soft_delete('customer');
RESET ROLE;

SELECT warden.audit_soft_delete('customer', keep => '-1 day');
SELECT warden.audit_soft_delete('customer', keep => '0');
SELECT warden.audit_soft_delete('customer', keep => '200000 years');
CREATE TEMP TABLE passing (id integer PRIMARY KEY);
\set VERBOSITY sqlstate
SELECT warden.audit_soft_delete('passing');
\set VERBOSITY default
SELECT keep FROM warden.audit_soft_deletes;
-- the view is there, and marks another column
SELECT warden.audit_soft_delete('customer', column_name => 'gone_at');

-- what has the view's name, and is another's or of another table, gets no trigger of ours
GRANT EXECUTE ON FUNCTION warden.audit_soft_delete(regclass, text, interval, boolean) TO warden_clerk;
GRANT CREATE, USAGE ON SCHEMA public TO warden_clerk;
SET ROLE warden_shop;
CREATE TABLE book (id integer PRIMARY KEY);
CREATE VIEW trap_live AS SELECT * FROM book;
CREATE TABLE bait_live (id integer PRIMARY KEY);
SET ROLE warden_clerk;
CREATE TABLE trap (id integer PRIMARY KEY);
CREATE TABLE bait (id integer PRIMARY KEY);
CREATE TABLE mine (id integer PRIMARY KEY);
CREATE VIEW mine_live AS SELECT * FROM trap;
SELECT warden.audit_soft_delete('trap');
SELECT warden.audit_soft_delete('bait');
SELECT warden.audit_soft_delete('mine');
SELECT warden.audit_soft_delete('mine', dry_run => true);
DROP VIEW mine_live;
SELECT action, status FROM warden.audit_soft_delete('mine', keep => '1 day');
-- a row is known by its key's very value, and its own operator, whatever the settings are
CREATE TABLE measure (id float8, name varchar, PRIMARY KEY (id, name));
INSERT INTO measure VALUES (0.1::float8 + 0.2::float8, 'a'), (0.3, 'a');
SELECT action, status FROM warden.audit_soft_delete('measure');
CREATE FUNCTION never(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'was called'; END$$;
CREATE OPERATOR = (FUNCTION = never, LEFTARG = varchar, RIGHTARG = varchar);
SET extra_float_digits = 0;
DELETE FROM measure_live WHERE id > 0.3;
RESET extra_float_digits;
SELECT id, deleted_at IS NULL AS lives FROM measure ORDER BY id;
DROP OPERATOR = (varchar, varchar);
ALTER TABLE measure DROP CONSTRAINT measure_pkey;
DELETE FROM measure_live;
-- what would fail with every row, is said once
ALTER TABLE mine RENAME deleted_at TO gone_at;
RESET ROLE;
CALL warden.maintain();
DROP TABLE trap, bait, mine, measure CASCADE;
DROP VIEW trap_live;
DROP TABLE book, bait_live;
DROP FUNCTION never;
REVOKE ALL ON SCHEMA public FROM warden_clerk;
REVOKE ALL ON FUNCTION warden.audit_soft_delete(regclass, text, interval, boolean) FROM warden_clerk;

DROP VIEW customer_live;
DROP TABLE purchase, customer, keyless;
DELETE FROM warden.audit_soft_deletes;
REVOKE ALL ON SCHEMA public FROM warden_shop;
DROP ROLE warden_shop, warden_clerk;
