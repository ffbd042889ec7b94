-- Rows that refer to each other come back together; rows of others that would go with an undo are said, and kept.
SET client_min_messages = warning;
CREATE FUNCTION last_transaction() RETURNS bigint LANGUAGE sql
    RETURN (SELECT transaction_id FROM warden.audit_events ORDER BY id DESC LIMIT 1);
CREATE TABLE account (id integer PRIMARY KEY, name text);
CREATE TABLE purchase (id integer PRIMARY KEY, account integer NOT NULL REFERENCES account ON DELETE CASCADE ON UPDATE SET NULL);
CREATE TABLE line (purchase integer REFERENCES purchase ON DELETE CASCADE, n integer, PRIMARY KEY (purchase, n));
CREATE TABLE visit (account integer REFERENCES account ON DELETE SET NULL, page text);
SELECT status FROM warden.audit_enable('account') UNION ALL SELECT status FROM warden.audit_enable('purchase');
SELECT status FROM warden.audit_enable('line');

-- what a cascade took, on two levels
INSERT INTO account VALUES (1, 'a'), (2, 'b');
INSERT INTO purchase VALUES (10, 1), (11, 1), (20, 2);
INSERT INTO line VALUES (10, 1), (10, 2), (11, 1), (20, 1);
DELETE FROM account WHERE id = 1;
SELECT relation, key, action, status FROM warden.audit_undo(last_transaction());
SELECT (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM purchase) AS purchases, (SELECT count(*) FROM line) AS lines;

-- what refers to a row since is not of the undo
INSERT INTO account VALUES (3, 'c');
SELECT last_transaction() AS id \gset
INSERT INTO purchase VALUES (30, 3);
SELECT last_transaction() AS purchase_id \gset
INSERT INTO line VALUES (30, 1), (30, 2);
INSERT INTO visit VALUES (3, '/'), (3, '/help'), (1, '/');
SELECT relation, key, action, status, detail FROM warden.audit_undo(:id, dry_run => true);
\set VERBOSITY sqlstate
SELECT warden.audit_undo(:id);
\set VERBOSITY default
SELECT status FROM warden.audit_undo(:id, on_conflict => 'skip');
SELECT count(*) FROM account WHERE id = 3;
-- also of a single event; and the transaction that did all of it takes it all back
SELECT status, detail FROM warden.audit_undo(event => (SELECT id FROM warden.audit_events WHERE transaction_id = :purchase_id), dry_run => true);
SELECT status FROM warden.audit_undo(:id, on_conflict => 'force');
SELECT relation, key, operation FROM warden.audit_events WHERE transaction_id = last_transaction() ORDER BY id;
SELECT count(*) FROM visit WHERE account IS NULL;
SELECT relation, key, action, status FROM warden.audit_undo(last_transaction());
SELECT (SELECT count(*) FROM account) AS accounts, (SELECT count(*) FROM purchase) AS purchases, (SELECT count(*) FROM line) AS lines;
BEGIN;
INSERT INTO account VALUES (4, 'd');
INSERT INTO purchase VALUES (40, 4);
INSERT INTO line VALUES (40, 1);
UPDATE purchase SET account = 4 WHERE id = 20;
COMMIT;
SELECT relation, key, action, status FROM warden.audit_undo(last_transaction());
-- of what is skipped, nothing that refers to it goes either
BEGIN;
INSERT INTO account VALUES (5, 'e');
INSERT INTO purchase VALUES (50, 5);
COMMIT;
SELECT last_transaction() AS id \gset
INSERT INTO line VALUES (50, 1);
SELECT relation, key, action, status, detail FROM warden.audit_undo(:id, on_conflict => 'skip');
-- another key, to which others refer
BEGIN; DELETE FROM purchase WHERE account = 2; UPDATE account SET id = 22 WHERE id = 2; COMMIT;
SELECT last_transaction() AS id \gset
ALTER TABLE purchase ALTER account DROP NOT NULL;
INSERT INTO purchase VALUES (60, 22);
SELECT relation, key, action, status, detail FROM warden.audit_undo(:id, dry_run => true);
-- who undoes it does not have to read the tables that refer to it
CREATE ROLE regress_warden_undo;
GRANT SELECT, UPDATE, DELETE ON account TO regress_warden_undo;
GRANT USAGE ON SCHEMA warden TO regress_warden_undo;
GRANT EXECUTE ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) TO regress_warden_undo;
ALTER TABLE purchase ENABLE ROW LEVEL SECURITY;
ALTER TABLE purchase FORCE ROW LEVEL SECURITY;
INSERT INTO account VALUES (7, 'g');
SELECT last_transaction() AS id \gset
INSERT INTO purchase VALUES (70, 7);
SET ROLE regress_warden_undo;
SELECT relation, key, action, status, detail FROM warden.audit_undo(:id, dry_run => true);
RESET ROLE;
REVOKE ALL ON FUNCTION warden.audit_undo(bigint, text, boolean, bigint) FROM regress_warden_undo;
REVOKE ALL ON SCHEMA warden FROM regress_warden_undo;

-- a tree, whose leaves were deleted first; and last
CREATE TABLE node (id integer PRIMARY KEY, parent integer REFERENCES node ON DELETE CASCADE, UNIQUE (id, parent));
SELECT status FROM warden.audit_enable('node');
INSERT INTO node SELECT i, nullif(i / 2, 0) FROM generate_series(1, 100) i;
BEGIN; DELETE FROM node WHERE id > 50; DELETE FROM node WHERE id > 10; DELETE FROM node; COMMIT;
SELECT action, status, count(*) FROM warden.audit_undo(last_transaction()) GROUP BY 1, 2;
DELETE FROM node WHERE id = 1;
SELECT action, status, count(*) FROM warden.audit_undo(last_transaction()) GROUP BY 1, 2;
SELECT count(*) FROM node;
-- a branch that grew since
INSERT INTO node VALUES (1000, 100);
SELECT last_transaction() AS id \gset
INSERT INTO node VALUES (1001, 1000), (1002, 1001), (1003, 1002);
SELECT status, detail FROM warden.audit_undo(:id, dry_run => true);
-- that refers to itself
INSERT INTO node VALUES (2000, 2000);
SELECT action, status, detail FROM warden.audit_undo(last_transaction());

-- two tables that refer to each other, with constraints that cannot be deferred
CREATE TABLE team (id integer PRIMARY KEY, head integer NOT NULL);
CREATE TABLE member (id integer PRIMARY KEY, team integer NOT NULL REFERENCES team ON DELETE CASCADE);
ALTER TABLE team ADD FOREIGN KEY (head) REFERENCES member ON DELETE CASCADE;
SELECT status FROM warden.audit_enable('team') UNION ALL SELECT status FROM warden.audit_enable('member');
WITH t AS (INSERT INTO team VALUES (1, 1)) INSERT INTO member VALUES (1, 1), (2, 1);
DELETE FROM team;
SELECT relation, key, action, status FROM warden.audit_undo(last_transaction());
SELECT (SELECT count(*) FROM team) AS teams, (SELECT count(*) FROM member) AS members;
SELECT relation, key, action, status FROM warden.audit_undo(last_transaction());
SELECT (SELECT count(*) FROM team) AS teams, (SELECT count(*) FROM member) AS members;

-- a row that is kept for those that refer to it keeps its key, which others were to have back
CREATE TABLE held (id integer PRIMARY KEY, name text);
CREATE TABLE holding (id integer PRIMARY KEY, held integer REFERENCES held ON DELETE CASCADE ON UPDATE SET NULL);
SELECT status FROM warden.audit_enable('held');
INSERT INTO held VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four');
BEGIN;
UPDATE held SET id = 11 WHERE id = 1;
INSERT INTO held VALUES (1, 'new');
DELETE FROM held WHERE id = 2;
UPDATE held SET id = 2 WHERE id = 3;
UPDATE held SET name = 'for' WHERE id = 4;
COMMIT;
SELECT last_transaction() AS id \gset
INSERT INTO holding VALUES (1, 1), (2, 2);
SELECT key, action, status, detail FROM warden.audit_undo(:id, on_conflict => 'skip', dry_run => true) ORDER BY key, action;
SELECT key, action, status FROM warden.audit_undo(:id, on_conflict => 'skip') ORDER BY key, action;
SELECT * FROM held ORDER BY id;
UPDATE held SET name = 'for' WHERE id = 4;
SELECT key, action, status FROM warden.audit_undo(:id, on_conflict => 'force') ORDER BY key, action;
SELECT * FROM held ORDER BY id;
SELECT * FROM holding ORDER BY id;

-- keys that rows exchange: with a constraint that waits, in one statement
CREATE TABLE place (id integer PRIMARY KEY DEFERRABLE, name text UNIQUE);
SELECT status FROM warden.audit_enable('place');
INSERT INTO place VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four');
UPDATE place SET id = 5 - id;
SELECT last_transaction() AS id \gset
SELECT * FROM place ORDER BY name;
SELECT key, action, status FROM warden.audit_undo(:id) ORDER BY key;
SELECT * FROM place ORDER BY id;
UPDATE place SET id = id + 1;
SELECT key, action, status FROM warden.audit_undo(last_transaction()) ORDER BY key;
SELECT * FROM place ORDER BY id;
BEGIN; UPDATE place SET id = 9 WHERE id = 1; UPDATE place SET id = 10 WHERE id = 9; DELETE FROM place WHERE id = 10; COMMIT;
SELECT key, action, status FROM warden.audit_undo(last_transaction()) ORDER BY key;
-- with one that does not wait, in an order that it allows
BEGIN; UPDATE place SET name = 'x' WHERE id = 1; UPDATE place SET name = 'one' WHERE id = 2; UPDATE place SET name = 'two' WHERE id = 3; COMMIT;
SELECT key, action, status FROM warden.audit_undo(last_transaction()) ORDER BY key;
SELECT * FROM place ORDER BY id;

DROP TABLE account, purchase, line, visit, node, team, member, place, held, holding CASCADE;
DROP FUNCTION last_transaction();
DROP ROLE regress_warden_undo;
-- The tests of other features count sets of partitions: the log's are not left there.
DROP EXTENSION pg_warden CASCADE;
CREATE EXTENSION pg_warden;
-- The built-in job would come every ten minutes, in the midst of whatever test that is: it goes on resting until the tests of jobs.
DO $$ BEGIN PERFORM set_config('client_min_messages', 'warning', true), warden.schedule_pause('maintain'); END $$;
