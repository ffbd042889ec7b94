-- What is undone where keys pass from row to row, or are not what they were.
SET client_min_messages = warning;
CREATE FUNCTION last_transaction() RETURNS bigint LANGUAGE sql
    RETURN (SELECT transaction_id FROM warden.audit_events ORDER BY id DESC LIMIT 1);

-- a key that was free has been given to another row, which gives it back
CREATE TABLE item (id int PRIMARY KEY, v int UNIQUE);
SELECT status FROM warden.audit_enable('item');
INSERT INTO item VALUES (1, 1), (2, 2), (3, 3);
BEGIN; DELETE FROM item WHERE id = 1; UPDATE item SET id = 1 WHERE id = 2; COMMIT;
SELECT key, action, status, command FROM warden.audit_undo(last_transaction(), dry_run => true);
SELECT key, action, status FROM warden.audit_undo(last_transaction());
TABLE item ORDER BY id;
-- but if it has changed since, it stays what it is
UPDATE item SET v = 11 WHERE id = 1;
BEGIN; DELETE FROM item WHERE id = 1; UPDATE item SET id = 1, v = 22 WHERE id = 2; COMMIT;
SELECT last_transaction() AS id \gset
UPDATE item SET v = 23 WHERE id = 1;
SELECT key, action, status, detail FROM warden.audit_undo(:id, 'skip');
-- each row gets back what another one holds, whichever of them was changed last
TRUNCATE item;
INSERT INTO item VALUES (1, 1), (3, 3), (5, 5);
BEGIN;
UPDATE item SET id = 2 WHERE id = 1;
UPDATE item SET id = 1, v = 4 WHERE id = 3;
UPDATE item SET id = 9 WHERE id = 2;
UPDATE item SET id = 3, v = 3 WHERE id = 5;
UPDATE item SET v = 6 WHERE id = 1;
COMMIT;
SELECT key, action, status FROM warden.audit_undo(last_transaction());
TABLE item ORDER BY id;

-- rows that exchange their keys by way of partitions, where one of them was changed before, or not
CREATE TABLE parts (id int PRIMARY KEY DEFERRABLE, v int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (5);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (5) TO (10);
SELECT status FROM warden.audit_enable('parts');
INSERT INTO parts VALUES (1, 1), (8, 8), (2, 2), (7, 7);
BEGIN;
UPDATE parts SET v = 70 WHERE id = 7;
UPDATE parts SET id = 9 - id WHERE id IN (1, 8);
UPDATE parts SET id = 9 - id WHERE id IN (2, 7);
COMMIT;
TABLE parts ORDER BY id;
SELECT count(*) FROM warden.audit_undo(last_transaction());
TABLE parts ORDER BY id;
-- all keys are one more, twice
BEGIN; UPDATE parts SET id = id + 1 WHERE id < 5; UPDATE parts SET id = id + 1 WHERE id < 5; COMMIT;
SELECT count(*) FROM warden.audit_undo(last_transaction());
TABLE parts ORDER BY id;

-- a key that is none any more: of several rows none is taken, and never all
CREATE TABLE former (id int PRIMARY KEY, v int);
SELECT status FROM warden.audit_enable('former');
INSERT INTO former VALUES (1, 1);
UPDATE former SET v = 2;
SELECT last_transaction() AS id \gset
ALTER TABLE former DROP CONSTRAINT former_pkey;
INSERT INTO former VALUES (1, 2);
SELECT key, action, status, detail FROM warden.audit_undo(:id, dry_run => true);
SELECT status FROM warden.audit_undo(:id, 'skip');
SELECT status FROM warden.audit_undo(:id, 'force');
TABLE former ORDER BY v;
-- columns of the key that were dropped, all or some
CREATE TABLE narrow (a int, b int, v int, PRIMARY KEY (a, b));
SELECT status FROM warden.audit_enable('narrow');
INSERT INTO narrow VALUES (1, 1, 1), (1, 2, 1);
UPDATE narrow SET v = 2 WHERE b = 2;
SELECT last_transaction() AS id \gset
ALTER TABLE narrow DROP COLUMN b;
SELECT * FROM warden.audit_undo(:id, 'force');
ALTER TABLE narrow DROP COLUMN a;
SELECT * FROM warden.audit_undo(:id, 'force');
TABLE narrow ORDER BY v;
-- a key that was given to the table, or changed, within the transaction
CREATE TABLE keyed (id int, code int NOT NULL, v int);
SELECT status FROM warden.audit_enable('keyed');
BEGIN; INSERT INTO keyed VALUES (1, 10, NULL); ALTER TABLE keyed ADD PRIMARY KEY (id); UPDATE keyed SET v = 5; COMMIT;
DO $$ BEGIN
    PERFORM warden.audit_undo(last_transaction());
EXCEPTION WHEN feature_not_supported THEN RAISE WARNING '%', regexp_replace(sqlerrm, '\d{5,}', 'N');
END $$;
BEGIN; UPDATE keyed SET v = 6; ALTER TABLE keyed DROP CONSTRAINT keyed_pkey, ADD PRIMARY KEY (code); UPDATE keyed SET v = 7; COMMIT;
SELECT status FROM warden.audit_undo(event => (SELECT max(id) FROM warden.audit_events));
TABLE keyed;

-- changes of columns alone that are gone are not passed over
CREATE TABLE gone (id int PRIMARY KEY, v int);
SELECT status FROM warden.audit_enable('gone');
INSERT INTO gone VALUES (1, 1);
UPDATE gone SET v = 2;
SELECT last_transaction() AS id \gset
ALTER TABLE gone DROP COLUMN v;
SELECT key, action, status, detail FROM warden.audit_undo(:id, dry_run => true);
-- a key that was too long for the log
CREATE TABLE long (id text PRIMARY KEY, v int);
SELECT status FROM warden.audit_enable('long');
SET warden.audit_max_value = 1;
INSERT INTO long VALUES (repeat('x', 2000), 1);
UPDATE long SET v = 2;
RESET warden.audit_max_value;
SELECT action, status, detail FROM warden.audit_undo(last_transaction(), dry_run => true);
-- a table without columns
CREATE TABLE nothing ();
SELECT status FROM warden.audit_enable('nothing');
INSERT INTO nothing DEFAULT VALUES;
SELECT warden.audit_mark() AS mark \gset
SELECT action, status FROM warden.audit_undo(last_transaction());
SELECT count(*) AS now FROM nothing;
SELECT count(*) AS then FROM warden.audit_as_of(NULL::nothing, mark => :mark);
SELECT action, status, command FROM warden.audit_undo(last_transaction());

-- who only looks runs nothing of the owner's with his own rights: not what a plan calls either
CREATE ROLE regress_owner;
CREATE TABLE traps (id int PRIMARY KEY, v int);
SELECT status FROM warden.audit_enable('traps');
INSERT INTO traps VALUES (1, 1);
UPDATE traps SET v = 2;
CREATE FUNCTION trap() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'called as %', current_user; RETURN 0; END $$;
ALTER TABLE traps OWNER TO regress_owner;
SET client_min_messages = error;
CREATE INDEX ON traps ((id + trap()));
SET client_min_messages = warning;
SELECT action, status FROM warden.audit_undo(last_transaction(), dry_run => true);
-- and row-level security that is forced on the owner hides nothing from who sees all rows
ALTER TABLE traps ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP INDEX traps_expr_idx;
SELECT action, status FROM warden.audit_undo(last_transaction(), dry_run => true);
SELECT * FROM warden.audit_as_of(NULL::traps, clock_timestamp());

-- who set a column: not one that had its name before
CREATE TABLE named (id int PRIMARY KEY, x int, a int, b int);
SELECT status FROM warden.audit_enable('named');
INSERT INTO named VALUES (1, 5, 10, 20);
ALTER TABLE named DROP x;
ALTER TABLE named ADD x int;
ALTER TABLE named RENAME a TO c;
ALTER TABLE named RENAME b TO a;
ALTER TABLE named RENAME c TO b;
SELECT "column", value FROM warden.audit_blame('named', '{"id": 1}');
TABLE named;
-- what is no key is not taken for the next one that is
SELECT count(*) FROM warden.audit_history('named', '{"id": 1.0}');
SELECT count(*) FROM warden.audit_history('named', '{"id": 0.9}');
-- dropped tables are not one table
SELECT count(*) FROM warden.audit_history(0, '{"id": 1}');

-- a number that is text now is what it was, with and without a key
CREATE TABLE retyped (id int PRIMARY KEY, n int, j jsonb);
CREATE TABLE retyped_heap (n int, b text);
SELECT count(r.status), count(h.status) FROM warden.audit_enable('retyped') r, warden.audit_enable('retyped_heap') h;
INSERT INTO retyped VALUES (1, 10, '1'), (2, 20, '2');
INSERT INTO retyped_heap VALUES (10, 'b'), (NULL, 'null');
UPDATE retyped SET n = n + 1, j = '11';
SELECT last_transaction() AS changed \gset
UPDATE retyped_heap SET n = 11 WHERE n = 10;
SELECT last_transaction() AS changed_heap \gset
ALTER TABLE retyped ALTER n TYPE text;
ALTER TABLE retyped_heap ALTER n TYPE text;
SELECT relation, key, status, command, detail FROM warden.audit_undo(:changed, dry_run => true);
SELECT relation, status, detail FROM warden.audit_undo(:changed_heap);
TABLE retyped_heap ORDER BY n;
-- but not other values
UPDATE retyped SET j = '"11"' WHERE id = 1;
UPDATE retyped SET n = '021' WHERE id = 2;
SELECT relation, key, status, detail FROM warden.audit_undo(:changed, dry_run => true);

-- rows without a key are not shown by what was logged of other columns of them
CREATE TABLE partial (a text, b int);
SELECT status FROM warden.audit_enable('partial');
SELECT warden.audit_mark() AS mark \gset
INSERT INTO partial VALUES ('x', 1), ('y', 2);
SELECT status FROM warden.audit_enable('partial', except_columns => '{a}');
SELECT warden.audit_mark() AS later \gset
SELECT * FROM warden.audit_as_of(NULL::partial, mark => :mark);
DELETE FROM partial WHERE b = 1;
SELECT * FROM warden.audit_as_of(NULL::partial, mark => :later) ORDER BY b;

-- a key that a row has left and another one has got since, or which an undo that is skipped leaves with it
CREATE TABLE passed (id int PRIMARY KEY, v text);
SELECT status FROM warden.audit_enable('passed');
INSERT INTO passed VALUES (1, 'one'), (2, 'two'), (3, 'three');
BEGIN; UPDATE passed SET id = 4 WHERE id = 3; UPDATE passed SET id = 3 WHERE id = 2; UPDATE passed SET id = 5 WHERE id = 1; COMMIT;
SELECT last_transaction() AS id \gset
INSERT INTO passed VALUES (2, 'new');
SELECT key, action, status, detail FROM warden.audit_undo(:id, dry_run => true);
SELECT key, action, status, detail FROM warden.audit_undo(:id, on_conflict => 'skip');
TABLE passed ORDER BY id;

SELECT count(warden.audit_disable(relation)) FROM warden.audit_tables WHERE enabled;
DROP TABLE retyped, retyped_heap, partial, item, parts, former, narrow, keyed, gone, long, nothing, traps, named, passed;
DROP FUNCTION last_transaction, trap;
DROP ROLE regress_owner;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
